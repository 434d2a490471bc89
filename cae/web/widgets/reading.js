// A panel on one picture that somebody uploads.
//
// data: {pixels: Uint8Array (784), network, space, pictures: addresses, name: of the recognised digit}
import {Panel} from "./panel.js";

export function mount(element, data) {
  const root = element.querySelector(".reading");
  if (!root.panel) {
    root.panel = new Panel(data.name, " of the picture");
    root.replaceChildren(root.panel.element);
  }
  root.panel.show(data.pixels);
  root.panel.use(data);
}
