// The maps of several runs side by side: the digit that one points at in one of them is ringed in all, and shown, with
// what each network makes of it.
//
// data: {pictures: address, colours: of the classes, sheets: [{name, what, places, network: addresses, is_stretched}]}
import {decode, encode, toModel, toPixels} from "../lib/network.js";
import {Idle, digitCanvas, fetched, make, paint, pictureAt, readNetwork, readPictures} from "../lib/page.js";
import {middles, readPlaces} from "../lib/points.js";
import {pictureButton, saving} from "../lib/save.js";

export function mount(element, data) {
  const root = element.querySelector(".atlas");
  root.atlas ??= new Atlas(root);
  root.atlas.use(data);
}

export function unmount(element) {
  const root = element.querySelector(".atlas");
  root?.atlas?.close();
  if (root) root.atlas = null;
}

const BORDER = 14; // pixels around the points
const REACH = 30; // pixels within which a digit is meant
const CELL = 15; // pixels, of the grid by which the nearest is found
const COLUMNS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 3};
const DIRECTIONS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

class Atlas {
  constructor(root) {
    this.root = root;
    this.idle = new Idle();
    this.point = 0;
    this.original = digitCanvas("The digit that is ringed");
    this.said = make("p", {role: "status", ariaLive: "polite", className: "said"});
    this.hint = make("p", {className: "hint", textContent: "Point at a digit in one map: it is ringed in all of them."});
    this.grid = make("div", {className: "sheets"});
    root.replaceChildren(
      make("div", {className: "asked"}, this.original, make("div", {}, this.said, this.hint)), this.grid, saving(pictureButton(this.grid, "of-runs-maps")));
    this.watch = setInterval(() => this.followTheme(), 500);
  }

  close() {
    clearInterval(this.watch);
    this.idle.stop();
    this.sheets?.forEach((sheet) => sheet.close());
    this.asked = null;
  }

  followTheme() {
    const ink = getComputedStyle(this.root).getPropertyValue("--st-text-color");
    if (this.ink !== undefined && ink !== this.ink) this.sheets?.forEach((sheet) => sheet.draw());
    this.ink = ink;
  }

