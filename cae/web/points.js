// The digits of a map as the browser gets them, and where a projection has put them.
import {readTensors, references} from "./cae.js";

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
