// Generated digits, each beside the training digit most like it; one of them can be chosen.
//
// data: {tiles: Uint8Array (2 * S * 784), first all digits and then all training digits, captions: [[line, ...]],
//        names: [string], doubtful: [bool], chosen: number | null}
// emit("choose", position)
import {staleUntilShown} from "../lib/moment.js";
import {button, digitCanvas, make, paint, pictureAt, press} from "../lib/page.js";
import {pictureButton, saving} from "../lib/save.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".samples"), cards = data.names.map((_, position) => cardOf(position, data));
  const show = (chosen) => press(cards, (position) => position === chosen);
  cards.forEach((each, position) => (each.onclick = () => {
    show(position);
    emit("choose", position);
  }));
  show(data.chosen);
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Generated digits");
  root.replaceChildren(...cards);
  if (!element.querySelector(".saving")) root.after(saving(pictureButton(root, "samples")));
  staleUntilShown(root);
  root.dataset.ready = "";
}

function cardOf(position, {names, tiles, captions, doubtful}) {
  const mine = digitCanvas(names[position]), theirs = digitCanvas("The training digit most like it");
  paint(mine, pictureAt(tiles, position));
  paint(theirs, pictureAt(tiles, names.length + position));
  theirs.classList.add("small");
  const lines = captions[position].map((textContent, at) => make(at ? "span" : "b", {textContent}));
  const element = button("", "Choose this digit", null, {
    className: `saved ${doubtful[position] ? "doubtful" : ""}`,
    ariaLabel: `${names[position]}: ${captions[position].join(", ")}`,
  });
  element.append(make("span", {className: "pair"}, mine, theirs), make("span", {className: "words"}, ...lines));
  return element;
}
