// One digit turning into another, on two ways side by side: played, paused, or moved by a slider.
//
// data: {titles: [string], frames: Uint8Array (W * F * 784), words: [[string, ...], ...], count: F}
import {digitCanvas, make, paint, pictureAt} from "../lib/page.js";
import {pictureButton, saving} from "../lib/save.js";

const SECONDS = 3; // from one end to the other

export function mount(element, data) {
  const root = element.querySelector(".morph");
  const before = root.state;
  before?.stop();
  const last = data.count - 1, still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const ways = data.titles.map((title) => ({canvas: digitCanvas(`Digit on the way, ${title}`), caption: make("figcaption")}));
  const slider = make("input", {type: "range", min: 0, max: last, step: 1, value: Math.min(before?.at() ?? 0, last), ariaLabel: "Position"});
  const play = make("button", {type: "button"});
  let handle = null, direction = 1, place = Number(slider.value), told = null;

  function show() {
    const frame = Math.round(place);
    slider.value = frame;
    slider.ariaValueText = `${Math.round((100 * frame) / last)} % of the way`;
    ways.forEach(({canvas, caption}, way) => {
      paint(canvas, pictureAt(data.frames, way * data.count + frame));
      caption.textContent = `${data.titles[way]}: ${data.words[way][frame]}`;
    });
    root.dataset.frame = frame;
  }

  function step(now) {
    if (!root.isConnected) return;
    place += (direction * last * Math.min(0.1, (now - (told ?? now)) / 1000)) / SECONDS;
    told = now;
    if (place <= 0 || place >= last) {
      place = Math.max(0, Math.min(last, place));
      direction = -direction;
    }
    show();
    handle = requestAnimationFrame(step);
  }

  function run(on) {
    cancelAnimationFrame(handle);
    handle = told = null;
    if (on) handle = requestAnimationFrame(step);
    play.textContent = on ? "Pause" : "Play";
  }

  play.onclick = () => run(handle === null);
  slider.oninput = () => {
    run(false);
    place = Number(slider.value);
    show();
  };
  root.state = {stop: () => run(false), at: () => Number(slider.value)};
  root.replaceChildren(
    make("div", {className: "ways"}, ...ways.map(({canvas, caption}) => make("figure", {}, canvas, caption))),
    make("div", {className: "row"}, play, slider), saving(pictureButton(root, "between")),
  );
  show();
  run(before ? before.playing : !still);
  Object.defineProperty(root.state, "playing", {get: () => handle !== null});
  root.dataset.ready = "";
}

export function unmount(element) {
  element.querySelector(".morph")?.state?.stop();
}
