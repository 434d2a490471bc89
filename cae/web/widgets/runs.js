// The table of all runs: which one is looked at, whose curves are laid over it, its note, and its deletion.
//
// data: {rows: [{name, state, reason, epochs, best, bestTitle, seconds, differs, note, fixed, by}], chosen,
//        overlay: [name], readOnly: bool}
// emit(kind, value): "open" name | "overlay" [name] | "note" {run, note} | "delete" name
import {button, make, text} from "../lib/page.js";
import {csv, download, saving} from "../lib/save.js";
import {grouped} from "../lib/words.js";

const MANY = 100; // runs; the others are shown on request, or when a search finds them
const SEARCHED = 12; // runs, above which there is a field to find one
const COLUMNS = ["", "run", "state", "epochs", "best loss", "time", "differs from the original in", "note", ""];
const SAVED = ["name", "state", "epochs", "best", "seconds", "differs", "note"];
const WORDS = ["name", "by", "state", "reason", "epochs", "best", "differs", "note"];

export function mount(element, data, emit) {
  const root = element.querySelector(".runs"), focused = root.getRootNode().activeElement;
  if (focused?.type === "text" && root.contains(focused)) {
    root.later = () => mount(element, data, emit); // somebody is writing a note: do not take the field away
    return;
  }
  root.later = null;
  const body = make("tbody"), more = make("p"), all = named("Show all", "Show all runs", () => {
    root.showsAll = true;
    draw();
  });
  const draw = () => {
    const words = (root.filter ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const matches = data.rows.filter((run) => words.every((word) => textOf(run).includes(word)));
    const shown = root.showsAll ? matches : matches.filter((run, at) => at < MANY || isOutstanding(run, data));
    const overlay = new Set(data.overlay);
    body.replaceChildren(...shown.map((run) => rowOf(run, data, overlay, emit, root)));
    const count = `Only the newest of ${grouped(matches.length)} runs are shown. `;
    more.replaceChildren(...(shown.length < matches.length ? [count, all] : []));
  };
  draw();
  const save = () => download(csv(textsOf(data)), "runs.csv");
  root.replaceChildren(
    ...(data.rows.length > SEARCHED ? [search(root, draw)] : []), make("table", {}, head(), body), more,
    saving(["CSV", "Save this table for a spreadsheet", save]));
}

const textOf = (run) => WORDS.map((name) => run[name]).join(" ").toLowerCase();
const textsOf = ({rows}) => [COLUMNS.slice(1, -1), ...rows.map((run) => SAVED.map((name) => run[name]))];
const small = (textContent) => make("small", {textContent});
const named = (shown, name, work, more) => button(shown, name, work, {ariaLabel: name, ...more});

// Whether a run is shown however many there are.
const isOutstanding = (run, {chosen, overlay}) =>
  run.name === chosen || overlay.includes(run.name) || run.state === "running" || run.state === "queued";

function head() {
  const unseen = (at) => text("span", at ? "delete" : "lay over the chart", "unseen");
  return make("thead", {}, make("tr", {}, ...COLUMNS.map((title, at) =>
    (title ? make("th", {scope: "col", textContent: title}) : make("td", {}, unseen(at))))));
}

function rowOf(run, data, overlay, emit, root) {
  const isChosen = run.name === data.chosen;
  const tick = make("input", {
    type: "checkbox", checked: overlay.has(run.name), ariaLabel: `Lay the curve of ${run.name} over the chart`,
    onchange: () => {
      if (tick.checked) overlay.add(run.name);
      else overlay.delete(run.name);
      emit("overlay", [...overlay]);
    },
  });
  const open = named(run.name, `Look at ${run.name}`, () => emit("open", run.name), {
    className: "name", ariaCurrent: isChosen ? "true" : undefined,
  });
  const state = make("span", {className: `state ${run.state}`, textContent: run.state});
  const remove = () => named("\u2715", `Delete ${run.name}`, () => emit("delete", run.name));
  const end = run.fixed ? [small("shipped")] : data.readOnly ? [] : [remove()];
  const contents = [
    [tick], [open, ...(run.by ? [small(run.by)] : [])], [state, ...(run.reason ? [small(run.reason)] : [])],
    [run.epochs], [run.best], [run.seconds], [run.differs], [note(run, data, emit, root)], end,
  ];
  const cells = contents.map((content, at) => make("td", {"data-label": COLUMNS[at]}, ...content));
  cells[COLUMNS.indexOf("best loss")].title = run.bestTitle;
  return make("tr", {"data-name": run.name, className: isChosen ? "chosen" : ""}, ...cells);
}

function note(run, data, emit, root) {
  if (run.fixed || data.readOnly) return run.note;
  const field = make("input", {
    type: "text", value: run.note, placeholder: "add a note", maxLength: 500, ariaLabel: `Note on ${run.name}`,
    onkeydown: ({key}) => {
      if (key === "Escape") field.value = run.note;
      if (key === "Enter" || key === "Escape") field.blur();
    },
    onblur: () => {
      if (field.value !== run.note) emit("note", {run: run.name, note: field.value});
      root.later?.();
    },
  });
  return field;
}

function search(root, draw) {
  const field = make("input", {
    type: "search", value: root.filter ?? "", placeholder: "find a run", ariaLabel: "Find a run", className: "find",
    oninput: () => {
      root.filter = field.value;
      draw();
    },
  });
  return field;
}
