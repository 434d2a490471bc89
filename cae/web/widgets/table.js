// A table of things beside each other: a column each, a row for what is said of them.
//
// data: {name, file, corner, header: [cell], groups: [{title, rows: [{label: cell, cells: [cell], is_chosen}]}], prose}
//       corner: what the rows or the header list, where that needs to be said; prose: the columns of text in a table as
//       narrow as can be, null for one whose columns are equally wide
//       cell: {text, title, is_best, is_changed}; the best bears a star, what is changed a mark and a word for those who
//       do not see it
import {make} from "../lib/page.js";
import {csv, download, named, saving} from "../lib/save.js";

export function mount(element, data) {
  const root = element.querySelector(".table"), table = make("table", {className: data.prose ? "narrow" : ""});
  const head = table.createTHead().insertRow();
  head.append(make("td", {}, make("span", {className: data.corner ? "" : "unseen", textContent: data.corner || data.name})));
  head.append(...data.header.map((cell) => make("th", {scope: "col", title: cell.title, textContent: cell.text})));
  for (const {title, rows} of data.groups) {
    const body = table.createTBody();
    if (title) {
      const line = body.insertRow();
      line.className = "title";
      line.append(make("th", {scope: "rowgroup", colSpan: data.header.length + 1}, make("span", {textContent: title})));
    }
    body.append(...rows.map(rowOf));
  }
  root.style.setProperty("--columns", data.header.length);
  for (const row of table.rows) for (const column of data.prose ?? []) row.cells[column + 1]?.classList.add("prose");
  const scroll = make("div", {className: "scroll", tabIndex: 0, role: "group", ariaLabel: data.name}, table);
  const fade = () => scroll.classList.toggle("more", scroll.scrollLeft + scroll.clientWidth < scroll.scrollWidth - 2);
  scroll.addEventListener("scroll", fade);
  root.watch?.disconnect();
  root.watch = new ResizeObserver(fade);
  root.watch.observe(scroll);
  root.replaceChildren(scroll, saving(["CSV", "Save this table for a spreadsheet", () => download(csv(rowsOf(data)), `${named(data.file)}.csv`)]));
}

export function unmount(element) {
  element.querySelector(".table")?.watch?.disconnect();
}

function rowsOf({corner, header, groups}) {
  const rows = groups.flatMap(({title, rows: found}) => [...(title ? [[title]] : []), ...found.map(({label, cells}) => [label, ...cells].map(({text}) => text))]);
  return [[corner, ...header.map(({text}) => text)], ...rows];
}

function rowOf({label, cells, is_chosen: isChosen}) {
  const row = make("tr", {className: isChosen ? "chosen" : ""}, make("th", {scope: "row", title: label.title, textContent: label.text}));
  row.append(...cells.map(cellOf));
  return row;
}

function cellOf({text, title, is_best: isBest, is_changed: isChanged}) {
  const cell = make("td", {title, className: `${isBest ? "best" : ""} ${isChanged ? "changed" : ""}`.trim()});
  if (isBest) cell.append(make("span", {className: "star", ariaLabel: "best", role: "img", textContent: "\u2605"}));
  cell.append(make("span", {textContent: text}));
  if (isChanged) cell.append(make("span", {className: "unseen", textContent: " (unlike the first)"}));
  return cell;
}
