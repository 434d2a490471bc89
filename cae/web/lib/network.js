// The network, computed in the browser. `encode` and `decode` have their twins in cae/network/model.py.
//
// Images are 28 * 28 numbers, row by row: pixels are 0 (paper) to 255 (ink), what the network reads and paints is in
// [-1, 1]. Inside, a signal is laid out height, width, channel, so that the innermost loops run over channels.
export const SIDE = 28;

const TYPES = {F32: Float32Array, F16: Uint16Array, U8: Uint8Array, U16: Uint16Array, I32: Int32Array};

// The arrays of a safetensors file by name, each {shape, values}, and its metadata. Half precision becomes single.
export function readTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(new Uint8Array(buffer, 8, length));
  const {__metadata__: metadata = {}, ...entries} = JSON.parse(header);
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

// The rows of a matrix, each a view into it.
export const rows = ({shape: [count, columns], values}) =>
  Array.from({length: count}, (_, row) => values.subarray(row * columns, (row + 1) * columns));

// A network ready to encode and decode, from the tensors of its weights and its activation: relu, gelu or silu.
export function network(tensors, activation) {
  const layer = (name) => {
    const {shape, values} = tensors[`${name}.weight`];
    return {shape, weight: values, bias: tensors[`${name}.bias`].values};
  };
  const inOrder = (part) => Object.keys(tensors)
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
      shape, bias,
      weight: reordered(weight, shape, ([out, into, y, x]) => ((y * 3 + x) * shape[1] + into) * shape[0] + out),
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
  const result = new Float32Array(values.length), index = shape.map(() => 0);
  for (let position = 0; position < values.length; position++) {
    result[target(index)] = values[position];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return result;
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
export function encode({convolutions, activate, code}, image) {
  let signal = Float32Array.from(image), side = SIDE;
  for (const layer of convolutions) {
    signal = convolve(signal, side, layer);
    side = Math.ceil(side / 2);
    activate(signal);
  }
  return linear(signal, code);
}

// The image, Float32Array (784) in [-1, 1], that a code stands for.
export function decode({paint, channels, transposed, activate}, code) {
  let signal = linear(code, paint);
  let side = Math.sqrt(signal.length / channels);
  for (const layer of transposed) {
    activate(signal);
    signal = layer.shape[1] === 1 ? widenToOne(signal, side, layer) : widen(signal, side, layer);
    side *= 2;
  }
  for (let i = 0; i < signal.length; i++) signal[i] = Math.tanh(signal[i]);
  return signal;
}

function linear(signal, {shape: [outputs, inputs], weight, bias}) {
  const result = new Float32Array(outputs);
  for (let out = 0, at = 0; out < outputs; out++) {
    let sum = bias[out];
    for (let into = 0; into < inputs; into++, at++) sum += weight[at] * signal[into];
    result[out] = sum;
  }
  return result;
}

// A 3 x 3 convolution, stride 2, padding 1.
function convolve(signal, side, {shape: [outputs, inputs], weight, bias}) {
  const half = Math.ceil(side / 2), result = new Float32Array(half * half * outputs);
  for (let y = 0, to = 0; y < half; y++) {
    for (let x = 0; x < half; x++, to += outputs) {
      result.set(bias, to);
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
            for (let out = 0; out < outputs; out++) result[to + out] += value * weight[at + out];
          }
        }
      }
    }
  }
  return result;
}

// A transposed 3 x 3 convolution, stride 2, padding 1, output padding 1: twice the side.
function widen(signal, side, {shape: [inputs, outputs], weight, bias}) {
  const double = 2 * side, result = new Float32Array(double * double * outputs);
  for (let to = 0; to < result.length; to += outputs) result.set(bias, to);
  for (let y = 0, from = 0; y < side; y++) {
    for (let x = 0; x < side; x++, from += inputs) {
      for (let into = 0; into < inputs; into++) {
        const value = signal[from + into];
        if (value === 0) continue;
        for (let ky = y === 0 ? 1 : 0; ky < 3; ky++) {
          for (let kx = x === 0 ? 1 : 0; kx < 3; kx++) {
            const to = ((2 * y - 1 + ky) * double + 2 * x - 1 + kx) * outputs;
            const at = ((into * 3 + ky) * 3 + kx) * outputs;
            for (let out = 0; out < outputs; out++) result[to + out] += value * weight[at + out];
          }
        }
      }
    }
  }
  return result;
}

// `widen` to one channel, where the innermost loop runs over the inputs instead.
function widenToOne(signal, side, {shape: [inputs], weight, bias}) {
  const double = 2 * side, result = new Float32Array(double * double).fill(bias[0]);
  for (let y = 0, from = 0; y < side; y++) {
    for (let x = 0; x < side; x++, from += inputs) {
      for (let ky = y === 0 ? 1 : 0; ky < 3; ky++) {
        for (let kx = x === 0 ? 1 : 0; kx < 3; kx++) {
          const at = (ky * 3 + kx) * inputs;
          let sum = 0;
          for (let into = 0; into < inputs; into++) sum += signal[from + into] * weight[at + into];
          result[(2 * y - 1 + ky) * double + 2 * x - 1 + kx] += sum;
        }
      }
    }
  }
  return result;
}

// From pixels to what the network reads, and from what it paints to pixels.
export const toModel = (pixels) => Float32Array.from(pixels, (pixel) => pixel * (2 / 255) - 1);
export const toPixels = (image) => Uint8ClampedArray.from(image, (value) => (value + 1) * 127.5);

// The mean squared error of a reconstruction; both are images in [-1, 1].
export const meanSquaredError = (image, reconstruction) =>
  image.reduce((sum, value, index) => sum + (value - reconstruction[index]) ** 2, 0) / image.length;
