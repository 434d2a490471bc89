// The maps of several runs side by side: the digit under the pointer in one of them is ringed in all, and shown with
// its reconstruction by each network.
//
// data: {pictures: address, colours: of the classes, sheets: [{name, what, places, network: addresses, is_stretched}]}
import {file} from "../lib/files.js";
import {decode, encode, meanSquaredError, toModel, toPixels} from "../lib/network.js";
import {ARROWS, digitCanvas, div, followTheme, make, paint, pictureAt, text, themed} from "../lib/page.js";
import {dot, ring, squares, write} from "../lib/pen.js";
import {intoSquare, least, middles, towards} from "../lib/points.js";
import {pictureButton, saving} from "../lib/save.js";
import {Idle, nextFrame} from "../lib/timing.js";

export function mount(element, data) {
  const root = element.querySelector(".atlas");
  (root.atlas ??= new Atlas(root)).use(data);
}

export function unmount(element) {
  const root = element.querySelector(".atlas");
  root?.atlas?.close();
  if (root) root.atlas = null;
}

const BORDER = 14; // pixels around the points
const REACH = 30; // pixels within which a digit is meant
const COLUMNS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 3};

class Atlas {
  constructor(root) {
    this.root = root;
    this.idle = new Idle();
    this.point = 0;
    this.original = digitCanvas("The digit that is ringed");
    this.said = make("p", {role: "status", ariaLive: "polite", className: "said"});
    this.hint = text("p", "Point at a digit in one map: it is ringed in all of them.", "hint");
    this.grid = div("sheets");
    this.showSoon = nextFrame(() => this.showNow());
    root.replaceChildren(
      div("asked", this.original, make("div", {}, this.said, this.hint)), this.grid,
      saving(pictureButton(this.grid, "of-runs-maps")));
    this.unwatch = followTheme(root, () => this.sheets?.forEach((sheet) => sheet.draw()));
  }

  close() {
    this.unwatch();
    this.idle.stop();
    this.sheets?.forEach((sheet) => sheet.close());
    this.asked = null;
  }

  async use(data) {
    const asked = JSON.stringify(data);
    if (asked === this.asked) return;
    this.asked = asked;
    delete this.root.dataset.ready;
    this.sheets?.forEach((sheet) => sheet.close());
    const sheets = data.sheets.map((given) => new Sheet(given, data.colours, (point) => this.show(point)));
    this.sheets = sheets;
    this.grid.style.setProperty("--columns", COLUMNS[sheets.length] ?? 3);
    this.grid.replaceChildren(...sheets.map((sheet) => sheet.element));
    try {
      const pictures = file("pictures", data.pictures);
      await Promise.all(sheets.map(async (sheet) => sheet.use(await file("places", sheet.given.places))));
      this.pictures = await pictures;
      if (this.asked !== asked) return;
      this.show(Math.min(this.point, this.pictures.length / 784 - 1));
      this.root.dataset.ready = "";
      for (const sheet of sheets) { // after the maps: nobody waits for them
        sheet.network = await file("network", sheet.given.network);
        if (this.asked !== asked) return;
        this.copy();
      }
    } catch (error) {
      if (this.asked !== asked) return;
      this.asked = null; // to be tried again
      this.said.textContent = `${error.message}: reload the page to try again.`;
    }
  }

  show(point) {
    this.point = point;
    this.showSoon();
  }

  showNow() {
    if (!this.pictures) return;
    const {labels, names} = this.sheets[0];
    for (const sheet of this.sheets) sheet.ring(this.point);
    paint(this.original, pictureAt(this.pictures, this.point));
    this.said.textContent = `Test digit ${this.point}, class ${names[labels[this.point]]}`;
    this.root.dataset.point = this.point;
    this.copy();
  }

  // The reconstructions one at a time, the oldest first: each follows the pointer, however slow another network is.
  copy() {
    if (this.isCopying || !this.pictures) return;
    this.isCopying = true;
    this.idle.run(this.copying());
  }

  *copying() {
    for (;;) {
      const waiting = this.sheets.filter((sheet) => sheet.network && sheet.copied !== this.point);
      if (!waiting.length) break;
      const next = waiting.reduce((oldest, sheet) => (sheet.turn < oldest.turn ? sheet : oldest));
      next.copy(this.point, pictureAt(this.pictures, this.point));
      if (waiting.length === 1) this.compare();
      yield;
    }
    this.isCopying = false;
  }

  // Marks the best reconstruction; several where their errors, as shown, are equal.
  compare() {
    const errors = this.sheets.map((sheet) => sheet.error);
    const isAll = errors.every((error) => error !== null) && errors.length > 1;
    const best = isAll ? Math.min(...errors).toPrecision(3) : "";
    for (const sheet of this.sheets) sheet.mark(isAll && sheet.error.toPrecision(3) === best);
  }
}

