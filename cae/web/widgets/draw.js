// A canvas to draw on, and beside it what the network makes of the drawing while the pen moves.
//
// data: {network, space, pictures: addresses, map: {points, tsne: addresses, colours} | null,
//        base: {id, pixels: [784]} | null: a digit to draw on, once for each `id`,
//        known: whether Python knows of the drawing}
// emits: "drawing" with the 784 pixels the network sees, or null, when the pen is lifted; "steer" likewise
import {normaliseInk} from "../lib/ink.js";
import {SIDE} from "../lib/network.js";
import {follow} from "../lib/moment.js";
import {ARROWS, button, digitCanvas, div, drag, make, paint, slider, text} from "../lib/page.js";
import {keep, keptValue} from "../lib/tab.js";
import {nextFrame} from "../lib/timing.js";
import {Panel} from "./panel.js";

const SIZE = 280;
const MOST_POINTS = 50000;
const MOST_STEPS = 100; // that can be undone
const WIDEST = 100; // stroke that is believed, of those that the tab has kept
const STRIDE = {usual: SIZE / 28, fine: SIZE / 140}; // of the pen that the arrow keys move

export function mount(element, data, emit) {
  const root = element.querySelector(".draw");
  (root.desk ??= new Desk(root)).use(data, emit);
}

class Desk {
  constructor(root) {
    this.canvas = make("canvas", {
      width: SIZE, height: SIZE, role: "img", ariaLabel: "Drawing area", tabIndex: 0, className: "paper",
    });
    this.context = this.canvas.getContext("2d", {willReadFrequently: true});
    this.canvas.ariaDescription = "The arrow keys move the pen, the space bar sets it down and lifts it";
    this.hint = text("p", "Draw a digit here", "hint");
    this.cross = make("i", {className: "cross"});
    this.said = make("p", {className: "said", role: "status"});
    this.at = [SIZE / 2, SIZE / 4];
    this.brush = slider("Brush", {min: 6, max: 36, step: 1, title: "Width of the brush"});
    this.undoButton = button("Undo", "Take the last stroke back (Ctrl+Z)", () => this.undo());
    this.clearButton = button("Clear", "Empty the drawing area (Delete)", () => this.clear());
    this.steerButton = button("Steer from here", "Take this drawing's code to the sliders", () => this.send("steer"),
      {className: "main"});
    this.panel = new Panel("Recognised digit");
    root.replaceChildren(
      div("desk",
        div("sheet", this.canvas, this.hint, this.cross, this.said),
        div("tools", this.undoButton, this.clearButton, make("label", {}, "Brush", this.brush), this.steerButton)),
      this.panel.element);
    this.past = [];
    this.readSoon = nextFrame(() => this.read());
    this.load();
    drag(this.canvas, {
      begin: () => {
        this.lift();
        this.startStroke();
      },
      move: (event) => {
        const passed = event.getCoalescedEvents?.() ?? [];
        this.extend(passed.length ? passed : [event]);
      },
      end: () => this.endStroke(),
    });
    this.canvas.onfocus = () => this.showCross();
    this.canvas.onblur = () => this.lift();
    this.brush.oninput = () => this.save();
    root.onkeydown = (event) => this.key(event);
    follow(root, (moment) => this.panel.travel(moment));
    this.redraw();
  }

  // -- the pen

  startStroke() {
    this.remember();
    this.stroke = {width: Number(this.brush.value), points: []};
    this.strokes.push(this.stroke);
  }

  endStroke() {
    this.stroke = null;
    this.changed();
  }

  extend(events) {
    const box = this.canvas.getBoundingClientRect();
    this.add(events.map(({clientX, clientY}) =>
      [((clientX - box.left) / box.width) * SIZE, ((clientY - box.top) / box.height) * SIZE]));
  }

  add(places) {
    const {points} = this.stroke, rounded = (value) => Math.round(10 * value) / 10;
    for (const [x, y] of places) if (points.length < MOST_POINTS) points.push(rounded(x), rounded(y));
    this.trace(this.stroke, Math.max(0, points.length / 2 - places.length - 1));
    this.hint.hidden = true;
    this.readSoon();
  }

  // -- the keyboard: the arrow keys move a cross, at which the pen is set down

  move({key, shiftKey}) {
    const step = shiftKey ? STRIDE.fine : STRIDE.usual;
    this.at = this.at.map((value, axis) => Math.min(SIZE, Math.max(0, value + step * ARROWS[key][axis])));
    if (this.isSetDown) this.add([this.at]);
    this.showCross();
  }

  setDown() {
    if (this.stroke) return;
    this.startStroke();
    this.isSetDown = true;
    this.add([this.at]);
    this.showCross();
  }

