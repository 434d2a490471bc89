// Ten thousand points that Plotly draws, and over them, on a canvas of ours, what follows the pointer.
//
// Which point is under the pointer is worked out from the points themselves, so it is the nearest one shown, whatever
// was filtered, recoloured or moved. A browser without WebGL gets an SVG of 2,000 of them.
import {make} from "../lib/page.js";
import {plotly} from "../lib/plotly.js";
import {middles} from "../lib/points.js";
import {download} from "../lib/save.js";

const REACH = 18; // pixels from a point within which it counts as being under the pointer
const STILL = 5; // pixels that a click may move
const MOST_SVG = 2000; // points
const MOVE = 600; // milliseconds that points take to their places
const CLOSER = 1.5; // times as large, by a press of +
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const BORDER = 0.04; // around the points, as a share of their extent
const HEIGHT = {least: 360, most: 550}; // between them, as high as it is wide
const CAMERA = {eye: {x: 1.35, y: 1.35, z: 0.85}};
const SAVED = 2; // times as many pixels in a saved picture

export const hasWebGL = () => {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
};

export class Scatter {
  // `events`: {hover(index | null), pick(index | null), select([index]), path([[x, y]])}
  constructor(events) {
    this.events = events;
    this.plot = make("div", {className: "plot", role: "figure", ariaLabel: "Map of the test digits", tabIndex: 0});
    this.plot.ariaDescription = "The arrow keys go from digit to digit, Enter pins one, Shift and Enter walk to it from the pinned one, plus, minus and 0 zoom";
    this.glass = make("canvas", {className: "glass", ariaHidden: "true"});
    this.sheet = make("div", {className: "sheet", hidden: true});
    const keys = make("p", {className: "keys", ariaHidden: "true", textContent: "Arrow keys: from digit to digit. Enter pins, Shift+Enter walks there from the pinned one. + \u2212 0 zoom."});
    this.element = make("div", {className: "scatter"}, this.plot, this.glass, this.sheet, keys);
    this.views = new Map(); // the ranges that somebody has zoomed to, by projection
    this.marks = {};
    this.tool = matchMedia("(pointer: coarse)").matches ? null : "pan"; // a finger scrolls the page until it asks for more
    this.isGL = hasWebGL();
    const {plot, sheet} = this;
    plot.addEventListener("pointermove", (event) => this.moveOver(event));
    plot.addEventListener("pointerleave", () => this.events.hover(null));
    plot.addEventListener("pointerdown", (event) => this.press(event), true);
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("dblclick", () => this.tool === "pan" && this.resetView());
    sheet.onpointerdown = (event) => this.beginPath(event);
    sheet.onpointermove = (event) => this.trail && this.extendPath(event);
    sheet.onpointerup = sheet.onpointercancel = () => this.endPath();
  }

  // Draws. `scene`: {key, x, y, z | null: Float32Arrays, labels, names, colours, hidden: Set of classes,
  //   values: Float32Array | null, scale: {title, low, high, colours}, selected: Set of points | null, axes: [title] | null}
  // Where only x and y are others than before, the points move to their places.
  async show(scene, library) {
    this.library = await plotly(library, this.element.getRootNode());
    const before = this.scene;
    this.scene = scene;
    if (before?.x === scene.x && this.isMoving) return this.draw(); // they go on to the same places
    cancelAnimationFrame(this.to);
    const moves = before && !before.z && !scene.z && before.x.length === scene.x.length && before.x !== scene.x &&
      this.isGL && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (moves) return this.travel(scene);
    this.isMoving = false;
    this.at = {x: scene.x, y: scene.y};
    return this.draw();
  }

  // The old positions in the frame of the new ones, then step by step to the new ones.
  async travel(scene) {
    const [x, y] = inFrame(this.at.x, this.at.y, scene), from = {x, y}, began = performance.now();
    this.isMoving = true;
    this.at = from;
    await this.draw();
    const step = async () => {
      if (this.scene?.x !== scene.x || !this.plot.isConnected) return;
      const share = Math.min(1, (performance.now() - began) / MOVE), eased = share * share * (3 - 2 * share);
      const mixed = (a, b) => (share < 1 ? a.map((value, index) => value + eased * (b[index] - value)) : b);
      this.at = {x: mixed(from.x, scene.x), y: mixed(from.y, scene.y)};
      const each = this.members().map((members) => ({x: pickFrom(this.at.x, members), y: pickFrom(this.at.y, members)}));
      await this.library.restyle(this.plot, {x: each.map(({x}) => x), y: each.map(({y}) => y)}, each.map((_, index) => index));
      if (this.scene?.x !== scene.x) return;
      if (share < 1) this.to = requestAnimationFrame(step);
      else {
        this.isMoving = false;
        this.paintGlass();
      }
    };
    await step();
  }

