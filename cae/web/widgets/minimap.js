// A small map: where the code of a picture lies among those of the test digits.
import {nearest, place} from "../lib/codes.js";
import {files} from "../lib/files.js";
import {ACCENT, div, make} from "../lib/page.js";
import {dot, squares, write} from "../lib/pen.js";
import {intoSquare, middles} from "../lib/points.js";

const SIZE = 440; // pixels; shown at half of that
const BORDER = 22;
const NAMES = {ink: "#fff", ground: "#000"};

export class MiniMap {
  constructor() {
    const name = "Where the drawing lies on the map";
    this.canvas = make("canvas", {width: SIZE, height: SIZE, role: "img", ariaLabel: name});
    this.caption = div("label");
    this.element = make("div", {className: "minimap", hidden: true}, this.caption, this.canvas);
  }

  // `map`: {points, tsne: addresses, colours}; null hides it.
  async use(map) {
    const address = map?.points + map?.tsne;
    if (this.address === address) return;
    this.address = address;
    this.element.hidden = !map;
    this.ready = null;
    if (!map) return;
    const [points, tsne] = await files(map, "points", "tsne").catch(() => []);
    if (this.address !== address) return;
    if (!points) {
      this.address = null; // to be tried again
      this.element.hidden = true;
      return;
    }
    const {x, y} = tsne || points, {codes, names} = points;
    this.ready = {codes, x, y, toPixels: intoSquare(x, y, SIZE, BORDER)};
    this.caption.textContent = `where it lies among the test digits (${tsne ? "t-SNE" : "PCA"})`;
    this.ground = this.paintGround(map.colours, names);
    this.show(this.code);
  }

  // The picture's code; null is nothing yet.
  show(code) {
    this.code = code;
    if (!this.ready) return;
    const pen = this.canvas.getContext("2d"), {codes, x, y, toPixels} = this.ready;
    pen.clearRect(0, 0, SIZE, SIZE);
    pen.drawImage(this.ground, 0, 0);
    this.canvas.ariaDescription = code ? "" : "Nothing is drawn yet";
    if (!code) return;
    const near = nearest(codes, code);
    this.spot = place(near, near.positions.map((point) => [x[point], y[point]]));
    dot(pen, toPixels(...this.spot), 13, ACCENT, "#fff", 5);
  }

  paintGround(colours, names) {
    const ground = make("canvas", {width: SIZE, height: SIZE}), pen = ground.getContext("2d");
    const {x, y, codes: {labels}, toPixels} = this.ready;
    const colour = (point) => colours[labels[point] % colours.length];
    squares(pen, x.length, (point) => toPixels(x[point], y[point]), 3, colour, 0.55);
    middles(x, y, labels, names.length).forEach((middle, label) =>
      middle && write(pen, names[label], toPixels(...middle), NAMES, "700 26px sans-serif", 6));
    return ground;
  }
}
