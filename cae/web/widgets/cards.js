// What the map shows beside itself: one digit, a selection of many, the film of a path.
import {Player} from "../lib/player.js";
import {along, nearest, offManifold, waypoints} from "../lib/codes.js";
import {SIDE, decode, toPixels} from "../lib/network.js";
import {
  ACCENT, button, clear, digitCanvas, div, figure, make, paint, pictureAt, text, tile, wantsRest,
} from "../lib/page.js";
import {dot, line} from "../lib/pen.js";
import {download, enlarged, named, pictureButton, saving} from "../lib/save.js";
import {beyond, capital, grouped, inWords} from "../lib/words.js";

let cards = 0;

// A digit and its reconstruction, and, where asked for, the neighbours of its code.
export class Digit {
  constructor(name, copyName, kin = 0) {
    this.original = digitCanvas(name);
    this.copy = digitCanvas(copyName);
    this.what = make("b", {textContent: "\u2013", id: `card-${(cards += 1)}`});
    this.original.setAttribute("aria-describedby", this.what.id);
    this.more = make("span");
    this.pair = div("pair", figure(this.original, "original"), figure(this.copy, "reconstruction"),
      make("p", {}, this.what, make("br"), this.more));
    this.element = make("section", {className: "card", ariaLabel: name}, this.pair);
    this.kin = Array.from({length: kin}, () => {
      const canvas = tile({ariaHidden: "true", className: "digit"}), caption = make("figcaption");
      const pin = button("", "", null, {className: "tile"});
      pin.append(canvas);
      return {canvas, caption, pin, element: make("figure", {}, pin, caption)};
    });
    if (!kin) return;
    const row = {className: "kin", role: "group", ariaLabel: "Nearest codes"};
    this.element.append(text("div", "the digits with the nearest codes, nearest first", "label"),
      make("div", row, ...this.kin.map(({element}) => element)));
  }

  show({original, copy, index, name, error, kept, of}) {
    paint(this.original, original);
    paint(this.copy, copy);
    this.what.textContent = `Test digit ${index}, class ${name}`;
    const lines = [[`error ${error.toPrecision(3)}`, "Mean squared error on pixels in [-1, 1]"]];
    if (kept !== undefined) {
      lines.push([`${kept} of ${of} neighbours kept`,
        `How many of the ${of} digits with the nearest codes are among its ${of} nearest on the map`]);
    }
    this.more.replaceChildren(
      ...lines.flatMap(([textContent, title]) => [make("span", {textContent, title}), make("br")]));
  }

  showKin(digits) {
    this.kin.forEach(({canvas, caption, pin, element}, rank) => {
      const digit = digits[rank];
      element.hidden = !digit;
      if (!digit) return;
      paint(canvas, digit.pixels);
      caption.textContent = digit.name;
      pin.title = `Test digit ${digit.index}, class ${digit.name}, at a distance of ${digit.away.toPrecision(3)}`;
      pin.ariaLabel = `Pin test digit ${digit.index}, class ${digit.name}`;
      pin.onclick = () => this.onPick(digit.point);
      pin.onpointerenter = pin.onfocus = () => this.onPoint(digit.point);
    });
  }
}

const COLUMNS = 11, MOST = 1100, GAP = 2, CELL = SIDE + GAP;
const ENLARGED = 4; // times, in a saved picture

// Selected digits as a grid, with how many of each class they are.
export class Selection {
  constructor({pick, point, clear: forget}) {
    this.events = {pick, point};
    this.head = make("b");
    this.mean = make("span");
    this.shares = div("shares");
    this.grid = make("canvas", {
      className: "grid", role: "img", tabIndex: 0, ariaLabel: "Selected digits", width: COLUMNS * CELL,
    });
    this.cut = make("p", {className: "hint"});
    const save = async () => download(await enlarged(this.grid, ENLARGED), `${named("selection")}.png`);
    this.element = make("section", {className: "selection", ariaLabel: "Selection", hidden: true},
      div("between", make("span", {}, this.head, " ", this.mean), button("Clear", "Clear the selection", forget)),
      this.shares, div("scroller", this.grid), this.cut,
      saving(["PNG", "Save the selected digits as a picture", save]));
    this.grid.onpointermove = (event) => this.go(this.at(event));
    this.grid.onpointerleave = () => this.go(null);
    this.grid.onclick = (event) => this.points[this.at(event)] !== undefined && pick(this.points[this.at(event)]);
    this.grid.onkeydown = (event) => this.key(event);
  }

