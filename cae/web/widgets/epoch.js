// The scrubber: after which epoch the network is looked at, on every page. Widgets follow while it moves; Python hears of
// it when the hand is lifted.
//
// data: {run, frames: [{epoch, network: address, told: what was measured}], at: position among them, epochs: of the run}
// emits: "epoch" with {run, epoch}
import {now, travel} from "../lib/moment.js";
import {fetched, make, readNetwork} from "../lib/page.js";

const PAUSE = 250; // milliseconds between two messages to Python
const FRAMES_A_SECOND = 2; // at the speed 1
const SPEEDS = [0.5, 1, 2, 4];

export function mount(element, data, emit) {
  const root = element.querySelector(".epoch");
  root.scrubber ??= new Scrubber(root);
  root.scrubber.emit = emit;
  root.scrubber.use(data);
}

export function unmount(element) {
  const root = element.querySelector(".epoch");
  root?.scrubber?.stop();
  root?.scrubber?.dock.close();
}

class Scrubber {
  constructor(root) {
    this.slider = make("input", {type: "range", min: 0, step: 1, ariaLabel: "Epoch", title: "All pictures show the network as it was after this epoch"});
    this.told = make("output", {ariaHidden: "true"});
    this.mse = make("div", {className: "hint", ariaHidden: "true"});
    this.play = make("button", {type: "button", className: "play", onclick: () => (this.timer ? this.rest() : this.start())});
    this.speed = make("select", {ariaLabel: "Speed", title: "Speed of the film"}, ...SPEEDS.map((value) => make("option", {value, textContent: `${value}\u00d7`, selected: value === 1})));
    this.last = make("button", {type: "button", textContent: "Latest", title: "Back to the last epoch", onclick: () => {
      this.stop();
      this.go(this.frames.length - 1, false);
    }});
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Time travel");
    root.replaceChildren(
      make("div", {className: "between"}, make("span", {textContent: "Epoch"}), this.told), this.slider,
      make("div", {className: "row"}, this.play, this.speed, this.last), this.mse);
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

  use(data) {
    if (this.data?.run !== data.run) {
      clearTimeout(this.timer);
      this.timer = this.isHeld = this.awaited = null;
    }
    const epoch = data.frames[data.at].epoch, isStale = (this.awaited ?? epoch) !== epoch; // it has not heard all yet
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
    if (!isMoving) this.tell();
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
    if (this.timer || this.isHeld) this.mse.append(make("br"), this.timer ? "Pause, and all of the page follows" : "Let go, and all of the page follows");
    this.slider.ariaValueText = `after epoch ${epoch} of ${this.data.epochs}, ${told}`;
    this.last.disabled = isLast;
    this.slider.closest(".epoch")?.classList.toggle("past", !isLast);
    this.dock.show();
  }

  // At once, or as soon as the pause since the last time is over: a key held down is many movements.
  tell() {
    clearTimeout(this.telling);
    this.awaited = this.frames[this.at].epoch;
    this.telling = setTimeout(() => {
      this.toldAt = performance.now();
      this.emit("epoch", {run: this.data.run, epoch: this.frames[this.at].epoch});
    }, Math.max(0, (this.toldAt ?? 0) + PAUSE - performance.now()));
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

  // Fetches the weights of all epochs, once, the nearest first.
  fetch() {
    const {frames, at} = this;
    if (!frames) return null;
    const near = frames.map((_, position) => position).sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    return (async () => {
      for (const position of near) await fetched(frames[position].network, readNetwork).catch(() => null);
    })();
  }
}

// The same at the foot of a narrow page, whose sidebar is closed or covers it: a second handle, no second state.
class Dock {
  constructor(scrubber, root) {
    this.scrubber = scrubber;
    this.host = make("div", {className: "cae-dock"});
    Object.assign(this.host.style, {position: "fixed", insetInline: "0", bottom: "0", zIndex: 99});
    this.slider = make("input", {type: "range", min: 0, step: 1, ariaLabel: "Epoch of the network"});
    this.told = make("output", {ariaHidden: "true"});
    this.play = make("button", {type: "button", onclick: () => scrubber.play.click()});
    for (const event of ["input", "change"]) {
      this.slider.addEventListener(event, () => {
        scrubber.slider.value = this.slider.value;
        scrubber.slider.dispatchEvent(new Event(event));
      });
    }
    this.slider.addEventListener("pointerdown", () => scrubber.fetch());
    const tree = this.host.attachShadow({mode: "open"});
    for (const {textContent} of root.getRootNode().querySelectorAll("style")) tree.append(make("style", {textContent}));
    tree.append(make("div", {className: "dock", role: "region", ariaLabel: "Time travel"}, this.play, this.slider, this.told));
    this.narrow = matchMedia("(max-width: 640px)");
    this.narrow.onchange = () => this.show();
    this.colours = root;
  }

  show() {
    const {frames, at, data, timer} = this.scrubber;
    const isWanted = this.narrow.matches && frames?.length > 1;
    if (isWanted !== this.host.isConnected) isWanted ? document.body.append(this.host) : this.host.remove();
    document.documentElement.classList.toggle("has-cae-dock", Boolean(isWanted));
    if (!isWanted) return;
    const style = getComputedStyle(this.colours);
    for (const name of ["text-color", "background-color", "secondary-background-color", "primary-color", "font"]) this.host.style.setProperty(`--st-${name}`, style.getPropertyValue(`--st-${name}`));
    Object.assign(this.slider, {max: frames.length - 1, value: at, ariaValueText: `after epoch ${frames[at].epoch} of ${data.epochs}`});
    this.told.textContent = `${frames[at].epoch} of ${data.epochs}`;
    this.play.textContent = timer ? "Pause" : "Play";
    this.play.ariaLabel = `${this.play.textContent} the film`;
  }

  close() {
    this.host.remove();
    this.narrow.onchange = null;
    document.documentElement.classList.remove("has-cae-dock");
  }
}
