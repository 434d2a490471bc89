// What lies over the points of the map, on a canvas of its own: class names, rings, threads, a path, the drawing.
import {ACCENT, themed} from "../lib/page.js";
import {dot, line, ring, write} from "../lib/pen.js";
import {middles} from "../lib/points.js";

// Paints the marks of a scatter: {focus, pinned: points or null, threads: [[from, to], ...],
// drawing: [x, y] | null, path: [[x, y], ...] | null, station: [x, y] | null}.
export function paintGlass(canvas, scatter, scale = devicePixelRatio || 1) {
  const {plot, scene, marks, at, isMoving} = scatter, full = plot._fullLayout;
  if (!scene || !full) return;
  const [width, height] = [plot.clientWidth, plot.clientHeight], pen = canvas.getContext("2d");
  canvas.width = Math.round(width * scale); // which clears it
  canvas.height = Math.round(height * scale);
  Object.assign(canvas.style, {width: `${width}px`, height: `${height}px`});
  if (scene.z || !full.xaxis) return;
  const {xaxis, yaxis} = full;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.beginPath();
  pen.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
  pen.clip();
  pen.translate(xaxis._offset, yaxis._offset);
  const colours = {ink: themed(plot, "text-color"), ground: themed(plot, "background-color")};
  const pixelsOf = (point) => scatter.pixelsOf(at.x[point], at.y[point]);
  if (!isMoving) {
    if (!scene.values && !scene.hasLanes) writeNames(pen, scatter, colours);
    const {threads = [], pinned = null, focus = null} = marks;
    for (const thread of threads) line(pen, thread.map(pixelsOf), colours.ink, 1, 0.55);
    for (const [, to] of threads) ring(pen, pixelsOf(to), 4, colours, 1.5);
    if (pinned !== null) ring(pen, pixelsOf(pinned), 9, colours, 2.5);
    if (focus !== null) ring(pen, pixelsOf(focus), 7, colours, 2);
  }
  if (marks.path?.length) line(pen, marks.path.map((place) => scatter.pixelsOf(...place)), ACCENT, 3);
  if (marks.station) dot(pen, scatter.pixelsOf(...marks.station), 7, ACCENT, colours.ground);
  if (!marks.drawing || isMoving) return;
  const [left, top] = scatter.pixelsOf(...marks.drawing);
  dot(pen, [left, top], 7, ACCENT, colours.ground);
  write(pen, "your drawing", [left, top - 16], colours, "600 13px sans-serif");
}

// Each class's name in the middle of its points, so that colour is not the only cue.
function writeNames(pen, scatter, colours) {
  const {hidden, names} = scatter.scene, font = "700 17px sans-serif";
  classMiddles(scatter.scene).forEach((place, label) =>
    place && !hidden.has(label) && write(pen, names[label], scatter.pixelsOf(...place), colours, font));
}

export function classMiddles(scene) {
  scene.middles ??= middles(scene.x, scene.y, scene.labels, scene.names.length);
  return scene.middles;
}
