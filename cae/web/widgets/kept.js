// Tells Python, after a reload, of the drawing that the browser's tab has kept.
//
// emits: "drawing" with the 784 pixels that the network sees of it, once, if there is one
import {keptValue} from "../lib/tab.js";

export function mount(element, data, emit) {
  const root = element.querySelector(".kept"), pixels = keptValue("drawing")?.pixels;
  if (pixels && !root.told) emit("drawing", pixels);
  root.told = true;
}
