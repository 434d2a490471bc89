// Crisp little pictures with captions, as cards or as a table with a label before each row.
//
// data: {tiles: Uint8Array (T * 28 * 28 * channels), or sheets: addresses of files of such, in order; channels: 1 | 3, layout: "cards" | "cards large" | "cards wide" | "rows" | "rows wide",
//        cards: [{tiles: [index, ...], description, caption: [line, ...], title}], legend: bool, file: name of a saved picture,
//        timeless: whether they are those of their own epochs, not of the one that the page has travelled to}
//       A tile of -1 is a place kept free. In the layout "rows" each card is a row and its caption the label.
import {legend} from "./legend.js";
import {staleUntilShown} from "../lib/moment.js";
import {fetched} from "../lib/page.js";
import {pictureButton, saving} from "../lib/save.js";

const SIDE = 28;

export async function mount(element, data) {
  const root = element.querySelector(".digits");
  root.given = data;
  if (data.sheets) {
    const sheets = await Promise.all(data.sheets.map((address) => fetched(address, async (answer) => [...new Uint8Array(await answer.arrayBuffer())])));
    if (root.given !== data) return;
    data = {...data, tiles: sheets.flat()};
  }
  root.className = `digits ${data.layout}${data.timeless ? " always" : ""}`;
  root.style.setProperty("--columns", Math.max(...data.cards.map((card) => card.tiles.length), 1));
  if (!data.timeless) staleUntilShown(root);
  root.replaceChildren();
  for (const card of data.cards) root.append(cardOf(card, data));
  if (data.legend) root.append(legend());
  root.append(saving(pictureButton(root, data.file)));
  root.balance ??= new ResizeObserver(() => balance(root));
  root.balance.disconnect();
  if (!data.layout.startsWith("rows")) root.balance.observe(root);
  else root.style.gridTemplateColumns = "";
}

// As many cards in every row as in the first, as far as that can be: not eleven and then one.
function balance(root) {
  root.style.gridTemplateColumns = "";
  const fit = getComputedStyle(root).gridTemplateColumns.split(" ").length, count = root.querySelectorAll("figure").length;
  const columns = Math.ceil(count / Math.ceil(count / fit));
  if (fit < count && columns < fit) root.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
}

function cardOf(card, data) {
  const figure = document.createElement("figure");
  figure.title = card.title ?? "";
  const pictures = document.createElement("div");
  pictures.className = "pictures";
  pictures.setAttribute("role", "img");
  pictures.setAttribute("aria-label", card.description);
  pictures.append(...card.tiles.map((index) => tile(index, data)));
  const caption = document.createElement("figcaption");
  caption.append(...card.caption.map((line) => text("span", line)));
  figure.append(...(data.layout.startsWith("rows") ? [caption, pictures] : [pictures, caption]));
  return figure;
}

function tile(index, {tiles, channels}) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  if (index < 0) {
    canvas.className = "free";
    return canvas;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  const start = index * SIDE * SIDE * channels;
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
    const from = start + pixel * channels;
    image.data[4 * pixel] = tiles[from];
    image.data[4 * pixel + 1] = tiles[from + (channels === 3 ? 1 : 0)];
    image.data[4 * pixel + 2] = tiles[from + (channels === 3 ? 2 : 0)];
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}
