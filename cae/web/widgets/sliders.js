// One native slider a dimension, over a strip of the digits along it.
import {SIDE} from "../lib/network.js";
import {button, div, make, option, paint, select, slider, text} from "../lib/page.js";

const TILES = 9;

export class Sliders {
  constructor(wheel) {
    this.wheel = wheel;
    const orders = [option("influence", "strongest first"), option("index", "by index")];
    this.order = select("Order of the sliders", orders, () => this.sort());
    this.list = div("sliders");
    this.element = div("",
      div("row", make("label", {}, "Order", this.order),
        text("span", "White mark: the mean, black: zero.", "hint"),
        text("span", "Arrow keys move, Delete or a double-click resets, L locks.", "hint keys")),
      this.list);
  }

  build() {
    const {wheel} = this;
    this.observer?.disconnect();
    this.seen = new Set();
    this.observer = new IntersectionObserver((entries) => {
      for (const {target, isIntersecting} of entries) {
        const row = this.rows.find(({track}) => track === target);
        if (isIntersecting) this.seen.add(row);
        else this.seen.delete(row);
      }
      if (wheel.way === this && wheel.code) wheel.refresh();
    });
    this.rows = Array.from({length: wheel.dimensions}, (_, dimension) => this.row(dimension));
    this.list.classList.toggle("single", wheel.dimensions < 8);
    this.sort(Boolean(wheel.carried)); // on a journey each stays where it was
    this.showLocks();
  }

  row(dimension) {
    const name = `z${dimension}`;
    const input = slider(name, {step: "any"});
    const strip = make("canvas", {width: TILES * SIDE, height: SIDE, ariaHidden: "true"});
    const zero = make("i", {className: "zero"}), mean = make("i", {className: "mean"});
    const value = make("output", {ariaHidden: "true"});
    const lock = button("", undefined, () => this.toggle(dimension), {
      className: "lock", ariaLabel: `Lock ${name}`, tabIndex: -1,
    });
    const track = div("track", strip, zero, mean, input);
    input.oninput = () => this.slide(dimension, Number(input.value));
    input.onchange = () => this.wheel.release();
    let pressed = []; // where one was at the last two presses, which make a double-click
    input.ondblclick = () => this.resetOne(dimension, pressed[0]);
    input.onpointerdown = () => {
      this.before = this.wheel.code[dimension];
      pressed = [...pressed.slice(-1), this.wheel.history[this.wheel.now]];
    };
    input.onpointercancel = () => this.slide(dimension, this.before); // the finger was to scroll the page
    input.onkeydown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Delete" || event.key === "Backspace") this.resetOne(dimension);
      else if (event.key.toLowerCase() === "l") this.toggle(dimension);
      else return;
      event.preventDefault();
    };
    this.observer.observe(track);
    const row = {dimension, input, strip, zero, mean, value, lock, track};
    row.element = div("slider", text("span", name, "z"), lock, track, value);
    return row;
  }

  sort(isKept = false) {
    if (!isKept || !this.influence) this.influence = this.wheel.values("influence");
    const weight = ({dimension}) => (this.order.value === "influence" ? this.influence[dimension] : 0);
    const inOrder = [...this.rows].sort((a, b) => weight(b) - weight(a) || a.dimension - b.dimension);
    this.list.replaceChildren(...inOrder.map(({element}) => element));
  }

  // From the 1st to the 99th percentile of real codes, and as far as these codes.
  fit(codes) {
    for (const row of this.rows) {
      row.low = this.wheel.values("low")[row.dimension];
      row.high = this.wheel.values("high")[row.dimension];
    }
    for (const code of codes) this.span(code);
  }

  // Widens the sliders so that a code lies within all of them.
  span(code) {
    for (const row of this.rows) {
      row.low = Math.min(row.low, code[row.dimension]);
      row.high = Math.max(row.high, code[row.dimension], row.low + 1e-6);
      row.input.min = row.low;
      row.input.max = row.high;
      this.mark(row.zero, row, 0);
      this.mark(row.mean, row, this.wheel.values("mean")[row.dimension]);
    }
  }

  mark(element, {low, high}, value) {
    const at = (value - low) / (high - low);
    element.hidden = at < 0 || at > 1;
    element.style.setProperty("--at", at);
  }

  slide(dimension, value) {
    const code = Float64Array.from(this.wheel.code);
    code[dimension] = value;
    this.wheel.moveTo(code);
  }

  // Resets a dimension, as one step from the moment `since`, or from the last one.
  resetOne(dimension, since) {
    const {wheel} = this;
    this.slide(dimension, wheel.start.code[dimension]);
    if (!wheel.locked.has(dimension)) wheel.operations.leave(dimension);
    wheel.release(since);
  }

  toggle(dimension) {
    const {locked} = this.wheel;
    if (!locked.delete(dimension)) locked.add(dimension);
    this.showLocks();
  }

  showLocks() {
    for (const {dimension, input, lock, element} of this.rows) {
      const is = this.wheel.locked.has(dimension);
      input.ariaDisabled = String(is); // not disabled, which would take the focus away
      lock.ariaPressed = String(is);
      lock.title = is ? "Locked: only another start changes this number" : "Lock this dimension";
      element.classList.toggle("locked", is);
    }
  }

  show() {
    const {code} = this.wheel;
    const isBeyond = ({dimension, low, high}) => code[dimension] < low || code[dimension] > high;
    if (this.rows.some(isBeyond)) this.span(code);
    for (const {dimension, input, value} of this.rows) {
      if (Math.abs(input.value - code[dimension]) > 1e-9) input.value = code[dimension];
      const shown = code[dimension].toFixed(2);
      if (value.textContent !== shown) value.textContent = shown;
    }
  }

  // Paints the strips of the rows in view, a digit at a time.
  *pictures() {
    const {wheel} = this;
    for (const row of [...this.seen].sort((a, b) => a.element.offsetTop - b.element.offsetTop)) {
      const code = Float64Array.from(wheel.code);
      for (let tile = 0; tile < TILES; tile++) {
        code[row.dimension] = row.low + ((tile + 0.5) / TILES) * (row.high - row.low);
        paint(row.strip, wheel.picture(code), tile * SIDE);
        yield;
      }
    }
  }
}
