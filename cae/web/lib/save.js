// What is saved from a page: pictures as PNG, tables as CSV.
import {now} from "./moment.js";
import {button, div, make, themed} from "./page.js";

const SHARP = 3; // pixels of a saved picture for each of the page
const MARGIN = 12; // pixels of the page around it

// Quiet buttons below a piece of the page: [text, title, work] each.
export const saving = (...buttons) => div("saving", ...buttons.map((each) => button(...each)));

// A file's name, without its ending: the run, the epoch if it is not the last, and `what`. Where the file is of several
// runs, `what` begins with "of-runs-".
export function named(what) {
  if (what.startsWith("of-runs-")) return what.slice("of-runs-".length);
  const {run, epoch, isLast} = now() ?? {};
  return [run, ...(run && !isLast ? [`epoch-${epoch}`] : []), what].filter(Boolean).join("-");
}

// `content`: a blob, or an address that holds one.
export function download(content, file) {
  const href = typeof content === "string" ? content : URL.createObjectURL(content);
  make("a", {href, download: file}).click();
  if (href !== content) setTimeout(() => URL.revokeObjectURL(href), 10000);
}

// Rows of texts as CSV for a spreadsheet: a column of numbers in one unit has the unit in its header alone; what a
// spreadsheet would take for a formula is marked as text.
export function csv(rows) {
  const columns = rows[0].map((_, at) => numbers(rows.map((row) => row[at])));
  const cell = (text) => {
    const isNumber = /^-?[\d.,]+(e[+-]?\d+)?( ?%)?$/i.test(text);
    const isFormula = !isNumber && /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]./s.test(text);
    const plain = isFormula ? `'${text}` : String(text);
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const lines = rows.map((row, line) => `${row.map((_, at) => cell(columns[at][line])).join(",")}\r\n`);
  return new Blob(["\ufeff", ...lines], {type: "text/csv"});
}

function numbers([title, ...cells]) {
  const pattern = /^(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?) ?(dB|%)?$/;
  const read = cells.map((text) => pattern.exec(text)), unit = read[0]?.[2];
  if (!read.length || read.some((each) => !each || each[2] !== unit)) return [title, ...cells];
  return [unit ? `${title} (${unit})` : title, ...read.map(([, number]) => number.replaceAll(",", ""))];
}

// An element as the page shows it, its pictures crisp, as a PNG.
function picture(element) {
  const box = element.getBoundingClientRect(), width = box.width + 2 * MARGIN, height = box.height + 2 * MARGIN;
  const canvas = make("canvas", {width: width * SHARP, height: height * SHARP}), pen = canvas.getContext("2d");
  pen.scale(SHARP, SHARP);
  pen.fillStyle = themed(element, "background-color");
  pen.fillRect(0, 0, width, height);
  pen.translate(MARGIN - box.left, MARGIN - box.top);
  pen.imageSmoothingEnabled = false;
  pen.textBaseline = "middle";
  for (const each of element.querySelectorAll("canvas")) {
    const {left, top, width: wide, height: high} = each.getBoundingClientRect();
    const {visibility, backgroundColor} = getComputedStyle(each);
    if (!wide || !each.width || visibility === "hidden") continue;
    pen.fillStyle = backgroundColor;
    pen.fillRect(left, top, wide, high);
    pen.drawImage(each, left, top, wide, high);
  }
  for (const each of element.querySelectorAll("[data-colours]")) {
    const {left, top, width: wide, height: high} = each.getBoundingClientRect();
    const colours = each.dataset.colours.split(", ");
    const scale = pen.createLinearGradient(left, 0, left + wide, 0);
    colours.forEach((colour, at) => scale.addColorStop(at / (colours.length - 1), colour));
    pen.fillStyle = scale;
    pen.fillRect(left, top, wide, high);
  }
  const isControl = (node) => node.parentElement.closest(".saving, button:not(.saved)");
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, (node) =>
    (isControl(node) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
  while (texts.nextNode()) write(pen, texts.currentNode);
  return pngOf(canvas);
}

// A text, line by line as the page breaks it.
function write(pen, node) {
  const {color, fontStyle, fontWeight, fontSize, fontFamily} = getComputedStyle(node.parentElement);
  const range = document.createRange(), lines = [];
  for (let at = 0; at < node.length; at++) {
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    const {left, top, width, height} = range.getBoundingClientRect(), last = lines.at(-1);
    if (!width) continue;
    if (last && Math.abs(last.top - top) < height / 2) last.text += node.data[at];
    else lines.push({text: node.data[at], left, top, height});
  }
  Object.assign(pen, {fillStyle: color, font: `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`});
  for (const {text, left, top, height} of lines) pen.fillText(text, left, top + height / 2);
}

// A canvas of small pictures, each pixel `times` as large, as a PNG.
export function enlarged(canvas, times) {
  const large = make("canvas", {width: canvas.width * times, height: canvas.height * times});
  const pen = large.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, 0, 0, large.width, large.height);
  return pngOf(large);
}

const pngOf = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

// The button for the picture of an element.
export const pictureButton = (element, what) =>
  ["PNG", "Save these pictures as a PNG", async () => download(await picture(element), `${named(what)}.png`)];
