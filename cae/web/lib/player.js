// A slider, and a button that plays it from end to end.
import {button, slider} from "./page.js";

const LONGEST = 0.1; // seconds between two frames that count

export class Player {
  // `show(frame)` is called for each frame; all of them take `seconds`. One that bounces goes back and forth.
  constructor(name, title, seconds, show, bounces = false) {
    Object.assign(this, {seconds, show, bounces, last: 0, place: 0, direction: 1, handle: null});
    this.slider = slider(name, {min: 0, step: 1, oninput: () => {
      this.stop();
      this.go(Number(this.slider.value));
    }});
    this.button = button("Play", title, () => (this.isPlaying ? this.stop() : this.play()));
  }

  get isPlaying() {
    return this.handle !== null;
  }

  // Takes up a film of `count` frames, at one of them.
  begin(count, frame) {
    this.last = count - 1;
    this.slider.max = this.last;
    this.go(Math.min(frame, this.last));
  }

  go(place) {
    const frame = Math.round(place);
    this.place = place;
    this.slider.value = frame;
    this.show(frame);
  }

  play() {
    if (this.place === this.last && !this.bounces) this.place = 0;
    this.button.textContent = "Pause";
    let before = null;
    const step = (now) => {
      const passed = Math.min(LONGEST, (now - (before ?? now)) / 1000) / this.seconds;
      before = now;
      this.handle = this.slider.isConnected ? requestAnimationFrame(step) : null;
      this.go(Math.max(0, Math.min(this.last, this.place + this.direction * this.last * passed)));
      if (this.place === 0) this.direction = 1;
      else if (this.place === this.last && this.bounces) this.direction = -1;
      else if (this.place === this.last) this.stop();
    };
    cancelAnimationFrame(this.handle);
    this.handle = requestAnimationFrame(step);
  }

  stop() {
    cancelAnimationFrame(this.handle);
    this.handle = null;
    this.button.textContent = "Play";
  }
}
