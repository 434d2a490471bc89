// What can be chosen on the map: projection, colour, classes, digits, and what dragging does.
import {button, div, make, option, press, select, text} from "../lib/page.js";
import {named} from "../lib/save.js";
import {keep, keptValue} from "../lib/tab.js";

// The choices that the tab has kept, or the usual ones; pinned and selected digits by their indices, hidden classes.
export function keptChoices() {
  const {projection, colour, hidden, pinned, selected} = keptValue("map") ?? {};
  const isWhole = (value) => Number.isInteger(value) && value >= 0;
  const wholes = (value) => (Array.isArray(value) ? value.filter(isWhole) : []);
  return {
    projection: String(projection ?? ""), colour: String(colour ?? "class"), hidden: wholes(hidden),
    pinned: isWhole(pinned) ? pinned : null, selected: wholes(selected),
  };
}

export const keepChoices = (choices) => keep("map", JSON.stringify(choices));

const TOOLS = [
  ["pan", "Move", "Drag to move or, in 3-D, to turn; the wheel zooms; double-click to see all"],
  ["lasso", "Lasso", "Draw around digits to select them"],
  ["box", "Box", "Drag a box over digits to select them"],
  ["path", "Path", "Draw a curve: the codes along it become a film"],
];

export class Controls {
  // `events`: {choose(changes of the choices), find(text), select(what)}; `scatter` is what the tools work on;
  // `extreme` digits are called the most wrong, or the most torn.
  constructor(events, choices, scatter, extreme) {
    Object.assign(this, {events, choices, scatter, extreme});
    const group = (className, ariaLabel) => make("div", {className, role: "group", ariaLabel});
    this.projection = group("segments", "Projection");
    this.colour = select("Colour by", [], () => events.choose({colour: this.colour.value}));
    this.colour.title = "What the colours mean";
    this.index = make("input", {
      type: "number", min: 0, step: 1, ariaLabel: "Find a digit by its index", placeholder: "index",
      title: "Press Enter to find the test digit of this index", onchange: () => events.find(this.index.value),
      onkeydown: ({key}) => void (key === "Enter" && events.find(this.index.value)),  // false would block the key
    });
    this.some = select("Select digits", [], () => {
      const {value} = this.some;
      this.some.value = "";
      if (value) events.select(value);
    });
    this.some.title = "Which digits to select";
    this.bar = div("tools bar", this.projection, make("label", {}, "Colour", this.colour),
      make("label", {}, "Find", this.index), make("label", {}, "Select", this.some));
    this.classes = group("classes", "Classes shown");
    this.scale = make("div", {className: "scale", hidden: true});
    this.tools = group("segments", "What dragging does");
    this.tools.append(...TOOLS.map(([tool, name, title]) => button(name, title, () => this.use(tool))));
    this.pressTool();
    const sharp = "Save the map as a drawing that stays sharp at any size";
    this.below = div("tools below", make("div", {}, this.scale, this.classes), div("tools", this.tools,
      button("Show all", "Zoom out to all digits", () => scatter.resetView()),
      button("PNG", "Save the map as a picture", () => scatter.savePicture(named("map"))),
      button("SVG", sharp, () => scatter.saveDrawing(named("map")))));
  }

  // A finger puts a tool down again by a second tap: without one it scrolls the page.
  use(tool) {
    const isPutDown = matchMedia("(pointer: coarse)").matches && this.scatter.tool === tool;
    this.scatter.use(isPutDown ? null : tool);
    this.pressTool();
  }

  pressTool() {
    press(this.tools.children, (at) => TOOLS[at][0] === this.scatter.tool);
  }

  toggle(label) {
    const {hidden} = this.choices;
    this.events.choose({hidden: hidden.includes(label) ? hidden.filter((each) => each !== label) : [...hidden, label]});
  }

  isolate(label) {
    const others = this.names.map((_, each) => each).filter((each) => each !== label), {hidden} = this.choices;
    this.events.choose({hidden: hidden.length === others.length && !hidden.includes(label) ? [] : others});
  }

  // Fills in what depends on the digits: the classes, and how far their indices go.
  fill(names, last, {dimensions, colours}) {
    this.names = names;
    this.index.max = last;
    this.classes.replaceChildren(...names.map((name, label) => {
      const swatch = make("i"), title = `Show or hide the class ${name}; double-click to see it alone`;
      swatch.style.background = colours[label % colours.length];
      const one = button("", title, () => this.toggle(label), {ondblclick: () => this.isolate(label)});
      one.append(swatch, name);
      return one;
    }));
    const codes = Array.from({length: dimensions}, (_, dimension) => option(`z${dimension}`, `z${dimension}`));
    this.colour.replaceChildren(option("class", "class"), option("error", "reconstruction error"),
      option("kept", "neighbours kept"), ...codes);
    this.colour.value = this.choices.colour;
    if (this.colour.selectedIndex < 0) this.colour.value = this.choices.colour = "class";
    this.some.replaceChildren(option("", "choose \u2026"), option("wrong", `the ${this.extreme} most wrong`),
      option("torn", `the ${this.extreme} most torn`), ...names.map((name, label) => option(label, `class ${name}`)));
  }

  // The projections that there are, [key, name, title] each.
  offer(projections) {
    const keys = projections.map(([key]) => key), before = this.offered?.join();
    this.offered = keys;
    if (keys.join() === before) return;
    this.projection.replaceChildren(...projections.map(([projection, name, title]) =>
      button(name, title, () => this.events.choose({projection}))));
  }

  show(projection, scale) {
    press(this.projection.children, (at) => this.offered[at] === projection);
    press(this.classes.children, (label) => !this.choices.hidden.includes(label));
    [...this.tools.children].forEach((each, at) => (each.disabled = projection === "solid" && TOOLS[at][0] !== "pan"));
    this.scale.hidden = !scale;
    this.classes.classList.toggle("plain", Boolean(scale));
    if (!scale) return;
    const bar = make("i"), end = (value) => text("span", String(Number(value.toPrecision(3))));
    const stops = scale.colours.map(([at, colour]) => `${colour} ${100 * at}%`);
    bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
    this.scale.replaceChildren(end(scale.low), bar, end(scale.high), text("span", scale.title, "label"));
  }
}
