// The points of a map: which of them, where they are, and which one is next to a place.
import {SIDE} from "./network.js";

// Some of a map's digits, by their positions among them, and their pictures.
export function some(points, pictures, members) {
  const of = (values, width = 1) => {
    const chosen = new values.constructor(members.length * width);
    members.forEach((member, at) => chosen.set(values.subarray(member * width, (member + 1) * width), at * width));
    return chosen;
  };
  const {codes, x, y, z, indices, errors} = points, labels = of(points.labels);
  const preserved = Object.entries(points.preserved).map(([key, values]) => [key, values && of(values)]);
  const those = {
    ...points, x: of(x), y: of(y), z: z && of(z), labels, indices: of(indices), errors: of(errors),
    preserved: Object.fromEntries(preserved),
    codes: {...codes, count: members.length, points: of(codes.points, codes.dimensions), labels},
  };
  return [those, of(pictures, SIDE * SIDE)];
}

export const pickFrom = (values, members) => Float32Array.from(members, (index) => values[index]);

// The middle of each class, [x, y], by the median of its points; null where it has none.
export function middles(x, y, labels, classes) {
  return Array.from({length: classes}, (_, label) => {
    const [xs, ys] = [x, y].map((values) => values.filter((_value, point) => labels[point] === label).sort());
    return xs.length ? [xs[xs.length >> 1], ys[ys.length >> 1]] : null;
  });
}

// The least and the greatest of some values.
export function ends(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// The function from a position to [left, top] in a square of `side` pixels that holds all points within a border.
// `isStretched`: both directions fill it, each on a scale of its own.
export function intoSquare(x, y, side, border, isStretched = false) {
  const [[x0, x1], [y0, y1]] = [ends(x), ends(y)], wide = (x1 - x0) || 1, high = (y1 - y0) || 1;
  const widest = Math.max(wide, high), room = side - 2 * border;
  const across = room / (isStretched ? wide : widest), down = room / (isStretched ? high : widest);
  return (px, py) => [side / 2 + (px - (x0 + x1) / 2) * across, side / 2 - (py - (y0 + y1) / 2) * down];
}

// The positions [x, y] of points, moved and scaled so that they fill the square that the points `xs`, `ys` fill.
export function inFrame(x, y, xs, ys) {
  const frame = (...axes) => {
    const [[a, b], [c, d]] = axes.map(ends);
    return {middle: [(a + b) / 2, (c + d) / 2], half: Math.max(b - a, d - c) / 2 || 1};
  };
  const before = frame(x, y), after = frame(xs, ys), factor = after.half / before.half;
  return [x, y].map((values, axis) =>
    values.map((value) => after.middle[axis] + (value - before.middle[axis]) * factor));
}

// The point with the least value of `away`, which is Infinity for one that is not meant; null where all are.
export function least(count, away) {
  let nearest = null, shortest = Infinity;
  for (let point = 0; point < count; point++) {
    const distance = away(point);
    if (distance < shortest) [nearest, shortest] = [point, distance];
  }
  return nearest;
}

// How far away something at (x, y) is in a direction, [right, down]; Infinity where it lies more to another side.
export function towards([right, down], x, y) {
  const along = x * right + y * down, beside = Math.abs(x * down - y * right);
  return along > 0.5 && beside <= along ? along + beside : Infinity;
}
