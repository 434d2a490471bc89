// The laboratory as one file: the widgets that the dashboard has for steering, drawing and the map, without a server.
//
// The page holds what they fetch, packed, in script elements that are named like the files, and what they are told, as
// JSON, in "facts": {run, colours, dimensions, tsne: {file, title} | null}.
import {mount as mountDraw} from "./draw.js";
import {files} from "../lib/files.js";
import {make} from "../lib/page.js";
import {plotly} from "../lib/plotly.js";
import {keptValue} from "../lib/tab.js";
import {mount as mountMap} from "./map.js";
import {mount as mountStart} from "./start.js";
import {mount as mountSteer} from "./steer.js";

const NAMES = {
  network: "network.safetensors", space: "space.safetensors", pictures: "pictures.gz", points: "points.safetensors",
  random: "random.safetensors", plotly: "plotly.js",
};
const SPOILT = "This file is incomplete. Get a new copy of it";
const FARTHEST = 1e4; // from zero, for a number in a link

globalThis.caeInline = async (name) => {
  try {
    const letters = atob(document.getElementById(name).textContent), bytes = new Uint8Array(letters.length);
    for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
    if (name.endsWith(".gz")) return bytes;
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (error) {
    throw new Error(SPOILT, {cause: error});
  }
};

class Lab {
  constructor(facts) {
    this.facts = facts;
    this.state = document.getElementById("state");
    this.drawing = ownDrawing();
    this.wanted = linked(facts.dimensions);
    this.addresses = {...NAMES, tsne: facts.tsne?.file};
    const view = (show, ...kinds) => ({show, kinds});
    this.views = {
      steer: view((element) => this.showSteer(element), "network", "space", "pictures", "points", "random"),
      draw: view((element) => this.showDraw(element), "network", "space", "pictures", "points", "tsne"),
      map: view((element) => this.showMap(element), "network", "pictures", "points", "tsne"),
    };
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.tabs.forEach((tab) => (tab.onclick = () => (location.hash = tab.dataset.view)));
    document.querySelector("[role=tablist]").onkeydown = (event) => this.key(event);
    document.querySelector("[role=tablist]").hidden = false;
    addEventListener("hashchange", () => this.open());
  }

  // -- from view to view

  key(event) {
    const count = this.tabs.length, at = this.tabs.indexOf(document.activeElement);
    const ways = {ArrowRight: (at + 1) % count, ArrowLeft: (at + count - 1) % count, Home: 0, End: count - 1};
    const next = ways[event.key];
    if (next === undefined || at < 0) return;
    event.preventDefault();
    this.tabs[next].focus();
    this.tabs[next].click();
  }

  // Shows the view that the address names, once what it needs is unpacked.
  async open() {
    const asked = location.hash.slice(1), name = asked in this.views ? asked : "steer", view = this.views[name];
    this.name = name;
    for (const tab of this.tabs) {
      const isChosen = tab.dataset.view === name;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      panel(tab.dataset.view).classList.toggle("away", !isChosen);
    }
    const element = panel(name), {offsetTop} = element.parentElement;
    if (scrollY > offsetTop) scrollTo(0, offsetTop);
    try {
      if (!view.isOpen) await this.unpack(element, view);
      if (this.name !== name) return;
      this.state.hidden = true;
      view.show(element);
    } catch (error) {
      this.state.textContent = `${error.message}.`;
    }
  }

  async unpack(element, view) {
    this.state.hidden = false;
    this.state.textContent = "Unpacking …";
    await painted();
    await files(this.addresses, ...view.kinds);
    if (view === this.views.map) await plotly(NAMES.plotly);
    if (view.isOpen) return;
    view.isOpen = true;
    for (const template of element.querySelectorAll("template")) {
      const host = make("div");
      host.attachShadow({mode: "open"}).append(template.content);
      template.replaceWith(host);
    }
  }

  // -- the views

  showSteer(element) {
    const {drawing, wanted} = this;
    mountStart(tree(element, 0), {...NAMES, drawing, wanted}, (_, {start, code}) => {
      mountSteer(tree(element, 1), {...NAMES, start, code}, () => {});
    });
  }

  showDraw(element) {
    const {colours, tsne} = this.facts, map = {points: NAMES.points, tsne: tsne?.file ?? "", colours};
    mountDraw(tree(element), {...NAMES, map, base: null, known: true}, (kind, pixels) => {
      this.drawing = pixels;
      if (kind === "steer" && pixels) this.steerFrom("drawing");
    });
  }

  showMap(element) {
    const {facts: {tsne, dimensions, colours, run}, drawing} = this;
    const data = {...NAMES, tsne, moving: null, dimensions, colours, drawing, run, isAlone: true};
    mountMap(tree(element), data, (_, index) => this.steerFrom("digit", index));
  }

  steerFrom(kind, number = 0) {
    this.wanted = {id: (this.wanted?.id ?? 0) + 1, kind, number, code: null};
    location.hash = "steer";
  }
}

const panel = (name) => document.getElementById(`view-${name}`);
const tree = (element, index = 0) => element.querySelectorAll(":scope > div")[index].shadowRoot; // of a widget
const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

// The drawing that the browser's tab has kept.
function ownDrawing() {
  const pixels = keptValue("drawing")?.pixels;
  const isPixel = (value) => Number.isInteger(value) && value >= 0 && value <= 255;
  return Array.isArray(pixels) && pixels.length === 784 && pixels.every(isPixel) ? pixels : null;
}

// The start and the code in the address, as Steer writes them there; null where there are none.
function linked(dimensions) {
  const asked = new URL(location.href).searchParams, from = /^([a-z]+)-(\d{1,9})$/.exec(asked.get("from") ?? "");
  const code = (asked.get("z") ?? "").split(",").map((text) => (text.trim() ? Number(text) : NaN));
  const isCode = code.length === dimensions && code.every((value) => Math.abs(value) <= FARTHEST);
  if (!from && !isCode) return null;
  return {id: 0, kind: from?.[1] ?? "link", number: Number(from?.[2] ?? 0), code: isCode ? code : null};
}

if (globalThis.DecompressionStream) {
  document.documentElement.setAttribute("data-runs", ""); // read by guard.js
  const lab = new Lab(JSON.parse(document.getElementById("facts").textContent));
  lab.open();
}
