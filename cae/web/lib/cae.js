// The network and the geometry of its codes, computed in the browser. Each function has its twin in Python: encode and
// decode in cae/model.py, normaliseInk in cae/drawing.py, nearest, vote and offManifold in cae/latent.py, place and along
// in cae/projection.py.
//
// Images are 28 * 28 numbers, row by row: pixels are 0 (paper) to 255 (ink), what the network reads and paints is in
// [-1, 1]. Inside, a signal is laid out height, width, channel, so that the innermost loops run over channels.
export const SIDE = 28;

const TYPES = {F32: Float32Array, F16: Uint16Array, U8: Uint8Array, U16: Uint16Array, I32: Int32Array};

// The arrays of a safetensors file by name, each {shape, values}, and its metadata. Half precision becomes single.
export function readTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const {__metadata__: metadata = {}, ...entries} = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tensors = {};
  for (const [name, {dtype, shape, data_offsets: [start, end]}] of Object.entries(entries)) {
    const values = new TYPES[dtype](buffer.slice(8 + length + start, 8 + length + end));
    tensors[name] = {shape, values: dtype === "F16" ? Float32Array.from(values, single) : values};
  }
  return {tensors, metadata};
}

// The number that 16 bits of IEEE 754 stand for, exactly.
function single(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

// -- the network

// A network ready to encode and decode, from the tensors of its weights and its activation: relu, gelu or silu.
export function network(tensors, activation) {
  const layer = (name) => {
    const {shape, values} = tensors[`${name}.weight`];
    return {shape, weight: values, bias: tensors[`${name}.bias`].values};
  };
  const inOrder = (part) =>
    Object.keys(tensors)
      .filter((name) => name.startsWith(`${part}.`) && name.endsWith(".weight"))
      .map((name) => name.slice(0, -".weight".length))
      .sort((a, b) => Number(a.split(".")[1]) - Number(b.split(".")[1]))
      .map(layer);
  const encoder = inOrder("encoder"), decoder = inOrder("decoder");
  const code = encoder.pop(), paint = decoder.shift();
  const channels = encoder.at(-1).shape[0];
  const place = channelsLast(channels, paint.shape[0] / channels);
  return {
    latentDim: code.shape[0],
    activate: ACTIVATIONS[activation],
    convolutions: encoder.map(({shape, weight, bias}) => ({
      shape, bias, weight: reordered(weight, shape, ([out, into, y, x]) => ((y * 3 + x) * shape[1] + into) * shape[0] + out),
    })),
    code: {...code, weight: reordered(code.weight, code.shape, ([out, into]) => out * place.length + place[into])},
    paint: {
      shape: paint.shape,
      bias: reordered(paint.bias, [place.length], ([out]) => place[out]),
      weight: reordered(paint.weight, paint.shape, ([out, into]) => place[out] * paint.shape[1] + into),
    },
    transposed: decoder.map(({shape, weight, bias}) => ({
      shape, bias,
      weight: reordered(weight, shape, ([into, out, y, x]) =>
        shape[1] === 1 ? (y * 3 + x) * shape[0] + into : ((into * 3 + y) * 3 + x) * shape[1] + out),
    })),
    channels,
  };
}

// Where element (channel, position) of a flattened signal lies when the channel comes last.
function channelsLast(channels, positions) {
  return Int32Array.from({length: channels * positions}, (_, index) =>
    (index % positions) * channels + Math.floor(index / positions));
}

function reordered(values, shape, target) {
  const found = new Float32Array(values.length), index = shape.map(() => 0);
  for (let position = 0; position < values.length; position++) {
    found[target(index)] = values[position];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return found;
}

const ACTIVATIONS = {
  relu: (signal) => {
    for (let i = 0; i < signal.length; i++) if (signal[i] < 0) signal[i] = 0;
  },
  gelu: (signal) => {
    for (let i = 0; i < signal.length; i++) signal[i] *= 0.5 * (1 + erf(signal[i] * Math.SQRT1_2));
  },
  silu: (signal) => {
    for (let i = 0; i < signal.length; i++) signal[i] /= 1 + Math.exp(-signal[i]);
  },
};

// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: off by 1.5e-7 at most.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

// The code, Float32Array (D), of an image in [-1, 1].
export function encode(network, image) {
  let signal = Float32Array.from(image), side = SIDE;
  for (const layer of network.convolutions) {
    signal = convolve(signal, side, layer);
    side = Math.ceil(side / 2);
    network.activate(signal);
  }
  return linear(signal, network.code);
}

// The image, Float32Array (784) in [-1, 1], that a code stands for.
export function decode(network, code) {
  let signal = linear(code, network.paint);
  let side = Math.sqrt(signal.length / network.channels);
  for (const layer of network.transposed) {
    network.activate(signal);
    signal = layer.shape[1] === 1 ? widenToOne(signal, side, layer) : widen(signal, side, layer);
    side *= 2;
  }
  for (let i = 0; i < signal.length; i++) signal[i] = Math.tanh(signal[i]);
  return signal;
}

function linear(signal, {shape: [outputs, inputs], weight, bias}) {
  const found = new Float32Array(outputs);
  for (let out = 0, at = 0; out < outputs; out++) {
    let sum = bias[out];
    for (let into = 0; into < inputs; into++, at++) sum += weight[at] * signal[into];
    found[out] = sum;
  }
  return found;
}

// A 3 x 3 convolution, stride 2, padding 1.
function convolve(signal, side, {shape: [outputs, inputs], weight, bias}) {
  const half = Math.ceil(side / 2), found = new Float32Array(half * half * outputs);
  for (let y = 0, to = 0; y < half; y++) {
    for (let x = 0; x < half; x++, to += outputs) {
      found.set(bias, to);
      for (let ky = 0; ky < 3; ky++) {
        const row = 2 * y - 1 + ky;
        if (row < 0 || row >= side) continue;
        for (let kx = 0; kx < 3; kx++) {
          const column = 2 * x - 1 + kx;
          if (column < 0 || column >= side) continue;
          const from = (row * side + column) * inputs;
          let at = (ky * 3 + kx) * inputs * outputs;
          for (let into = 0; into < inputs; into++, at += outputs) {
            const value = signal[from + into];
            if (value === 0) continue; // half of what a ReLU lets through
            for (let out = 0; out < outputs; out++) found[to + out] += value * weight[at + out];
          }
        }
      }
    }
  }
  return found;
}

// A transposed 3 x 3 convolution, stride 2, padding 1, output padding 1: twice the side.
function widen(signal, side, {shape: [inputs, outputs], weight, bias}) {
  const double = 2 * side, found = new Float32Array(double * double * outputs);
  for (let to = 0; to < found.length; to += outputs) found.set(bias, to);
  for (let y = 0, from = 0; y < side; y++) {
    for (let x = 0; x < side; x++, from += inputs) {
      for (let into = 0; into < inputs; into++) {
        const value = signal[from + into];
        if (value === 0) continue;
        for (let ky = y === 0 ? 1 : 0; ky < 3; ky++) {
          for (let kx = x === 0 ? 1 : 0; kx < 3; kx++) {
            const to = ((2 * y - 1 + ky) * double + 2 * x - 1 + kx) * outputs;
            const at = ((into * 3 + ky) * 3 + kx) * outputs;
            for (let out = 0; out < outputs; out++) found[to + out] += value * weight[at + out];
          }
        }
      }
    }
  }
  return found;
}

// The same to one channel, where the innermost loop runs over the inputs instead.
function widenToOne(signal, side, {shape: [inputs], weight, bias}) {
  const double = 2 * side, found = new Float32Array(double * double).fill(bias[0]);
  for (let y = 0, from = 0; y < side; y++) {
    for (let x = 0; x < side; x++, from += inputs) {
      for (let ky = y === 0 ? 1 : 0; ky < 3; ky++) {
        for (let kx = x === 0 ? 1 : 0; kx < 3; kx++) {
          let sum = 0;
          for (let into = 0, at = (ky * 3 + kx) * inputs; into < inputs; into++, at++) sum += signal[from + into] * weight[at];
          found[(2 * y - 1 + ky) * double + 2 * x - 1 + kx] += sum;
        }
      }
    }
  }
  return found;
}

// What the network reads, from pixels, and what the eye reads, from what it paints.
export function toModel(pixels) {
  return Float32Array.from(pixels, (pixel) => pixel * (2 / 255) - 1);
}

export function toPixels(image) {
  return Uint8ClampedArray.from(image, (value) => (value + 1) * 127.5);
}

// -- ink

const BOX = 20, MIDDLE = 14.5, STROKE = 2.3, FAINTEST = 0.3, GRID = 64, MARGIN = 10, EDGE = 0.4871, THINNEST = 0.4;

// The pixels, Uint8Array (784), that the network is shown for ink (width * height numbers in [0, 1], 1 is ink): cropped,
// scaled into 20 x 20, brought to MNIST's stroke width, centred by mass. Empty paper where there is no ink.
export function normaliseInk(ink, width, height) {
  const crop = inked(ink, width, height);
  if (!crop) return new Uint8Array(SIDE * SIDE);
  const side = GRID + 2 * MARGIN, factor = GRID / Math.max(crop.width, crop.height);
  const enlarged = resample(crop, side, factor, (side - crop.width * factor) / 2, (side - crop.height * factor) / 2);
  const edge = EDGE * enlarged.reduce((most, value) => Math.max(most, value), 0);
  const outline = Uint8Array.from(enlarged, (value) => value > edge);
  const inside = distances(outline, side, 1), outside = distances(outline, side, 0);
  let depths = 0, area = 0, left = side, right = 0, top = side, bottom = 0;
  for (let index = 0; index < outline.length; index++) {
    if (!outline[index]) continue;
    const x = index % side, y = (index - x) / side;
    depths += inside[index] - 0.5;
    area++;
    left = Math.min(left, x), right = Math.max(right, x), top = Math.min(top, y), bottom = Math.max(bottom, y);
  }
  const stroke = 4 * depths / area;
  const extent = Math.max(right - left, bottom - top) + 1;
  const scale = (BOX - STROKE) / Math.max(extent - stroke, stroke);
  const offset = Math.max((STROKE / scale - stroke) / 2, (THINNEST - 1) * stroke / 2);
  const strokes = Float64Array.from(outline, (is, index) =>
    Math.min(1, Math.max(0, 0.5 + (is ? inside[index] - 0.5 : 0.5 - outside[index]) + offset)));
  let mass = 0, x = 0, y = 0;
  strokes.forEach((value, index) => {
    mass += value;
    x += value * ((index % side) + 0.5);
    y += value * (Math.floor(index / side) + 0.5);
  });
  const picture = {values: strokes, width: side, height: side};
  const result = resample(picture, SIDE, scale, MIDDLE - x / mass * scale, MIDDLE - y / mass * scale);
  return Uint8Array.from(result, (value) => Math.floor(Math.min(1, Math.max(0, value)) * 255 + 0.5));
}

// The rectangle that holds all ink, null where there is none.
function inked(ink, width, height) {
  let left = width, right = -1, top = height, bottom = -1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] <= FAINTEST) continue;
      left = Math.min(left, x), right = Math.max(right, x), top = Math.min(top, y), bottom = y;
    }
  }
  if (right < 0) return null;
  const crop = {width: right - left + 1, height: bottom - top + 1};
  crop.values = new Float64Array(crop.width * crop.height);
  for (let y = 0; y < crop.height; y++) {
    const row = (top + y) * width + left;
    for (let x = 0; x < crop.width; x++) crop.values[y * crop.width + x] = ink[row + x];
  }
  return crop;
}

