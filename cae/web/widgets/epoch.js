// The scrubber: after which epoch the network is looked at, on every page. Widgets follow while it moves; Python is
// told when it is released.
//
// data: {run, frames: [{epoch, network: address, told: what was measured}], at: position among them,
//        epochs: of the run}
// emits: "epoch" with {run, epoch}
import {file} from "../lib/files.js";
import {now, travel} from "../lib/moment.js";
import {button, div, make, option, select, slider, text, themed} from "../lib/page.js";
import {Spaced} from "../lib/timing.js";

const PAUSE = 250; // milliseconds between two messages to Python
const FRAMES_A_SECOND = 2; // at the speed 1
const SPEEDS = [0.5, 1, 2, 4];
const THEMED = ["text-color", "background-color", "secondary-background-color", "primary-color", "font"];

export function mount(element, data, emit) {
  const root = element.querySelector(".epoch");
  (root.scrubber ??= new Scrubber(root)).use(data, emit);
}

export const unmount = (element) => element.querySelector(".epoch")?.scrubber?.close();

class Scrubber {
  constructor(root) {
    const title = "All pictures show the network as it was after this epoch";
    const speeds = SPEEDS.map((value) => option(value, `${value}\u00d7`, {selected: value === 1}));
    this.slider = slider("Epoch", {min: 0, step: 1, title});
    this.told = make("output", {ariaHidden: "true"});
    this.mse = make("div", {className: "hint", ariaHidden: "true"});
    this.play = button("", "", () => (this.timer ? this.rest() : this.start()), {className: "play"});
    this.speed = select("Speed", speeds, null, {title: "Speed of the film"});
    this.last = button("Latest", "Back to the last epoch", () => {
      this.stop();
      this.go(this.frames.length - 1, false);
    });
    const tell = () => this.emit("epoch", {run: this.data.run, epoch: this.frames[this.at].epoch});
    this.telling = new Spaced(tell, () => PAUSE);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Time travel");
    root.replaceChildren(
      div("between", text("span", "Epoch"), this.told), this.slider,
      div("row", this.play, this.speed, this.last), this.mse);
    this.slider.oninput = () => {
      const at = Number(this.slider.value);
      this.stop();
      this.isHeld = true;
      this.go(at, true);
    };
    this.slider.onchange = () => {
      this.isHeld = false;
      this.go(Number(this.slider.value), false);
    };
    for (const event of ["pointerenter", "focusin"]) root.addEventListener(event, () => this.fetch());
    this.dock = new Dock(this, root);
    this.show();
  }

  use(data, emit) {
    this.emit = emit;
    if (this.data?.run !== data.run) {
      clearTimeout(this.timer);
      this.timer = this.isHeld = this.awaited = null;
    }
    const {epoch} = data.frames[data.at], isStale = (this.awaited ?? epoch) !== epoch; // not all has been heard yet
    const key = JSON.stringify([data.run, epoch, data.frames.length]);
    const before = this.frames?.[this.at]?.epoch;
    Object.assign(this, {data, frames: data.frames});
    this.slider.max = data.frames.length - 1;
    this.slider.disabled = this.play.disabled = data.frames.length < 2;
    if (this.timer || this.isHeld || isStale) {
      this.at = Math.max(0, data.frames.findIndex((frame) => frame.epoch === before));
      this.show();
      return;
    }
    this.awaited = null;
    if (key === this.key) return;
    this.key = key;
    this.at = data.at;
    this.show();
    const past = now() ?? {};
    if (past.run !== data.run || past.epoch !== epoch || past.isMoving) travel(this.moment(false));
  }

  // -- moving

  go(at, isMoving) {
    this.at = at;
    this.show();
    travel(this.moment(isMoving));
    if (isMoving) return;
    this.awaited = this.frames[at].epoch;
    this.telling.ask();
  }

  moment(isMoving) {
    const {epoch, network} = this.frames[this.at];
    return {run: this.data.run, epoch, network, isMoving, isLast: this.at === this.frames.length - 1};
  }

