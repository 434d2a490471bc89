// What the map shows beside itself: one digit, a selection of many, the film of a path.
import {offManifold} from "../lib/codes.js";
import {SIDE} from "../lib/network.js";
import {beyond, capital, clear, digitCanvas, inWords, make, paint} from "../lib/page.js";
import {download, enlarged, named, pictureButton, saving} from "../lib/save.js";

let cards = 0;

// A digit and its reconstruction, and, where asked for, the neighbours of its code.
export class Digit {
  constructor(name, copyName, kin = 0) {
    this.original = digitCanvas(name);
    this.copy = digitCanvas(copyName);
    this.what = make("b", {textContent: "\u2013", id: `card-${(cards += 1)}`});
    this.original.setAttribute("aria-describedby", this.what.id);
    this.more = make("span");
    this.pair = make("div", {className: "pair"},
      make("figure", {}, this.original, make("figcaption", {textContent: "original"})),
      make("figure", {}, this.copy, make("figcaption", {textContent: "its copy"})),
      make("p", {}, this.what, make("br"), this.more));
    this.element = make("section", {className: "card", ariaLabel: name}, this.pair);
    this.kin = Array.from({length: kin}, () => {
      const canvas = make("canvas", {width: SIDE, height: SIDE, ariaHidden: "true", className: "digit"}), caption = make("figcaption");
      const button = make("button", {type: "button", className: "tile"}, canvas);
      return {canvas, caption, button, figure: make("figure", {}, button, caption)};
    });
    if (kin) {
      this.element.append(make("div", {className: "label", textContent: "the digits with the nearest codes, nearest first"}),
        make("div", {className: "kin", role: "group", ariaLabel: "Nearest codes"}, ...this.kin.map(({figure}) => figure)));
    }
  }

  show({original, copy, index, name, error, kept, of}) {
    paint(this.original, original);
    paint(this.copy, copy);
    this.what.textContent = `Test digit ${index}, class ${name}`;
    const lines = [make("span", {textContent: `error ${error.toPrecision(3)}`, title: "Mean squared error on pixels in [-1, 1]"})];
    if (kept !== undefined) {
      lines.push(make("span", {
        textContent: `${kept} of ${of} neighbours kept`,
        title: `So many of the ${of} digits with the nearest codes are among its ${of} nearest on the map`,
      }));
    }
    this.more.replaceChildren(...lines.flatMap((line) => [line, make("br")]));
  }

  showKin(found) {
    this.kin.forEach(({canvas, caption, button, figure}, rank) => {
      const each = found[rank];
      figure.hidden = !each;
      if (!each) return;
      paint(canvas, each.pixels);
      caption.textContent = each.name;
      button.title = `Test digit ${each.index}, class ${each.name}, at a distance of ${each.away.toPrecision(3)}`;
      button.ariaLabel = `Pin test digit ${each.index}, class ${each.name}`;
      button.onclick = () => this.onPick(each.point);
      button.onpointerenter = button.onfocus = () => this.onPoint(each.point);
    });
  }
}

const COLUMNS = 11, MOST = 1100, GAP = 2, CELL = SIDE + GAP;

// Selected digits as a grid, with how many of each class they are.
export class Selection {
  constructor({pick, point, clear: forget}) {
    this.events = {pick, point};
    this.head = make("b");
    this.mean = make("span");
    this.shares = make("div", {className: "shares"});
    this.grid = make("canvas", {className: "grid", role: "img", tabIndex: 0, ariaLabel: "Selected digits", width: COLUMNS * CELL});
    this.cut = make("p", {className: "hint"});
    this.element = make("section", {className: "selection", ariaLabel: "Selection", hidden: true},
      make("div", {className: "between"}, make("span", {}, this.head, " ", this.mean),
        make("button", {type: "button", textContent: "Clear", title: "Select nothing", onclick: forget})),
      this.shares, make("div", {className: "scroller"}, this.grid), this.cut,
      saving(["PNG", "Save the selected digits as a picture", async () => download(await enlarged(this.grid), `${named("selection")}.png`)]));
    this.grid.onpointermove = (event) => this.go(this.at(event));
    this.grid.onpointerleave = () => this.go(null);
    this.grid.onclick = (event) => this.points[this.at(event)] !== undefined && pick(this.points[this.at(event)]);
    this.grid.onkeydown = (event) => this.key(event);
  }