  async draw() {
    const {plot, scene, library} = this;
    await library.react(plot, this.traces(), this.layout(), {
      responsive: true, displayModeBar: false, scrollZoom: true, doubleClick: false, showTips: false,
    });
    if (!this.isWired) {
      this.isWired = true;
      plot.on("plotly_relayout", (changes) => this.keepView(changes));
      for (const event of ["plotly_relayouting", "plotly_afterplot"]) plot.on(event, () => this.paintGlass());
      plot.on("plotly_selected", (event) => { // without a range or a lasso nobody has drawn one: it was cleared
        if (event?.range || event?.lassoPoints) this.events.select(event.points.map((point) => point.customdata));
      });
      plot.on("plotly_hover", (event) => this.scene.z && this.events.hover(event.points[0].customdata));
      plot.on("plotly_click", (event) => this.scene.z && this.events.pick(event.points[0].customdata));
    }
    this.useTool();
    this.paintGlass();
  }

  close() {
    this.scene = null;
    if (this.plot.data && this.library) this.library.purge(this.plot);
  }

  // -- the figure

  // The points of each class; only some of them where each is an element of the page.
  members() {
    const {labels, names} = this.scene;
    const found = names.map(() => []), stride = this.isGL ? 1 : Math.max(1, labels.length / MOST_SVG);
    for (let at = 0; at < labels.length; at += stride) {
      const index = Math.floor(at);
      found[labels[index]].push(index);
    }
    return found;
  }

  traces() {
    const {scene, at} = this, {names, colours, values, selected, z} = scene;
    const size = z ? 2 : at.x.length > 3000 && this.isGL ? 4.5 : 6;
    return this.members().map((members, label) => ({
      type: z ? "scatter3d" : this.isGL ? "scattergl" : "scatter", mode: "markers", name: names[label],
      x: pickFrom(at.x, members), y: pickFrom(at.y, members), ...(z && {z: pickFrom(z, members)}),
      customdata: members, hoverinfo: "none", visible: !scene.hidden.has(label),
      marker: {
        size, line: {width: 0}, opacity: z ? 0.9 : 0.8,
        ...(values ? {color: pickFrom(values, members), coloraxis: "coloraxis"} : {color: colours[label % colours.length]}),
      },
      ...(selected && !z && {
        selectedpoints: members.flatMap((index, rank) => (selected.has(index) ? [rank] : [])),
        unselected: {marker: {opacity: 0.12}}, selected: {marker: {opacity: 1}},
      }),
    }));
  }

  layout() {
    const {scene, plot} = this, style = getComputedStyle(plot);
    const ink = style.getPropertyValue("--st-text-color").trim() || "#222";
    const grey = "rgba(138, 138, 148, 0.35)", font = {color: ink, family: style.fontFamily};
    const narrow = plot.clientWidth < 520;
    const axis = (title) => ({
      title: {text: title ?? ""}, showgrid: false, zeroline: false, showticklabels: Boolean(title), ticks: title ? "outside" : "",
      linecolor: grey, mirror: true, showline: true, tickcolor: grey,
    });
    const titles = scene.axes ?? [];
    const [x, y] = this.views.get(scene.key) ?? this.extent();
    return {
      height: Math.max(HEIGHT.least, Math.min(HEIGHT.most, plot.clientWidth)), autosize: true, font, showlegend: false, hovermode: "closest", hoverdistance: 20,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: this.dragmode(), selections: [],
      margin: titles.length ? {l: 46, r: 8, t: 8, b: 40} : {l: 2, r: 2, t: 2, b: 2},
      uirevision: scene.key, selectionrevision: Math.random(),
      newselection: {line: {color: ink, width: 1.5, dash: "dot"}},
      coloraxis: scene.values && {cmin: scene.scale.low, cmax: scene.scale.high, colorscale: scene.scale.colours, showscale: false},
      ...(scene.z
        ? {scene: {uirevision: scene.key, dragmode: "orbit", aspectmode: "cube", camera: structuredClone(CAMERA),
            ...Object.fromEntries(["xaxis", "yaxis", "zaxis"].map((name, at) => [name, {title: {text: titles[at], font: {size: 12}}, showticklabels: false, gridcolor: grey, color: ink, showspikes: false}]))}}
        : {xaxis: {...axis(titles[0]), range: x}, yaxis: {...axis(titles[1]), range: y, ...(scene.stretched ? {} : {scaleanchor: "x"})}}),
    };
  }

