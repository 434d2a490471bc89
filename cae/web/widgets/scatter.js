// Ten thousand points that Plotly draws, under a canvas of ours with what follows the pointer.
//
// Which point is under the pointer is worked out from the points themselves, so it is the nearest one shown, whatever
// was filtered, recoloured or moved. A browser without WebGL gets an SVG of 2,000 of them.
import {div, make, themed, wantsRest} from "../lib/page.js";
import {plotly} from "../lib/plotly.js";
import {ends, inFrame, pickFrom} from "../lib/points.js";
import {download} from "../lib/save.js";
import {classMiddles, paintGlass} from "./glass.js";
import {Pointer} from "./pointer.js";

const MOST_SVG = 2000; // points
const MOVE = 600; // milliseconds that points take to their places
const BORDER = 0.04; // around the points, as a share of their extent
const HEIGHT = {least: 360, most: 550}; // between them, as high as it is wide
const CAMERA = {eye: {x: 1.35, y: 1.35, z: 0.85}};
const SAVED = 2; // times as many pixels in a saved picture
const GREY = "rgba(138, 138, 148, 0.35)", CLEAR = "rgba(0,0,0,0)";
const KEYS = "Arrow keys: from digit to digit. Enter pins, Shift+Enter walks there from the pinned one. + − 0 zoom.";
const DESCRIPTION = "The arrow keys go from digit to digit, Enter pins one, " +
  "Shift and Enter walk to it from the pinned one, plus, minus and 0 zoom";

function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

export class Scatter {
  // `events`: {hover(index | null), pick(index), select([index]), path([[x, y]])}
  constructor(events) {
    this.events = events;
    this.plot = make("div", {className: "plot", role: "figure", ariaLabel: "Map of the test digits", tabIndex: 0});
    this.plot.ariaDescription = DESCRIPTION;
    this.glass = make("canvas", {className: "glass", ariaHidden: "true"});
    this.sheet = make("div", {className: "sheet", hidden: true});
    this.element = div("scatter", this.plot, this.glass, this.sheet,
      make("p", {className: "keys", ariaHidden: "true", textContent: KEYS}));
    this.views = new Map(); // the ranges that somebody has zoomed to, by projection
    this.marks = {};
    this.tool = matchMedia("(pointer: coarse)").matches ? null : "pan"; // without one a finger scrolls the page
    this.isGL = hasWebGL();
    this.pointer = new Pointer(this);
    this.plot.addEventListener("dblclick", () => this.tool === "pan" && this.resetView());
  }

  // Draws. `scene`: {key, x, y, z | null: Float32Arrays, labels, names, colours, hidden: Set of classes,
  //   values: Float32Array | null, scale: {low, high, colours}, selected: Set of points | null, axes: [title] | null,
  //   isStretched: each axis on a scale of its own, hasLanes: whether y is the class}
  // Where only x and y have changed, the points move to their new places.
  async show(scene, library) {
    this.library = await plotly(library, this.element.getRootNode());
    const before = this.scene;
    this.scene = scene;
    if (before?.x === scene.x && this.isMoving) return this.draw(); // they go on to the same places
    cancelAnimationFrame(this.to);
    const isMove = before && !before.z && !scene.z && before.x !== scene.x && before.x.length === scene.x.length;
    if (isMove && this.isGL && !wantsRest()) return this.travel(scene);
    this.isMoving = false;
    this.at = {x: scene.x, y: scene.y};
    return this.draw();
  }

