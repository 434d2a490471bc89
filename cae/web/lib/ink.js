// Ink of any size becomes the 28 x 28 pixels of a digit, the way MNIST was made. The twin of cae/data/ink.py.
import {SIDE} from "./network.js";

const BOX = 20, MIDDLE = 14.5, STROKE = 2.3, FAINTEST = 0.3, GRID = 64, MARGIN = 10, EDGE = 0.4871, THINNEST = 0.4;

// The pixels, Uint8Array (784), the network sees of ink (width * height numbers in [0, 1], 1 is ink): cropped, scaled
// into 20 x 20, brought to MNIST's stroke width, centred by mass. Empty paper where there is no ink.
export function normaliseInk(ink, width, height) {
  const crop = inked(ink, width, height);
  if (!crop) return new Uint8Array(SIDE * SIDE);
  const side = GRID + 2 * MARGIN, factor = GRID / Math.max(crop.width, crop.height);
  const enlarged = resample(crop, side, factor, (side - crop.width * factor) / 2, (side - crop.height * factor) / 2);
  const edge = EDGE * enlarged.reduce((most, value) => Math.max(most, value), 0);
  const outline = Uint8Array.from(enlarged, (value) => value > edge);
  const inside = distances(outline, side, 1), outside = distances(outline, side, 0);
  let depths = 0, area = 0;
  outline.forEach((is, index) => {
    depths += is && inside[index] - 0.5;
    area += is;
  });
  const stroke = 4 * depths / area, box = bounds(outline, side, side, 0);
  const extent = Math.max(box.width, box.height);
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
  const {left, top, ...crop} = bounds(ink, width, height, FAINTEST);
  if (crop.width <= 0) return null;
  crop.values = new Float64Array(crop.width * crop.height);
  for (let y = 0; y < crop.height; y++) {
    const row = (top + y) * width + left;
    crop.values.set(ink.subarray(row, row + crop.width), y * crop.width);
  }
  return crop;
}

// The rectangle that holds all values above a limit.
function bounds(values, width, height, limit) {
  let left = width, right = -1, top = height, bottom = -1;
  for (let index = 0; index < values.length; index++) {
    if (values[index] <= limit) continue;
    const x = index % width, y = (index - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
  }
  return {left, top, width: right - left + 1, height: bottom - top + 1};
}

// A picture, `scale` times as large and moved by (left, top), in a square of `side` pixels: area averages.
function resample({values, width, height}, side, scale, left, top) {
  const columns = shares(side, scale, left, width), rows = shares(side, scale, top, height);
  const narrow = new Float64Array(height * side), square = new Float64Array(side * side);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (const [source, share] of columns[x]) sum += share * values[y * width + source];
      narrow[y * side + x] = sum;
    }
  }
  for (let y = 0; y < side; y++) {
    for (const [source, share] of rows[y]) {
      for (let x = 0; x < side; x++) square[y * side + x] += share * narrow[source * side + x];
    }
  }
  return square;
}

// For each pixel of the square the source pixels that it covers, [position, share] each.
function shares(side, scale, shift, length) {
  return Array.from({length: side}, (_, target) => {
    const start = (target - shift) / scale, end = (target + 1 - shift) / scale, parts = [];
    for (let source = Math.max(0, Math.floor(start)); source < Math.min(length, Math.ceil(end)); source++) {
      const share = (Math.min(end, source + 1) - Math.max(start, source)) * scale;
      if (share > 0) parts.push([source, share]);
    }
    return parts;
  });
}

// For the pixels of one kind, the distance to the middle of the nearest of the other kind.
function distances(outline, side, kind) {
  const down = new Float64Array(side * side).fill(2 * side), away = new Float64Array(side * side);
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
        const vertical = down[y * side + other];
        least = Math.min(least, (x - other) ** 2 + vertical * vertical);
      }
      away[y * side + x] = Math.sqrt(least);
    }
  }
  return away;
}
