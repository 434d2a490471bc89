// A table of things beside each other: a column each, a row for what is said of them.
//
// data: {name, file, corner, header: [cell], groups: [{title, rows: [{label: cell, cells: [cell], is_chosen}]}], prose}
//       corner: what the rows or the header list, where that needs to be said; prose: the columns of text in a table as
//       narrow as can be, null for one whose columns are equally wide
//       cell: {text, title, is_best, is_changed}; the best bears a star, what is changed a mark and hidden words
import {make, text} from "../lib/page.js";
import {csv, download, named, saving} from "../lib/save.js";

export function mount(element, data) {
  const {name, corner, header, groups, prose} = data;
  const root = element.querySelector(".table"), table = make("table", {className: prose ? "narrow" : ""});
  const first = make("span", {className: corner ? "" : "unseen", textContent: corner || name});
  table.createTHead().insertRow().append(make("td", {}, first), ...header.map((cell) => headerOf(cell, "col")));
  for (const {title, rows} of groups) {
    const body = table.createTBody(), heading = text("span", title);
    if (title) {
      const cell = make("th", {scope: "rowgroup", colSpan: header.length + 1}, heading);
      body.append(make("tr", {className: "title"}, cell));
    }
    body.append(...rows.map(rowOf));
  }
  root.style.setProperty("--columns", header.length);
  for (const row of table.rows) for (const column of prose ?? []) row.cells[column + 1]?.classList.add("prose");
  const scroll = make("div", {className: "scroll", tabIndex: 0, role: "group", ariaLabel: name}, table);
  const fade = () => scroll.classList.toggle("more", scroll.scrollLeft + scroll.clientWidth < scroll.scrollWidth - 2);
  scroll.addEventListener("scroll", fade);
  root.watch?.disconnect();
  root.watch = new ResizeObserver(fade);
  root.watch.observe(scroll);
  const save = () => download(csv(textsOf(data)), `${named(data.file)}.csv`);
  root.replaceChildren(scroll, saving(["CSV", "Save this table for a spreadsheet", save]));
}

export const unmount = (element) => element.querySelector(".table")?.watch?.disconnect();

function textsOf({corner, header, groups}) {
  const lines = groups.flatMap(({title, rows}) => [
    ...(title ? [[title]] : []),
    ...rows.map(({label, cells}) => textsOfCells([label, ...cells])),
  ]);
  return [[corner, ...textsOfCells(header)], ...lines];
}

const textsOfCells = (cells) => cells.map((cell) => cell.text);
const rowOf = ({label, cells, is_chosen: isChosen}) =>
  make("tr", {className: isChosen ? "chosen" : ""}, headerOf(label, "row"), ...cells.map(cellOf));
const headerOf = ({text: textContent, title}, scope) => make("th", {scope, title, textContent});

function cellOf({text: content, title, is_best: isBest, is_changed: isChanged}) {
  const cell = make("td", {title, className: `${isBest ? "best" : ""} ${isChanged ? "changed" : ""}`.trim()});
  if (isBest) cell.append(make("span", {className: "star", ariaLabel: "best", role: "img", textContent: "\u2605"}));
  cell.append(text("span", content));
  if (isChanged) cell.append(text("span", " (unlike the first)", "unseen"));
  return cell;
}
