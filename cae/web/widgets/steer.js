// The sliders of a latent space, a plane through it, and operations on it; the digit follows every movement at once.
//
// data: {network, space, pictures: addresses, code: [D] | null,
//        start: {id, name, address, code: [D], picture: [784] | null}}
//       `start` is loaded when its id is a new one; `code` is where somebody had gone from it before.
// emits: "code" with {start: id, code: [D]} when a control is released
// The page's address holds the code (`z`) and where it started (`from`), so that a link leads to the same digit.
import {nearest, offManifold, references, vote} from "../lib/codes.js";
import {file, files} from "../lib/files.js";
import {UNTRAINED, follow, isUntrained, now} from "../lib/moment.js";
import {decode, encode, rows, toModel, toPixels} from "../lib/network.js";
import {button, digitCanvas, div, figure, make, paint, text} from "../lib/page.js";
import {download, enlarged} from "../lib/save.js";
import {setAddress} from "../lib/tab.js";
import {Idle, Spaced} from "../lib/timing.js";
import {beyond, capital, inWords} from "../lib/words.js";
import {Neighbours} from "./neighbours.js";
import {Operations} from "./operations.js";
import {Plane} from "./plane.js";
import {Sliders} from "./sliders.js";
import {tabs} from "./tabs.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".steer");
  (root.wheel ??= new Wheel(root)).use(data, emit);
}

export const unmount = (element) => element.querySelector(".steer")?.wheel?.stop();

const ENLARGED = 10; // times, in a saved picture
const PAUSE = 300; // milliseconds between two messages to Python
const MOST_MOMENTS = 200;

// Holds the code, and tells everybody when it moves.
class Wheel {
  constructor(root) {
    this.root = root;
    this.digit = digitCanvas("Decoded digit");
    this.original = digitCanvas("Picture that was loaded");
    this.before = digitCanvas("Decoded digit before steering");
    this.again = digitCanvas("What encoding the digit again gives back");
    this.originalFigure = figure(this.original, "original");
    this.name = make("figcaption");
    this.undoButton = button("Undo", "Ctrl+Z", () => this.travel(-1));
    this.redoButton = button("Redo", "Ctrl+Shift+Z", () => this.travel(1));
    this.resetButton = button("Reset", "Back to the code that was loaded", () => this.reset());
    const numbers = () => [...this.code].map((value) => value.toFixed(4)).join(", ");
    const copy = button("Copy", "Copy the numbers of the code", () => this.copy(copy, numbers()),
      {ariaLabel: "Copy the numbers"});
    const link = button("Link", "Copy a link to this digit", () => this.copy(link, location.href),
      {ariaLabel: "Link: copy it"});
    const save = button("Save", "Save the digit as a PNG",
      async () => download(await enlarged(this.digit, ENLARGED), "digit.png"), {ariaLabel: "Save the picture"});
    this.meter = div("meter", make("i"));
    this.distance = make("span");
    this.words = make("p", {className: "verdict"});
    this.echo = figure(this.again, "re-encoded", "The network encodes its own picture, and decodes what it read");
    this.neighbours = new Neighbours("Nearest real digits", 8);
    this.sliders = new Sliders(this);
    this.plane = new Plane(this);
    this.operations = new Operations(this);
    this.idle = new Idle();
    this.telling = new Spaced(() => this.emit("code", {start: this.start.id, code: [...this.code]}), () => PAUSE);
    this.company = new Spaced(() => this.showCompany(), (took) => 3 * took); // leaves room for what follows the hand
    const ways = [["Dimensions", this.sliders], ["Plane", this.plane], ["Operate", this.operations]];
    const title = "The mean distance of the code to the ten nearest codes of real digits. " +
      "The tinted part is beyond 95 % of real digits.";
    const offManifoldDistance = make("div", {title},
      div("label between", text("span", "off-manifold distance"), this.distance), this.meter);
    root.replaceChildren(
      make("section", {className: "stage", ariaLabel: "The digit"},
        div("top", make("figure", {className: "big"}, this.digit, this.name),
          div("company",
            div("trio", this.originalFigure, figure(this.before, "before"), this.echo),
            offManifoldDistance, this.words)),
        div("near", text("div", "nearest real digits", "label"), this.neighbours.element),
        div("tools", this.undoButton, this.redoButton, this.resetButton, copy, link, save)),
      make("section", {className: "hands", ariaLabel: "The controls"},
        ...tabs("Ways to steer", ways, (way) => this.choose(way))));
    root.addEventListener("keydown", (event) => this.key(event));
    follow(root, (moment) => this.travelTo(moment));
  }

