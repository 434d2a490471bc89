// Keeps a text in the browser's tab, and tells Python of it after a reload.
//
// data: {name: what it is kept as, value: the text, "" for none, known: whether Python knows what the text should be}
// emits: "kept" with the text, once, if there is one and it is not known
import {keep, kept} from "../lib/tab.js";

export function mount(element, {name, value, known}, emit) {
  const root = element.querySelector(".remember");
  if (known) keep(name, value);
  else if (!root.told) {
    root.told = true;
    if (kept(name)) emit("kept", kept(name));
  }
}