// One map: its points drawn once, below a layer for the ring.
class Sheet {
  constructor(given, colours, point) {
    Object.assign(this, {given, colours, point, copied: null, error: null, turn: 0, at: null});
    const name = `Map of ${given.name}, ${given.what}`;
    this.ground = make("canvas", {ariaHidden: "true"});
    this.glass = make("canvas", {role: "img", ariaLabel: name, tabIndex: 0, className: "glass"});
    this.glass.ariaDescription = "The arrow keys go from digit to digit";
    this.picture = digitCanvas(`What ${given.name} makes of it`);
    this.told = make("p", {className: "told"});
    this.field = div("field", this.ground, this.glass);
    this.element = make("figure", {className: "sheet"},
      div("head", make("b", {textContent: given.name, title: given.name}), text("span", given.what, "hint")),
      this.field, div("copy", this.picture, this.told));
    const follow = (event) => this.choose(this.nearest(event.offsetX, event.offsetY));
    this.glass.addEventListener("pointermove", follow);
    this.glass.addEventListener("pointerdown", follow);
    this.glass.addEventListener("keydown", (event) => this.step(event));
    this.watch = new ResizeObserver(() => this.draw());
  }

  close() {
    this.watch.disconnect();
  }

  use({x, y, labels, names}) {
    Object.assign(this, {x, y, labels, names});
    this.middles = middles(x, y, labels, names.length);
    this.watch.observe(this.field); // which draws it
  }

  // All the points, and the names of the classes.
  draw() {
    const side = this.field.clientWidth;
    if (!this.x || !side) return;
    const sharp = devicePixelRatio || 1;
    for (const canvas of [this.ground, this.glass]) {
      canvas.width = canvas.height = Math.round(side * sharp);
      canvas.getContext("2d").setTransform(sharp, 0, 0, sharp, 0, 0);
    }
    const placeOf = intoSquare(this.x, this.y, side, BORDER, this.given.is_stretched);
    this.places = Array.from(this.x, (x, point) => placeOf(x, this.y[point])); // [left, top] of every point
    const pen = this.ground.getContext("2d"), size = Math.max(1.5, side / 170);
    squares(pen, this.places.length, (point) => this.places[point], size, (point) => this.colourOf(point), 0.7);
    const longest = Math.max(...this.names.map((name) => name.length)), style = getComputedStyle(this.element);
    const font = `700 ${longest > 2 ? 11 : Math.max(13, side / 20)}px ${style.fontFamily}`;
    this.middles.forEach((middle, label) =>
      middle && write(pen, this.names[label], placeOf(...middle), this.themeColours(), font));
    if (this.at !== null) this.ring(this.at);
  }

  colourOf(point) {
    return this.colours[this.labels[point] % this.colours.length];
  }

  themeColours() {
    return {ink: themed(this.element, "text-color"), ground: themed(this.element, "background-color")};
  }

  choose(point) {
    if (point !== null) this.point(point);
  }

  // The digit at a place on the map; null where there is none within reach.
  nearest(left, top) {
    if (!this.places) return null;
    return least(this.places.length, (point) => {
      const square = (this.places[point][0] - left) ** 2 + (this.places[point][1] - top) ** 2;
      return square < REACH ** 2 ? square : Infinity;
    });
  }

  // To the next digit in the direction of an arrow key.
  step(event) {
    const direction = ARROWS[event.key];
    if (!direction || this.at === null) return;
    event.preventDefault();
    const [left, top] = this.places[this.at];
    this.choose(least(this.places.length, (point) =>
      towards(direction, this.places[point][0] - left, this.places[point][1] - top)));
  }

  ring(point) {
    this.at = point;
    this.element.dataset.point = point;
    if (!this.places) return;
    const pen = this.glass.getContext("2d");
    pen.clearRect(0, 0, this.glass.width, this.glass.height);
    ring(pen, this.places[point], 9, this.themeColours(), 2.5);
    dot(pen, this.places[point], 4, this.colourOf(point));
    if (this.copied !== point) this.mark(false);
  }

  copy(point, pixels) {
    const image = toModel(pixels), copy = decode(this.network, encode(this.network, image));
    this.error = meanSquaredError(image, copy);
    this.copied = point;
    this.turn = performance.now();
    paint(this.picture, toPixels(copy));
    this.mark(false);
    this.element.dataset.copied = point;
  }

  mark(isBest) {
    if (this.error === null) return;
    this.told.classList.toggle("best", isBest);
    this.told.replaceChildren(text("span", `${isBest ? "\u2605 " : ""}MSE ${this.error.toPrecision(3)}`));
    const scale = `On pixels in [-1, 1]. On [0, 1] it is ${(this.error / 4).toPrecision(3)}.`;
    this.told.title = isBest ? `${scale} The best of these reconstructions.` : scale;
  }
}
