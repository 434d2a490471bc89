// The digits of a map as the browser gets them, and where a projection has put them.
import {references} from "./codes.js";
import {SIDE, readTensors} from "./network.js";

// Of a map's digits: codes, names of the classes, indices in the test set, errors, and the flat positions; of a t-SNE only
// its positions. `x`, `y` and `z` are columns of the positions, `preserved` says what two and three of them preserve.
export async function readMap(answer) {
  const {tensors, metadata} = readTensors(await answer.arrayBuffer());
  const positions = tensors.positions ?? tensors.flat;
  const [x, y, z] = Array.from({length: positions.shape[1]}, (_, axis) => column(positions, axis));
  const preserved = {2: tensors["preserved.2"].values, 3: tensors["preserved.3"]?.values};
  if (tensors.positions) return {x, y, preserved};
  return {
    x, y, z, preserved, codes: references(tensors, "map"), names: JSON.parse(metadata.map).class_names,
    indices: tensors.indices.values, errors: tensors.errors.values,
  };
}

function column({values, shape: [, columns]}, axis) {
  return Float32Array.from({length: values.length / columns}, (_, row) => values[row * columns + axis]);
}

// Of the same digits after several epochs: which they are, after which epochs, and where they are then, as `readMap` says.
export async function readFilm(answer) {
  const {tensors: {positions: {values, shape: [, count, axes]}, indices}, metadata} = readTensors(await answer.arrayBuffer());
  const {epochs} = JSON.parse(metadata.map);
  const maps = epochs.map((_, number) => {
    const each = {values: values.subarray(number * count * axes, (number + 1) * count * axes), shape: [count, axes]};
    return {x: column(each, 0), y: column(each, 1), preserved: null};
  });
  return {epochs, maps, indices: indices.values};
}

// Some of a map's digits, by their positions among them, and their pictures.
export function some(points, pictures, members) {
  const of = (values, width = 1) => {
    const found = new values.constructor(members.length * width);
    members.forEach((member, at) => found.set(values.subarray(member * width, (member + 1) * width), at * width));
    return found;
  };
  const {codes} = points, preserved = Object.fromEntries(Object.entries(points.preserved).map(([key, values]) => [key, values && of(values)]));
  const chosen = {
    ...points, preserved, x: of(points.x), y: of(points.y), z: points.z && of(points.z), indices: of(points.indices), errors: of(points.errors),
    codes: {...codes, count: members.length, points: of(codes.points, codes.dimensions), labels: of(codes.labels)},
  };
  return [chosen, of(pictures, SIDE * SIDE)];
}

// Of a map among others: classes, names of the classes, and where the digits are.
export async function readPlaces(answer) {
  const {tensors: {positions, labels}, metadata} = readTensors(await answer.arrayBuffer());
  return {
    x: column(positions, 0), y: column(positions, 1), labels: labels.values, names: JSON.parse(metadata.map).class_names,
  };
}

// The middle of each class, [x, y], by the median of its points; null where it has none.
export function middles(x, y, labels, classes) {
  return Array.from({length: classes}, (_, label) => {
    const [xs, ys] = [x, y].map((values) => values.filter((_value, point) => labels[point] === label).sort());
    return xs.length ? [xs[xs.length >> 1], ys[ys.length >> 1]] : null;
  });
}
