// What the network makes of a picture: its input, reconstruction and error, and the vote of the nearest labelled codes.
import {NEIGHBOURS, nearest, offManifold, references, vote} from "../lib/codes.js";
import {file, files} from "../lib/files.js";
import {UNTRAINED, isUntrained} from "../lib/moment.js";
import {decode, encode, meanSquaredError, toModel, toPixels} from "../lib/network.js";
import {clear, digitCanvas, div, errorLegend, figure, make, paint, paintError, text} from "../lib/page.js";
import {pictureButton, saving} from "../lib/save.js";
import {beyond, capital, inWords, percent} from "../lib/words.js";
import {MiniMap} from "./minimap.js";
import {Neighbours} from "./neighbours.js";

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
    this.element = div("panel",
      div("quartet",
        figure(this.seen, "it sees",
          "Cropped, scaled into 20 × 20 pixels, re-inked at MNIST's stroke width, centred by mass"),
        figure(this.copy, "reconstruction", "Decoded from the code of the picture on the left"),
        figure(this.error, "error", "Blue: ink that the reconstruction lacks. Red: ink that it adds."),
        make("figure", {title: "The class with the largest share of the vote"},
          div("answer", this.answer), this.sure),
        errorLegend()),
      div("outcome", this.bars, this.map.element),
      div("voters", text("div", "nearest real digits, which vote", "label"), this.neighbours.element, this.verdict));
    this.element.append(saving(pictureButton(this.element, "drawing")));
    this.show(null);
  }

  // Takes the addresses of a run's files, and shows the last picture again once they are here.
  async use({network, space, pictures, map}) {
    this.map.use(map ?? null);
    if (this.address === network && this.ready) return;
    Object.assign(this, {address: network, passing: null, ready: null});
    delete this.element.parentElement.dataset.ready;
    try {
      const [trained, latent] = await files({network, space}, "network", "space");
      if (this.address !== network) return;
      this.ready = {network: trained, names: latent.class_names, inked: references(latent.tensors, "inked")};
      this.show(this.pixels);
      this.pictures = await file("pictures", pictures);
      if (this.address !== network) return;
      this.show(this.pixels);
      this.element.parentElement.dataset.ready = "";
    } catch (error) {
      this.verdict.textContent = `${error.message}. Reload the page to try again.`;
    }
  }

  // Shows what the network of another moment makes of the picture while the scrubber moves.
  async travel({epoch, network, isMoving}) {
    if (!isMoving || !this.ready) return;
    this.wanted = network;
    const passed = await file("network", network).catch(() => null);
    if (!passed || this.wanted !== network || !this.ready) return;
    this.passing = network === this.address ? null : {network: passed, epoch};
    this.show(this.pixels);
  }

  // Shows what the network makes of 784 pixels; null, or empty paper, is nothing yet.
  show(pixels) {
    this.pixels = pixels;
    const isBlank = !pixels || !pixels.some((pixel) => pixel > 0);
    this.element.classList.toggle("empty", isBlank);
    if (isBlank || !this.ready) {
      for (const canvas of [this.seen, this.copy, this.error]) clear(canvas);
      if (!isBlank) paint(this.seen, pixels);
      this.showNoVote("recognised", isBlank ? "\u00a0" : "Loading the network …");
      return;
    }
    const {network, epoch} = this.passing ?? this.ready, image = toModel(pixels);
    const code = encode(network, image), copy = toPixels(decode(network, code));
    paint(this.seen, pixels);
    paint(this.copy, copy);
    paintError(this.error, pixels, copy);
    if (this.passing) this.showNoVote(`epoch ${epoch}`, "Release the slider to see which digit it resembles.");
    else this.showVote(code, meanSquaredError(image, toModel(copy)));
  }

  showNoVote(sure, verdict) {
    this.answer.textContent = "\u2013";
    this.sure.textContent = sure;
    this.verdict.textContent = verdict;
    this.neighbours.empty();
    this.drawBars(null);
    this.map.show(null);
  }

  showVote(code, mse) {
    const {inked, names} = this.ready, near = nearest(inked, code), shares = vote(inked, near, names.length);
    const best = shares.indexOf(Math.max(...shares)), off = offManifold(inked, near);
    const isGuess = shares[best] < 0.5 || off.percentile > 99.5;
    const error = `Reconstruction error (MSE on [-1, 1]): ${mse.toPrecision(3)}.`;
    this.answer.textContent = names[best];
    this.answer.classList.toggle("word", names[best].length > 2);
    this.answer.classList.toggle("guess", isGuess);
    this.sure.textContent = isGuess ? "a guess" : "recognised";
    if (isUntrained()) this.verdict.textContent = `${UNTRAINED} ${error}`;
    else {
      const words = make("b", {textContent: capital(inWords(off, inked.usual))});
      this.verdict.replaceChildren(words, `: its code lies ${beyond(off)}. ${error}`);
    }
    this.neighbours.show(near, inked.labels, names, this.pictures);
    this.drawBars(shares);
    this.map.show(code);
  }

  drawBars(shares) {
    const names = this.ready?.names ?? [..."0123456789"];
    if (this.bars.childElementCount !== names.length) {
      this.bars.replaceChildren(...names.map((name) => make("div", {},
        text("span", name), make("i", {}), make("span", {className: "share"}))));
    }
    const most = Math.max(...(shares ?? []));
    [...this.bars.children].forEach((row, index) => {
      row.children[1].style.setProperty("--share", shares?.[index] ?? 0);
      row.children[2].textContent = shares ? percent(shares[index]) : "";
      row.classList.toggle("best", shares?.[index] === most);
    });
    const votes = names.map((name, index) => `${name} ${percent(shares?.[index] ?? 0)}`);
    this.bars.ariaLabel = shares ? `Vote: ${votes.filter((each) => !each.endsWith(" 0 %")).join(", ")}` : "No vote yet";
  }
}
