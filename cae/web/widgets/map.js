// The map of a run: its test digits as points, and beside them what one asks about: a digit, its neighbours, a
// selection, a path.
//
// data: {plotly, network, points, pictures: addresses, tsne: {file, title} | null, moving: Float32Array (2 N) of a t-SNE
//        under way | null, film: address of its maps after other epochs | "", dimensions: of the code, colours: of the
//        classes, drawing: [784] | null, run: name,
//        isAlone: whether there is no page Reconstruct}
// emits: "steer" and "reconstruct" with the index of a test digit
// What was chosen is kept in the tab's storage: it survives a change of page, of run and a reload.
import {NEIGHBOURS, along, nearest, place, waypoints} from "../lib/codes.js";
import {decode, encode, toModel, toPixels} from "../lib/network.js";
import {fetched, make, pictureAt, readNetwork, readPictures} from "../lib/page.js";
import {Digit, Film, Selection} from "./cards.js";
import {follow} from "../lib/moment.js";
import {readFilm, readMap, some} from "../lib/points.js";
import {named} from "../lib/save.js";
import {Scatter} from "./scatter.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".map");
  root.atlas ??= new Atlas(root);
  root.atlas.emit = emit;
  root.atlas.use(data);
}

export function unmount(element) {
  element.querySelector(".map")?.atlas?.close();
}

const KEPT = "cae-map";
const KIN = 15; // neighbours of a digit in the latent space
const EXTREME = 50; // digits that are called the most wrong, or the most torn
const STATIONS = 120; // on a path
const WARM = [[0, "#8f98a8"], [0.35, "#e8a33d"], [1, "#c2185b"]];
const DIVERGING = [[0, "#2f7fd0"], [0.5, "#a3a3ab"], [1, "#e06a00"]];
const KEEPING = [[0, "#c2185b"], [0.5, "#e8a33d"], [1, "#8f98a8"]];