  // Shows one of the three ways to move.
  choose(way) {
    this.way = way;
    if (!this.code) return;
    way.show();
    this.refresh();
  }

  async use(data, emit) {
    Object.assign(this, {data, emit});
    try {
      if (this.address !== data.network) {
        delete this.root.dataset.ready;
        const [network, space] = await files(data, "network", "space");
        if (this.data !== data) return;
        this.carried = this.isPassing && this.start?.name === data.start.name ? this.journey() : null;
        Object.assign(this, {network, space, real: references(space.tensors, "real")});
        Object.assign(this, {address: data.network, isPassing: false, start: null, locked: new Set()});
        this.sliders.build();
        this.plane.build();
        this.operations.build();
      }
      if (this.start?.id !== data.start.id) this.begin(data.start, data.code);
      this.carryOn();
      this.pictures = await file("pictures", data.pictures);
      if (this.data !== data) return;
      this.showCompany();
      this.root.dataset.ready = "";
    } catch (error) {
      this.words.textContent = `${error.message}. Reload the page to try again.`;
    }
  }

  stop() {
    this.idle.stop();
    this.telling.finish();
  }

  get dimensions() {
    return this.network.latentDim;
  }

  values(name) {
    return this.space.tensors[name].values;
  }

  vectors(name) {
    return rows(this.space.tensors[name]);
  }

  likeliestClass() {
    const shares = vote(this.real, nearest(this.real, this.code), this.space.class_names.length);
    return shares.indexOf(Math.max(...shares));
  }

  picture(code) {
    return toPixels(decode(this.network, code));
  }

  begin(start, code) {
    this.start = start;
    this.name.textContent = start.name;
    this.originalFigure.hidden = !start.picture;
    if (start.picture) paint(this.original, start.picture);
    paint(this.before, this.picture(start.code));
    this.origin = this.left = start.code; // where it is now, and where it was when the journey began
    this.code = Float64Array.from(code ?? start.code);
    this.sliders.fit([start.code, this.code]);
    this.plane.fit();
    this.operations.forget();
    this.history = [this.moment()];
    this.now = 0;
    this.show();
    this.refresh();
    this.writeAddress();
  }

  // -- another epoch

  // Shows the network of another moment while the scrubber moves: the picture is encoded again, and what has been
  // steered away from it stays. The ranges of the sliders follow when the scrubber is released.
  async travelTo({network: address, isMoving}) {
    if (!isMoving || !this.start) return;
    this.wanted = address;
    const network = await file("network", address).catch(() => null);
    if (!network || this.wanted !== address || network.latentDim !== this.dimensions) return;
    const away = minus(this.code, this.origin), {picture, code} = this.start;
    this.network = network;
    this.isPassing = address !== this.address;
    if (!this.isPassing) this.origin = code;
    else if (picture) this.origin = encode(network, toModel(picture));
    this.code = plus(this.origin, away);
    paint(this.before, this.picture(this.origin));
    this.show();
    this.refresh();
  }

  // The history as ways from the start, which mean the same after another epoch.
  journey() {
    const moments = this.history.map(({code, operations}) => ({away: minus(code, this.left), operations}));
    return {moments, at: this.now};
  }

  // After a journey: repeats the history from the new start, and follows a scrubber that has moved on meanwhile.
  carryOn() {
    if (this.carried) {
      const {moments, at} = this.carried;
      this.history = moments.map(({away, operations}) => ({code: plus(this.origin, away), operations}));
      this.sliders.fit(this.history.map(({code}) => code));
      this.recall(at);
      const known = this.data.code ?? this.start.code; // by Python
      if (this.code.some((value, dimension) => Math.abs(value - known[dimension]) > 1e-6)) this.tell();
    }
    this.carried = null;
    const moment = now();
    if (moment?.isMoving && moment.network !== this.address) this.travelTo(moment);
  }