  show(points, {errors, labels, names, pictures}) {
    this.element.hidden = !points.length;
    if (String(points) === String(this.points ?? "") && this.errors === errors) return;
    Object.assign(this, {points, errors, pictures, current: null});
    if (!points.length) return;
    const mean = points.reduce((sum, point) => sum + errors[point], 0) / points.length;
    this.head.textContent = `${grouped(points.length)} selected,`;
    this.mean.textContent = `mean error ${mean.toPrecision(3)}`;
    const count = (those, label) => those.reduce((sum, each) => sum + (each === label), 0);
    const chosen = points.map((point) => labels[point]);
    this.shares.replaceChildren(...names.flatMap((name, label) => {
      const some = count(chosen, label), all = () => count(labels, label);
      return some ? [text("span", `${name}: ${grouped(some)} of ${grouped(all())}`)] : [];
    }));
    const shown = points.slice(0, MOST);
    this.grid.height = Math.ceil(shown.length / COLUMNS) * CELL;
    this.grid.ariaLabel = `Selected digits, ${shown.length}: arrow keys go from one to the next, Enter pins it`;
    shown.forEach((_, at) => this.paintAt(at));
    this.cut.textContent = points.length > MOST ? `The first ${grouped(MOST)} are shown.` : "";
  }

  paintAt(at) {
    paint(this.grid, pictureAt(this.pictures, this.points[at]), ...this.placeOf(at));
  }

  placeOf(at) {
    return [(at % COLUMNS) * CELL, Math.floor(at / COLUMNS) * CELL];
  }

  at(event) {
    const box = this.grid.getBoundingClientRect(), scale = this.grid.width / box.width / CELL;
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map((pixel) => Math.floor(pixel * scale));
    return column < COLUMNS ? row * COLUMNS + column : -1;
  }

  go(at) {
    if (at === this.current) return;
    if (this.current !== null) this.paintAt(this.current);
    this.current = this.points[at] === undefined || at >= MOST ? null : at;
    this.events.point(this.current === null ? null : this.points[this.current]);
    if (this.current === null) return;
    const pen = this.grid.getContext("2d"), [left, top] = this.placeOf(at);
    pen.strokeStyle = ACCENT;
    pen.lineWidth = 2;
    pen.strokeRect(left + 1, top + 1, SIDE - 2, SIDE - 2);
  }

  key(event) {
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS}[event.key];
    const last = Math.min(this.points.length, MOST) - 1;
    if (step) this.go(Math.min(last, Math.max(0, (this.current ?? -step) + step)));
    else if (event.key === "Enter" && this.current !== null) this.events.pick(this.points[this.current]);
    else return;
    event.preventDefault();
  }
}

const STRIP = 10;
const STATIONS = 120; // digits of a film
const SECONDS = 4; // that a film lasts

// The digits along a path: a strip, one large that moves, and how far off the manifold each of them lies.
export class Film {
  // `travel` is called with where on the map, [x, y], the shown digit is.
  constructor(travel, close) {
    this.travel = travel;
    this.digit = digitCanvas("Digit on the path");
    this.player = new Player("Position on the path", "Walk along the path", SECONDS, (frame) => this.show(frame));
    this.words = make("p", {className: "verdict"});
    this.curve = make("canvas", {
      className: "curve", width: 320, height: 48, role: "img", ariaLabel: "Off-manifold distance along the path",
    });
    this.strip = Array.from({length: STRIP}, (_, at) => digitCanvas(`Digit ${at + 1} of ${STRIP} along the path`));
    const strip = div("strip", ...this.strip);
    const scale = "off-manifold distance, in percent of real digits that lie nearer";
    this.element = make("section", {className: "film", ariaLabel: "Path", hidden: true},
      div("between", text("b", "Along the path"), button("Close", "Remove the path", close)),
      strip,
      div("stage", this.digit, make("div", {},
        div("tools", this.player.button, this.player.slider),
        text("div", scale, "label"), this.curve)),
      this.words, saving(pictureButton(strip, "path")));
  }

  hide() {
    this.player.stop();
    this.element.hidden = true;
  }

  // Shows the digits along a path over a map, which lie at `x` and `y` and whose codes are those of `codes`.
  begin(path, {x, y}, codes, network) {
    const places = waypoints(path, STATIONS);
    this.element.hidden = false;
    this.codes = codes;
    this.frames = along(path, x, y, codes, STATIONS).map((code, at) => ({
      pixels: toPixels(decode(network, code)), off: offManifold(codes, nearest(codes, code)), place: places[at],
    }));
    const step = (STATIONS - 1) / (STRIP - 1);
    this.strip.forEach((canvas, at) => paint(canvas, this.frames[Math.round(at * step)].pixels));
    this.player.begin(STATIONS, 0);
    if (!wantsRest()) this.player.play();
  }

  show(at) {
    const {pixels, off, place} = this.frames[at];
    paint(this.digit, pixels);
    this.words.textContent = `${capital(inWords(off, this.codes.usual))}: its code lies ${beyond(off)}.`;
    this.drawCurve(at);
    this.travel(place);
  }

  drawCurve(now) {
    const {width, height} = this.curve, pen = this.curve.getContext("2d"), {color} = getComputedStyle(this.curve);
    const places = this.frames.map(({off: {percentile}}, at) =>
      [4 + (at / (this.frames.length - 1)) * (width - 8), height - 4 - (percentile / 100) * (height - 8)]);
    clear(this.curve);
    pen.globalAlpha = 0.3;
    pen.lineWidth = 1;
    pen.strokeStyle = color;
    pen.strokeRect(0.5, 0.5, width - 1, height - 1);
    line(pen, places, color, 2);
    dot(pen, places[now], 4, ACCENT);
  }
}