class Atlas {
  constructor(root) {
    this.root = root;
    this.choices = {projection: "", colour: "class", hidden: [], pinned: null, selected: []};
    this.load();
    this.scatter = new Scatter({
      hover: (point) => this.hover(point), pick: (point) => this.pick(point),
      select: (points) => this.select(points), path: (path) => this.walk(path),
    });
    this.note = make("p", {className: "hint", role: "status", hidden: true});
    this.plain = make("p", {
      className: "hint", role: "status", hidden: this.scatter.isGL,
      textContent: "This browser has no WebGL: 2,000 of the digits are shown, and no third dimension.",
    });
    this.under = new Digit("Digit under the pointer", "Its reconstruction");
    this.pinned = new Digit("Pinned digit", "Reconstruction of the pinned digit", KIN);
    this.pinned.onPick = (point) => this.pin(point);
    this.pinned.onPoint = (point) => this.hover(point, false);
    this.selection = new Selection({pick: (point) => this.pin(point), point: (point) => this.hover(point), clear: () => this.select([])});
    this.film = new Film((share) => this.travel(share), () => this.walk(null));
    const button = (text, title, work) => make("button", {type: "button", textContent: text, title, onclick: work});
    this.pinned.element.append(make("div", {className: "tools"},
      button("Steer", "Take this digit's code to the sliders", () => this.send("steer")),
      this.elsewhere = button("Reconstruct", "See it on the page Reconstruct", () => this.send("reconstruct")),
      button("Unpin", "Escape", () => this.pin(null))));
    this.under.pair.hidden = true;
    this.under.hint = make("p", {className: "hint", textContent: "Move over the map: here is the digit, its copy, and, as thin lines, where its nearest codes have gone. A click pins it."});
    this.under.element.append(this.under.hint);
    root.replaceChildren(
      make("div", {className: "tools bar"}, this.projections(), this.colouring(), ...this.searching()),
      make("div", {className: "field"},
        make("div", {className: "left"}, this.scatter.element, make("div", {className: "tools below"}, this.legend(), this.tools()), this.plain, this.note),
        this.side = make("div", {className: "side", tabIndex: 0, role: "group", ariaLabel: "Digits"}, this.under.element, this.pinned.element, this.film.element, this.selection.element)));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.pin(null));
    this.watch = setInterval(() => this.followTheme(), 500);
    follow(root, (moment) => this.travelTo(moment));
  }

  close() {
    this.isClosed = true;
    clearInterval(this.watch);
    this.film.stop();
    this.scatter.close();
  }

  followTheme() {
    const ink = getComputedStyle(this.root).getPropertyValue("--st-text-color");
    if (this.ink !== undefined && ink !== this.ink && this.isReady) this.draw();
    this.ink = ink;
  }

  // -- what there is to choose

  projections() {
    this.projection = make("div", {className: "segments", role: "group", ariaLabel: "Projection"});
    return this.projection;
  }

  colouring() {
    this.colour = make("select", {ariaLabel: "Colour by", title: "What the colours say", onchange: () => this.choose({colour: this.colour.value})});
    return make("label", {}, "Colour", this.colour);
  }

  searching() {
    this.index = make("input", {type: "number", min: 0, step: 1, ariaLabel: "Find a digit by its index", placeholder: "index", title: "Press Enter to find the test digit of this index"});
    this.index.addEventListener("keydown", (event) => event.key === "Enter" && this.find(this.index.value));
    this.index.onchange = () => this.find(this.index.value);
    this.some = make("select", {ariaLabel: "Select digits", title: "Which digits to pick out", onchange: () => this.selectSome(this.some.value)});
    return [make("label", {}, "Find", this.index), make("label", {}, "Select", this.some)];
  }

  legend() {
    this.classes = make("div", {className: "classes", role: "group", ariaLabel: "Classes shown"});
    this.scale = make("div", {className: "scale", hidden: true});
    return make("div", {}, this.scale, this.classes);
  }

  tools() {
    const ways = [["pan", "Move", "Drag to move or, in 3-D, to turn; the wheel zooms; double-click to see all"], ["lasso", "Lasso", "Draw around digits to select them"],
      ["box", "Box", "Pull a box over digits to select them"], ["path", "Path", "Draw a curve: the codes along it become a film"]];
    this.ways = make("div", {className: "segments", role: "group", ariaLabel: "What dragging does"}, ...ways.map(([tool, text, title]) =>
      make("button", {type: "button", textContent: text, title, ariaPressed: String(tool === this.scatter.tool), onclick: () => this.useTool(tool)})));
    this.ways.names = ways.map(([tool]) => tool);
    const button = (text, title, work) => make("button", {type: "button", textContent: text, title, onclick: work});
    return make("div", {className: "tools"}, this.ways,
      button("Show all", "Back from the zoom", () => this.scatter.resetView()),
      button("PNG", "Save the map as a picture", () => this.scatter.savePicture(named("map"))),
      button("SVG", "Save the map as a drawing that stays sharp at any size", () => this.scatter.saveDrawing(named("map"))));
  }

  useTool(chosen) {
    const isFinger = matchMedia("(pointer: coarse)").matches, tool = isFinger && this.scatter.tool === chosen ? null : chosen;
    this.scatter.use(tool);
    [...this.ways.children].forEach((button, index) => (button.ariaPressed = String(this.ways.names[index] === tool)));
  }

  choose(changes) {
    Object.assign(this.choices, changes);
    this.save();
    if (this.isReady) this.draw();
  }

  // -- what is there

  async use(data) {
    this.data = data;
    this.elsewhere.hidden = Boolean(data.isAlone);
    try {
      const [points, network, pictures, tsne] = await Promise.all([
        fetched(data.points, readMap), fetched(data.network, readNetwork), fetched(data.pictures, readPictures),
        data.tsne && fetched(data.tsne.file, readMap)]);
      if (this.data !== data || this.isClosed) return;
      if (this.address !== data.points) this.takePoints(points, pictures, network);
      this.isPassing = false;
      if (this.tsne !== tsne) this.scatter.views.delete("tsne");
      this.tsne = tsne;
      if (!data.moving) this.moving = null;
      else if (!this.moving || this.moving.given.some((value, index) => value !== data.moving[index])) {
        const given = data.moving;
        this.moving = {given, x: given.filter((_, at) => at % 2 === 0), y: given.filter((_, at) => at % 2 === 1), preserved: null};
      }
      this.offer();
      await this.draw();
      this.root.dataset.ready = "";
    } catch (error) {
      this.say(`${error.message}. Reload the page to try again.`);
    }
  }

  // Shows the digits of the film where they lay after another epoch, while the scrubber moves: their copies are those of
  // then; which codes were near each other is known when the scrubber is let go.
  async travelTo({epoch, network: address, isMoving}) {
    if (!isMoving) {
      this.wanted = null;
      this.say("");
      if (this.isPassing && address === this.data.network) this.use(this.data); // back where it was
      return;
    }
    if (!this.data?.film || !this.isReady) return;
    if (this.choices.projection && this.choices.projection !== "tsne") {
      this.say("This projection follows when the epoch is let go; t-SNE follows at once.");
      return;
    }
    this.wanted = address;
    const [film, network] = await Promise.all([fetched(this.data.film, readFilm), fetched(address, readNetwork)]).catch(() => []);
    if (!film || this.wanted !== address || this.isClosed) return;
    if (!this.isPassing && this.indices.length !== film.indices.length) {
      const members = Array.from(film.indices, (index) => this.pointOf.get(index));
      if (members.includes(undefined)) return;
      this.takePoints(...some(this.points, this.pictures, members));
    }
    const maps = film.epochs.map((each, number) => ({each, number})).sort((a, b) => Math.abs(a.each - epoch) - Math.abs(b.each - epoch));
    Object.assign(this, {network, isPassing: true, address: null, tsne: null, moving: film.maps[maps[0].number]});
    this.choices.projection = "tsne";
    const {pinned} = this.choices, hovered = this.pointOf.get(this.hovered);
    if (pinned !== null && !this.pointOf.has(pinned)) this.say(`Test digit ${pinned} is not among the ${film.indices.length.toLocaleString("en")} that travel; it is back when the epoch is the last.`);
    this.offer();
    this.draw();
    if (hovered === undefined) this.under.pair.hidden = true;
    else this.under.show(this.about(hovered));
  }

  takePoints(points, pictures, network = this.network) {
    Object.assign(this, {address: this.data.points, network, pictures, points, ...points, labels: points.codes.labels});
    this.pointOf = new Map(Array.from(this.indices, (index, point) => [index, point]));
    this.isReady = true;
    this.scatter.views.clear();
    this.scatter.marks = {};
    this.film.hide();
    this.index.max = this.indices.at(-1);
    this.fillLegend();
    this.fillChoices();
  }

  fillLegend() {
    this.classes.replaceChildren(...this.names.map((name, label) => {
      const swatch = make("i");
      swatch.style.background = this.data.colours[label % this.data.colours.length];
      return make("button", {
        type: "button", title: `Show or hide the class ${name}; double-click to see it alone`, ariaPressed: "true",
        onclick: () => this.toggle(label), ondblclick: () => this.isolate(label),
      }, swatch, name);
    }));
  }

  fillChoices() {
    const option = (value, textContent) => make("option", {value, textContent});
    this.colour.replaceChildren(option("class", "class"), option("error", "reconstruction error"), option("kept", "neighbours kept"),
      ...Array.from({length: this.data.dimensions}, (_, dimension) => option(`z${dimension}`, `z${dimension}`)));
    this.colour.value = this.choices.colour;
    if (this.colour.selectedIndex < 0) this.colour.value = this.choices.colour = "class";
    this.some.replaceChildren(option("", "choose \u2026"), option("wrong", `the ${EXTREME} most wrong`), option("torn", `the ${EXTREME} most torn`),
      ...this.names.map((name, label) => option(String(label), `class ${name}`)));
  }

  // The projections that there are: the one that was chosen, or else the first, is shown; one that begins is chosen.
  offer() {
    const {data} = this, found = [];
    if (data.tsne || this.moving) found.push(["tsne", "t-SNE", data.tsne?.title ?? "under way"]);
    if (data.dimensions > 2) found.push(["flat", "PCA", "The two main directions of the codes"]);
    else found.push(["flat", "Codes", "The codes themselves"]);
    if (this.points.z && this.scatter.isGL) found.push(["solid", "PCA 3-D", "The three main directions of the codes: drag to turn"]);
    if (this.moving && !this.wasMoving) this.choices.projection = "tsne";
    this.wasMoving = Boolean(this.moving);
    const before = this.offered?.join();
    this.offered = found.map(([key]) => key);
    if (this.offered.join() === before) return;
    this.projection.replaceChildren(...found.map(([key, textContent, title]) =>
      make("button", {type: "button", textContent, title, onclick: () => this.choose({projection: key})})));
  }

  draw() {
    const {choices, data} = this;
    const shown = this.offered.includes(choices.projection) ? choices.projection : this.offered[0];
    [...this.projection.children].forEach((button, at) => (button.ariaPressed = String(this.offered[at] === shown)));
    [...this.classes.children].forEach((button, label) => (button.ariaPressed = String(!choices.hidden.includes(label))));
    [...this.ways.children].forEach((button, at) => (button.disabled = shown === "solid" && this.ways.names[at] !== "pan"));
    const layout = this.layoutOf(shown), coloured = this.valuesOf(choices.colour, layout);
    this.showScale(coloured.scale);
    if (layout.x !== this.layout?.x) this.walk(null);
    this.layout = layout;
    const selected = choices.selected.map((index) => this.pointOf.get(index)).filter((point) => point !== undefined);
    const scene = {
      key: shown, x: layout.x, y: layout.y, z: layout.z ?? null, axes: layout.axes ?? null, stretched: data.dimensions === 1,
      labels: this.labels, names: this.names, colours: data.colours, hidden: new Set(choices.hidden),
      selected: selected.length ? new Set(selected) : null, ...coloured,
    };
    this.showPinned();
    this.showDrawing();
    this.selection.show(selected, this);
    return this.scatter.show(scene, data.plotly);
  }

  layoutOf(projection) {
    const {x, y, z, preserved} = this.points, {dimensions} = this.data;
    if (projection === "tsne") return this.moving ?? {...this.tsne, preserved: this.tsne.preserved[2]};
    if (projection === "solid") return {x, y, z, axes: ["1st direction", "2nd direction", "3rd direction"], preserved: preserved[3]};
    const axes = dimensions > 2 ? ["1st main direction", "2nd main direction"] : dimensions === 2 ? ["z0", "z1"] : ["z0", "class"];
    if (dimensions === 1) axes.lanes = true;
    return {x, y, axes, preserved: preserved[2]};
  }

  // What the colours say, and their scale; nothing where they say the class.
  valuesOf(colour, layout) {
    if (colour === "class") return {values: null, scale: null};
    if (colour === "error") return scaled(this.errors, "error (MSE on [-1, 1])", WARM, 0);
    if (colour === "kept") {
      if (!layout.preserved) return {values: null, scale: null}; // not known before it has come to rest
      const values = Float32Array.from(layout.preserved);
      return {values, scale: {title: `of ${KIN} neighbours kept`, low: 0, high: KIN, colours: KEEPING}};
    }
    const dimension = Number(colour.slice(1)), {points, dimensions, low, step} = this.codes;
    const values = Float32Array.from(this.labels, (_, point) => low[dimension] + step * points[point * dimensions + dimension]);
    const {low: least, high: most} = scaled(values, colour, DIVERGING).scale, reach = Math.max(-least, most, 1e-6);
    return {values, scale: {title: colour, low: -reach, high: reach, colours: DIVERGING}};
  }

  showScale(scale) {
    this.scale.hidden = !scale;
    this.classes.classList.toggle("plain", Boolean(scale));
    if (!scale) return;
    const bar = make("i"), number = (value) => String(Number(value.toPrecision(3)));
    bar.style.background = `linear-gradient(90deg, ${scale.colours.map(([at, colour]) => `${colour} ${100 * at}%`).join(", ")})`;
    this.scale.replaceChildren(make("span", {textContent: number(scale.low)}), bar, make("span", {textContent: number(scale.high)}),
      make("span", {className: "label", textContent: scale.title}));
  }

  toggle(label) {
    const {hidden} = this.choices;
    this.choose({hidden: hidden.includes(label) ? hidden.filter((each) => each !== label) : [...hidden, label]});
  }

  isolate(label) {
    const others = this.names.map((_, each) => each).filter((each) => each !== label);
    this.choose({hidden: this.choices.hidden.length === others.length && !this.choices.hidden.includes(label) ? [] : others});
  }

  // -- one digit

  code(point) {
    const {points, dimensions, low, step} = this.codes;
    return Float32Array.from({length: dimensions}, (_, at) => low[at] + step * points[point * dimensions + at]);
  }

  // The nearest other digits in the latent space, nearest first, and how far away they are.
  kin(point) {
    if (this.isPassing) return {positions: [], distances: []};
    const {positions, distances} = nearest(this.codes, this.code(point), KIN + 1);
    const kept = positions.map((_, rank) => rank).filter((rank) => positions[rank] !== point).slice(0, KIN);
    return {positions: kept.map((rank) => positions[rank]), distances: kept.map((rank) => distances[rank])};
  }

  about(point) {
    const original = pictureAt(this.pictures, point), image = toModel(original);
    const copy = decode(this.network, encode(this.network, image));
    const error = this.isPassing ? image.reduce((sum, value, at) => sum + (value - copy[at]) ** 2, 0) / image.length : this.errors[point];
    return {
      original, copy: toPixels(copy), index: this.indices[point], name: this.names[this.labels[point]], error,
      kept: this.layout?.preserved?.[point], of: KIN,
    };
  }

  hover(point, moves = true) {
    if (point === null) return this.point(this.pinnedPoint ?? null, null);
    this.under.hint?.remove();
    this.under.hint = null;
    this.under.pair.hidden = false;
    if (moves || this.shown !== point) this.under.show(this.about(point));
    this.shown = point;
    this.hovered = this.indices[point];
    this.point(point, point);
  }

  // Marks a digit and its nearest codes on the map.
  point(threadsFrom, focus) {
    const threads = threadsFrom === null ? [] : this.kin(threadsFrom).positions.map((to) => [threadsFrom, to]);
    this.scatter.mark({threads, focus, pinned: this.pinnedPoint ?? null});
  }

  pin(point) {
    this.choices.pinned = point === null ? null : this.indices[point];
    this.save();
    this.showPinned();
    this.point(point, null);
    if (point !== null) this.scatter.reveal(point);
  }

  // A tap: where nothing hovers, the digit is shown below the map, which may lie below the screen.
  pick(point) {
    this.pin(point);
    if (point === null || !matchMedia("(hover: none)").matches) return;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this.pinned.element.querySelector(".pair").scrollIntoView({block: "nearest", behavior});
  }

  showPinned() {
    const point = this.choices.pinned === null ? undefined : this.pointOf.get(this.choices.pinned);
    this.pinnedPoint = point;
    this.pinned.element.hidden = point === undefined;
    if (point === undefined) {
      if (this.scatter.marks.pinned !== undefined) this.scatter.mark({pinned: null, threads: []});
      return;
    }
    const kin = this.kin(point);
    this.pinned.show(this.about(point));
    this.pinned.showKin(kin.positions.map((each, rank) => ({
      point: each, pixels: pictureAt(this.pictures, each), name: this.names[this.labels[each]], index: this.indices[each], away: kin.distances[rank],
    })));
    Object.assign(this.scatter.marks, {pinned: point, threads: kin.positions.map((to) => [point, to])});
  }

  send(kind) {
    if (this.choices.pinned !== null) this.emit(kind, this.choices.pinned);
  }

  find(text) {
    const index = Number(text), point = text.trim() === "" ? undefined : this.pointOf.get(index);
    if (text.trim() === "") return this.say("");
    if (point === undefined) {
      const isSome = Number.isInteger(index) && index >= 0 && index < this.indices.at(-1);
      return this.say(isSome ? `Test digit ${text} is not among the ${this.indices.length.toLocaleString("en")} of this map.`
        : `There is no digit ${text} on this map: its last is ${this.indices.at(-1)}.`);
    }
    this.say("");
    if (this.choices.hidden.includes(this.labels[point])) this.toggle(this.labels[point]);
    this.hover(point);
    this.pin(point);
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  // -- many digits

  select(points) {
    this.choose({selected: points.map((point) => this.indices[point])});
    if (points.length) this.reveal(this.selection.element);
  }

  // Scrolls the column beside the map, and nothing else, to a part of it; the digit under the pointer stays above.
  reveal({offsetTop}) {
    this.side.scrollTop = offsetTop - this.side.offsetTop - this.under.element.offsetHeight;
  }

  selectSome(what) {
    this.some.value = "";
    if (!what) return;
    const all = Array.from(this.labels, (_, point) => point), kept = this.layout.preserved;
    if (what === "torn" && !kept) return this.say("Wait until the map has come to rest.");
    const first = (value) => all.sort((a, b) => value(a) - value(b) || a - b).slice(0, EXTREME);
    if (what === "wrong") this.select(first((point) => -this.errors[point]));
    else if (what === "torn") this.select(first((point) => kept[point]));
    else this.select(all.filter((point) => this.labels[point] === Number(what)));
  }

  // -- a path

  // `path` holds positions on the map; null takes the film away.
  walk(path) {
    const isUnderWay = Boolean(this.moving) && this.layout === this.moving;
    if (path && isUnderWay) this.say("Wait until the map has come to rest.");
    if (!path || !this.layout || isUnderWay) {
      this.film.hide();
      this.scatter.mark({path: null, station: null});
      return;
    }
    const codes = along(path, this.layout.x, this.layout.y, this.codes, STATIONS);
    this.stations = waypoints(path, STATIONS);
    this.scatter.mark({path});
    this.film.show(codes.map((code) => ({
      pixels: toPixels(decode(this.network, code)), near: nearest(this.codes, code, NEIGHBOURS),
    })), this.codes);
    this.reveal(this.film.element);
  }

  travel(at) {
    this.scatter.mark({station: this.stations[at]});
  }

  // -- the drawing

  showDrawing() {
    const {drawing} = this.data;
    if (!drawing || !this.layout || this.layout.z || this.isPassing) return this.scatter.mark({drawing: null});
    const near = nearest(this.codes, encode(this.network, toModel(drawing)));
    this.scatter.mark({drawing: place(near, near.positions.map((point) => [this.layout.x[point], this.layout.y[point]]))});
  }

  // -- the tab's memory

  save() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(this.choices));
    } catch {
      // a tab without storage forgets what was chosen with the page, and nothing else
    }
  }

  load() {
    let found = null;
    try {
      found = JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      // as above, or not what was put there
    }
    const whole = (value) => Number.isInteger(value) && value >= 0;
    const wholes = (value) => (Array.isArray(value) ? value.filter(whole) : []);
    this.choices = {
      projection: String(found?.projection ?? ""), colour: String(found?.colour ?? "class"), hidden: wholes(found?.hidden),
      pinned: whole(found?.pinned) ? found.pinned : null, selected: wholes(found?.selected),
    };
  }
}

// Colours from the 1st to the 99th percentile.
function scaled(values, title, colours, low) {
  const sorted = Float32Array.from(values).sort(), at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return {values, scale: {title, low: low ?? at(0.01), high: at(0.99) || 1, colours}};
}
