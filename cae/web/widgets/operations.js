// Thicker, slanted, wider, rounder, more like a 7: directions that were measured on real digits.
import {button, digitCanvas, div, figure, make, paint, press, slider, text} from "../lib/page.js";
import {capital, percent} from "../lib/words.js";

const REACH = 3; // standard deviations to either side
const STEP = 0.5, CLASS_STEP = 0.25;
const HINT = "Each direction is how the codes of training digits differ, on average within a class, when they are " +
  "one standard deviation thicker, more slanted, wider or rounder. They act on whatever is loaded.";

export class Operations {
  constructor(wheel) {
    this.wheel = wheel;
    this.rows = div("operations");
    this.before = digitCanvas("Before the operations");
    this.after = digitCanvas("After the operations");
    const arrow = make("span", {textContent: "→", ariaHidden: "true"});
    this.element = div("operate",
      div("pair", figure(this.before, "before"), arrow, figure(this.after, "after")),
      this.rows, text("p", HINT, "hint"));
  }

  build() {
    const {wheel} = this, {attributes, class_names: names} = wheel.space;
    this.directions = wheel.vectors("directions");
    this.means = wheel.vectors("class_means");
    this.target = 0;
    this.likeness = this.slider("", 0, 1, "0: the class it was, 1: as far as the two classes' means lie apart",
      (amount) => this.setLikeness(amount));
    this.likeLabel = text("span", "", "z");
    this.inputs = attributes.map(([name], index) =>
      this.slider(capital(name), -REACH, REACH, "standard deviations", (amount) => this.set(index, amount)));
    this.outputs = attributes.map(() => make("output", {ariaHidden: "true", title: "standard deviations"}));
    const nudge = (index, by) => () => {
      this.set(index, Math.max(-REACH, Math.min(REACH, this.amounts[index] + by)));
      wheel.release();
    };
    this.classButtons = names.map((name, index) => button(name, undefined, () => {
      if (this.target !== index) this.aimAt(index);
      this.setLikeness(Math.min(1, this.likeAmount + CLASS_STEP));
      wheel.release();
    }, {ariaLabel: `More like a ${name}`}));
    this.rows.replaceChildren(
      ...attributes.map(([, less, more], index) => div("operation",
        button(capital(less), undefined, nudge(index, -STEP)), this.inputs[index], this.outputs[index],
        button(capital(more), undefined, nudge(index, STEP)))),
      div("operation classes", text("span", "More like a", "z"), div("chips", ...this.classButtons)),
      div("operation", this.likeLabel, this.likeness));
    this.forget();
  }

  // A slider that a double-click sets to zero.
  slider(name, min, max, title, work) {
    const input = slider(name, {
      step: "any", min, max, title, oninput: () => work(Number(input.value)), onchange: () => this.wheel.release(),
      ondblclick: () => {
        work(0);
        this.wheel.release();
      },
    });
    return input;
  }

  // Begins again: what is loaded is "before".
  forget() {
    this.amounts = this.directions?.map(() => 0) ?? [];
    this.likeAmount = 0;
    const dimensions = this.wheel.network?.latentDim ?? 0;
    this.applied = [...this.amounts, 0].map(() => new Float64Array(dimensions)); // likeness last
    this.from = null; // the class that the digit is of when it is first made more like another
  }

  state() {
    const {amounts, applied, likeAmount, target, from} = this;
    return structuredClone({amounts, applied, likeAmount, target, from});
  }

  restore(state) {
    Object.assign(this, structuredClone(state));
  }

  // Changes the target: what the last one has added stays.
  aimAt(target) {
    Object.assign(this, {target, from: null, likeAmount: 0});
    this.applied.at(-1).fill(0);
  }

  set(index, amount) {
    this.apply(index, this.directions[index], amount);
    this.amounts[index] = amount;
    this.wheel.show();
  }

  setLikeness(amount) {
    this.from ??= this.wheel.likeliestClass();
    const from = this.means[this.from], to = this.means[this.target];
    this.apply(this.applied.length - 1, to.map((value, dimension) => value - from[dimension]), amount);
    this.likeAmount = amount;
    if (amount === 0) this.from = null;
    this.wheel.show();
  }

  // Makes `amount` of a direction be in the code, where it is not locked.
  apply(number, direction, amount) {
    const {code, locked} = this.wheel, applied = this.applied[number];
    direction.forEach((value, dimension) => {
      if (locked.has(dimension)) return;
      code[dimension] += amount * value - applied[dimension];
      applied[dimension] = amount * value;
    });
  }

  // Forgets what was added to a dimension, which has been reset.
  leave(dimension) {
    for (const each of this.applied) each[dimension] = 0;
  }

  show() {
    if (!this.directions) return;
    this.inputs.forEach((input, index) => {
      input.value = this.amounts[index];
      input.style.setProperty("--at", (this.amounts[index] + REACH) / (2 * REACH));
      const amount = this.amounts[index].toFixed(1);
      input.ariaValueText = `${amount} standard deviations`;
      this.outputs[index].textContent = `${amount > 0 ? "+" : ""}${amount} σ`;
    });
    const name = this.wheel.space.class_names[this.target];
    this.likeness.value = this.likeAmount;
    this.likeness.style.setProperty("--at", this.likeAmount);
    this.likeness.ariaLabel = `More like a ${name}, amount`;
    this.likeLabel.textContent = `like a ${name}: ${percent(this.likeAmount)}`;
    press(this.classButtons, (index) => index === this.target && this.likeAmount > 0);
    if (this.element.hidden) return;
    paint(this.before, this.wheel.picture(this.wheel.start.code));
    paint(this.after, this.wheel.picture(this.wheel.code));
  }
}
