// A plane through the code: two dimensions, or the two main directions of real codes, over the digits decoded there.
import {SIDE} from "../lib/network.js";
import {div, drag, make, option, paint, select, slider, text} from "../lib/page.js";

const TILES = 13;
const AXES = ["Horizontal", "Vertical"];
const HINT = "Press and drag to decode the digit at the ring. All other directions stay as they are.";

export class Plane {
  constructor(wheel) {
    this.wheel = wheel;
    const side = TILES * SIDE;
    this.choices = AXES.map((name, axis) => select(`${name} axis`, [], () => this.choose(axis)));
    this.grid = make("canvas", {width: side, height: side, role: "img", ariaLabel: "Digits decoded on the plane"});
    this.handle = make("i", {className: "handle"});
    this.hint = text("p", "", "hint");
    this.field = div("field", this.grid, this.handle);
    this.inputs = AXES.map((name, axis) => slider(`Along the ${name.toLowerCase()} axis`, {
      step: "any", onchange: () => wheel.release(),
      oninput: () => wheel.moveTo(this.moved(wheel.code, axis, Number(this.inputs[axis].value))),
    }));
    const labelled = (fields, className) => AXES.map((name, axis) => make("label", {className}, name, fields[axis]));
    this.element = div("plane",
      div("row", ...labelled(this.choices)), this.field, ...labelled(this.inputs, "along"), this.hint);
    drag(this.field, {
      begin: (event) => {
        if (!this.axes) return false;
        event.preventDefault();
        this.held = true;
        return true;
      },
      move: (event) => this.point(event),
      end: () => {
        this.held = false;
        wheel.release();
      },
    });
  }

  build() {
    const {wheel} = this, mean = wheel.values("mean");
    const dimensions = Array.from({length: wheel.dimensions}, (_, dimension) => ({
      name: `z${dimension}`, vector: Float32Array.from(mean, (_value, index) => Number(index === dimension)),
      origin: new Float32Array(mean.length), low: wheel.values("low")[dimension], high: wheel.values("high")[dimension],
    }));
    this.known = [
      ...wheel.vectors("axes").map((vector, index) => ({
        name: `main direction ${index + 1}`, vector, origin: mean,
        low: wheel.values("axes_low")[index], high: wheel.values("axes_high")[index],
      })),
      ...dimensions,
    ];
    const isPlane = wheel.dimensions > 1;
    this.element.classList.toggle("none", !isPlane);
    this.axes = isPlane ? [] : null;
    this.hint.textContent = isPlane ? HINT : "This network has one dimension: a plane needs two.";
    if (!isPlane) return;
    this.choices.forEach((choice, axis) => {
      choice.replaceChildren(...this.known.map(({name}, index) => option(index, name)));
      choice.value = axis;
    });
    this.fit();
  }

  // Two axes must not be the same, nor lean against each other: a main direction goes with the other one.
  choose(axis) {
    const other = 1 - axis, count = this.wheel.vectors("axes").length;
    const mine = Number(this.choices[axis].value), theirs = Number(this.choices[other].value);
    if (mine === theirs || (mine < count) !== (theirs < count)) {
      this.choices[other].value = mine < count ? 1 - mine : count + ((mine - count + 1) % this.wheel.dimensions);
    }
    this.fit();
    this.show();
    this.wheel.refresh();
  }

  // As wide as real codes, until a code lies beyond.
  fit() {
    if (this.axes) this.axes = this.choices.map((choice) => ({...this.known[Number(choice.value)]}));
  }

  coordinate({vector, origin}) {
    return this.wheel.code.reduce((sum, value, dimension) => sum + vector[dimension] * (value - origin[dimension]), 0);
  }

  moved(code, axis, to) {
    const by = to - this.coordinate(this.axes[axis]);
    return code.map((value, dimension) => value + by * this.axes[axis].vector[dimension]);
  }

  point(event) {
    const box = this.field.getBoundingClientRect();
    const share = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    let {code} = this.wheel;
    share.forEach((at, axis) => (code = this.moved(code, axis, this.at(axis, Math.min(1, Math.max(0, at))))));
    this.wheel.moveTo(code);
  }

  // Shows where the code is, and makes the axes wide enough for it, but not under the hand.
  show() {
    if (!this.axes) return;
    this.inputs.forEach((input, axis) => {
      const shown = this.axes[axis], at = this.coordinate(shown);
      if (!this.held) shown.high = Math.max(shown.high, at, shown.low + 1e-6);
      if (!this.held) shown.low = Math.min(shown.low, at);
      const {low, high} = shown;
      Object.assign(input, {min: low, max: high, value: at});
      this.handle.style.setProperty(axis ? "--y" : "--x", (at - low) / (high - low));
    });
  }

  // Paints the digits of the plane, a row at a time.
  *pictures() {
    if (!this.axes) return;
    const code = Float64Array.from(this.wheel.code);
    for (let row = 0; row < TILES; row++) {
      const shifted = this.moved(code, 1, this.at(1, 1 - (row + 0.5) / TILES));
      for (let column = 0; column < TILES; column++) {
        const picture = this.wheel.picture(this.moved(shifted, 0, this.at(0, (column + 0.5) / TILES)));
        paint(this.grid, picture, column * SIDE, row * SIDE);
        yield;
      }
    }
  }

  at(axis, share) {
    const {low, high} = this.axes[axis];
    return low + share * (high - low);
  }
}
