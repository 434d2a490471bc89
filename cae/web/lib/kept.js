// Tells of the drawing that the browser's tab has kept, where Python has lost it: after a reload.
//
// emits: "drawing" with the 784 pixels that the network sees of it, once, if there is one
const KEY = "cae-drawing";

export function mount(element, data, emit) {
  const root = element.querySelector(".kept");
  const pixels = kept()?.pixels;
  if (pixels && !root.told) emit("drawing", pixels);
  root.told = true;
}

// What was kept, as JSON gives it; null where there is nothing, or something else.
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export function keep(drawing) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(drawing));
  } catch {
    // a tab without storage loses its drawing with the page, and nothing else
  }
}
