// A small map: where the code of a picture lies among those of the test digits.
import {nearest, place} from "../lib/codes.js";
import {fetched, make} from "../lib/page.js";
import {middles, readMap} from "../lib/points.js";

const SIZE = 440; // pixels; shown at half of that
const BORDER = 22;
const ACCENT = "#8b5cf6";

export class MiniMap {
  constructor() {
    this.canvas = make("canvas", {width: SIZE, height: SIZE, role: "img", ariaLabel: "Where the drawing lies on the map"});
    this.caption = make("div", {className: "label"});
    this.element = make("div", {className: "minimap", hidden: true}, this.caption, this.canvas);
  }

  // `map`: {points, tsne: addresses, colours}; null hides it.
  async use(map) {
    if (this.address === map?.points + map?.tsne) return;
    this.address = map?.points + map?.tsne;
    this.element.hidden = !map;
    this.ready = null;
    if (!map) return;
    const address = this.address;
    const found = await Promise.all([fetched(map.points, readMap), map.tsne && fetched(map.tsne, readMap)]).catch(() => null);
    if (this.address !== address) return;
    if (!found) {
      this.address = null; // to be tried again
      this.element.hidden = true;
      return;
    }
    const [points, tsne] = found, {x, y} = tsne || points;
    this.ready = {codes: points.codes, x, y, names: points.names};
    this.caption.textContent = tsne ? "where it lies among the test digits (t-SNE)" : "where it lies among the test digits (PCA)";
    this.ground = this.paintGround(map.colours);
    this.show(this.code);
  }

  // The picture's code; null is nothing yet.
  show(code) {
    this.code = code;
    if (!this.ready) return;
    const pen = this.canvas.getContext("2d"), {codes, x, y} = this.ready;
    pen.clearRect(0, 0, SIZE, SIZE);
    pen.drawImage(this.ground, 0, 0);
    this.canvas.ariaDescription = code ? "" : "Nothing is drawn yet";
    if (!code) return;
    const near = nearest(codes, code), spot = place(near, near.positions.map((point) => [x[point], y[point]]));
    const [left, top] = this.toPixels(...spot);
    this.spot = spot;
    pen.fillStyle = ACCENT;
    pen.strokeStyle = "#fff";
    pen.lineWidth = 5;
    pen.beginPath();
    pen.arc(left, top, 13, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
  }

  paintGround(colours) {
    const ground = make("canvas", {width: SIZE, height: SIZE}), pen = ground.getContext("2d"), {x, y, codes, names} = this.ready;
    const [[x0, x1], [y0, y1]] = [x, y].map((values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]));
    const scale = (SIZE - 2 * BORDER) / (Math.max(x1 - x0, y1 - y0) || 1);
    this.toPixels = (px, py) => [SIZE / 2 + (px - (x0 + x1) / 2) * scale, SIZE / 2 - (py - (y0 + y1) / 2) * scale];
    pen.globalAlpha = 0.55;
    for (let point = 0; point < x.length; point++) {
      const [left, top] = this.toPixels(x[point], y[point]);
      pen.fillStyle = colours[codes.labels[point] % colours.length];
      pen.fillRect(left - 1.5, top - 1.5, 3, 3);
    }
    pen.globalAlpha = 1;
    pen.font = "700 26px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 6;
    pen.lineJoin = "round";
    pen.strokeStyle = "#000";
    pen.fillStyle = "#fff";
    middles(x, y, codes.labels, names.length).forEach((middle, label) => {
      if (!middle) return;
      pen.strokeText(names[label], ...this.toPixels(...middle));
      pen.fillText(names[label], ...this.toPixels(...middle));
    });
    return ground;
  }
}