// A picture, `scale` times as large and moved by (left, top), in a square of `side` pixels: area averages.
function resample({values, width, height}, side, scale, left, top) {
  const columns = shares(side, scale, left, width), rows = shares(side, scale, top, height);
  const narrow = new Float64Array(height * side), found = new Float64Array(side * side);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (const [source, share] of columns[x]) sum += share * values[y * width + source];
      narrow[y * side + x] = sum;
    }
  }
  for (let y = 0; y < side; y++) {
    for (const [source, share] of rows[y]) {
      for (let x = 0; x < side; x++) found[y * side + x] += share * narrow[source * side + x];
    }
  }
  return found;
}

function shares(side, scale, shift, length) {
  return Array.from({length: side}, (_, target) => {
    const start = (target - shift) / scale, end = (target + 1 - shift) / scale, found = [];
    for (let source = Math.max(0, Math.floor(start)); source < Math.min(length, Math.ceil(end)); source++) {
      const share = (Math.min(end, source + 1) - Math.max(start, source)) * scale;
      if (share > 0) found.push([source, share]);
    }
    return found;
  });
}

// For the pixels of one kind, the distance to the middle of the nearest of the other kind.
function distances(outline, side, kind) {
  const down = new Float64Array(side * side).fill(2 * side), found = new Float64Array(side * side);
  for (let x = 0; x < side; x++) {
    for (let y = 0, far = 2 * side; y < side; y++) {
      far = outline[y * side + x] === kind ? far + 1 : 0;
      down[y * side + x] = far;
    }
    for (let y = side - 1, far = 2 * side; y >= 0; y--) {
      far = outline[y * side + x] === kind ? far + 1 : 0;
      down[y * side + x] = Math.min(down[y * side + x], far);
    }
  }
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (outline[y * side + x] !== kind) continue;
      let least = Infinity;
      for (let other = 0; other < side; other++) {
        const away = down[y * side + other];
        least = Math.min(least, (x - other) ** 2 + away * away);
      }
      found[y * side + x] = Math.sqrt(least);
    }
  }
  return found;
}

