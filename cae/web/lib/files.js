// The files of a run, each fetched once, and what is in them.
import {references} from "./codes.js";
import {network, readTensors, rows} from "./network.js";

const KEPT = 60; // files, the last used
const READERS = {
  network: ofTensors(({tensors, metadata}) => network(tensors, JSON.parse(metadata.model).activation)),
  space: ofTensors(({tensors, metadata}) => ({...JSON.parse(metadata.space), tensors})), // and the words about them
  random: ofTensors(({tensors}) => rows(tensors.random)), // codes to start from, drawn at random
  pictures: readPictures,
  sheet: (answer) => answer.arrayBuffer(),
  points: ofTensors(readMap), tsne: ofTensors(readMap), places: ofTensors(readMap), film: ofTensors(readFilm),
};

// What is in the file of a kind (see above) at an address; null without one. Kept while the page lives, also for other
// widgets and other pages.
export async function file(kind, address) {
  if (!address) return null;
  const kept = (globalThis.caeFiles ??= new Map());
  const content = kept.get(address) ?? load(address, READERS[kind]);
  kept.delete(address);
  kept.set(address, content);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  content.catch(() => kept.delete(address));
  return content;
}

// What is in several files; `addresses` has them by their kinds.
export const files = (addresses, ...kinds) => Promise.all(kinds.map((kind) => file(kind, addresses[kind])));

// A page that carries its files with it sets `caeInline`: from an address to the bytes, or a promise of them.
async function load(address, read) {
  const answer = globalThis.caeInline
    ? new Response(await globalThis.caeInline(address))
    : await fetch(new URL(address, document.baseURI), {cache: "force-cache"});
  if (!answer.ok) throw new Error(`${address} could not be loaded`);
  return read(answer);
}

// The reference digits, as one Uint8Array.
async function readPictures(answer) {
  const unpacked = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

function ofTensors(read) {
  return async (answer) => read(readTensors(await answer.arrayBuffer()));
}

// A map: codes, indices in the test set, errors and flat positions of its digits, and class names; a t-SNE, and a map
// among others, has only positions and classes. `x`, `y` and `z` are columns of the positions, `preserved` says what
// two and three of them preserve.
function readMap({tensors, metadata}) {
  const positions = tensors.positions ?? tensors.flat, names = JSON.parse(metadata.map).class_names;
  const [x, y, z] = Array.from({length: positions.shape[1]}, (_, axis) => column(positions, axis));
  const preserved = {2: tensors["preserved.2"]?.values, 3: tensors["preserved.3"]?.values};
  if (tensors.positions) return {x, y, preserved, names, labels: tensors.labels?.values};
  const codes = references(tensors, "map"), indices = tensors.indices.values, errors = tensors.errors.values;
  return {x, y, z, preserved, codes, labels: codes.labels, names, indices, errors};
}

// The same digits after several epochs: which they are, after which epochs, and for each epoch a map.
function readFilm({tensors: {positions, indices}, metadata}) {
  const {shape: [, count, axes], values} = positions, {epochs} = JSON.parse(metadata.map);
  const maps = epochs.map((_, frame) => {
    const each = {values: values.subarray(frame * count * axes, (frame + 1) * count * axes), shape: [count, axes]};
    return {x: column(each, 0), y: column(each, 1), preserved: null};
  });
  return {epochs, maps, indices: indices.values};
}

const column = ({values, shape: [, columns]}, axis) =>
  Float32Array.from({length: values.length / columns}, (_, row) => values[row * columns + axis]);
