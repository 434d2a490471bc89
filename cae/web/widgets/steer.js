// The sliders of a latent space, a plane through it, and operations on it: the digit follows every movement at once.
//
// data: {network, space, pictures: addresses, code: [D] | null,
//        start: {id, name, address, code: [D], picture: [784] | null}}
//       `start` is loaded when its id is a new one; `code` is where somebody had gone from it before.
// emits: "code" with {start: id, code: [D]} when the hand is lifted
// The page's address holds the code (`z`) and where it started (`from`), so that a link leads to the same digit.
import {nearest, offManifold, references, vote} from "../lib/codes.js";
import {decode, encode, toModel, toPixels} from "../lib/network.js";
import {UNTRAINED, follow, isUntrained, now} from "../lib/moment.js";
import {
  Idle, Neighbours, beyond, digitCanvas, fetched, inWords, later, make, paint, readNetwork, readPictures, readSpace,
} from "../lib/page.js";
import {Operations} from "./operations.js";
import {Plane} from "./plane.js";
import {Sliders} from "./sliders.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".steer");
  root.wheel ??= new Wheel(root);
  root.wheel.emit = emit;
  root.wheel.use(data);
}

export function unmount(element) {
  element.querySelector(".steer")?.wheel?.stop();
}

const SAVED_SIDE = 280; // pixels of a saved picture
const PAUSE = 300; // milliseconds between two messages to Python
const MOST_MOMENTS = 200;

// Holds the code, and tells everybody when it moves.
class Wheel {
  constructor(root) {
    this.root = root;
    const button = (text, title, work) => make("button", {type: "button", textContent: text, title, onclick: work});
    this.digit = digitCanvas("Decoded digit");
    this.original = digitCanvas("Picture that was loaded");
    this.before = digitCanvas("Decoded digit before steering");
    this.again = digitCanvas("What encoding the digit again gives back");
    this.originalFigure = make("figure", {}, this.original, make("figcaption", {textContent: "original"}));
    this.name = make("figcaption");
    this.undoButton = button("Undo", "Ctrl+Z", () => this.travel(-1));
    this.redoButton = button("Redo", "Ctrl+Shift+Z", () => this.travel(1));
    this.resetButton = button("Reset", "Back to the code that was loaded", () => this.reset());
    this.copyButton = button("Copy", "Copy the numbers of the code", () => this.copy(this.copyButton, this.numbers()));
    this.linkButton = button("Link", "Copy a link to this digit", () => this.copy(this.linkButton, location.href));
    const save = button("Save", "Save the digit as a PNG", () => this.savePicture());
    this.copyButton.ariaLabel = "Copy the numbers";
    this.linkButton.ariaLabel = "Link: copy it";
    save.ariaLabel = "Save the picture";
    this.meter = make("i");
    this.distance = make("span");
    this.words = make("p", {className: "verdict"});
    this.echo = make("figcaption", {textContent: "re-encoded"});
    this.neighbours = new Neighbours("Nearest real digits", 8);
    this.sliders = new Sliders(this);
    this.plane = new Plane(this);
    this.operations = new Operations(this);
    this.idle = new Idle();
    this.follow = later(() => this.showCompany());
    root.replaceChildren(
      make("section", {className: "stage", ariaLabel: "The digit"},
        make("div", {className: "top"}, make("figure", {className: "big"}, this.digit, this.name),
        make("div", {className: "company"},
          make("div", {className: "trio"}, this.originalFigure,
            make("figure", {}, this.before, make("figcaption", {textContent: "before"})),
            make("figure", {title: "The network encodes its own picture, and decodes what it read"}, this.again, this.echo)),
          make("div", {title: "The mean distance of the code to the ten nearest codes of real digits. The tinted part is beyond 95 % of real digits."},
            make("div", {className: "label between"}, make("span", {textContent: "off-manifold distance"}), this.distance),
            make("div", {className: "meter"}, this.meter)),
          this.words)),
        make("div", {className: "near"}, make("div", {className: "label", textContent: "nearest real digits"}), this.neighbours.element),
        make("div", {className: "tools"}, this.undoButton, this.redoButton, this.resetButton, this.copyButton, this.linkButton, save)),
      make("section", {className: "hands", ariaLabel: "The controls"}, ...this.tabs()));
    root.addEventListener("keydown", (event) => this.key(event));
    follow(root, (moment) => this.travelTo(moment));
  }

