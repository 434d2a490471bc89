// When work is done: once a frame, in idle moments, or no more often than leaves room for the rest.

// Calls `work` in the next frame, once however often it is asked to.
export function nextFrame(work) {
  let handle = null;
  return () => {
    handle ??= requestAnimationFrame(() => {
      handle = null;
      work();
    });
  };
}

// Calls `work` once after the current events, however often it is asked to, and then not again before it has rested:
// `rest` gives the milliseconds, from those that the work took.
export class Spaced {
  constructor(work, rest) {
    Object.assign(this, {work, rest, handle: null, rested: 0});
  }

  ask() {
    this.handle ??= setTimeout(() => this.finish(), Math.max(0, this.rested - performance.now()));
  }

  // Does at once what was asked for, if anything was.
  finish() {
    if (this.handle === null) return;
    clearTimeout(this.handle);
    this.handle = null;
    const began = performance.now();
    this.work();
    this.rested = performance.now() + this.rest(performance.now() - began);
  }
}

const SLICE = 8; // milliseconds, where the browser does not say how long it is idle
const whenIdle = globalThis.requestIdleCallback ?? ((work) => setTimeout(() => {
  const end = performance.now() + SLICE;
  work({timeRemaining: () => end - performance.now()});
}, SLICE));
const notWhenIdle = globalThis.cancelIdleCallback ?? clearTimeout;

// Runs a generator in the browser's idle moments, until it ends or another takes its place.
export class Idle {
  run(generator) {
    this.stop();
    const go = (deadline) => {
      do if (generator.next().done) return; while (deadline.timeRemaining() > 2);
      this.handle = whenIdle(go, {timeout: 300});
    };
    this.handle = whenIdle(go, {timeout: 300});
  }

  stop() {
    notWhenIdle(this.handle);
  }
}
