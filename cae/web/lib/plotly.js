// Plotly's script, fetched once for the page, whichever widget asks first.

// The library. `root` is the tree in which a figure will stand: where that is not the document, it is given Plotly's styles.
export async function plotly(address, root = document) {
  const library = await (globalThis.caePlotly ??= load(address));
  if (root instanceof ShadowRoot && !root.querySelector("style.plotly")) {
    const style = document.createElement("style");
    style.className = "plotly";
    const sheets = document.querySelectorAll('style[id^="plotly.js-style"]');
    style.textContent = [...sheets].flatMap(({sheet}) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
    root.append(style);
  }
  return library;
}

async function load(address) {
  if (globalThis.caeInline) { // as in page.js
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await globalThis.caeInline(address));
    document.head.append(script);
    return globalThis.Plotly;
  }
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
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