  // -- moving

  // Goes to a code, and decodes and shows it within the event; called for every movement.
  moveTo(code) {
    for (let dimension = 0; dimension < code.length; dimension++) {
      if (!this.locked.has(dimension)) this.code[dimension] = code[dimension];
    }
    this.show();
  }

  show() {
    paint(this.digit, this.picture(this.code));
    this.sliders.show();
    this.plane.show();
    this.operations.show();
    this.company.ask();
  }

  // Called when a control is released: remembers the code, in place of all that came after the moment `since` if there
  // is one, and tells Python.
  release(since) {
    if (this.history.includes(since)) this.now = this.history.indexOf(since);
    const last = this.history[this.now];
    this.history.splice(this.now + 1);
    if (last.code.some((value, dimension) => value !== this.code[dimension])) {
      this.history = [...this.history.slice(1 - MOST_MOMENTS), this.moment()];
      this.now = this.history.length - 1;
    }
    this.tell();
    this.refresh();
  }

  tell() {
    this.writeAddress();
    this.telling.ask();
  }

  writeAddress() {
    const z = [...this.code].map((value) => Number(value.toFixed(4))).join(",");
    setAddress({from: this.start.address || null, z});
  }

  moment() {
    return {code: Float64Array.from(this.code), operations: this.operations.state()};
  }

  travel(step) {
    if (!this.history[this.now + step]) return;
    this.recall(this.now + step);
    this.tell();
  }

  // Goes to a moment of the history.
  recall(at) {
    const {code, operations} = this.history[at];
    this.now = at;
    this.operations.restore(operations);
    this.moveTo(code);
    this.refresh();
  }

  reset() {
    this.operations.forget();
    this.moveTo(this.start.code);
    this.release();
  }

  key(event) {
    if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.travel(event.shiftKey ? 1 : -1);
  }

  // Draws what is expensive, strips and grids of pictures, in idle moments.
  refresh() {
    this.undoButton.disabled = this.now === 0;
    this.redoButton.disabled = this.now === this.history.length - 1;
    if (this.way.pictures) this.idle.run(this.way.pictures());
    else this.idle.stop();
  }

  // -- what is shown with the digit

  showCompany() {
    if (!this.code) return;
    const shown = decode(this.network, this.code), again = encode(this.network, toModel(toPixels(shown)));
    paint(this.again, this.picture(again));
    if (this.isPassing) {
      this.neighbours.empty();
      this.distance.textContent = "\u2013";
      this.meter.style.setProperty("--at", 0);
      this.words.textContent = "Release the slider to see real digits like it.";
      return;
    }
    const near = nearest(this.real, this.code), off = offManifold(this.real, near);
    this.neighbours.show(near, this.real.labels, this.space.class_names, this.pictures);
    this.meter.style.setProperty("--at", Math.min(1, off.distance / (1.5 * this.real.usual.at(-1))));
    this.meter.style.setProperty("--usual", this.real.usual[95] / (1.5 * this.real.usual.at(-1)));
    this.distance.textContent = off.distance.toPrecision(3);
    const words = make("b", {textContent: capital(inWords(off, this.real.usual))});
    if (isUntrained()) this.words.textContent = UNTRAINED;
    else this.words.replaceChildren(words, `: ${beyond(off)}`);
    const moved = Math.hypot(...minus(again, this.code)).toPrecision(2);
    this.echo.lastChild.title =
      `The code comes back ${moved} away from where it was; off-manifold distance ${off.distance.toPrecision(3)}`;
  }

  async copy(pressed, content) {
    try {
      await navigator.clipboard.writeText(content);
    } catch {
      const field = make("textarea", {value: content}); // a page that is not served securely has no clipboard
      pressed.after(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    const {textContent, ariaLabel} = pressed;
    Object.assign(pressed, {textContent: "✓", ariaLabel: "Copied", disabled: true});
    setTimeout(() => Object.assign(pressed, {textContent, ariaLabel, disabled: false}), 1200);
  }
}

const minus = (code, origin) => code.map((value, dimension) => value - origin[dimension]);
const plus = (code, away) => Float64Array.from(code, (value, dimension) => value + away[dimension]);
