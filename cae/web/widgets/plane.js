// A plane through the code: two dimensions, or the two main directions of real codes, over the digits decoded there.
import {SIDE} from "../lib/network.js";
import {make, paint} from "../lib/page.js";

const TILES = 13;
const HINT = "Press and move: the digit is decoded for where the ring is. All other directions stay as they are.";

export class Plane {
  constructor(wheel) {
    this.wheel = wheel;
    this.choices = [0, 1].map((axis) => make("select", {ariaLabel: ["Horizontal axis", "Vertical axis"][axis], onchange: () => this.choose(axis)}));
    this.grid = make("canvas", {width: TILES * SIDE, height: TILES * SIDE, role: "img", ariaLabel: "Digits decoded on the plane"});
    this.handle = make("i", {className: "handle"});
    this.hint = make("p", {className: "hint"});
    this.field = make("div", {className: "field"}, this.grid, this.handle);
    this.inputs = [0, 1].map((axis) => make("input", {
      type: "range", step: "any", ariaLabel: ["Along the horizontal axis", "Along the vertical axis"][axis],
      oninput: () => this.move(axis, Number(this.inputs[axis].value)), onchange: () => wheel.release(),
    }));
    this.element = make("div", {className: "plane"},
      make("div", {className: "row"}, make("label", {}, "Horizontal", this.choices[0]), make("label", {}, "Vertical", this.choices[1])),
      this.field,
      make("label", {className: "along"}, "Horizontal", this.inputs[0]),
      make("label", {className: "along"}, "Vertical", this.inputs[1]),
      this.hint);
    this.field.onpointerdown = (event) => {
      if (!this.axes || event.button > 0) return;
      event.preventDefault();
      this.field.setPointerCapture(event.pointerId);
      this.held = true;
      this.point(event);
    };
    this.field.onpointermove = (event) => this.held && this.point(event);
    this.field.onpointerup = this.field.onpointercancel = () => {
      if (!this.held) return;
      this.held = false;
      wheel.release();
    };
  }

  build() {
    const {wheel} = this;
    const main = wheel.vectors("axes"), mean = wheel.values("mean");
    const dimensions = Array.from({length: wheel.dimensions}, (_, dimension) => ({
      name: `z${dimension}`, vector: Float32Array.from(mean, (_value, index) => Number(index === dimension)),
      origin: new Float32Array(mean.length), low: wheel.values("low")[dimension], high: wheel.values("high")[dimension],
    }));
    this.known = [
      ...main.map((vector, index) => ({
        name: `main direction ${index + 1}`, vector, origin: mean,
        low: wheel.values("axes_low")[index], high: wheel.values("axes_high")[index],
      })),
      ...dimensions,
    ];
    this.element.classList.toggle("none", wheel.dimensions < 2);
    this.axes = null;
    this.hint.textContent = wheel.dimensions < 2 ? "This network has one dimension: a plane needs two." : HINT;
    if (wheel.dimensions < 2) return;
    this.choices.forEach((choice, axis) => {
      choice.replaceChildren(...this.known.map(({name}, index) => make("option", {value: index, textContent: name})));
      choice.value = axis;
    });
    this.axes = [this.known[0], this.known[1]];
  }

  // Two axes must not be the same, nor lean against each other: a main direction goes with the other one.
  choose(axis) {
    const other = 1 - axis, count = this.wheel.vectors("axes").length;
    const mine = Number(this.choices[axis].value), theirs = Number(this.choices[other].value);
    if (mine === theirs || (mine < count) !== (theirs < count)) {
      this.choices[other].value = mine < count ? 1 - mine : count + ((mine - count + 1) % this.wheel.dimensions);
    }
    this.axes = this.choices.map((choice) => this.known[Number(choice.value)]);
    this.show();
    this.wheel.refresh();
  }

  // As wide as real codes, until a code lies beyond.
  fit() {
    if (this.axes) this.axes = this.choices.map((choice) => this.known[Number(choice.value)]);
  }

  coordinate({vector, origin}) {
    return this.wheel.code.reduce((sum, value, dimension) => sum + vector[dimension] * (value - origin[dimension]), 0);
  }

  moved(code, axis, to) {
    const by = to - this.coordinate(this.axes[axis]);
    return code.map((value, dimension) => value + by * this.axes[axis].vector[dimension]);
  }

  move(axis, to) {
    this.wheel.moveTo(this.moved(this.wheel.code, axis, to));
  }

  point(event) {
    const box = this.field.getBoundingClientRect();
    const share = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    let {code} = this.wheel;
    share.forEach((at, axis) => {
      const {low, high} = this.range(axis);
      code = this.moved(code, axis, low + Math.min(1, Math.max(0, at)) * (high - low));
    });
    this.wheel.moveTo(code);
  }

  // Wide enough for where the code is.
  range(axis) {
    const {low, high} = this.axes[axis];
    const at = this.held ? low : this.coordinate(this.axes[axis]);
    if (!this.held) this.axes[axis] = {...this.axes[axis], low: Math.min(low, at), high: Math.max(high, at, low + 1e-6)};
    return this.axes[axis];
  }

  show() {
    if (!this.axes) return;
    this.inputs.forEach((input, axis) => {
      const {low, high} = this.range(axis), at = this.coordinate(this.axes[axis]);
      Object.assign(input, {min: low, max: high, value: at});
      this.handle.style.setProperty(axis ? "--y" : "--x", (at - low) / (high - low));
    });
  }

  // Paints the digits of the plane, a row at a time.
  *pictures() {
    if (!this.axes) return;
    const code = Float64Array.from(this.wheel.code);
    for (let row = 0; row < TILES; row++) {
      const up = this.at(1, 1 - (row + 0.5) / TILES);
      const shifted = this.moved(code, 1, up);
      for (let column = 0; column < TILES; column++) {
        paint(this.grid, this.wheel.picture(this.moved(shifted, 0, this.at(0, (column + 0.5) / TILES))), column * SIDE, row * SIDE);
        yield;
      }
    }
  }

  at(axis, share) {
    const {low, high} = this.axes[axis];
    return low + share * (high - low);
  }
}