// -- a code among those of real digits

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
  const found = [], squares = [];
  let limit = Infinity;
  for (let position = 0, index = 0; position < count; position++, index = position * dimensions) {
    let sum = 0;
    for (let dimension = 0; dimension < dimensions; dimension++) {
      const away = points[index + dimension] - at[dimension];
      sum += away * away;
    }
    if (sum >= limit) continue;
    let rank = squares.length;
    while (rank > 0 && sum < squares[rank - 1]) rank--;
    squares.splice(rank, 0, sum);
    found.splice(rank, 0, position);
    if (squares.length > wanted) squares.pop(), found.pop();
    if (squares.length === wanted) limit = squares[wanted - 1];
  }
  return {positions: found, distances: squares.map((square) => Math.sqrt(square) * step)};
}

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
    if (distance < usual[percent]) {
      return {distance, percentile: percent - 1 + (distance - usual[percent - 1]) / (usual[percent] - usual[percent - 1])};
    }
  }
  return {distance, percentile: usual.length - 1};
}

const HALF = 0.5 - 1e-5; // so that equal weights, which rounding makes unequal, have one median everywhere

// Where on a map, [x, y], a new point belongs whose neighbours lie at `positions`, an [x, y] each: in each direction the
// median of the positions, weighing as the neighbours are close.
export function place({distances: away}, positions) {
  const weights = closeness(away), half = HALF * weights.reduce((sum, weight) => sum + weight, 0);
  return [0, 1].map((axis) => {
    const order = positions.map((_, rank) => rank).sort((a, b) => positions[a][axis] - positions[b][axis] || a - b);
    let passed = 0;
    return positions[order.find((rank) => (passed += weights[rank]) >= half) ?? order.at(-1)][axis];
  });
}

