// The table of all runs: which one is looked at, whose curves are laid over it, its note, and its deletion.
//
// data: {rows: [{name, state, reason, epochs, best, bestTitle, seconds, differs, note, fixed, by}], chosen, overlay: [name],
//        readOnly: bool}
// emit(kind, value): "open" name | "overlay" [name] | "note" {run, note} | "delete" name
import {csv, download, saving} from "./save.js";

const COLUMNS = ["", "run", "state", "epochs", "best loss", "time", "differs from the original in", "note", ""];

export function mount(element, data, emit) {
  const root = element.querySelector(".runs");
  if (root.contains(root.getRootNode().activeElement) && root.getRootNode().activeElement?.type === "text") {
    root.later = () => mount(element, data, emit); // somebody is writing a note: do not take the field away
    return;
  }
  root.later = null;
  const filter = root.filter ?? "";
  const table = document.createElement("table");
  table.append(head(), body(data, emit, root));
  const parts = [table];
  if (data.rows.length > 12) parts.unshift(search(root, filter));
  root.replaceChildren(...parts, saving(["CSV", "Save this table for a spreadsheet", () => download(csv(rowsOf(data)), "runs.csv")]));
  apply(root, filter);
}

function rowsOf({rows}) {
  const shown = COLUMNS.slice(1, -1);
  return [shown, ...rows.map(({name, state, epochs, best, seconds, differs, note}) => [name, state, epochs, best, seconds, differs, note])];
}

function head() {
  const element = document.createElement("thead");
  const row = element.insertRow();
  for (const [index, title] of COLUMNS.entries()) {
    const cell = document.createElement(title ? "th" : "td");
    if (title) cell.scope = "col";
    else cell.append(hidden(index ? "delete" : "lay over the chart"));
    cell.append(title);
    row.append(cell);
  }
  return element;
}

function body(data, emit, root) {
  const element = document.createElement("tbody");
  const overlay = new Set(data.overlay);
  for (const run of data.rows) {
    const row = element.insertRow();
    row.dataset.name = run.name;
    row.classList.toggle("chosen", run.name === data.chosen);
    const tick = Object.assign(document.createElement("input"), {
      type: "checkbox", checked: overlay.has(run.name), ariaLabel: `Lay the curve of ${run.name} over the chart`,
    });
    tick.onchange = () => {
      if (tick.checked) overlay.add(run.name);
      else overlay.delete(run.name);
      emit("overlay", [...overlay]);
    };
    row.insertCell().append(tick);
    const open = button(run.name, `Look at ${run.name}`, () => emit("open", run.name));
    open.className = "name";
    if (run.name === data.chosen) open.setAttribute("aria-current", "true");
    const cell = row.insertCell();
    cell.append(open);
    if (run.by) cell.append(Object.assign(document.createElement("small"), {textContent: run.by}));
    const state = row.insertCell();
    state.append(Object.assign(document.createElement("span"), {className: `state ${run.state}`, textContent: run.state}));
    if (run.reason) state.append(Object.assign(document.createElement("small"), {textContent: run.reason}));
    row.insertCell().append(run.epochs);
    const best = row.insertCell();
    best.append(run.best);
    best.title = run.bestTitle;
    row.insertCell().append(run.seconds);
    row.insertCell().append(run.differs);
    row.insertCell().append(note(run, data, emit, root));
    const end = row.insertCell();
    if (!run.fixed && !data.readOnly) end.append(button("\u2715", `Delete ${run.name}`, () => emit("delete", run.name)));
    else if (run.fixed) end.append(Object.assign(document.createElement("small"), {textContent: "shipped"}));
    for (const [index, cell] of [...row.cells].entries()) cell.dataset.label = COLUMNS[index];
  }
  return element;
}

function note(run, data, emit, root) {
  if (run.fixed || data.readOnly) return document.createTextNode(run.note);
  const field = Object.assign(document.createElement("input"), {
    type: "text", value: run.note, placeholder: "add a note", maxLength: 500, ariaLabel: `Note on ${run.name}`,
  });
  field.onkeydown = (event) => {
    if (event.key === "Escape") field.value = run.note;
    if (event.key === "Enter" || event.key === "Escape") field.blur();
  };
  field.onblur = () => {
    if (field.value !== run.note) emit("note", {run: run.name, note: field.value});
    root.later?.();
  };
  return field;
}

function search(root, filter) {
  const field = Object.assign(document.createElement("input"), {
    type: "search", value: filter, placeholder: "find a run", ariaLabel: "Find a run", className: "find",
  });
  field.oninput = () => apply(root, field.value);
  return field;
}

function apply(root, filter) {
  root.filter = filter;
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of root.querySelectorAll("tbody tr")) {
    const text = `${row.textContent} ${row.querySelector("input[type=text]")?.value ?? ""}`.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
}

function button(text, name, action) {
  const element = Object.assign(document.createElement("button"), {type: "button", textContent: text, onclick: action});
  element.setAttribute("aria-label", name);
  element.title = name;
  return element;
}

function hidden(text) {
  return Object.assign(document.createElement("span"), {className: "unseen", textContent: text});
}
