// What every widget builds its part of the page from: elements, crisp digits, the theme's colours.
import {SIDE} from "./network.js";

export const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}; // x right, y down
export const ACCENT = "#8b5cf6"; // on a canvas, in both themes

// An element; properties that the element does not have become attributes, undefined ones are left out.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const div = (className, ...children) => make("div", {className}, ...children);
export const text = (tag, textContent, className) => make(tag, {textContent, className});

export const button = (textContent, title, onclick, more = {}) =>
  make("button", {type: "button", textContent, title, onclick, ...more});

export const slider = (ariaLabel, properties) => make("input", {type: "range", ariaLabel, ...properties});

export const select = (ariaLabel, options, onchange, more = {}) =>
  make("select", {ariaLabel, onchange, ...more}, ...options);

export const option = (value, textContent, more = {}) => make("option", {value, textContent, ...more});
export const figure = (picture, caption, title) => make("figure", {title}, picture, text("figcaption", caption));

// Pictures that one description stands for, and the lines of their caption.
export function card(pictures, {description, caption, title, className}) {
  const lines = caption.map((textContent) => make("span", {textContent}));
  return make("figure", {title, className},
    make("div", {className: "pictures", role: "img", ariaLabel: description}, ...pictures),
    make("figcaption", {}, ...lines));
}

// Which of some buttons is the chosen one.
export function press(buttons, isPressed) {
  [...buttons].forEach((each, at) => (each.ariaPressed = String(isPressed(at))));
}

// -- digits

export const digitCanvas = (label) => tile({role: "img", ariaLabel: label, className: "digit"});

// A canvas for one digit, which has no name of its own.
export const tile = (properties = {}) => make("canvas", {width: SIDE, height: SIDE, ...properties});

// Paints 28 * 28 grey pixels, or as many of three colours each.
export function paint(canvas, pixels, x = 0, y = 0) {
  const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE), {data} = image;
  const isGrey = pixels.length === SIDE * SIDE;
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
    const from = isGrey ? pixel : 3 * pixel, to = 4 * pixel;
    data[to] = pixels[from];
    data[to + 1] = pixels[isGrey ? from : from + 1];
    data[to + 2] = pixels[isGrey ? from : from + 2];
    data[to + 3] = 255;
  }
  context.putImageData(image, x, y);
}

// One of many pictures that lie in one array.
export function pictureAt(pictures, position, channels = 1) {
  const size = SIDE * SIDE * channels;
  return pictures.subarray(position * size, (position + 1) * size);
}

// Paints where a reconstruction lacks ink of the original (blue) and where it adds some (red), as `signed_error` in
// cae/plots/pictures.py does.
export function paintError(canvas, original, reconstruction) {
  const colours = new Uint8ClampedArray(3 * original.length);
  original.forEach((value, pixel) => {
    const difference = (reconstruction[pixel] - value) / 127.5, strength = Math.min(1, Math.abs(difference));
    const colour = difference < 0 ? [70, 150, 255] : [255, 84, 60];
    colours.set(colour.map((channel) => Math.round(strength * channel)), 3 * pixel);
  });
  paint(canvas, colours);
}

// The legend of `paintError`.
export function errorLegend() {
  const scale = make("i");
  scale.dataset.colours = "rgb(70 150 255), #000, rgb(255 84 60)";
  return div("legend", text("span", "ink missing"), scale, text("span", "ink added"));
}

export function clear(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

// Follows a press on an element: `begin` with the event, which it may refuse by false, `move` with each event until the
// press ends, then `end`.
export function drag(element, {begin, move, end}) {
  let pointer = null;
  element.onpointerdown = (event) => {
    if (event.button > 0 || pointer !== null || begin(event) === false) return;
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    move(event);
  };
  element.onpointermove = (event) => void (event.pointerId === pointer && move(event));
  element.onpointerup = element.onpointercancel = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    end();
  };
}

// -- what the reader has chosen

const THEME = {
  "text-color": "#222", "background-color": "#fff", "secondary-background-color": "#eee", "primary-color": "#6d28d9",
  font: "system-ui, sans-serif",
};

// A value of the theme where an element stands.
export const themed = (element, name) =>
  getComputedStyle(element).getPropertyValue(`--st-${name}`).trim() || THEME[name];

// Calls `draw` whenever the theme changes; returns what ends that.
export function followTheme(element, draw) {
  let before = themed(element, "text-color");
  const timer = setInterval(() => {
    const now = themed(element, "text-color");
    if (now === before) return;
    before = now;
    draw();
  }, 500);
  return () => clearInterval(timer);
}

export const wantsRest = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
