// The map of a run: its test digits as points, and beside them what is asked about: a digit, its neighbours, a
// selection, a path.
//
// data: {plotly, network, points, pictures: addresses, tsne: {file, title} | null,
//        moving: Float32Array (2 N) of a t-SNE under way | null, film: address of its maps after other epochs | "",
//        dimensions: of the code, colours: of the classes, drawing: [784] | null, run: name,
//        isAlone: whether there is no page Reconstruct}
// emits: "steer" and "reconstruct" with the index of a test digit
// What was chosen is kept in the tab's storage: it survives a change of page, of run and a reload.
import {codeAt, nearest, place} from "../lib/codes.js";
import {coloursOf} from "../lib/colours.js";
import {files} from "../lib/files.js";
import {follow} from "../lib/moment.js";
import {decode, encode, meanSquaredError, toModel, toPixels} from "../lib/network.js";
import {button, div, followTheme, make, pictureAt, text, wantsRest} from "../lib/page.js";
import {some} from "../lib/points.js";
import {grouped} from "../lib/words.js";
import {Digit, Film, Selection} from "./cards.js";
import {Controls, keepChoices, keptChoices} from "./controls.js";
import {Scatter} from "./scatter.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".map");
  (root.atlas ??= new Atlas(root)).use(data, emit);
}

export const unmount = (element) => element.querySelector(".map")?.atlas?.close();

const KIN = 15; // neighbours of a digit in the latent space
const EXTREME = 50; // digits that are called the most wrong, or the most torn
const WAIT = "Wait until the map has settled.";
const HINT = "Move over the map to see a digit, its reconstruction and, as lines, its nearest codes. Click to pin it.";