  // The three ways to move, one shown at a time.
  tabs() {
    const ways = [["Dimensions", this.sliders], ["Plane", this.plane], ["Operate", this.operations]];
    const list = make("div", {className: "tabs", role: "tablist", ariaLabel: "Ways to steer"});
    const choose = (chosen) => ways.forEach(([, way], index) => {
      const tab = list.children[index];
      tab.ariaSelected = String(index === chosen);
      tab.tabIndex = index === chosen ? 0 : -1;
      way.element.hidden = index !== chosen;
      if (index === chosen) this.way = way;
    });
    ways.forEach(([text, way], index) => {
      Object.assign(way.element, {role: "tabpanel", ariaLabel: text, id: `way-${index}`});
      list.append(make("button", {type: "button", role: "tab", textContent: text, "aria-controls": `way-${index}`, onclick: () => {
        choose(index);
        way.show();
        this.refresh();
      }}));
    });
    list.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!step) return;
      const next = (ways.findIndex(([, way]) => way === this.way) + step + ways.length) % ways.length;
      list.children[next].focus();
      list.children[next].click();
    });
    choose(0);
    return [list, ...ways.map(([, way]) => way.element)];
  }

  async use(data) {
    this.data = data;
    try {
      if (this.address !== data.network) {
        delete this.root.dataset.ready;
        const [found, space] = await Promise.all([fetched(data.network, readNetwork), fetched(data.space, readSpace)]);
        if (this.data !== data) return;
        this.carried = this.isPassing && this.start?.name === data.start.name ? this.journey() : null;
        this.isPassing = false;
        this.address = data.network;
        this.network = found;
        this.space = space;
        this.real = references(space.tensors, "real");
        this.start = null;
        this.locked = new Set();
        this.sliders.build();
        this.plane.build();
        this.operations.build();
      }
      if (this.start?.id !== data.start.id) this.begin(data.start, data.code);
      this.carryOn();
      this.pictures = data.pictures && (await fetched(data.pictures, readPictures));
      if (this.data !== data) return;
      this.showCompany();
      this.root.dataset.ready = "";
    } catch (error) {
      this.words.textContent = `${error.message}. Reload the page to try again.`;
    }
  }

  stop() {
    this.idle.stop();
    if (this.telling) this.tellNow();
  }

  get dimensions() {
    return this.network.latentDim;
  }

  values(name) {
    return this.space.tensors[name].values;
  }

  vectors(name) {
    const {shape: [count], values} = this.space.tensors[name];
    return Array.from({length: count}, (_, index) => values.subarray(index * this.dimensions, (index + 1) * this.dimensions));
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

  // Shows the network of another moment while the scrubber moves: the picture is encoded anew, and what has been steered
  // away from it stays. What the sliders mean then is known when the scrubber is let go.
  async travelTo({network: address, isMoving}) {
    if (!isMoving || !this.start) return;
    this.wanted = address;
    const found = await fetched(address, readNetwork).catch(() => null);
    if (!found || this.wanted !== address || found.latentDim !== this.dimensions) return;
    const away = this.away(), {picture} = this.start;
    this.network = found;
    this.isPassing = address !== this.address;
    this.origin = !this.isPassing ? this.start.code : picture ? encode(found, toModel(picture)) : this.origin;
    this.code = Float64Array.from(this.origin, (value, dimension) => value + away[dimension]);
    paint(this.before, this.picture(this.origin));
    this.show();
    this.refresh();
  }

  // How far the hand has gone from the start, in each dimension.
  away() {
    return this.code.map((value, dimension) => value - this.origin[dimension]);
  }

  // Where the hand has been, as ways from the start: they mean the same after another epoch.
  journey() {
    const moments = this.history.map(({code, operations}) => ({away: code.map((value, dimension) => value - this.left[dimension]), operations}));
    return {moments, at: this.now};
  }

  // After a journey: everything that was done is done from the new start, and one that has gone on meanwhile is taken up.
  carryOn() {
    if (this.carried) {
      const {moments, at} = this.carried;
      this.history = moments.map(({away, operations}) => ({code: Float64Array.from(this.origin, (value, dimension) => value + away[dimension]), operations}));
      this.now = at;
      this.sliders.fit(this.history.map(({code}) => code));
      this.operations.restore(this.history[at].operations);
      this.moveTo(this.history[at].code);
      this.refresh();
      const known = this.data.code ?? this.start.code; // by Python
      if (this.code.some((value, dimension) => Math.abs(value - known[dimension]) > 1e-6)) this.tell();
    }
    this.carried = null;
    const moment = now();
    if (moment?.isMoving && moment.network !== this.address) this.travelTo(moment);
  }

  // -- moving

  // To be called for every movement: `code` is where the hand has gone. Decodes it and shows it within the event.
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
    this.follow();
  }

  // To be called when the hand is lifted: remembers the place, in place of all that came after the moment `since` if
  // there is one, and tells Python.
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

  // At once, or as soon as the pause since the last time is over: a key held down is many movements.
  tell() {
    clearTimeout(this.telling);
    this.writeAddress();
    this.telling = setTimeout(() => this.tellNow(), Math.max(0, (this.told ?? 0) + PAUSE - performance.now()));
  }

  tellNow() {
    clearTimeout(this.telling);
    this.telling = null;
    this.told = performance.now();
    this.emit("code", {start: this.start.id, code: [...this.code]});
  }

  writeAddress() {
    const address = new URL(location.href);
    for (const name of ["from", "z"]) address.searchParams.delete(name);
    if (this.start.address) address.searchParams.set("from", this.start.address);
    address.searchParams.set("z", [...this.code].map((value) => Number(value.toFixed(4))).join(","));
    address.search = address.search.replaceAll("%2C", ",");
    try {
      history.replaceState(history.state, "", address);
    } catch {
      // some browsers let a page that comes from a file keep the address it has
    }
  }

  moment() {
    return {code: Float64Array.from(this.code), operations: this.operations.state()};
  }

  travel(step) {
    const moment = this.history[this.now + step];
    if (!moment) return;
    this.now += step;
    this.operations.restore(moment.operations);
    this.moveTo(moment.code);
    this.refresh();
    this.tell();
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

  // What is expensive, once the hand rests: strips and grids of pictures.
  refresh() {
    this.undoButton.disabled = this.now === 0;
    this.redoButton.disabled = this.now === this.history.length - 1;
    this.idle.run(this.way.pictures());
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
      this.words.textContent = "Real digits like it are looked for when the epoch is let go.";
      return;
    }
    const near = nearest(this.real, this.code), off = offManifold(this.real, near);
    this.neighbours.show(near, this.real.labels, this.space.class_names, this.pictures);
    this.meter.style.setProperty("--at", Math.min(1, off.distance / (1.5 * this.real.usual.at(-1))));
    this.meter.style.setProperty("--usual", this.real.usual[95] / (1.5 * this.real.usual.at(-1)));
    this.distance.textContent = off.distance.toPrecision(3);
    const words = inWords(off, this.real.usual);
    if (isUntrained()) this.words.textContent = UNTRAINED;
    else this.words.replaceChildren(make("b", {textContent: words[0].toUpperCase() + words.slice(1)}), `: ${beyond(off)}`);
    const moved = Math.hypot(...again.map((value, dimension) => value - this.code[dimension]));
    this.echo.title = `The code comes back ${moved.toPrecision(2)} away from where it was; off-manifold distance ${off.distance.toPrecision(3)}`;
  }

  numbers() {
    return [...this.code].map((value) => value.toFixed(4)).join(", ");
  }

  async copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = make("textarea", {value: text}); // a page that is not served securely has no clipboard
      button.after(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    const {textContent, ariaLabel} = button;
    Object.assign(button, {textContent: "✓", ariaLabel: "Copied", disabled: true});
    setTimeout(() => Object.assign(button, {textContent, ariaLabel, disabled: false}), 1200);
  }

  savePicture() {
    const large = make("canvas", {width: SAVED_SIDE, height: SAVED_SIDE}), pen = large.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.digit, 0, 0, SAVED_SIDE, SAVED_SIDE);
    make("a", {href: large.toDataURL("image/png"), download: "digit.png"}).click();
  }
}
