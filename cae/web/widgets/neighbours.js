// A row of real digits with their classes: the neighbours of a code.
import {pictureAt, clear, digitCanvas, make, paint} from "../lib/page.js";

export class Neighbours {
  constructor(label, count) {
    this.tiles = Array.from({length: count}, () => ({canvas: digitCanvas(""), caption: make("figcaption")}));
    this.element = make("div", {className: "neighbours", role: "group", ariaLabel: label},
      ...this.tiles.map(({canvas, caption}) => make("figure", {}, canvas, caption)));
  }

  show({positions}, labels, names, pictures) {
    this.tiles.forEach(({canvas, caption}, rank) => {
      const position = positions[rank], name = position === undefined ? "\u2013" : names[labels[position]];
      caption.textContent = name;
      if (position === undefined || !pictures) {
        clear(canvas);
        canvas.ariaLabel = "No picture yet";
      } else {
        paint(canvas, pictureAt(pictures, position));
        canvas.ariaLabel = `Real digit of class ${name}`;
      }
    });
  }

  empty() {
    this.show({positions: []});
  }
}
