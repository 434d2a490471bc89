// A canvas to draw on, and beside it what the network makes of the drawing while the pen moves.
//
// data: {network, space, pictures: addresses, map: {points, tsne: addresses, colours} | null,
//        base: {id, pixels: [784]} | null: a digit to draw on, `id` once each},
//        known: whether Python knows of the drawing}
// emits: "drawing" with the 784 pixels the network sees, or null, when the pen is lifted; "steer" likewise
import {normaliseInk} from "../lib/ink.js";
import {SIDE} from "../lib/network.js";
import {keep, kept} from "../lib/kept.js";
import {follow} from "../lib/moment.js";
import {digitCanvas, make, paint} from "../lib/page.js";
import {Panel} from "./panel.js";

const SIZE = 280;
const MOST_POINTS = 50000;
const MOST_STEPS = 100; // that can be undone
const WIDEST = 100; // stroke that is believed, of those that the tab has kept
const STRIDE = {usual: SIZE / 28, fine: SIZE / 140}; // of the pen that the arrow keys move
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export function mount(element, data, emit) {
  const root = element.querySelector(".draw");
  root.desk ??= new Desk(root);
  root.desk.emit = emit;
  root.desk.panel.use(data);
  root.desk.takeBase(data.base);
  root.desk.tellIfUnknown(data.known);
}

class Desk {
  constructor(root) {
    this.canvas = make("canvas", {width: SIZE, height: SIZE, role: "img", ariaLabel: "Drawing area", tabIndex: 0, className: "paper"});
    this.context = this.canvas.getContext("2d", {willReadFrequently: true});
    this.canvas.ariaDescription = "With the keyboard: the arrow keys move the pen, the space bar sets it down and lifts it";
    this.hint = make("p", {className: "hint", textContent: "Draw a digit here"});
    this.cross = make("i", {className: "cross"});
    this.said = make("p", {className: "said", role: "status"});
    this.at = [SIZE / 2, SIZE / 4];
    this.brush = make("input", {type: "range", min: 6, max: 36, step: 1, ariaLabel: "Brush", title: "Width of the brush"});
    const button = (text, title, work) => make("button", {type: "button", textContent: text, title, onclick: work});
    this.undoButton = button("Undo", "Take the last stroke back (Ctrl+Z)", () => this.undo());
    this.clearButton = button("Clear", "Empty the drawing area (Delete)", () => this.clear());
    this.steerButton = button("Steer from here", "Take this drawing's code to the sliders", () => this.emit("steer", this.pixels && [...this.pixels]));
    this.steerButton.className = "main";
    this.panel = new Panel("Recognised digit");
    root.replaceChildren(
      make("div", {className: "desk"},
        make("div", {className: "sheet"}, this.canvas, this.hint, this.cross, this.said),
        make("div", {className: "tools"}, this.undoButton, this.clearButton,
          make("label", {}, "Brush", this.brush), this.steerButton)),
      this.panel.element);
    this.past = [];
    this.load();
    this.canvas.onpointerdown = (event) => this.begin(event);
    this.canvas.onpointermove = (event) => this.go(event);
    this.canvas.onpointerup = this.canvas.onpointercancel = (event) => this.end(event);
    this.canvas.onfocus = () => this.showCross();
    this.canvas.onblur = () => this.lift();
    this.brush.oninput = () => this.save();
    root.onkeydown = (event) => this.key(event);
    follow(root, (moment) => this.panel.travel(moment));
    this.redraw();
  }

  // -- the pen

  begin(event) {
    this.lift();
    if (event.button > 0 || this.stroke) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.remember();
    this.stroke = {width: Number(this.brush.value), points: []};
    this.strokes.push(this.stroke);
    this.extend([event]);
  }

  go(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    this.extend(passed.length ? passed : [event]);
  }

  end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    this.stroke = null;
    this.changed();
  }

  extend(events) {
    const box = this.canvas.getBoundingClientRect();
    this.add(events.map(({clientX, clientY}) => [((clientX - box.left) / box.width) * SIZE, ((clientY - box.top) / box.height) * SIZE]));
  }

  add(places) {
    const {points} = this.stroke;
    for (const [x, y] of places) if (points.length < MOST_POINTS) points.push(Math.round(10 * x) / 10, Math.round(10 * y) / 10);
    this.trace(this.stroke, Math.max(0, points.length / 2 - places.length - 1));
    this.hint.hidden = true;
    this.readSoon();
  }

  // -- the same without a hand: a cross, which the arrow keys move, and from which the pen is set down

  move({key, shiftKey}) {
    const step = shiftKey ? STRIDE.fine : STRIDE.usual;
    this.at = this.at.map((value, axis) => Math.min(SIZE, Math.max(0, value + step * ARROWS[key][axis])));
    if (this.isSetDown) this.add([this.at]);
    this.showCross();
  }

  setDown() {
    if (this.stroke) return;
    this.remember();
    this.isSetDown = true;
    this.stroke = {width: Number(this.brush.value), points: []};
    this.strokes.push(this.stroke);
    this.add([this.at]);
    this.showCross();
  }

  lift() {
    if (!this.isSetDown) return;
    this.isSetDown = false;
    this.stroke = null;
    this.changed();
    this.showCross();
  }

  showCross() {
    this.cross.style.setProperty("--x", this.at[0] / SIZE);
    this.cross.style.setProperty("--y", this.at[1] / SIZE);
    this.cross.classList.toggle("down", Boolean(this.isSetDown));
    this.said.textContent = this.isSetDown ? "The arrow keys draw; Space lifts the pen" : "The arrow keys move the pen; Space sets it down";
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

  readSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.read();
    });
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
    this.emit("drawing", this.pixels && [...this.pixels]);
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
    else if (isOnPaper && event.key === " ") this.isSetDown ? this.lift() : this.setDown();
    else if (isOnPaper && event.key === "Escape") this.lift();
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  takeBase(base) {
    if (!base || base.id === this.baseId) return;
    this.remember();
    this.baseId = base.id;
    this.base = base.pixels;
    this.strokes = [];
    this.changed();
  }

  // After a reload the drawing is here and not there.
  tellIfUnknown(known) {
    if (!known && this.pixels && !this.told) this.emit("drawing", [...this.pixels]);
    this.told = true;
  }

  // In the tab's storage, so that the drawing survives a change of page and a reload.
  save() {
    const {strokes, base, baseId} = this;
    keep({strokes, base, baseId, brush: this.brush.value, pixels: this.pixels && [...this.pixels]});
  }

  load() {
    const found = kept(), numbers = (list) => Array.isArray(list) && list.every(Number.isFinite);
    this.strokes = (Array.isArray(found?.strokes) ? found.strokes : []).filter(
      (stroke) => numbers([stroke?.width]) && stroke.width >= 1 && stroke.width <= WIDEST && numbers(stroke.points) && stroke.points.length % 2 === 0);
    this.base = found?.base?.length === SIDE * SIDE && numbers(found.base) ? found.base : null;
    this.baseId = found?.baseId ?? null;
    this.brush.value = found?.brush ?? 18;
  }
}
