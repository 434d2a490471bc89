// Thicker, slanted, wider, rounder, more like a 7: directions that were measured on real digits.
import {digitCanvas, make, paint} from "../lib/page.js";

const REACH = 3; // standard deviations to either side
const STEP = 0.5, CLASS_STEP = 0.25;

export class Operations {
  constructor(wheel) {
    this.wheel = wheel;
    this.rows = make("div", {className: "operations"});
    this.before = digitCanvas("Before the operations");
    this.after = digitCanvas("After the operations");
    const figure = (canvas, caption) => make("figure", {}, canvas, make("figcaption", {textContent: caption}));
    this.element = make("div", {className: "operate"},
      make("div", {className: "pair"}, figure(this.before, "before"), make("span", {textContent: "→", ariaHidden: "true"}), figure(this.after, "after")),
      this.rows,
      make("p", {className: "hint", textContent: "Each direction is how the codes of training digits differ, on average within a class, when they are one standard deviation thicker, more slanted, wider or rounder. They act on whatever is loaded."}));
  }

  build() {
    const {wheel} = this;
    this.directions = wheel.vectors("directions");
    this.means = wheel.vectors("class_means");
    const slider = (label, min, max, title) => make("input", {type: "range", step: "any", min, max, ariaLabel: label, title});
    const button = (text, work, label = text) => make("button", {type: "button", textContent: text, ariaLabel: label, onclick: work});
    this.inputs = wheel.space.attributes.map(([name]) => slider(capital(name), -REACH, REACH, "standard deviations"));
    this.outputs = this.inputs.map(() => make("output", {ariaHidden: "true", title: "standard deviations"}));
    this.target = 0;
    this.likeness = slider("", 0, 1, "0: the class it was, 1: as far as the two classes' means lie apart");
    this.likeLabel = make("span", {className: "z"});
    this.inputs.forEach((input, index) => {
      input.oninput = () => this.set(index, Number(input.value));
      input.onchange = () => wheel.release();
      input.ondblclick = () => (this.set(index, 0), wheel.release());
    });
    this.likeness.oninput = () => this.setLikeness(Number(this.likeness.value));
    this.likeness.onchange = () => wheel.release();
    this.likeness.ondblclick = () => (this.setLikeness(0), wheel.release());
    const nudge = (index, by) => {
      this.set(index, Math.max(-REACH, Math.min(REACH, this.amounts[index] + by)));
      wheel.release();
    };
    const classes = wheel.space.class_names.map((name, index) => button(name, () => {
      if (this.target !== index) this.aimAt(index);
      this.setLikeness(Math.min(1, this.likeAmount + CLASS_STEP));
      wheel.release();
    }, `More like a ${name}`));
    this.classButtons = classes;
    this.rows.replaceChildren(
      ...wheel.space.attributes.map(([, less, more], index) => make("div", {className: "operation"},
        button(capital(less), () => nudge(index, -STEP)), this.inputs[index], this.outputs[index],
        button(capital(more), () => nudge(index, STEP)))),
      make("div", {className: "operation classes"}, make("span", {className: "z", textContent: "More like a"}), make("div", {className: "chips"}, ...classes)),
      make("div", {className: "operation"}, this.likeLabel, this.likeness));
    this.forget();
  }

  // Begins anew: what is loaded is "before".
  forget() {
    this.amounts = this.directions?.map(() => 0) ?? [];
    this.likeAmount = 0;
    this.applied = [...this.amounts, 0].map(() => new Float64Array(this.wheel.network?.latentDim ?? 0)); // likeness last
    this.from = null; // the class that the digit is of when it is first made more like another
  }

  state() {
    const {likeAmount, target, from} = this;
    return {amounts: [...this.amounts], applied: this.applied.map((each) => each.slice()), likeAmount, target, from};
  }

  restore(state) {
    Object.assign(this, state, {amounts: [...state.amounts], applied: state.applied.map((each) => each.slice())});
  }

  // What another target has added stays, and is where this one begins.
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

  // Makes so much of a direction be in the code, where it is not locked.
  apply(number, direction, amount) {
    const {code, locked} = this.wheel, applied = this.applied[number];
    direction.forEach((value, dimension) => {
      if (locked.has(dimension)) return;
      code[dimension] += amount * value - applied[dimension];
      applied[dimension] = amount * value;
    });
  }

  // What was added to a dimension is no longer in it.
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
    this.likeLabel.textContent = `like a ${name}: ${Math.round(100 * this.likeAmount)} %`;
    this.classButtons.forEach((button, index) => (button.ariaPressed = String(index === this.target && this.likeAmount > 0)));
    if (this.element.hidden) return;
    paint(this.before, this.wheel.picture(this.wheel.start.code));
    paint(this.after, this.wheel.picture(this.wheel.code));
  }

  *pictures() {
    this.show();
  }
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