  show(points, atlas) {
    this.element.hidden = !points.length;
    if (this.points?.length === points.length && this.points.every((point, at) => point === points[at]) && this.errors === atlas.errors) return;
    this.points = points;
    this.errors = atlas.errors;
    this.current = null;
    if (!points.length) return;
    const mean = points.reduce((sum, point) => sum + atlas.errors[point], 0) / points.length;
    this.head.textContent = `${points.length.toLocaleString("en")} selected,`;
    this.mean.textContent = `mean error ${mean.toPrecision(3)}`;
    const count = (of) => atlas.names.map((_, label) => of.reduce((sum, point) => sum + (atlas.labels[point] === label), 0));
    const mine = count(points), all = (this.all ??= new WeakMap()).get(atlas.labels) ?? count([...atlas.labels.keys()]);
    this.all.set(atlas.labels, all);
    this.shares.replaceChildren(...mine.flatMap((some, label) => (some ? [make("span", {
      textContent: `${atlas.names[label]}: ${some.toLocaleString("en")} of ${all[label].toLocaleString("en")}`,
    })] : [])));
    const shown = points.slice(0, MOST), rows = Math.ceil(shown.length / COLUMNS);
    this.grid.height = rows * CELL;
    const pen = this.grid.getContext("2d"), image = pen.createImageData(this.grid.width, this.grid.height);
    const words = new Uint32Array(image.data.buffer);
    shown.forEach((point, at) => {
      const from = point * SIDE * SIDE, left = (at % COLUMNS) * CELL, top = Math.floor(at / COLUMNS) * CELL;
      for (let y = 0; y < SIDE; y++) {
        for (let x = 0; x < SIDE; x++) words[(top + y) * image.width + left + x] = 0xff000000 | (0x010101 * atlas.pictures[from + y * SIDE + x]);
      }
    });
    pen.putImageData(image, 0, 0);
    this.painted = image;
    this.cut.textContent = points.length > MOST ? `The first ${MOST.toLocaleString("en")} are shown.` : "";
    this.grid.ariaLabel = `Selected digits, ${shown.length}: arrow keys go from one to the next, Enter pins it`;
  }

  at(event) {
    const box = this.grid.getBoundingClientRect(), scale = this.grid.width / box.width;
    const column = Math.floor((event.clientX - box.left) * scale / CELL), row = Math.floor((event.clientY - box.top) * scale / CELL);
    return column < COLUMNS ? row * COLUMNS + column : -1;
  }

  go(at) {
    if (at === this.current) return;
    this.current = this.points[at] === undefined || at >= MOST ? null : at;
    const pen = this.grid.getContext("2d");
    pen.putImageData(this.painted, 0, 0);
    this.events.point(this.current === null ? null : this.points[this.current]);
    if (this.current === null) return;
    pen.strokeStyle = "#8b5cf6";
    pen.lineWidth = 2;
    pen.strokeRect((this.current % COLUMNS) * CELL + 1, Math.floor(this.current / COLUMNS) * CELL + 1, SIDE - 2, SIDE - 2);
  }

  key(event) {
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS}[event.key];
    if (step) this.go(Math.min(Math.min(this.points.length, MOST) - 1, Math.max(0, (this.current ?? -step) + step)));
    else if (event.key === "Enter" && this.current !== null) this.events.pick(this.points[this.current]);
    else return;
    event.preventDefault();
  }
}

const STRIP = 10;
const SECONDS = 4; // that a film lasts

