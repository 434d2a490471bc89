// What pointer and keys do on the map: hover, pick, walk from digit to digit, zoom, and draw a path.
import {ARROWS, drag} from "../lib/page.js";
import {least, towards} from "../lib/points.js";
import {nextFrame} from "../lib/timing.js";

const REACH = 18; // pixels from a point within which it counts as being under the pointer
const STILL = 5; // pixels that a click may move
const CLOSER = 1.5; // times as large, by a press of +

export class Pointer {
  constructor(scatter) {
    const {plot, sheet, events} = scatter;
    Object.assign(this, {scatter, plot, events});
    const hover = nextFrame(() => this.scatter.scene && events.hover(this.pointAt(this.last)));
    plot.addEventListener("pointermove", (event) => {
      if (!this.isFlat || event.buttons) return;
      this.last = event;
      hover();
    });
    plot.addEventListener("pointerleave", () => events.hover(null));
    plot.addEventListener("pointerdown", (event) => this.press(event), true);
    plot.addEventListener("keydown", (event) => this.key(event));
    drag(sheet, {
      begin: (event) => {
        event.preventDefault();
        this.trail = [];
        return this.isFlat;
      },
      move: (event) => {
        this.trail.push(scatter.positionOf(event));
        scatter.mark({path: this.trail, station: null});
      },
      end: () => this.trail.length > 1 && events.path(this.trail),
    });
  }

  get isFlat() {
    const {scene} = this.scatter;
    return Boolean(scene && !scene.z && this.plot._fullLayout?.xaxis);
  }

  get axes() {
    const {xaxis, yaxis} = this.plot._fullLayout;
    return [xaxis, yaxis];
  }

  // The point under the pointer: the nearest one that is shown, null where none is within reach.
  pointAt({clientX, clientY}) {
    if (!this.isFlat || this.scatter.isMoving) return null;
    const box = this.plot.getBoundingClientRect(), [xaxis, yaxis] = this.axes;
    return this.nearest(clientX - box.left - xaxis._offset, clientY - box.top - yaxis._offset, REACH);
  }

  nearest(left, top, reach = Infinity) {
    return this.least((px, py) => {
      const away = Math.hypot(px - left, py - top);
      return away < reach ? away : Infinity;
    });
  }

  // The point that is shown and has the least value of `away(left, top)`.
  least(away) {
    const {at: {x, y}, scene: {hidden, labels}, isGL} = this.scatter;
    const drawn = isGL ? null : new Set(this.scatter.members().flat());
    return least(x.length, (point) => {
      if (hidden.has(labels[point]) || drawn?.has(point) === false) return Infinity;
      return away(...this.scatter.pixelsOf(x[point], y[point]));
    });
  }

  // A press that is let go where it began is a click. Plotly lays a sheet of its own over the page meanwhile, and keeps
  // clicks of fingers for itself.
  press(began) {
    this.plot.focus({preventScroll: true}); // so that Escape is heard
    let farthest = 0; // a lasso ends near where it began
    const moved = ({clientX, clientY}) => {
      farthest = Math.max(farthest, Math.hypot(clientX - began.clientX, clientY - began.clientY));
    };
    addEventListener("pointermove", moved, true);
    addEventListener("pointerup", (event) => {
      removeEventListener("pointermove", moved, true);
      moved(event);
      if (!this.isFlat || event.pointerId !== began.pointerId || began.button > 0 || farthest > STILL) return;
      const point = this.pointAt(event);
      if (point === null) return;
      if (event.pointerType === "touch") this.events.hover(point);
      this.events.pick(point);
    }, {once: true});
  }

  key(event) {
    const {scatter, events} = this;
    if (!this.isFlat || scatter.isMoving || event.ctrlKey || event.metaKey || event.altKey) return;
    const {focus, pinned = null} = scatter.marks, here = focus ?? pinned;
    if (event.key in ARROWS) events.hover(this.next(here, ARROWS[event.key]) ?? here);
    else if (event.key === "Enter" && event.shiftKey && pinned !== null && here !== pinned) {
      events.path([pinned, here].map((point) => [scatter.at.x[point], scatter.at.y[point]]));
    } else if (event.key === "Enter" && here !== null) events.pick(here);
    else if (event.key === "+" || event.key === "=") this.zoom(1 / CLOSER, here);
    else if (event.key === "-") this.zoom(CLOSER, here);
    else if (event.key === "0") scatter.resetView();
    else return;
    event.preventDefault();
  }

  // The next point shown in a direction; at first the one in the middle of what is seen.
  next(from, direction) {
    let point = null;
    if (from === null) point = this.nearest(...this.axes.map((axis) => axis._length / 2));
    else {
      const [left, top] = this.scatter.pixelsOf(this.scatter.at.x[from], this.scatter.at.y[from]);
      point = this.least((px, py) => towards(direction, px - left, py - top));
    }
    if (point !== null && !this.scatter.isInView(point)) this.zoom(1, point);
    return point;
  }

  // Shows `times` as much of the map, around a point, or around the middle.
  zoom(times, around) {
    const {x, y} = this.scatter.at;
    const ranges = this.axes.map(({range: [low, high]}, axis) => {
      const middle = around === null ? (low + high) / 2 : [x, y][axis][around], half = (times * (high - low)) / 2;
      return [middle - half, middle + half];
    });
    this.scatter.setRanges(ranges);
  }
}