function closeness(away) {
  return away.map((distance) => 1 / Math.max(distance, 1e-6) ** 4);
}

const CROWD = 15; // points near a station of a path that make up its code

// The codes, [D] each, that one meets on a path over a map, at so many stations of equal distance. `path` holds the
// corners, an [x, y] each; `xs` and `ys` the positions of the points, whose codes are those of `references`.
export function along(path, xs, ys, references, stations) {
  return waypoints(path, stations).map((station) => codeAt(station, xs, ys, references));
}

// So many points of equal distance on a path, from its first corner to its last.
export function waypoints(path, count) {
  const lengths = [0];
  for (let corner = 1; corner < path.length; corner++) {
    lengths.push(lengths[corner - 1] + Math.hypot(path[corner][0] - path[corner - 1][0], path[corner][1] - path[corner - 1][1]));
  }
  let corner = 0;
  return Array.from({length: count}, (_, number) => {
    const wanted = count > 1 ? (lengths.at(-1) * number) / (count - 1) : 0;
    while (corner < path.length - 2 && lengths[corner + 1] < wanted) corner++;
    if (path.length === 1) return path[0];
    const step = lengths[corner + 1] - lengths[corner], share = step > 0 ? Math.min(1, (wanted - lengths[corner]) / step) : 0;
    return [0, 1].map((axis) => path[corner][axis] + share * (path[corner + 1][axis] - path[corner][axis]));
  });
}

function codeAt([x, y], xs, ys, references) {
  const found = [], squares = [];
  for (let index = 0; index < xs.length; index++) {
    const square = (xs[index] - x) ** 2 + (ys[index] - y) ** 2;
    if (found.length > CROWD && square >= squares[CROWD]) continue;
    let rank = found.length;
    while (rank > 0 && square < squares[rank - 1]) rank--;
    found.splice(rank, 0, index);
    squares.splice(rank, 0, square);
    if (found.length > CROWD + 1) found.pop(), squares.pop();
  }
  const radius = found.length > CROWD ? squares[CROWD] : squares.at(-1) * 1.01;
  const crowd = found.slice(0, CROWD);
  let weights = crowd.map((_, rank) => (radius > 0 ? (1 - squares[rank] / radius) ** 2 : 1));
  let all = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(all > 0)) [weights, all] = [crowd.map(() => 1), crowd.length]; // all of them equally far
  const {points, dimensions, low, step} = references;
  return Float32Array.from({length: dimensions}, (_, dimension) =>
    low[dimension] + step * crowd.reduce((sum, index, rank) => sum + weights[rank] * points[index * dimensions + dimension], 0) / all);
}