  extent() {
    const {x, y} = this.scene;
    return [x, y].map((values) => {
      const [low, high] = ends(values), border = BORDER * (high - low) || 1;
      return [low - border, high + border];
    });
  }

  dragmode() {
    return {pan: "pan", lasso: "lasso", box: "select"}[this.tool] ?? false;
  }

  use(tool) {
    this.tool = tool;
    if (this.plot.layout && !this.scene.z) this.library.relayout(this.plot, {dragmode: this.dragmode()});
    this.useTool();
  }

  useTool() {
    this.sheet.hidden = this.tool !== "path" || Boolean(this.scene?.z);
    this.element.classList.toggle("holds", Boolean(this.tool));
  }

  // Remembers what somebody has zoomed to; `changes` are Plotly's, of other things too.
  keepView(changes) {
    if (this.scene.z || !Object.keys(changes ?? {}).some((name) => name.includes("axis"))) return;
    const {xaxis, yaxis} = this.plot._fullLayout;
    this.views.set(this.scene.key, [[...xaxis.range], [...yaxis.range]]);
    this.paintGlass();
  }

  resetView() {
    if (this.scene.z) return this.library.relayout(this.plot, {"scene.camera": structuredClone(CAMERA)});
    const [x, y] = this.extent(), {key} = this.scene;
    return this.library.relayout(this.plot, {"xaxis.range": x, "yaxis.range": y}).then(() => this.views.delete(key));
  }

  // Brings a point into the picture, if it is not in it.
  reveal(index) {
    if (!this.scene.z && !this.isInView(index)) this.resetView();
  }

  isInView(index) {
    const [px, py] = this.pixelsOf(this.at.x[index], this.at.y[index]), {xaxis, yaxis} = this.plot._fullLayout;
    return px >= 0 && py >= 0 && px <= xaxis._length && py <= yaxis._length;
  }

  // The figure and what lies over it, on the page's ground.
  async savePicture(name) {
    const [width, height] = [this.plot.clientWidth, this.plot.clientHeight];
    const figure = new Image(), sheet = make("canvas", {width: SAVED * width, height: SAVED * height}), pen = sheet.getContext("2d");
    figure.src = await this.library.toImage(this.plot, {format: "png", scale: SAVED, width, height});
    await figure.decode();
    pen.fillStyle = getComputedStyle(this.plot).getPropertyValue("--st-background-color").trim() || "#fff";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.drawImage(figure, 0, 0, sheet.width, sheet.height);
    this.paintGlass(SAVED);
    pen.drawImage(this.glass, 0, 0, sheet.width, sheet.height);
    this.paintGlass();
    download(sheet.toDataURL("image/png"), `${name}.png`);
  }

  // The points as a drawing that stays sharp at any size; in three dimensions a picture in one.
  async saveDrawing(name) {
    const size = {width: this.plot.clientWidth, height: this.plot.clientHeight};
    const data = this.plot.data.map((trace) => ({...trace, type: trace.type === "scattergl" ? "scatter" : trace.type}));
    const ground = getComputedStyle(this.plot).getPropertyValue("--st-background-color").trim() || "#fff";
    const {scene} = this, names = scene.z ? [] : (scene.middles ??= middles(scene.x, scene.y, scene.labels, scene.names.length));
    const annotations = names.flatMap((place, label) => (place && !scene.hidden.has(label) ? [{
      x: place[0], y: place[1], text: `<b>${escaped(scene.names[label])}</b>`, showarrow: false, font: {size: 15, family: "Arial, Helvetica, sans-serif"},
    }] : []));
    const layout = {...this.plot.layout, ...size, annotations, paper_bgcolor: ground, plot_bgcolor: ground};
    download(await this.library.toImage({data, layout}, {format: "svg", ...size}), `${name}.svg`);
  }

  // -- the pointer

  // Where a position is, in pixels from the left upper corner of the axes, and the way back.
  pixelsOf(x, y) {
    const {xaxis, yaxis} = this.plot._fullLayout;
    return [xaxis.d2p(x), yaxis.d2p(y)];
  }

  positionOf(event) {
    const {xaxis, yaxis} = this.plot._fullLayout, box = this.plot.getBoundingClientRect();
    return [xaxis.p2d(event.clientX - box.left - xaxis._offset), yaxis.p2d(event.clientY - box.top - yaxis._offset)];
  }

