// What is on a class's wall: drawings over their copies, and what may be done with each.
//
// data: {tiles: Uint8Array (2 * P * 784), drawings and copies in turn,
//        posts: [{id, caption: [line, ...], description, title, state: "shown" | "waiting" | "hidden", mine: bool}],
//        moderates: bool}
// emit(kind, id): "show" | "hide" | "delete"
const SIDE = 28;

export function mount(element, data, emit) {
  const root = element.querySelector(".wall");
  root.setAttribute("role", "list");
  root.replaceChildren(...data.posts.map((post, number) => card(post, number, data, emit)));
}

function card(post, number, {tiles, moderates}, emit) {
  const figure = document.createElement("figure");
  figure.setAttribute("role", "listitem");
  figure.className = post.state;
  figure.title = post.title;
  const pictures = document.createElement("div");
  pictures.setAttribute("role", "img");
  pictures.setAttribute("aria-label", post.description);
  pictures.append(tile(tiles, 2 * number), tile(tiles, 2 * number + 1));
  const caption = document.createElement("figcaption");
  caption.append(...post.caption.map((line) => text("span", line)));
  if (post.state !== "shown") caption.append(text("em", post.state === "waiting" ? "waits for approval" : "hidden"));
  figure.append(pictures, caption);
  const actions = [];
  if (moderates && post.state !== "shown") actions.push(["show", post.state === "waiting" ? "Approve" : "Show again"]);
  if (moderates && post.state !== "hidden") actions.push(["hide", "Hide"]);
  if (moderates || post.mine) actions.push(["delete", moderates ? "Delete" : "Take away"]);
  const row = document.createElement("div");
  row.className = "actions";
  row.append(...actions.map(([kind, label]) => button(label, `${label}: ${post.description}`, () => emit(kind, post.id))));
  if (actions.length) figure.append(row);
  return figure;
}

function tile(tiles, index) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
    image.data.fill(tiles[index * SIDE * SIDE + pixel], 4 * pixel, 4 * pixel + 3);
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function button(label, name, action) {
  const element = Object.assign(document.createElement("button"), {type: "button", textContent: label, onclick: action});
  element.setAttribute("aria-label", name);
  return element;
}

function text(tag, content) {
  return Object.assign(document.createElement(tag), {textContent: content});
}
