// Where the steering starts: a test digit, a class mean, zero, a random code, a drawing, or the code of a link.
//
// data: {network, space, pictures, points, random: addresses, drawing: [784] | null,
//        wanted: {id, kind, number, code: [D] | null} | null: a start to take, and where to go from there; `id` once each}
// emits: "start" with {start: as steer.js takes it, code: [D] | null}
import {encode, readTensors, toModel} from "../lib/network.js";
import {fetched, make, pictureAt, readNetwork, readPictures, readSpace} from "../lib/page.js";
import {readMap} from "../lib/points.js";

const WAYS = {digit: "Test digit", mean: "Class mean", zero: "Zero", random: "Random code", drawing: "My drawing", link: "The code of the link"};

export async function mount(element, data, emit) {
  const root = element.querySelector(".start");
  root.bar ??= new Bar(root);
  root.bar.emit = emit;
  await root.bar.use(data);
}

// Codes to start from, that were drawn at random: an array each.
export async function readRandom(answer) {
  const {shape: [count, dimensions], values} = readTensors(await answer.arrayBuffer()).tensors.random;
  return rows(values, count, dimensions);
}

function rows(values, count, dimensions) {
  return Array.from({length: count}, (_, row) => values.subarray(row * dimensions, (row + 1) * dimensions));
}

class Bar {
  constructor(root) {
    const another = (title, onclick) => make("button", {type: "button", textContent: "Another", title, onclick});
    const number = (ariaLabel, onchange) => make("input", {type: "number", min: 0, step: 1, value: 0, ariaLabel, onchange});
    this.way = make("select", {ariaLabel: "Start from", onchange: () => this.choose(this.way.value)},
      ...Object.entries(WAYS).map(([value, textContent]) => make("option", {value, textContent, hidden: value === "link"})));
    this.index = number("Index", () => this.takeIndex());
    this.among = make("select", {ariaLabel: "Class", onchange: () => this.anotherDigit()});
    this.label = make("select", {ariaLabel: "Class of the mean", onchange: () => this.choose("mean")});
    this.seed = number("Seed", () => this.choose("random"));
    this.note = make("span", {className: "hint", role: "status"});
    this.fields = {
      digit: [make("label", {}, "Index", this.index), make("label", {}, "Class", this.among), another("A digit of this class, at random", () => this.anotherDigit())],
      mean: [make("label", {}, "Class", this.label)],
      random: [make("label", {}, "Seed", this.seed), another("Another random code", () => this.anotherSeed())],
    };
    root.replaceChildren(make("label", {}, "Start from", this.way), ...Object.values(this.fields).flat(), this.note);
  }

  async use(data) {
    const [network, space, pictures, {indices, codes: {labels}}, codes] = await Promise.all([
      fetched(data.network, readNetwork), fetched(data.space, readSpace), fetched(data.pictures, readPictures),
      fetched(data.points, readMap), fetched(data.random, readRandom)]);
    const isFirst = !this.indices, before = this.own;
    Object.assign(this, {network, pictures, indices, labels, codes, names: space.class_names, own: data.drawing});
    const {values, shape} = space.tensors.class_means;
    this.means = rows(values, ...shape);
    if (isFirst) this.fill();
    this.way.querySelector("[value=drawing]").disabled = !this.own;
    if (data.wanted && data.wanted.id !== this.taken) {
      this.taken = data.wanted.id;
      this.take(data.wanted);
    } else if (isFirst) this.choose("digit");
    else if (this.way.value === "drawing" && this.own !== before) this.choose(this.own ? "drawing" : "digit");
  }

  fill() {
    const options = this.names.map((textContent, value) => make("option", {value, textContent}));
    this.among.replaceChildren(make("option", {value: "", textContent: "any"}), ...options);
    this.label.replaceChildren(...options.map((option) => option.cloneNode(true)));
    this.index.max = this.indices.at(-1);
    this.index.value = this.indices[0];
    this.seed.max = this.codes.length - 1;
  }

  // A start by its name, if it exists; a code without it is a start of its own.
  take({kind, number, code}) {
    const {exists, field} = {
      digit: {exists: this.indices.includes(number), field: this.index}, mean: {exists: number in this.names, field: this.label},
      zero: {exists: true}, random: {exists: number in this.codes, field: this.seed}, drawing: {exists: Boolean(this.own)},
    }[kind] ?? {};
    if (exists && field) field.value = number;
    if (exists && kind === "digit") this.among.value = "";
    if (exists) this.choose(kind, code);
    else if (code) this.choose("link", code);
    else this.choose("digit");
  }

  // Starts there; `code` is where to go from it at once.
  choose(kind, code = null) {
    this.note.textContent = "";
    this.way.value = kind;
    for (const [name, fields] of Object.entries(this.fields)) fields.forEach((field) => (field.hidden = name !== kind));
    const {picture = null, ...start} = kind === "link" ? {id: `link ${code}`, address: "", name: WAYS.link, code} : this.start(kind);
    this.emit("start", {start: {...start, picture}, code});
  }

  start(kind) {
    if (kind === "zero") return {id: "zero", address: "zero-0", name: "All numbers zero", code: new Float32Array(this.network.latentDim)};
    if (kind === "drawing") return {id: `drawing ${this.own}`, address: "", name: "Your drawing", code: this.encoded(this.own), picture: this.own};
    if (kind === "mean") {
      const label = Number(this.label.value);
      return {id: `mean ${label}`, address: `mean-${label}`, name: `The mean code of class ${this.names[label]}`, code: this.means[label]};
    }
    if (kind === "random") {
      const seed = this.seed.value = Math.min(this.codes.length - 1, Math.max(0, Math.round(Number(this.seed.value))));
      return {id: `random ${seed}`, address: `random-${seed}`, name: `Random code ${seed}`, code: this.codes[seed]};
    }
    const index = Number(this.index.value), point = this.indices.indexOf(index), picture = pictureAt(this.pictures, point);
    const name = `Test digit ${index}, class ${this.names[this.labels[point]]}`;
    return {id: `digit ${index}`, address: `digit-${index}`, name, code: this.encoded(picture), picture};
  }

  encoded(pixels) {
    return encode(this.network, toModel(pixels));
  }

  // The digit of this index or, since not all of them may be here, the next one that is.
  takeIndex() {
    const asked = Number(this.index.value), found = this.indices.find((index) => index >= asked) ?? this.indices.at(-1);
    this.index.value = found;
    this.among.value = "";
    this.choose("digit");
    if (found !== asked) this.note.textContent = `Test digit ${asked} is not in this file: here is ${found}.`;
  }

  anotherDigit() {
    const label = this.among.value === "" ? null : Number(this.among.value);
    const members = this.indices.filter((_index, point) => label === null || this.labels[point] === label);
    if (members.length) this.index.value = members[Math.floor(Math.random() * members.length)];
    this.choose("digit");
    if (!members.length) this.note.textContent = "There is no digit of this class in this file.";
  }

  anotherSeed() {
    this.seed.value = Math.floor(Math.random() * this.codes.length);
    this.choose("random");
  }
}