// The digits along a path: a strip, one large that moves, and how far off the manifold each of them lies.
export class Film {
  constructor(travel, close) {
    this.travel = travel;
    this.digit = digitCanvas("Digit on the path");
    this.slider = make("input", {type: "range", min: 0, step: 1, ariaLabel: "Position on the path", oninput: () => this.go(Number(this.slider.value))});
    this.button = make("button", {type: "button", textContent: "Play", title: "Walk along the path", onclick: () => (this.timer ? this.stop() : this.play())});
    this.words = make("p", {className: "verdict"});
    this.curve = make("canvas", {className: "curve", width: 320, height: 48, role: "img", ariaLabel: "Off-manifold distance along the path"});
    this.strip = Array.from({length: STRIP}, (_, at) => digitCanvas(`Digit ${at + 1} of ${STRIP} along the path`));
    const strip = make("div", {className: "strip"}, ...this.strip);
    this.element = make("section", {className: "film", ariaLabel: "Path", hidden: true},
      make("div", {className: "between"}, make("b", {textContent: "Along the path"}),
        make("button", {type: "button", textContent: "Close", title: "Take the path away", onclick: close})),
      strip,
      make("div", {className: "stage"}, this.digit, make("div", {},
        make("div", {className: "tools"}, this.button, this.slider),
        make("div", {className: "label", textContent: "off-manifold distance, in percent of real digits that lie nearer"}), this.curve)),
      this.words, saving(pictureButton(strip, "path")));
  }

  hide() {
    this.stop();
    this.element.hidden = true;
    this.frames = null;
  }

  // `frames`: {pixels, near: the nearest codes} each.
  show(frames, codes) {
    this.element.hidden = false;
    this.codes = codes;
    this.frames = frames.map(({pixels, near}) => ({pixels, outcome: offManifold(codes, near)}));
    this.slider.max = frames.length - 1;
    this.at = 0;
    this.strip.forEach((canvas, at) => paint(canvas, frames[Math.round((at / (STRIP - 1)) * (frames.length - 1))].pixels));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.go(0);
    else this.play();
  }

  play() {
    this.stop();
    this.button.textContent = "Pause";
    const began = performance.now() - (1000 * SECONDS * (this.at < this.frames.length - 1 ? this.at ?? 0 : 0)) / this.frames.length;
    const step = () => {
      const at = Math.floor(((performance.now() - began) / 1000 / SECONDS) * this.frames.length);
      this.go(Math.min(at, this.frames.length - 1));
      if (at < this.frames.length - 1) this.timer = requestAnimationFrame(step);
      else this.stop();
    };
    this.timer = requestAnimationFrame(step);
  }

  stop() {
    cancelAnimationFrame(this.timer);
    this.timer = null;
    this.button.textContent = "Play";
  }

  go(at) {
    if (!this.frames) return;
    this.at = at;
    this.slider.value = at;
    const {pixels, outcome} = this.frames[at];
    paint(this.digit, pixels);
    this.words.textContent = `${capital(inWords(outcome, this.codes.usual))}: its code lies ${beyond(outcome)}.`;
    this.drawCurve(at);
    this.travel(at);
  }

  drawCurve(now) {
    const {width, height} = this.curve, pen = this.curve.getContext("2d");
    clear(this.curve);
    const style = getComputedStyle(this.curve), x = (at) => 4 + (at / (this.frames.length - 1)) * (width - 8);
    const y = ({percentile}) => height - 4 - (percentile / 100) * (height - 8);
    pen.strokeStyle = style.color;
    pen.globalAlpha = 0.3;
    pen.strokeRect(0.5, 0.5, width - 1, height - 1);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.beginPath();
    this.frames.forEach(({outcome}, at) => (at ? pen.lineTo(x(at), y(outcome)) : pen.moveTo(x(at), y(outcome))));
    pen.stroke();
    pen.fillStyle = "#8b5cf6";
    pen.beginPath();
    pen.arc(x(now), y(this.frames[now].outcome), 4, 0, 2 * Math.PI);
    pen.fill();
  }
}