  // The nearest point that is shown, null where none is within reach.
  pointAt(event) {
    const full = this.plot._fullLayout, {scene, at} = this;
    if (!full?.xaxis || scene.z || this.isMoving) return null;
    const box = this.plot.getBoundingClientRect(), {xaxis, yaxis} = full;
    const px = event.clientX - box.left - xaxis._offset, py = event.clientY - box.top - yaxis._offset;
    const [x0, x1] = xaxis.range, [y0, y1] = yaxis.range;
    const kx = xaxis._length / (x1 - x0), ky = yaxis._length / (y1 - y0);
    let best = null, least = REACH * REACH;
    const consider = (index) => {
      if (scene.hidden.has(scene.labels[index])) return;
      const away = ((at.x[index] - x0) * kx - px) ** 2 + ((y1 - at.y[index]) * ky - py) ** 2;
      if (away < least) [best, least] = [index, away];
    };
    if (this.isGL) for (let index = 0; index < at.x.length; index++) consider(index);
    else this.members().flat().forEach(consider);
    return best;
  }

  moveOver(event) {
    if (!this.scene || this.scene.z || event.buttons) return;
    this.last = event;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.scene) this.events.hover(this.pointAt(this.last));
    });
  }

  // A press that is let go where it began is a click. Plotly lays a sheet of its own over the page meanwhile, and keeps
  // clicks of fingers for itself.
  press(began) {
    this.plot.focus({preventScroll: true}); // so that Escape is heard
    let farthest = 0; // a lasso ends near where it began
    const moved = (event) => (farthest = Math.max(farthest, Math.hypot(event.clientX - began.clientX, event.clientY - began.clientY)));
    addEventListener("pointermove", moved, true);
    addEventListener("pointerup", (event) => {
      removeEventListener("pointermove", moved, true);
      moved(event);
      if (!this.scene || this.scene.z || event.pointerId !== began.pointerId || began.button > 0) return;
      if (farthest > STILL) return;
      const found = this.pointAt(event);
      if (found === null) return;
      if (event.pointerType === "touch") this.events.hover(found);
      this.events.pick(found);
    }, {once: true});
  }

  // What the pointer does, by keys.
  key(event) {
    if (!this.scene || this.scene.z || this.isMoving || !this.plot._fullLayout?.xaxis || event.ctrlKey || event.metaKey || event.altKey) return;
    const {focus, pinned} = this.marks, here = focus ?? pinned ?? null;
    if (event.key in ARROWS) this.events.hover(this.next(here, ARROWS[event.key]) ?? here);
    else if (event.key === "Enter" && event.shiftKey && pinned !== undefined && pinned !== null && here !== pinned) {
      this.events.path([pinned, here].map((point) => [this.at.x[point], this.at.y[point]]));
    } else if (event.key === "Enter" && here !== null) this.events.pick(here);
    else if (event.key === "+" || event.key === "=") this.zoom(1 / CLOSER, here);
    else if (event.key === "-") this.zoom(CLOSER, here);
    else if (event.key === "0") this.resetView();
    else return;
    event.preventDefault();
  }

  // The next point shown in a direction; at first the one in the middle of what is seen.
  next(from, [right, down]) {
    const {xaxis, yaxis} = this.plot._fullLayout, {x, y} = this.at, {scene} = this;
    const start = from === null ? [xaxis._length / 2, yaxis._length / 2] : this.pixelsOf(x[from], y[from]);
    let found = null, least = Infinity;
    for (let point = 0; point < x.length; point++) {
      if (point === from || scene.hidden.has(scene.labels[point])) continue;
      const [px, py] = this.pixelsOf(x[point], y[point]), dx = px - start[0], dy = py - start[1];
      const along = dx * right + dy * down, beside = Math.abs(dx * down - dy * right);
      const away = from === null ? Math.hypot(dx, dy) : along > 0.5 && beside <= along ? along + beside : Infinity;
      if (away < least) [found, least] = [point, away];
    }
    if (found !== null && !this.isInView(found)) this.zoom(1, found);
    return found;
  }

  // Shows `times` as much of the map, around a point, or around the middle.
  zoom(times, around) {
    const {xaxis, yaxis} = this.plot._fullLayout;
    const [x, y] = [xaxis, yaxis].map(({range: [low, high]}, axis) => {
      const middle = around === null ? (low + high) / 2 : this.at[axis ? "y" : "x"][around], half = (times * (high - low)) / 2;
      return [middle - half, middle + half];
    });
    this.library.relayout(this.plot, {"xaxis.range": x, "yaxis.range": y});
  }

  beginPath(event) {
    if (event.button > 0 || !this.plot._fullLayout?.xaxis) return;
    event.preventDefault();
    this.sheet.setPointerCapture(event.pointerId);
    this.trail = [];
    this.extendPath(event);
  }

  extendPath(event) {
    this.trail.push(this.positionOf(event));
    this.mark({path: this.trail, station: null});
  }

  endPath() {
    const {trail} = this;
    this.trail = null;
    if (trail?.length > 1) this.events.path(trail);
  }

  // -- the glass: `marks` are {focus, pinned: points, threads: [[from, to], ...], drawing: [x, y], path: [[x, y]], station: [x, y]}

  mark(marks) {
    Object.assign(this.marks, marks);
    this.paintGlass();
  }

  paintGlass(scale = devicePixelRatio || 1) {
    const {plot, glass, scene, marks, at} = this, full = plot._fullLayout;
    if (!scene || !full) return;
    const [width, height] = [plot.clientWidth, plot.clientHeight];
    if (glass.width !== Math.round(width * scale)) glass.width = Math.round(width * scale);
    if (glass.height !== Math.round(height * scale)) glass.height = Math.round(height * scale);
    Object.assign(glass.style, {width: `${width}px`, height: `${height}px`});
    const pen = glass.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (scene.z || !full.xaxis) return;
    const {xaxis, yaxis} = full;
    pen.save();
    pen.beginPath();
    pen.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
    pen.clip();
    pen.translate(xaxis._offset, yaxis._offset);
    const ink = getComputedStyle(plot).getPropertyValue("--st-text-color").trim() || "#222";
    const ground = getComputedStyle(plot).getPropertyValue("--st-background-color").trim() || "#fff";
    if (!this.isMoving && !scene.values && !scene.axes?.lanes) this.writeNames(pen, ink, ground);
    const pixels = (index) => this.pixelsOf(at.x[index], at.y[index]);
    if (!this.isMoving) {
      for (const [from, to] of marks.threads ?? []) line(pen, [pixels(from), pixels(to)], ink, 1, 0.55);
      for (const [, to] of marks.threads ?? []) ring(pen, pixels(to), 4, ink, ground, 1.5);
      if (marks.pinned !== null && marks.pinned !== undefined) ring(pen, pixels(marks.pinned), 9, ink, ground, 2.5);
      if (marks.focus !== null && marks.focus !== undefined) ring(pen, pixels(marks.focus), 7, ink, ground, 2);
    }
    if (marks.path?.length) line(pen, marks.path.map(([x, y]) => this.pixelsOf(x, y)), "#8b5cf6", 3, 1);
    if (marks.station) dot(pen, this.pixelsOf(...marks.station), 7, "#8b5cf6", ground);
    if (marks.drawing && !this.isMoving) {
      const place = this.pixelsOf(...marks.drawing);
      dot(pen, place, 7, "#8b5cf6", ground);
      label(pen, "your drawing", [place[0], place[1] - 16], ink, ground, "600 13px sans-serif");
    }
    pen.restore();
  }

  // Each class's name in the middle of its points, so that colour is not the only cue.
  writeNames(pen, ink, ground) {
    const {scene} = this;
    scene.middles ??= middles(scene.x, scene.y, scene.labels, scene.names.length);
    scene.middles.forEach((place, index) => {
      if (place && !scene.hidden.has(index)) label(pen, scene.names[index], this.pixelsOf(...place), ink, ground, "700 17px sans-serif");
    });
  }
}