  show() {
    this.play.textContent = this.timer ? "Pause" : "Play";
    this.play.ariaLabel = `${this.play.textContent} the epochs`;
    this.play.title = this.timer ? "Stay here" : "Watch the network learn, epoch by epoch";
    if (!this.frames) return;
    const {epoch, told} = this.frames[this.at], isLast = this.at === this.frames.length - 1;
    this.slider.value = this.at;
    this.told.textContent = `${epoch} of ${this.data.epochs}`;
    this.mse.textContent = this.frames.length < 2 ? "No earlier epoch was kept." : told;
    const how = this.timer ? "Pause" : "Release";
    if (this.timer || this.isHeld) this.mse.append(make("br"), `${how} to update the page`);
    this.slider.ariaValueText = `after epoch ${epoch} of ${this.data.epochs}, ${told}`;
    this.last.disabled = isLast;
    this.slider.closest(".epoch")?.classList.toggle("past", !isLast);
    this.dock.show();
  }

  // -- the film

  async start() {
    this.timer = true;
    this.show();
    await this.fetch();
    if (this.timer !== true) return;
    this.go(this.at === this.frames.length - 1 ? 0 : this.at, true);
    this.next();
  }

  next() {
    this.timer = setTimeout(() => {
      this.go(this.at + 1, true);
      if (this.at === this.frames.length - 1) this.rest();
      else this.next();
    }, 1000 / FRAMES_A_SECOND / Number(this.speed.value));
  }

  // Stays where the film is.
  rest() {
    this.stop();
    this.go(this.at, false);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.show();
  }

  close() {
    this.stop();
    this.dock.close();
  }

  // Fetches the weights of all epochs, once, the nearest first.
  async fetch() {
    const {frames = [], at} = this;
    const near = [...frames.keys()].sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    for (const position of near) await file("network", frames[position].network).catch(() => null);
  }
}

// A second handle of the scrubber at the foot of a narrow page, where the sidebar is closed or covers it.
class Dock {
  constructor(scrubber, root) {
    this.scrubber = scrubber;
    this.host = div("cae-dock");
    Object.assign(this.host.style, {position: "fixed", insetInline: "0", bottom: "0", zIndex: 99});
    this.slider = slider("Epoch of the network", {min: 0, step: 1});
    this.told = make("output", {ariaHidden: "true"});
    this.play = button("", undefined, () => scrubber.play.click());
    for (const event of ["input", "change"]) {
      this.slider.addEventListener(event, () => {
        scrubber.slider.value = this.slider.value;
        scrubber.slider.dispatchEvent(new Event(event));
      });
    }
    this.slider.addEventListener("pointerdown", () => scrubber.fetch());
    const tree = this.host.attachShadow({mode: "open"});
    for (const {textContent} of root.getRootNode().querySelectorAll("style")) tree.append(make("style", {textContent}));
    const region = {className: "dock", role: "region", ariaLabel: "Time travel"};
    tree.append(make("div", region, this.play, this.slider, this.told));
    this.narrow = matchMedia("(max-width: 640px)");
    this.narrow.onchange = () => this.show();
    this.colours = root;
  }

  show() {
    const {frames, at, data, timer} = this.scrubber;
    const isWanted = this.narrow.matches && frames?.length > 1;
    if (!isWanted) return this.hide();
    if (!this.host.isConnected) document.body.append(this.host);
    document.documentElement.classList.add("has-cae-dock");
    for (const name of THEMED) this.host.style.setProperty(`--st-${name}`, themed(this.colours, name));
    const when = `${frames[at].epoch} of ${data.epochs}`;
    Object.assign(this.slider, {max: frames.length - 1, value: at, ariaValueText: `after epoch ${when}`});
    this.told.textContent = when;
    this.play.textContent = timer ? "Pause" : "Play";
    this.play.ariaLabel = `${this.play.textContent} the film`;
  }

  hide() {
    this.host.remove();
    document.documentElement.classList.remove("has-cae-dock");
  }

  close() {
    this.hide();
    this.narrow.onchange = null;
  }
}
