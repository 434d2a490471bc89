// Tabs over the parts of a widget, one shown at a time.
import {button, make} from "../lib/page.js";

// The row of tabs, and the parts: [title, part] each, where a part has an `element`. `choose(part)` is called with the
// part that is shown: with the first at once, then whenever another is chosen.
export function tabs(name, parts, choose) {
  const list = make("div", {className: "tabs", role: "tablist", ariaLabel: name});
  let chosen = 0;
  const show = (next) => {
    chosen = next;
    parts.forEach(([, {element}], index) => {
      element.hidden = index !== chosen;
      list.children[index].ariaSelected = String(index === chosen);
      list.children[index].tabIndex = index === chosen ? 0 : -1;
    });
    choose(parts[chosen][1]);
  };
  parts.forEach(([title, {element}], index) => {
    Object.assign(element, {role: "tabpanel", ariaLabel: title, id: `way-${index}`});
    list.append(button(title, undefined, () => show(index), {role: "tab", "aria-controls": element.id}));
  });
  list.addEventListener("keydown", ({key}) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[key];
    if (!step) return;
    show((chosen + step + parts.length) % parts.length);
    list.children[chosen].focus();
  });
  show(0);
  return [list, ...parts.map(([, {element}]) => element)];
}