  // Puts the old positions into the frame of the new ones, then step by step to the new ones.
  async travel(scene) {
    const [x, y] = inFrame(this.at.x, this.at.y, scene.x, scene.y), began = performance.now();
    this.isMoving = true;
    this.at = {x, y};
    await this.draw();
    const step = async () => {
      if (this.scene?.x !== scene.x || !this.plot.isConnected) return;
      const share = Math.min(1, (performance.now() - began) / MOVE), eased = share * share * (3 - 2 * share);
      const mixed = (from, to) => (share < 1 ? from.map((value, index) => value + eased * (to[index] - value)) : to);
      this.at = {x: mixed(x, scene.x), y: mixed(y, scene.y)};
      const members = this.members(), each = (values) => members.map((those) => pickFrom(values, those));
      await this.library.restyle(this.plot, {x: each(this.at.x), y: each(this.at.y)}, [...members.keys()]);
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
    const {plot, library, events} = this;
    await library.react(plot, this.traces(), this.layout(), {
      responsive: true, displayModeBar: false, scrollZoom: true, doubleClick: false, showTips: false,
    });
    if (!this.isWired) {
      this.isWired = true;
      plot.on("plotly_relayout", (changes) => this.keepView(changes));
      for (const event of ["plotly_relayouting", "plotly_afterplot"]) plot.on(event, () => this.paintGlass());
      plot.on("plotly_selected", (event) => { // without a range or a lasso nobody has drawn one: it was cleared
        if (event?.range || event?.lassoPoints) events.select(event.points.map((point) => point.customdata));
      });
      plot.on("plotly_hover", (event) => this.scene.z && events.hover(event.points[0].customdata));
      plot.on("plotly_click", (event) => this.scene.z && events.pick(event.points[0].customdata));
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
    const {labels, names} = this.scene, classes = names.map(() => []);
    const stride = this.isGL ? 1 : Math.max(1, labels.length / MOST_SVG);
    for (let at = 0; at < labels.length; at += stride) {
      const index = Math.floor(at);
      classes[labels[index]].push(index);
    }
    return classes;
  }

  traces() {
    const {at, scene: {names, colours, values, selected, hidden, z}} = this;
    const flat = this.isGL ? "scattergl" : "scatter", size = at.x.length > 3000 && this.isGL ? 4.5 : 6;
    return this.members().map((members, label) => {
      const colour = colours[label % colours.length];
      const marker = {size: z ? 2 : size, line: {width: 0}, opacity: z ? 0.9 : 0.8};
      return {
        type: z ? "scatter3d" : flat, mode: "markers", name: names[label],
        x: pickFrom(at.x, members), y: pickFrom(at.y, members), ...(z && {z: pickFrom(z, members)}),
        customdata: members, hoverinfo: "none", visible: !hidden.has(label),
        marker: {...marker, ...(values ? {color: pickFrom(values, members), coloraxis: "coloraxis"} : {color: colour})},
        ...(selected && !z && {
          selectedpoints: members.flatMap((index, rank) => (selected.has(index) ? [rank] : [])),
          unselected: {marker: {opacity: 0.12}}, selected: {marker: {opacity: 1}},
        }),
      };
    });
  }

  layout() {
    const {plot, scene: {axes, key, values, scale, z, isStretched}} = this, titles = axes ?? [];
    const ink = themed(plot, "text-color");
    return {
      height: Math.max(HEIGHT.least, Math.min(HEIGHT.most, plot.clientWidth)), autosize: true,
      font: {color: ink, family: getComputedStyle(plot).fontFamily}, showlegend: false,
      hovermode: "closest", hoverdistance: 20, paper_bgcolor: CLEAR, plot_bgcolor: CLEAR,
      dragmode: this.dragmode(), selections: [],
      margin: axes ? {l: 46, r: 8, t: 8, b: 40} : {l: 2, r: 2, t: 2, b: 2},
      uirevision: key, selectionrevision: Math.random(),
      newselection: {line: {color: ink, width: 1.5, dash: "dot"}},
      coloraxis: values && {cmin: scale.low, cmax: scale.high, colorscale: scale.colours, showscale: false},
      ...(z ? solidAxes(titles, ink, key) : flatAxes(titles, this.views.get(key) ?? this.extent(), isStretched)),
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

  setRanges([x, y]) {
    return this.library.relayout(this.plot, {"xaxis.range": x, "yaxis.range": y});
  }

  resetView() {
    const {key, z} = this.scene;
    if (z) return this.library.relayout(this.plot, {"scene.camera": structuredClone(CAMERA)});
    return this.setRanges(this.extent()).then(() => this.views.delete(key));
  }

  // Brings a point into view.
  reveal(index) {
    if (!this.scene.z && !this.isInView(index)) this.resetView();
  }

  isInView(index) {
    const [left, top] = this.pixelsOf(this.at.x[index], this.at.y[index]), {xaxis, yaxis} = this.plot._fullLayout;
    return left >= 0 && top >= 0 && left <= xaxis._length && top <= yaxis._length;
  }

  // A position in pixels from the left upper corner of the axes, and the way back from an event.
  pixelsOf(x, y) {
    const {xaxis, yaxis} = this.plot._fullLayout;
    return [xaxis.d2p(x), yaxis.d2p(y)];
  }

  positionOf({clientX, clientY}) {
    const {xaxis, yaxis} = this.plot._fullLayout, box = this.plot.getBoundingClientRect();
    return [xaxis.p2d(clientX - box.left - xaxis._offset), yaxis.p2d(clientY - box.top - yaxis._offset)];
  }

  // Shows marks over the points, beside those there are; see glass.js.
  mark(marks) {
    Object.assign(this.marks, marks);
    this.paintGlass();
  }

  paintGlass(scale) {
    paintGlass(this.glass, this, scale);
  }

  // -- saving

  // The figure and what lies over it, on the page's background.
  async savePicture(name) {
    const [width, height] = [this.plot.clientWidth, this.plot.clientHeight], figure = new Image();
    const sheet = make("canvas", {width: SAVED * width, height: SAVED * height}), pen = sheet.getContext("2d");
    figure.src = await this.library.toImage(this.plot, {format: "png", scale: SAVED, width, height});
    await figure.decode();
    pen.fillStyle = themed(this.plot, "background-color");
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.drawImage(figure, 0, 0, sheet.width, sheet.height);
    this.paintGlass(SAVED);
    pen.drawImage(this.glass, 0, 0, sheet.width, sheet.height);
    this.paintGlass();
    download(sheet.toDataURL("image/png"), `${name}.png`);
  }

  // The points as a drawing that stays sharp at any size; in three dimensions a picture in one.
  async saveDrawing(name) {
    const {scene, plot} = this, size = {width: plot.clientWidth, height: plot.clientHeight};
    const data = plot.data.map((trace) => ({...trace, type: trace.type === "scattergl" ? "scatter" : trace.type}));
    const ground = themed(plot, "background-color"), font = {size: 15, family: "Arial, Helvetica, sans-serif"};
    const places = scene.z ? [] : classMiddles(scene);
    const annotations = places.flatMap((place, label) => {
      if (!place || scene.hidden.has(label)) return [];
      return [{x: place[0], y: place[1], text: `<b>${escaped(scene.names[label])}</b>`, showarrow: false, font}];
    });
    const layout = {...plot.layout, ...size, annotations, paper_bgcolor: ground, plot_bgcolor: ground};
    download(await this.library.toImage({data, layout}, {format: "svg", ...size}), `${name}.svg`);
  }
}

function flatAxes(titles, ranges, isStretched) {
  const [xaxis, yaxis] = [0, 1].map((axis) => ({
    title: {text: titles[axis] ?? ""}, showgrid: false, zeroline: false, range: ranges[axis],
    showticklabels: Boolean(titles[axis]), ticks: titles[axis] ? "outside" : "",
    linecolor: GREY, mirror: true, showline: true, tickcolor: GREY,
  }));
  return {xaxis, yaxis: {...yaxis, ...(isStretched ? {} : {scaleanchor: "x"})}};
}

function solidAxes(titles, ink, uirevision) {
  const axes = titles.map((text) => ({
    title: {text, font: {size: 12}}, showticklabels: false, gridcolor: GREY, color: ink, showspikes: false,
  }));
  const [xaxis, yaxis, zaxis] = axes, camera = structuredClone(CAMERA);
  return {scene: {uirevision, dragmode: "orbit", aspectmode: "cube", camera, xaxis, yaxis, zaxis}};
}

// A text as Plotly shows it letter by letter, where it would otherwise see its own HTML.
const escaped = (name) => name.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
