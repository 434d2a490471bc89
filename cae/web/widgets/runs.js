// The table of all runs: which one is looked at, whose curves are laid over it, its note, and its deletion.
//
// data: {rows: [{name, state, reason, epochs, best, bestTitle, seconds, differs, note, fixed, by}], chosen, overlay: [name],
//        readOnly: bool}
// emit(kind, value): "open" name | "overlay" [name] | "note" {run, note} | "delete" name
import {csv, download, saving} from "../lib/save.js";

const MANY = 100; // runs, of which the others are shown when they are asked for or found
const COLUMNS = ["", "run", "state", "epochs", "best loss", "time", "differs from the original in", "note", ""];

export function mount(element, data, emit) {
  const root = element.querySelector(".runs");
  if (root.contains(root.getRootNode().activeElement) && root.getRootNode().activeElement?.type === "text") {
    root.later = () => mount(element, data, emit); // somebody is writing a note: do not take the field away
    return;
  }
  root.later = null;
  const table = document.createElement("table"), more = document.createElement("p");
  table.append(head(), document.createElement("tbody"));
  const draw = () => {
    const words = (root.filter ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = data.rows.filter((run) => words.every((word) => textOf(run).includes(word)));
    const shown = root.showsAll ? found : found.filter((run, at) => at < MANY || isOutstanding(run, data));
    table.tBodies[0].replaceWith(body(shown, data, emit, root));
    more.replaceChildren();
    if (shown.length < found.length) more.append(`The newest of ${found.length.toLocaleString("en")}. `, button("Show all", "Show all runs", () => {
      root.showsAll = true;
      draw();
    }));
  };
  draw();
  const parts = [table, more];
  if (data.rows.length > 12) parts.unshift(search(root, draw));
  root.replaceChildren(...parts, saving(["CSV", "Save this table for a spreadsheet", () => download(csv(rowsOf(data)), "runs.csv")]));
}

const textOf = (run) => [run.name, run.by, run.state, run.reason, run.epochs, run.best, run.differs, run.note].join(" ").toLowerCase();

// What is not left out, however many runs there are.
function isOutstanding(run, {chosen, overlay}) {
  return run.name === chosen || overlay.includes(run.name) || run.state === "running" || run.state === "queued";
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

function body(rows, data, emit, root) {
  const element = document.createElement("tbody");
  const overlay = new Set(data.overlay);
  for (const run of rows) {
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

function search(root, draw) {
  const field = Object.assign(document.createElement("input"), {
    type: "search", value: root.filter ?? "", placeholder: "find a run", ariaLabel: "Find a run", className: "find",
  });
  field.oninput = () => {
    root.filter = field.value;
    draw();
  };
  return field;
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