// A text as Plotly shows it letter by letter, where it would otherwise see its own HTML.
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function inFrame(x, y, scene) {
  const frame = ([xs, ys]) => {
    const [a, b] = ends(xs), [c, d] = ends(ys);
    return {middle: [(a + b) / 2, (c + d) / 2], half: Math.max(b - a, d - c) / 2 || 1};
  };
  const mine = frame([x, y]), theirs = frame([scene.x, scene.y]), factor = theirs.half / mine.half;
  return [x, y].map((values, axis) => values.map((value) => theirs.middle[axis] + (value - mine.middle[axis]) * factor));
}

function ends(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function pickFrom(values, members) {
  return Float32Array.from(members, (index) => values[index]);
}

function line(pen, points, colour, width, opacity) {
  pen.globalAlpha = opacity;
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = pen.lineCap = "round";
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  pen.globalAlpha = 1;
}

function ring(pen, [x, y], radius, colour, ground, width) {
  for (const [stroke, wide] of [[ground, width + 2], [colour, width]]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = wide;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function dot(pen, [x, y], radius, colour, ground) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
  pen.strokeStyle = ground;
  pen.lineWidth = 2;
  pen.stroke();
}

function label(pen, text, [x, y], ink, ground, font) {
  pen.font = font;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.strokeStyle = ground;
  pen.lineWidth = 4;
  pen.strokeText(text, x, y);
  pen.fillStyle = ink;
  pen.fillText(text, x, y);
}