  lift() {
    if (!this.isSetDown) return;
    this.isSetDown = false;
    this.endStroke();
    this.showCross();
  }

  showCross() {
    this.cross.style.setProperty("--x", this.at[0] / SIZE);
    this.cross.style.setProperty("--y", this.at[1] / SIZE);
    this.cross.classList.toggle("down", Boolean(this.isSetDown));
    this.said.textContent = this.isSetDown
      ? "The arrow keys draw; Space lifts the pen" : "The arrow keys move the pen; Space sets it down";
  }

  // Draws a stroke from its point number `from` on.
  trace({width, points}, from = 0) {
    const {context} = this;
    context.lineWidth = width;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = context.fillStyle = "#fff";
    context.beginPath();
    if (from === 0) { // a line without length would leave no dot
      context.arc(points[0], points[1], width / 2, 0, 2 * Math.PI);
      context.fill();
      context.beginPath();
    }
    context.moveTo(points[2 * from], points[2 * from + 1]);
    for (let at = from; at < points.length / 2; at++) context.lineTo(points[2 * at], points[2 * at + 1]);
    context.stroke();
  }

  // -- what is on the sheet

  redraw() {
    const {context} = this;
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIZE, SIZE);
    if (this.base) {
      const small = digitCanvas("");
      paint(small, this.base);
      context.imageSmoothingQuality = "high";
      context.drawImage(small, 0, 0, SIZE, SIZE);
    }
    for (const stroke of this.strokes) if (stroke.points.length) this.trace(stroke);
    this.hint.hidden = !this.isEmpty();
    this.read();
  }

  isEmpty() {
    return !this.base && !this.strokes.length;
  }

  read() {
    const {data} = this.context.getImageData(0, 0, SIZE, SIZE), ink = new Float64Array(SIZE * SIZE);
    for (let index = 0; index < ink.length; index++) ink[index] = data[4 * index] / 255;
    this.pixels = this.isEmpty() ? null : normaliseInk(ink, SIZE, SIZE);
    this.panel.show(this.pixels);
    this.clearButton.disabled = this.steerButton.disabled = this.isEmpty();
    this.undoButton.disabled = this.isEmpty() && !this.past.length;
  }

  changed() {
    this.redraw();
    this.save();
    this.send("drawing");
  }

  send(kind) {
    this.emit(kind, this.pixels && [...this.pixels]);
  }

  // Before anything is done, so that it can be undone.
  remember() {
    this.past = [...this.past.slice(1 - MOST_STEPS), {strokes: [...this.strokes], base: this.base}];
  }

  undo() {
    this.lift();
    if (this.past.length) Object.assign(this, this.past.pop());
    else if (!this.strokes.pop()) this.base = null; // what was drawn before the page was loaded
    this.changed();
  }

  clear() {
    this.lift();
    this.remember();
    this.strokes = [];
    this.base = null;
    this.changed();
  }

  key(event) {
    if (event.target === this.brush && event.key !== "z") return;
    const isOnPaper = event.target === this.canvas && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isOnPaper && event.key in ARROWS) this.move(event);
    else if (isOnPaper && event.key === " " && !this.isSetDown) this.setDown();
    else if (isOnPaper && (event.key === " " || event.key === "Escape")) this.lift();
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  use(data, emit) {
    this.emit = emit;
    this.panel.use(data);
    if (data.base && data.base.id !== this.baseId) this.takeBase(data.base);
    if (!data.known && this.pixels && !this.told) this.send("drawing"); // after a reload it is here, and not there
    this.told = true;
  }

  takeBase(base) {
    this.remember();
    this.baseId = base.id;
    this.base = base.pixels;
    this.strokes = [];
    this.changed();
  }

  // In the tab's storage, so that the drawing survives a change of page and a reload.
  save() {
    const {strokes, base, baseId} = this;
    const pixels = this.pixels && [...this.pixels];
    keep("drawing", JSON.stringify({strokes, base, baseId, brush: this.brush.value, pixels}));
  }

  load() {
    const {strokes, base, baseId, brush} = keptValue("drawing") ?? {};
    const areNumbers = (list) => Array.isArray(list) && list.every(Number.isFinite);
    const isStroke = ({width, points}) =>
      Number.isFinite(width) && width >= 1 && width <= WIDEST && areNumbers(points) && points.length % 2 === 0;
    this.strokes = (Array.isArray(strokes) ? strokes : []).filter((stroke) => stroke && isStroke(stroke));
    this.base = areNumbers(base) && base.length === SIDE * SIDE ? base : null;
    this.baseId = baseId ?? null;
    this.brush.value = brush ?? 18;
  }
}
