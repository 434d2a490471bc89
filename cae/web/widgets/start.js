// Where the steering starts: a test digit, a class mean, zero, a random code, a drawing, or the code of a link.
//
// data: {network, space, pictures, points, random: addresses, drawing: [784] | null,
//        wanted: {id, kind, number, code: [D] | null} | null: a start to take, once for each id, and where to go then}
// emits: "start" with {start: as steer.js takes it, code: [D] | null}
import {files} from "../lib/files.js";
import {encode, rows, toModel} from "../lib/network.js";
import {button, make, option, pictureAt, select} from "../lib/page.js";

const WAYS = {
  digit: "Test digit", mean: "Class mean", zero: "Zero", random: "Random code", drawing: "My drawing",
  link: "The code of the link",
};

export async function mount(element, data, emit) {
  const root = element.querySelector(".start");
  await (root.bar ??= new Bar(root)).use(data, emit);
}

class Bar {
  constructor(root) {
    const labelled = (text, field) => make("label", {}, text, field);
    const number = (ariaLabel, onchange) =>
      make("input", {type: "number", min: 0, step: 1, value: 0, ariaLabel, onchange});
    const ways = Object.entries(WAYS).map(([value, text]) => option(value, text, {hidden: value === "link"}));
    this.way = select("Start from", ways, () => this.choose(this.way.value));
    this.index = number("Index", () => this.takeIndex());
    this.among = select("Class", [], () => this.anotherDigit());
    this.label = select("Class of the mean", [], () => this.choose("mean"));
    this.seed = number("Seed", () => this.choose("random"));
    this.note = make("span", {className: "hint", role: "status"});
    this.fields = {
      digit: [labelled("Index", this.index), labelled("Class", this.among),
        button("Another", "A digit of this class, at random", () => this.anotherDigit())],
      mean: [labelled("Class", this.label)],
      random: [labelled("Seed", this.seed), button("Another", "Another random code", () => this.anotherSeed())],
    };
    root.replaceChildren(labelled("Start from", this.way), ...Object.values(this.fields).flat(), this.note);
  }

  async use(data, emit) {
    this.emit = emit;
    const [network, space, pictures, {indices, labels}, codes] =
      await files(data, "network", "space", "pictures", "points", "random");
    const isFirst = !this.indices, before = this.own;
    Object.assign(this, {network, pictures, indices, labels, codes, names: space.class_names, own: data.drawing});
    this.means = rows(space.tensors.class_means);
    if (isFirst) this.fill();
    this.way.querySelector("[value=drawing]").disabled = !this.own;
    if (data.wanted && data.wanted.id !== this.taken) {
      this.taken = data.wanted.id;
      this.take(data.wanted);
    } else if (isFirst) this.choose("digit");
    else if (this.way.value === "drawing" && this.own !== before) this.choose(this.own ? "drawing" : "digit");
  }

  fill() {
    const options = this.names.map((name, label) => option(label, name));
    this.among.replaceChildren(option("", "any"), ...options);
    this.label.replaceChildren(...options.map((each) => each.cloneNode(true)));
    this.index.max = this.indices.at(-1);
    this.index.value = this.indices[0];
    this.seed.max = this.codes.length - 1;
  }

  // A start by its name, if it exists; a code without it is a start of its own.
  take({kind, number, code}) {
    const field = {digit: this.index, mean: this.label, random: this.seed}[kind];
    const isThere = {
      digit: this.indices.includes(number), mean: number in this.names, random: number in this.codes,
      zero: true, drawing: Boolean(this.own),
    }[kind] === true;
    if (isThere && field) field.value = number;
    if (isThere && kind === "digit") this.among.value = "";
    if (isThere) this.choose(kind, code);
    else this.choose(code ? "link" : "digit", code);
  }

  // Starts there; `code` is where to go from it at once.
  choose(kind, code = null) {
    this.note.textContent = "";
    this.way.value = kind;
    for (const [name, fields] of Object.entries(this.fields)) fields.forEach((each) => (each.hidden = name !== kind));
    this.emit("start", {start: {picture: null, ...this.start(kind, code)}, code});
  }

  start(kind, code) {
    if (kind === "link") return {id: `link ${code}`, address: "", name: WAYS.link, code};
    const drawing = {id: `drawing ${this.own}`, address: "", name: "Your drawing"};
    if (kind === "drawing") return {...drawing, ...this.encoded(this.own)};
    const start = (number, name, of) => ({id: `${kind} ${number}`, address: `${kind}-${number}`, name, ...of});
    if (kind === "zero") return start(0, "All numbers zero", {code: new Float32Array(this.network.latentDim)});
    if (kind === "mean") {
      const label = Number(this.label.value);
      return start(label, `The mean code of class ${this.names[label]}`, {code: this.means[label]});
    }
    if (kind === "random") {
      const seed = Math.min(this.codes.length - 1, Math.max(0, Math.round(Number(this.seed.value))));
      this.seed.value = seed;
      return start(seed, `Random code ${seed}`, {code: this.codes[seed]});
    }
    const index = Number(this.index.value), point = this.indices.indexOf(index);
    const name = `Test digit ${index}, class ${this.names[this.labels[point]]}`;
    return start(index, name, this.encoded(pictureAt(this.pictures, point)));
  }

  encoded(picture) {
    return {picture, code: encode(this.network, toModel(picture))};
  }

  // The digit of this index, or the next one in the file.
  takeIndex() {
    const asked = Number(this.index.value), next = this.indices.find((index) => index >= asked) ?? this.indices.at(-1);
    this.index.value = next;
    this.among.value = "";
    this.choose("digit");
    if (next !== asked) this.note.textContent = `Test digit ${asked} is not in this file; showing ${next} instead.`;
  }

  anotherDigit() {
    const label = this.among.value === "" ? null : Number(this.among.value);
    const members = this.indices.filter((_index, point) => label === null || this.labels[point] === label);
    if (members.length) this.index.value = members[Math.floor(Math.random() * members.length)];
    this.choose("digit");
    if (!members.length) this.note.textContent = "This file has no digit of this class.";
  }

  anotherSeed() {
    this.seed.value = Math.floor(Math.random() * this.codes.length);
    this.choose("random");
  }
}
