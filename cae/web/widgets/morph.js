// One digit turning into another, on two ways side by side: played, paused, or moved by a slider.
//
// data: {titles: [string], frames: Uint8Array (W * F * 784), words: [[string, ...], ...], count: F}
import {digitCanvas, div, make, paint, pictureAt, wantsRest} from "../lib/page.js";
import {Player} from "../lib/player.js";
import {pictureButton, saving} from "../lib/save.js";
import {percent} from "../lib/words.js";

const SECONDS = 3; // from one end to the other

export function mount(element, {titles, frames, words, count}) {
  const root = element.querySelector(".morph"), before = root.player;
  const isPlaying = before?.isPlaying ?? !wantsRest();
  before?.stop();
  const ways = titles.map((title) => {
    const canvas = digitCanvas(`Digit on the way, ${title}`), caption = make("figcaption");
    return {canvas, caption, figure: make("figure", {}, canvas, caption)};
  });
  const player = new Player("Position", undefined, SECONDS, (frame) => {
    player.slider.ariaValueText = `${percent(frame / (count - 1))} of the way`;
    ways.forEach(({canvas, caption}, way) => {
      paint(canvas, pictureAt(frames, way * count + frame));
      caption.textContent = `${titles[way]}: ${words[way][frame]}`;
    });
    root.dataset.frame = frame;
  }, true);
  root.player = player;
  root.replaceChildren(div("ways", ...ways.map((way) => way.figure)),
    div("row", player.button, player.slider), saving(pictureButton(root, "between")));
  player.begin(count, Number(before?.slider.value ?? 0));
  if (isPlaying) player.play();
  root.dataset.ready = "";
}

export const unmount = (element) => element.querySelector(".morph")?.player?.stop();
