// The drawings on a class's wall, each over its reconstruction, and what may be done with it.
//
// data: {tiles: Uint8Array (2 * P * 784), drawings and reconstructions in turn,
//        posts: [{id, caption: [line, ...], description, title, state: "shown" | "waiting" | "hidden", mine: bool}],
//        moderates: bool}
// emit(kind, id): "show" | "hide" | "delete"
import {button, card, div, paint, pictureAt, text, tile} from "../lib/page.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".wall");
  root.setAttribute("role", "list");
  root.replaceChildren(...data.posts.map((post, number) => posted(post, number, data, emit)));
}

function posted(post, number, {tiles, moderates}, emit) {
  const pictures = [2 * number, 2 * number + 1].map((position) => {
    const canvas = tile();
    paint(canvas, pictureAt(tiles, position));
    return canvas;
  });
  const isShown = post.state === "shown", isWaiting = post.state === "waiting";
  const element = card(pictures, {...post, className: post.state});
  element.setAttribute("role", "listitem");
  if (!isShown) element.lastChild.append(text("em", isWaiting ? "waits for approval" : "hidden"));
  const actions = [
    moderates && !isShown && ["show", isWaiting ? "Approve" : "Show again"],
    moderates && post.state !== "hidden" && ["hide", "Hide"],
    (moderates || post.mine) && ["delete", moderates ? "Delete" : "Remove"],
  ].filter(Boolean).map(([kind, label]) =>
    button(label, undefined, () => emit(kind, post.id), {ariaLabel: `${label}: ${post.description}`}));
  if (actions.length) element.append(div("actions", ...actions));
  return element;
}