  async use(data) {
    const asked = JSON.stringify(data);
    if (asked === this.asked) return;
    this.asked = asked;
    delete this.root.dataset.ready;
    this.sheets?.forEach((sheet) => sheet.close());
    const sheets = this.sheets = data.sheets.map((given) => new Sheet(given, data.colours, (point) => this.show(point)));
    this.grid.style.setProperty("--columns", COLUMNS[sheets.length] ?? 3);
    this.grid.replaceChildren(...sheets.map((sheet) => sheet.element));
    try {
      const pictures = fetched(data.pictures, readPictures);
      await Promise.all(sheets.map(async (sheet) => sheet.use(await fetched(sheet.given.places, readPlaces))));
      this.pictures = await pictures;
      if (this.asked !== asked) return;
      this.show(Math.min(this.point, this.pictures.length / 784 - 1));
      this.root.dataset.ready = "";
      for (const sheet of sheets) { // after the maps: nobody waits for them
        sheet.network = await fetched(sheet.given.network, readNetwork);
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
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.pictures) return;
      const {labels, names} = this.sheets[0];
      for (const sheet of this.sheets) sheet.ring(this.point);
      paint(this.original, pictureAt(this.pictures, this.point));
      this.said.textContent = `Test digit ${this.point}, class ${names[labels[this.point]]}`;
      this.root.dataset.point = this.point;
      this.copy();
    });
  }

  // The reconstructions, one at a time, the oldest first: each follows the pointer, however slow another is.
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

  // Marks the copy that is nearest to the original, or all that are, to the digits shown.
  compare() {
    const errors = this.sheets.map((sheet) => sheet.error);
    const isAll = errors.every((error) => error !== null) && errors.length > 1;
    const least = isAll ? Math.min(...errors).toPrecision(3) : "";
    for (const sheet of this.sheets) sheet.mark(isAll && sheet.error.toPrecision(3) === least);
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
    this.field = make("div", {className: "field"}, this.ground, this.glass);
    this.element = make("figure", {className: "sheet"},
      make("div", {className: "head"}, make("b", {textContent: given.name, title: given.name}), make("span", {className: "hint", textContent: given.what})),
      this.field, make("div", {className: "copy"}, this.picture, this.told));
    const follow = (event) => this.meant(event.offsetX, event.offsetY);
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
    this.bounds = [x, y].map((values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]));
    this.middles = middles(x, y, labels, names.length);
    this.watch.observe(this.field); // which draws it
  }

  // All the points, the names of the classes, and the grid.
  draw() {
    const side = this.field.clientWidth;
    if (!this.x || !side) return;
    const sharp = devicePixelRatio || 1;
    for (const canvas of [this.ground, this.glass]) {
      canvas.width = canvas.height = Math.round(side * sharp);
      canvas.getContext("2d").setTransform(sharp, 0, 0, sharp, 0, 0);
    }
    this.side = side;
    this.lay();
    const pen = this.ground.getContext("2d"), size = Math.max(1.5, side / 170);
    pen.globalAlpha = 0.7;
    for (let point = 0; point < this.left.length; point++) {
      pen.fillStyle = this.colours[this.labels[point] % this.colours.length];
      pen.fillRect(this.left[point] - size / 2, this.top[point] - size / 2, size, size);
    }
    pen.globalAlpha = 1;
    this.write(pen);
    if (this.at !== null) this.ring(this.at);
  }

  // Where every point is, in pixels, and in which cell of the grid.
  lay() {
    const [[x0, x1], [y0, y1]] = this.bounds, room = this.side - 2 * BORDER;
    const wide = (x1 - x0) || 1, high = (y1 - y0) || 1, widest = Math.max(wide, high);
    const across = room / (this.given.is_stretched ? wide : widest), down = room / (this.given.is_stretched ? high : widest);
    this.toPixels = (x, y) => [this.side / 2 + (x - (x0 + x1) / 2) * across, this.side / 2 - (y - (y0 + y1) / 2) * down];
    this.left = new Float32Array(this.x.length);
    this.top = new Float32Array(this.x.length);
    this.columns = Math.ceil(this.side / CELL);
    this.cells = Array.from({length: this.columns ** 2}, () => []);
    for (let point = 0; point < this.x.length; point++) {
      [this.left[point], this.top[point]] = this.toPixels(this.x[point], this.y[point]);
      this.cells[this.cellOf(this.top[point]) * this.columns + this.cellOf(this.left[point])].push(point);
    }
  }

  cellOf(pixel) {
    return Math.min(this.columns - 1, Math.max(0, Math.floor(pixel / CELL)));
  }

  write(pen) {
    const style = getComputedStyle(this.element), ink = style.getPropertyValue("--st-text-color") || "#222";
    const longest = Math.max(...this.names.map((name) => name.length));
    pen.font = `700 ${longest > 2 ? 11 : Math.max(13, this.side / 20)}px ${style.fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = style.getPropertyValue("--st-background-color") || "#fff";
    pen.fillStyle = ink;
    this.middles.forEach((middle, label) => {
      if (!middle) return;
      pen.strokeText(this.names[label], ...this.toPixels(...middle));
      pen.fillText(this.names[label], ...this.toPixels(...middle));
    });
  }

  meant(left, top) {
    const found = this.nearest(left, top);
    if (found !== null) this.point(found);
  }

  // The digit at a place on the map; null where there is none within reach.
  nearest(left, top) {
    if (!this.cells) return null;
    let found = null, least = REACH ** 2;
    for (let row = this.cellOf(top - REACH); row <= this.cellOf(top + REACH); row++) {
      for (let column = this.cellOf(left - REACH); column <= this.cellOf(left + REACH); column++) {
        for (const point of this.cells[row * this.columns + column]) {
          const square = (this.left[point] - left) ** 2 + (this.top[point] - top) ** 2;
          if (square < least) [found, least] = [point, square];
        }
      }
    }
    return found;
  }

  // To the next digit in the direction of an arrow key.
  step(event) {
    const direction = DIRECTIONS[event.key];
    if (!direction || this.at === null) return;
    event.preventDefault();
    let found = null, least = Infinity;
    for (let point = 0; point < this.left.length; point++) {
      const x = this.left[point] - this.left[this.at], y = this.top[point] - this.top[this.at];
      const along = x * direction[0] + y * direction[1], beside = Math.abs(x * direction[1] - y * direction[0]);
      if (along > 0.5 && beside <= along && along + beside < least) [found, least] = [point, along + beside];
    }
    if (found !== null) this.point(found);
  }

  ring(point) {
    this.at = point;
    this.element.dataset.point = point;
    if (!this.left) return;
    const pen = this.glass.getContext("2d"), left = this.left[point], top = this.top[point];
    const style = getComputedStyle(this.element);
    pen.clearRect(0, 0, this.side, this.side);
    const circle = (radius, width, colour) => {
      pen.beginPath();
      pen.arc(left, top, radius, 0, 2 * Math.PI);
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      pen.stroke();
    };
    circle(9, 5, style.getPropertyValue("--st-background-color") || "#fff");
    circle(9, 2.5, style.getPropertyValue("--st-text-color") || "#222");
    pen.beginPath();
    pen.arc(left, top, 4, 0, 2 * Math.PI);
    pen.fillStyle = this.colours[this.labels[point] % this.colours.length];
    pen.fill();
    if (this.copied !== point) this.mark(false);
  }

  copy(point, pixels) {
    const image = toModel(pixels), copy = decode(this.network, encode(this.network, image));
    this.error = image.reduce((sum, value, index) => sum + (value - copy[index]) ** 2, 0) / image.length;
    this.copied = point;
    this.turn = performance.now();
    paint(this.picture, toPixels(copy));
    this.mark(false);
    this.element.dataset.copied = point;
  }

  mark(isBest) {
    if (this.error === null) return;
    this.told.classList.toggle("best", isBest);
    this.told.replaceChildren(make("span", {textContent: `${isBest ? "\u2605 " : ""}MSE ${this.error.toPrecision(3)}`}));
    this.told.title = `On pixels in [-1, 1]. On [0, 1] it is ${(this.error / 4).toPrecision(3)}.${isBest ? " The best of these copies." : ""}`;
  }
}
