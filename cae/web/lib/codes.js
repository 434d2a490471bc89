// A code among those of real digits. Its twins: `neighbours`, `vote` and `off_manifold` in cae/latent/space.py,
// `place` and `along` in cae/latent/projection.py.

// The reference codes called `group` ("real" or "inked") in the tensors of a latent space.
export function references(tensors, group) {
  const {values: points, shape: [count, dimensions]} = tensors[`${group}.points`];
  return {
    points, count, dimensions,
    labels: tensors.labels.values,
    low: tensors[`${group}.low`].values,
    step: tensors[`${group}.step`].values[0],
    usual: tensors[`${group}.usual`].values,
  };
}

export const NEIGHBOURS = 10;

// The positions of the nearest references of a code, nearest first, and their Euclidean distances.
export function nearest({points, count, dimensions, low, step}, code, wanted = NEIGHBOURS) {
  const at = Float64Array.from(low, (value, dimension) => (code[dimension] - value) / step);
  const {positions, values} = smallest(count, wanted, (position) => {
    let sum = 0;
    for (let dimension = 0, index = position * dimensions; dimension < dimensions; dimension++) {
      const away = points[index + dimension] - at[dimension];
      sum += away * away;
    }
    return sum;
  });
  return {positions, distances: values.map((square) => Math.sqrt(square) * step)};
}

// The positions of the `wanted` smallest of `count` values, smallest first, and the values.
function smallest(count, wanted, valueOf) {
  const positions = [], values = [];
  for (let position = 0; position < count; position++) {
    const value = valueOf(position);
    if (values.length === wanted && value >= values[wanted - 1]) continue;
    let rank = values.length;
    while (rank > 0 && value < values[rank - 1]) rank--;
    values.splice(rank, 0, value);
    positions.splice(rank, 0, position);
    if (values.length <= wanted) continue;
    values.pop();
    positions.pop();
  }
  return {positions, values};
}

// The code, Float32Array (D), of one of the references.
export const codeAt = ({points, dimensions, low, step}, position) =>
  Float32Array.from(low, (least, dimension) => least + step * points[position * dimensions + dimension]);

// The share of each class among neighbours, each counting with its distance to the power -4.
export function vote({labels}, {positions, distances: away}, classes) {
  const shares = new Float64Array(classes), weights = closeness(away);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  positions.forEach((position, rank) => (shares[labels[position]] += weights[rank] / all));
  return shares;
}

// The mean distance to the neighbours, and the share of real digits, in percent, that lie nearer to theirs.
export function offManifold({usual}, {distances: away}) {
  const distance = away.reduce((sum, each) => sum + each, 0) / away.length;
  if (distance <= usual[0]) return {distance, percentile: 0};
  for (let percent = 1; percent < usual.length; percent++) {
    const [before, after] = [usual[percent - 1], usual[percent]];
    if (distance < after) return {distance, percentile: percent - 1 + (distance - before) / (after - before)};
  }
  return {distance, percentile: usual.length - 1};
}

const HALF = 0.5 - 1e-5; // so that equal weights, which rounding makes unequal, have one median everywhere

// Where on a map, [x, y], a new point belongs whose neighbours lie at `positions`, an [x, y] each: in each direction
// the median of the positions, where a closer neighbour weighs more.
export function place({distances: away}, positions) {
  const weights = closeness(away), half = HALF * weights.reduce((sum, weight) => sum + weight, 0);
  return [0, 1].map((axis) => {
    const order = positions.map((_, rank) => rank).sort((a, b) => positions[a][axis] - positions[b][axis] || a - b);
    let passed = 0;
    return positions[order.find((rank) => (passed += weights[rank]) >= half) ?? order.at(-1)][axis];
  });
}

const closeness = (away) => away.map((distance) => 1 / Math.max(distance, 1e-6) ** 4);

const CROWD = 15; // points near a station of a path that make up its code

// The codes, [D] each, along a path over a map, at `stations` points of equal distance. `path` holds the corners, an
// [x, y] each; `xs` and `ys` the positions of the points, whose codes are those of `among`.
export const along = (path, xs, ys, among, stations) =>
  waypoints(path, stations).map((station) => codeNear(station, xs, ys, among));

// `count` points of equal distance on a path, from its first corner to its last.
export function waypoints(path, count) {
  const lengths = [0];
  for (let corner = 1; corner < path.length; corner++) {
    const [[x0, y0], [x1, y1]] = [path[corner - 1], path[corner]];
    lengths.push(lengths[corner - 1] + Math.hypot(x1 - x0, y1 - y0));
  }
  let corner = 0;
  return Array.from({length: count}, (_, number) => {
    const wanted = count > 1 ? (lengths.at(-1) * number) / (count - 1) : 0;
    while (corner < path.length - 2 && lengths[corner + 1] < wanted) corner++;
    if (path.length === 1) return path[0];
    const step = lengths[corner + 1] - lengths[corner];
    const share = step > 0 ? Math.min(1, (wanted - lengths[corner]) / step) : 0;
    return [0, 1].map((axis) => path[corner][axis] + share * (path[corner + 1][axis] - path[corner][axis]));
  });
}

// The code at a place on a map: the mean of the codes around it, weighing less the further they lie.
function codeNear([x, y], xs, ys, {points, dimensions, low, step}) {
  const square = (index) => (xs[index] - x) ** 2 + (ys[index] - y) ** 2;
  const {positions, values} = smallest(xs.length, CROWD + 1, square);
  const radius = positions.length > CROWD ? values[CROWD] : values.at(-1) * 1.01;
  const crowd = positions.slice(0, CROWD);
  let weights = crowd.map((_, rank) => (radius > 0 ? (1 - values[rank] / radius) ** 2 : 1));
  let all = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(all > 0)) [weights, all] = [crowd.map(() => 1), crowd.length]; // all of them equally far
  return Float32Array.from({length: dimensions}, (_, dimension) => {
    const sum = crowd.reduce((total, index, rank) => total + weights[rank] * points[index * dimensions + dimension], 0);
    return low[dimension] + (step * sum) / all;
  });
}
