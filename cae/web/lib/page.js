// What every widget needs of the page: elements, crisp digits, and files that are fetched once.
import {SIDE, network, readTensors} from "./network.js";

// An element; properties that the element does not have become attributes.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function digitCanvas(label) {
  return make("canvas", {width: SIDE, height: SIDE, role: "img", ariaLabel: label, className: "digit"});
}

export function paint(canvas, pixels, x = 0, y = 0) {
  const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
    image.data.fill(pixels[pixel], 4 * pixel, 4 * pixel + 3);
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, x, y);
}

// Where `copy` lacks ink that `original` has (blue), and where it has added some (red): as cae.pictures.signed_error.
export function paintError(canvas, original, copy) {
  const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
    const difference = (copy[pixel] - original[pixel]) / 127.5, strength = Math.min(1, Math.abs(difference));
    const colour = difference < 0 ? [70, 150, 255] : [255, 84, 60];
    colour.forEach((value, channel) => (image.data[4 * pixel + channel] = Math.round(strength * value)));
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

export function clear(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

const KEPT = 60; // files, the last used

// What `read` makes of the file at an address. Kept while the page lives, also for other widgets and other pages.
// A page that carries its files with it sets `caeInline`: from an address to the bytes, or a promise of them.
export function fetched(address, read) {
  const files = (globalThis.caeFiles ??= new Map());
  const found = files.get(address) ?? load(address, read);
  files.delete(address);
  files.set(address, found);
  if (files.size > KEPT) files.delete(files.keys().next().value);
  found.catch(() => files.delete(address));
  return found;
}

async function load(address, read) {
  const answer = globalThis.caeInline
    ? new Response(await globalThis.caeInline(address))
    : await fetch(new URL(address, document.baseURI), {cache: "force-cache"});
  if (!answer.ok) throw new Error(`${address} could not be loaded`);
  return read(answer);
}

// A run's network, from its weights.
export async function readNetwork(answer) {
  const {tensors, metadata} = readTensors(await answer.arrayBuffer());
  return network(tensors, JSON.parse(metadata.model).activation);
}

// A run's latent space: its tensors, and the words about them.
export async function readSpace(answer) {
  const {tensors, metadata} = readTensors(await answer.arrayBuffer());
  return {...JSON.parse(metadata.space), tensors};
}

// The reference digits, as one Uint8Array.
export async function readPictures(answer) {
  const unpacked = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

export function pictureAt(pictures, position) {
  return pictures.subarray(position * SIDE * SIDE, (position + 1) * SIDE * SIDE);
}

// How far off the manifold something is, in words.
export function inWords({distance, percentile}, usual) {
  const far = distance / usual[usual.length - 1];
  if (far > 1.5) return "like nothing the network has seen";
  if (percentile >= 99.5) return "hardly like any real digit";
  if (percentile > 95) return "at the edge of what real digits do";
  return percentile > 75 ? "a little unusual for a digit" : "like a real digit";
}

export function beyond({percentile}) {
  if (percentile === 100) return "further out than every real digit";
  return `further out than ${percentile < 99.5 ? Math.round(percentile) : "more than 99"} % of real digits`;
}

export function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

// A row of neighbours: pictures with their classes.
export class Neighbours {
  constructor(label, count) {
    this.tiles = Array.from({length: count}, () => ({canvas: digitCanvas(""), caption: make("figcaption")}));
    this.element = make("div", {className: "neighbours", role: "group", ariaLabel: label},
      ...this.tiles.map(({canvas, caption}) => make("figure", {}, canvas, caption)));
  }

  show({positions}, labels, names, pictures) {
    this.tiles.forEach(({canvas, caption}, rank) => {
      const position = positions[rank];
      if (position === undefined || !pictures) {
        clear(canvas);
        canvas.ariaLabel = "No picture yet";
        caption.textContent = position === undefined ? "\u2013" : names[labels[position]];
        return;
      }
      paint(canvas, pictureAt(pictures, position));
      caption.textContent = names[labels[position]];
      canvas.ariaLabel = `Real digit of class ${names[labels[position]]}`;
    });
  }

  empty() {
    this.show({positions: []});
  }
}

// Calls `work` once after the current events have been dealt with, however often it is asked to; and, so that it
// leaves room for what must follow the hand, no more than a quarter of the time.
export function later(work) {
  let waiting = false, rested = 0;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      const began = performance.now();
      work();
      rested = performance.now() + 3 * (performance.now() - began);
    }, Math.max(0, rested - performance.now()));
  };
}

const SLICE = 8; // milliseconds, where the browser does not say how long it is idle
const whenIdle = globalThis.requestIdleCallback ?? ((work) => setTimeout(() => {
  const end = performance.now() + SLICE;
  work({timeRemaining: () => end - performance.now()});
}, SLICE));
const notWhenIdle = globalThis.cancelIdleCallback ?? clearTimeout;

// Runs a generator in the browser's idle moments, until it ends or another takes its place.
export class Idle {
  run(generator) {
    this.stop();
    const go = (deadline) => {
      do if (generator.next().done) return; while (deadline.timeRemaining() > 2);
      this.handle = whenIdle(go, {timeout: 300});
    };
    this.handle = whenIdle(go, {timeout: 300});
  }

  stop() {
    notWhenIdle(this.handle);
  }
}