class Atlas {
  constructor(root) {
    this.root = root;
    this.choices = keptChoices();
    this.pinnedPoint = null;
    this.scatter = new Scatter({
      hover: (point) => this.hover(point), pick: (point) => this.pick(point),
      select: (points) => this.select(points), path: (path) => this.walk(path),
    });
    this.controls = new Controls({
      choose: (changes) => this.choose(changes), find: (index) => this.find(index),
      select: (what) => this.selectSome(what),
    }, this.choices, this.scatter, EXTREME);
    this.note = make("p", {className: "hint", role: "status", hidden: true});
    const plain = make("p", {
      className: "hint", role: "status", hidden: this.scatter.isGL,
      textContent: "This browser has no WebGL: the map shows 2,000 of the digits, in two dimensions.",
    });
    this.under = new Digit("Digit under the pointer", "Its reconstruction");
    this.pinned = new Digit("Pinned digit", "Reconstruction of the pinned digit", KIN);
    this.pinned.onPick = (point) => this.pin(point);
    this.pinned.onPoint = (point) => this.hover(point, false);
    this.selection = new Selection({
      pick: (point) => this.pin(point), point: (point) => this.hover(point), clear: () => this.select([]),
    });
    this.film = new Film((station) => this.scatter.mark({station}), () => this.walk(null));
    this.elsewhere = button("Reconstruct", "See it on the page Reconstruct", () => this.send("reconstruct"));
    this.pinned.element.append(div("tools",
      button("Steer", "Take this digit's code to the sliders", () => this.send("steer")),
      this.elsewhere, button("Unpin", "Escape", () => this.pin(null))));
    this.under.pair.hidden = true;
    this.hint = text("p", HINT, "hint");
    this.under.element.append(this.hint);
    this.side = make("div", {className: "side", tabIndex: 0, role: "group", ariaLabel: "Digits"},
      this.under.element, this.pinned.element, this.film.element, this.selection.element);
    root.replaceChildren(this.controls.bar,
      div("field", div("left", this.scatter.element, this.controls.below, plain, this.note), this.side));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.pin(null));
    this.unwatch = followTheme(root, () => this.isReady && this.draw());
    follow(root, (moment) => this.travelTo(moment));
  }

  close() {
    this.isClosed = true;
    this.unwatch();
    this.film.player.stop();
    this.scatter.close();
  }

  choose(changes) {
    Object.assign(this.choices, changes);
    keepChoices(this.choices);
    if (this.isReady) this.draw();
  }

  say(sentence) {
    this.note.textContent = sentence;
    this.note.hidden = !sentence;
  }

  // -- what is there

  async use(data, emit) {
    Object.assign(this, {data, emit});
    this.elsewhere.hidden = Boolean(data.isAlone);
    try {
      const addresses = {...data, tsne: data.tsne?.file};
      const [points, network, pictures, tsne] = await files(addresses, "points", "network", "pictures", "tsne");
      if (this.data !== data || this.isClosed) return;
      if (this.address !== data.points) this.takePoints(points, pictures, network);
      this.isPassing = false;
      if (this.tsne !== tsne) this.scatter.views.delete("tsne");
      this.tsne = tsne;
      const given = data.moving;
      if (!given) this.moving = null;
      else if (!this.moving?.given || this.moving.given.some((value, index) => value !== given[index])) {
        const axis = (rest) => given.filter((_, at) => at % 2 === rest);
        this.moving = {given, x: axis(0), y: axis(1), preserved: null};
      }
      this.offer();
      await this.draw();
      this.root.dataset.ready = "";
    } catch (error) {
      this.say(`${error.message}. Reload the page to try again.`);
    }
  }

  // Shows the digits of the film where they lay after another epoch, with their reconstructions from then, while the
  // scrubber moves.
  async travelTo({epoch, network: address, isMoving}) {
    if (!isMoving) {
      this.wanted = null;
      this.say("");
      if (this.isPassing && address === this.data.network) this.use(this.data); // back where it was
      return;
    }
    if (!this.data?.film || !this.isReady) return;
    if (this.choices.projection && this.choices.projection !== "tsne") {
      this.say("This projection follows when you release the slider; t-SNE follows at once.");
      return;
    }
    this.wanted = address;
    const addresses = {film: this.data.film, network: address};
    const [film, network] = await files(addresses, "film", "network").catch(() => []);
    if (!film || this.wanted !== address || this.isClosed) return;
    if (!this.isPassing && this.indices.length !== film.indices.length) {
      const members = Array.from(film.indices, (index) => this.pointOf.get(index));
      if (members.includes(undefined)) return;
      this.takePoints(...some(this.points, this.pictures, members));
    }
    const away = film.epochs.map((each) => Math.abs(each - epoch)), frame = away.indexOf(Math.min(...away));
    Object.assign(this, {network, isPassing: true, address: null, tsne: null, moving: film.maps[frame]});
    this.choices.projection = "tsne";
    const {pinned} = this.choices, hovered = this.pointOf.get(this.hovered);
    if (pinned !== null && !this.pointOf.has(pinned)) {
      const count = grouped(film.indices.length);
      this.say(`Test digit ${pinned} is not among the ${count} shown here; go to the last epoch to see it.`);
    }
    this.offer();
    this.draw();
    if (hovered === undefined) this.under.pair.hidden = true;
    else this.under.show(this.about(hovered));
  }

  takePoints(points, pictures, network = this.network) {
    const {data} = this;
    Object.assign(this, {address: data.points, network, pictures, points, ...points});
    this.pointOf = new Map(Array.from(this.indices, (index, point) => [index, point]));
    this.isReady = true;
    this.scatter.views.clear();
    this.scatter.marks = {};
    this.film.hide();
    this.controls.fill(this.names, this.indices.at(-1), data);
  }

  // The projections that there are; one that has just begun is chosen.
  offer() {
    const {data} = this, isWide = data.dimensions > 2;
    if (this.moving && !this.wasMoving) this.choices.projection = "tsne";
    this.wasMoving = Boolean(this.moving);
    this.controls.offer([
      (data.tsne || this.moving) && ["tsne", "t-SNE", data.tsne?.title ?? "under way"],
      isWide ? ["flat", "PCA", "The two main directions of the codes"] : ["flat", "Codes", "The codes themselves"],
      this.points.z && this.scatter.isGL && ["solid", "PCA 3-D", "The three main directions of the codes; drag turns"],
    ].filter(Boolean));
  }

  draw() {
    const {choices, data} = this, {offered} = this.controls;
    const projection = offered.includes(choices.projection) ? choices.projection : offered[0];
    const layout = this.layoutOf(projection), coloured = coloursOf(choices.colour, this, layout.preserved, KIN);
    this.controls.show(projection, coloured.scale);
    if (layout.x !== this.layout?.x) this.walk(null);
    this.layout = layout;
    const selected = choices.selected.map((index) => this.pointOf.get(index)).filter((point) => point !== undefined);
    this.showPinned();
    this.showDrawing();
    this.selection.show(selected, this);
    return this.scatter.show({
      key: projection, x: layout.x, y: layout.y, z: layout.z ?? null, axes: layout.axes ?? null,
      isStretched: data.dimensions === 1, hasLanes: data.dimensions === 1 && projection === "flat",
      labels: this.labels, names: this.names, colours: data.colours,
      hidden: new Set(choices.hidden), selected: selected.length ? new Set(selected) : null, ...coloured,
    }, data.plotly);
  }

  layoutOf(projection) {
    const {x, y, z, preserved} = this.points, {dimensions} = this.data;
    if (projection === "tsne") return this.moving ?? {...this.tsne, preserved: this.tsne.preserved[2]};
    if (projection === "solid") {
      return {x, y, z, axes: ["1st direction", "2nd direction", "3rd direction"], preserved: preserved[3]};
    }
    const axes = {1: ["z0", "class"], 2: ["z0", "z1"]}[dimensions] ?? ["1st main direction", "2nd main direction"];
    return {x, y, axes, preserved: preserved[2]};
  }

  // -- one digit

  // The nearest other digits in the latent space, nearest first, and how far away they are.
  kin(point) {
    if (this.isPassing) return [];
    const {positions, distances} = nearest(this.codes, codeAt(this.codes, point), KIN + 1);
    const others = positions.map((each, rank) => ({point: each, away: distances[rank]}));
    return others.filter((each) => each.point !== point).slice(0, KIN);
  }

  about(point) {
    const original = pictureAt(this.pictures, point), image = toModel(original);
    const copy = decode(this.network, encode(this.network, image));
    const error = this.isPassing ? meanSquaredError(image, copy) : this.errors[point];
    return {
      original, copy: toPixels(copy), index: this.indices[point], name: this.names[this.labels[point]], error,
      kept: this.layout?.preserved?.[point], of: KIN,
    };
  }

  hover(point, moves = true) {
    if (point === null) {
      this.point(this.pinnedPoint, null);
      return;
    }
    this.hint.remove();
    this.under.pair.hidden = false;
    if (moves || this.shown !== point) this.under.show(this.about(point));
    this.shown = point;
    this.hovered = this.indices[point];
    this.point(point, point);
  }

  // Marks a digit and its nearest codes on the map.
  point(threadsFrom, focus) {
    const threads = threadsFrom === null ? [] : this.kin(threadsFrom).map(({point}) => [threadsFrom, point]);
    this.scatter.mark({threads, focus, pinned: this.pinnedPoint});
  }

  pin(point) {
    this.choices.pinned = point === null ? null : this.indices[point];
    keepChoices(this.choices);
    this.showPinned();
    this.point(point, null);
    if (point !== null) this.scatter.reveal(point);
  }

  // Pins a digit and, where nothing hovers, scrolls to it: it is shown below the map.
  pick(point) {
    this.pin(point);
    if (!matchMedia("(hover: none)").matches) return;
    this.pinned.pair.scrollIntoView({block: "nearest", behavior: wantsRest() ? "auto" : "smooth"});
  }

  showPinned() {
    const point = this.pointOf.get(this.choices.pinned) ?? null;
    this.pinnedPoint = point;
    this.pinned.element.hidden = point === null;
    if (point === null) {
      if ((this.scatter.marks.pinned ?? null) !== null) this.scatter.mark({pinned: null, threads: []});
      return;
    }
    const kin = this.kin(point);
    this.pinned.show(this.about(point));
    this.pinned.showKin(kin.map((each) => ({
      ...each, pixels: pictureAt(this.pictures, each.point), name: this.names[this.labels[each.point]],
      index: this.indices[each.point],
    })));
    Object.assign(this.scatter.marks, {pinned: point, threads: kin.map((each) => [point, each.point])});
  }

  send(kind) {
    if (this.choices.pinned !== null) this.emit(kind, this.choices.pinned);
  }

  find(asked) {
    this.say("");
    if (asked.trim() === "") return;
    const index = Number(asked), point = this.pointOf.get(index), last = this.indices.at(-1);
    if (point === undefined) {
      const isSome = Number.isInteger(index) && index >= 0 && index < last;
      this.say(isSome ? `Test digit ${asked} is not among the ${grouped(this.indices.length)} of this map.`
        : `There is no digit ${asked} on this map: its last is ${last}.`);
      return;
    }
    if (this.choices.hidden.includes(this.labels[point])) this.controls.toggle(this.labels[point]);
    this.hover(point);
    this.pin(point);
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

  // `what` is "wrong", "torn" or a class.
  selectSome(what) {
    const all = Array.from(this.labels.keys()), {preserved} = this.layout;
    const first = (value) => all.sort((a, b) => value(a) - value(b) || a - b).slice(0, EXTREME);
    if (what === "wrong") this.select(first((point) => -this.errors[point]));
    else if (what !== "torn") this.select(all.filter((point) => this.labels[point] === Number(what)));
    else if (preserved) this.select(first((point) => preserved[point]));
    else this.say(WAIT);
  }

  // -- a path

  // `path` holds positions on the map; null takes the film away.
  walk(path) {
    const isUnderWay = Boolean(this.moving) && this.layout === this.moving;
    if (path && isUnderWay) this.say(WAIT);
    if (!path || !this.layout || isUnderWay) {
      this.film.hide();
      this.scatter.mark({path: null, station: null});
      return;
    }
    this.scatter.mark({path});
    this.film.begin(path, this.layout, this.codes, this.network);
    this.reveal(this.film.element);
  }

  // -- the drawing

  showDrawing() {
    const {data: {drawing}, layout} = this, isPlaced = drawing && !layout.z && !this.isPassing;
    const near = isPlaced && nearest(this.codes, encode(this.network, toModel(drawing)));
    const spot = near && place(near, near.positions.map((point) => [layout.x[point], layout.y[point]]));
    this.scatter.mark({drawing: spot || null});
  }
}
