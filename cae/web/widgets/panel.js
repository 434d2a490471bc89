// What the network makes of a picture: what it sees, its copy, the error, the vote of the nearest labelled codes.
import {NEIGHBOURS, nearest, offManifold, references, vote} from "../lib/codes.js";
import {decode, encode, toModel, toPixels} from "../lib/network.js";
import {legend} from "./legend.js";
import {MiniMap} from "./minimap.js";
import {
  Neighbours, beyond, capital, clear, digitCanvas, fetched, inWords, make, paint, paintError, readNetwork, readPictures, readSpace,
} from "../lib/page.js";
import {UNTRAINED, isUntrained} from "../lib/moment.js";
import {pictureButton, saving} from "../lib/save.js";

export class Panel {
  // `name` is the accessible name of the recognised digit, `of` the end of the others, where a page has two panels.
  constructor(name, of = "") {
    this.seen = digitCanvas(`Model input${of}`);
    this.copy = digitCanvas(`Reconstruction${of}`);
    this.error = digitCanvas(`Error of the reconstruction${of}`);
    this.answer = make("output", {ariaLabel: name});
    this.sure = make("figcaption");
    this.verdict = make("p", {className: "verdict"});
    this.bars = make("div", {className: "bars", role: "img"});
    this.map = new MiniMap();
    this.neighbours = new Neighbours(`Nearest real digits${of}`, NEIGHBOURS);
    const figure = (canvas, caption, title) => make("figure", {title}, canvas, make("figcaption", {textContent: caption}));
    this.element = make("div", {className: "panel"},
      make("div", {className: "quartet"},
        figure(this.seen, "it sees", "Cropped, scaled into 20 × 20 pixels, re-inked at MNIST's stroke width, centred by mass"),
        figure(this.copy, "its copy", "Decoded from the code of the picture on the left"),
        figure(this.error, "error", "Blue: ink that the copy lacks. Red: ink that it added."),
        make("figure", {title: "The class with the largest share of the vote"},
          make("div", {className: "answer"}, this.answer), this.sure),
        legend()),
      make("div", {className: "outcome"}, this.bars, this.map.element),
      make("div", {className: "voters"},
        make("div", {className: "label", textContent: "nearest real digits, which vote"}),
        this.neighbours.element,
        this.verdict));
    this.element.append(saving(pictureButton(this.element, "drawing")));
    this.show(null);
  }

  // Takes the addresses of a run's files and shows the last picture anew once they are here.
  async use({network, space, pictures, map}) {
    this.map.use(map ?? null);
    if (this.address === network && this.ready) return;
    this.address = network;
    this.passing = null;
    this.ready = null;
    delete this.element.parentElement.dataset.ready;
    try {
      const [found, latent] = await Promise.all([fetched(network, readNetwork), fetched(space, readSpace)]);
      if (this.address !== network) return;
      this.ready = {network: found, latent, inked: references(latent.tensors, "inked")};
      this.show(this.pixels);
      this.pictures = pictures && (await fetched(pictures, readPictures));
      if (this.address !== network) return;
      this.show(this.pixels);
      this.element.parentElement.dataset.ready = "";
    } catch (error) {
      this.verdict.textContent = `${error.message}. Reload the page to try again.`;
    }
  }

  // Shows what the network of another moment makes of the picture, while the scrubber moves; whom it resembles, and what
  // it is, is known when the scrubber is let go.
  async travel({epoch, network, isMoving}) {
    if (!isMoving || !this.ready) return;
    this.wanted = network;
    const found = await fetched(network, readNetwork).catch(() => null);
    if (!found || this.wanted !== network || !this.ready) return;
    this.passing = network === this.address ? null : {network: found, epoch};
    this.show(this.pixels);
  }

  // Shows what the network makes of 784 pixels; null, or empty paper, is nothing yet.
  show(pixels) {
    this.pixels = pixels;
    const blank = !pixels || !pixels.some((pixel) => pixel > 0);
    if (blank || !this.ready) {
      for (const canvas of [this.seen, this.copy, this.error]) clear(canvas);
      if (!blank) paint(this.seen, pixels);
      this.answer.textContent = "\u2013";
      this.sure.textContent = "recognised";
      this.element.classList.toggle("empty", blank);
      this.verdict.textContent = blank ? "\u00a0" : "Loading the network ...";
      this.neighbours.empty();
      this.drawBars(null);
      this.map.show(null);
      return;
    }
    if (this.passing) {
      this.showPassing(pixels, this.passing);
      return;
    }
    const {network, latent, inked} = this.ready;
    const code = encode(network, toModel(pixels)), copy = toPixels(decode(network, code));
    const near = nearest(inked, code), shares = vote(inked, near, latent.class_names.length);
    const best = shares.indexOf(Math.max(...shares));
    paint(this.seen, pixels);
    paint(this.copy, copy);
    paintError(this.error, pixels, copy);
    this.answer.textContent = latent.class_names[best];
    this.answer.classList.toggle("word", latent.class_names[best].length > 2);
    const error = pixels.reduce((sum, pixel, index) => sum + ((pixel - copy[index]) / 127.5) ** 2, 0) / pixels.length;
    const outcome = offManifold(inked, near), isGuess = shares[best] < 0.5 || outcome.percentile > 99.5;
    this.element.classList.remove("empty");
    this.answer.classList.toggle("guess", isGuess);
    this.sure.textContent = isGuess ? "a guess" : "recognised";
    if (isUntrained()) this.verdict.textContent = `${UNTRAINED} Reconstruction error (MSE on [-1, 1]): ${error.toPrecision(3)}.`;
    else this.verdict.replaceChildren(make("b", {textContent: capital(inWords(outcome, inked.usual))}),
      `: its code lies ${beyond(outcome)}. Reconstruction error (MSE on [-1, 1]): ${error.toPrecision(3)}.`);
    this.neighbours.show(near, inked.labels, latent.class_names, this.pictures);
    this.drawBars(shares);
    this.map.show(code);
  }

  showPassing(pixels, {network, epoch}) {
    const copy = toPixels(decode(network, encode(network, toModel(pixels))));
    paint(this.seen, pixels);
    paint(this.copy, copy);
    paintError(this.error, pixels, copy);
    this.answer.textContent = "\u2013";
    this.sure.textContent = `epoch ${epoch}`;
    this.verdict.textContent = "The digit it resembles is looked for when the epoch is let go.";
    this.neighbours.empty();
    this.drawBars(null);
    this.map.show(null);
  }

  drawBars(shares) {
    const names = this.ready?.latent.class_names ?? [..."0123456789"];
    if (this.bars.childElementCount !== names.length) {
      this.bars.replaceChildren(...names.map((name) => make("div", {},
        make("span", {textContent: name}), make("i", {}), make("span", {className: "share"}))));
    }
    [...this.bars.children].forEach((row, index) => {
      const share = shares?.[index] ?? 0;
      row.children[1].style.setProperty("--share", share);
      row.children[2].textContent = shares ? `${Math.round(100 * share)} %` : "";
      row.classList.toggle("best", Boolean(shares) && share === Math.max(...shares));
    });
    this.bars.ariaLabel = shares
      ? `Vote: ${names.map((name, index) => [name, Math.round(100 * shares[index])]).filter(([, share]) => share).map(([name, share]) => `${name} ${share} %`).join(", ")}`
      : "No vote yet";
  }
}
