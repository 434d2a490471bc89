// Generated digits, each beside the training digit most like it; one of them can be chosen.
//
// data: {tiles: Uint8Array (2 * S * 784), first all digits and then all training digits, captions: [[line, ...]],
//        names: [string], doubtful: [bool], chosen: number | null}
// emit("choose", position)
import {digitCanvas, make, paint, pictureAt} from "../lib/page.js";
import {staleUntilShown} from "../lib/moment.js";
import {pictureButton, saving} from "../lib/save.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".samples");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Generated digits");
  root.replaceChildren(...data.names.map((name, position) => card(name, position, data, root, emit)));
  if (!element.querySelector(".saving")) root.after(saving(pictureButton(root, "samples")));
  staleUntilShown(root);
  root.dataset.ready = "";
}

function card(name, position, data, root, emit) {
  const [mine, theirs] = [digitCanvas(name), digitCanvas("The training digit most like it")];
  paint(mine, pictureAt(data.tiles, position));
  paint(theirs, pictureAt(data.tiles, data.names.length + position));
  theirs.classList.add("small");
  const [first, ...rest] = data.captions[position];
  const button = make("button", {className: "saved", type: "button", title: "Choose this digit", ariaPressed: String(position === data.chosen)},
    make("span", {className: "pair"}, mine, theirs),
    make("span", {className: "words"}, make("b", {textContent: first}), ...rest.map((line) => make("span", {textContent: line}))));
  button.classList.toggle("doubtful", data.doubtful[position]);
  button.setAttribute("aria-label", `${name}: ${data.captions[position].join(", ")}`);
  button.onclick = () => {
    for (const other of root.querySelectorAll(".saved")) other.ariaPressed = String(other === button);
    emit("choose", position);
  };
  return button;
}
