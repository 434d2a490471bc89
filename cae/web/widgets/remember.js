// Keeps a text in the browser's tab, and tells of it where Python does not know it: after a reload.
//
// data: {name: what it is kept as, value: the text, "" for none, known: whether Python knows what the text should be}
// emits: "kept" with the text, once, if there is one and it is not known
export function mount(element, {name, value, known}, emit) {
  const root = element.querySelector(".remember"), key = `cae-${name}`;
  try {
    if (known) {
      if (value) sessionStorage.setItem(key, value);
      else sessionStorage.removeItem(key);
    } else if (!root.told) {
      root.told = true;
      const text = sessionStorage.getItem(key);
      if (text) emit("kept", text);
    }
  } catch {
    // a tab without storage loses the text with the page, and nothing else
  }
}
