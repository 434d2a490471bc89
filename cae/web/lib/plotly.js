// Plotly's script, fetched once for the page, whichever widget asks first.
import {make} from "./page.js";

// The library. `root` is the tree of a figure: one that is not the document is given Plotly's styles.
export async function plotly(address, root = document) {
  const library = await (globalThis.caePlotly ??= load(address));
  if (root instanceof ShadowRoot && !root.querySelector("style.plotly")) {
    const sheets = document.querySelectorAll('style[id^="plotly.js-style"]');
    const rules = [...sheets].flatMap(({sheet}) => [...sheet.cssRules].map((rule) => rule.cssText));
    root.append(make("style", {className: "plotly", textContent: rules.join("\n")}));
  }
  return library;
}

async function load(address) {
  const script = document.createElement("script");
  if (globalThis.caeInline) { // as in files.js
    script.textContent = new TextDecoder().decode(await globalThis.caeInline(address));
    document.head.append(script);
    return globalThis.Plotly;
  }
  return new Promise((resolve, reject) => {
    script.src = new URL(address, document.baseURI).href;
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      globalThis.caePlotly = null;
      script.remove();
      reject(new Error(`${address} could not be loaded`));
    };
    document.head.append(script);
  });
}
