// Crisp little pictures with captions, as cards or as a table with a label before each row.
//
// data: {tiles: Uint8Array (T * 28 * 28 * channels), or sheets: addresses of files of such, in order; channels: 1 | 3,
//        layout: "cards" | "cards large" | "cards wide" | "rows" | "rows wide",
//        cards: [{tiles: [index, ...], description, caption: [line, ...], title}], legend: bool,
//        file: name of a saved picture,
//        timeless: whether they are those of their own epochs, not of the one that the page has travelled to}
//       A tile of -1 is a place kept free. In the layout "rows" each card is a row and its caption the label.
import {file} from "../lib/files.js";
import {staleUntilShown} from "../lib/moment.js";
import {card, errorLegend, paint, pictureAt, tile} from "../lib/page.js";
import {pictureButton, saving} from "../lib/save.js";

export async function mount(element, data) {
  const root = element.querySelector(".digits");
  root.given = data;
  const tiles = data.tiles ?? (await joined(data.sheets));
  if (root.given !== data) return;
  const isRows = data.layout.startsWith("rows");
  root.className = `digits ${data.layout}${data.timeless ? " always" : ""}`;
  root.style.setProperty("--columns", Math.max(...data.cards.map((each) => each.tiles.length), 1));
  if (!data.timeless) staleUntilShown(root);
  root.replaceChildren(...data.cards.map((each) => {
    const figure = card(each.tiles.map((index) => painted(tiles, index, data.channels)), each);
    if (isRows) figure.prepend(figure.lastChild);
    return figure;
  }));
  if (data.legend) root.append(errorLegend());
  root.append(saving(pictureButton(root, data.file)));
  root.balance ??= new ResizeObserver(() => balance(root));
  root.balance.disconnect();
  if (isRows) root.style.gridTemplateColumns = "";
  else root.balance.observe(root);
}

async function joined(sheets) {
  const parts = await Promise.all(sheets.map((address) => file("sheet", address)));
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function painted(tiles, index, channels) {
  const canvas = tile({className: index < 0 ? "free" : ""});
  if (index >= 0) paint(canvas, pictureAt(tiles, index, channels));
  return canvas;
}

// Puts about as many cards into every row as into the first: not eleven and then one.
function balance(root) {
  root.style.gridTemplateColumns = "";
  const fit = getComputedStyle(root).gridTemplateColumns.split(" ").length;
  const count = root.querySelectorAll("figure").length, columns = Math.ceil(count / Math.ceil(count / fit));
  if (fit < count && columns < fit) root.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
}
