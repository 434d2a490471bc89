// The moment that all widgets of a page show: a run as it was after one of its epochs. The scrubber sets it.
//
// A moment is {run, epoch, isLast, network: address of the weights of then, isMoving: whether the hand is still on it}.
const MOVED = "cae-moment";

export function travel(moment) {
  globalThis.caeMoment = moment;
  document.dispatchEvent(new CustomEvent(MOVED, {detail: moment}));
}

// The last one; undefined where there is no scrubber on the page.
export function now() {
  return globalThis.caeMoment;
}

// Whether the network has not been trained yet; what it says of a picture is then chance.
export const isUntrained = () => Boolean(now()) && now().epoch === 0 && !now().isLast;
export const UNTRAINED = "Nothing has been learned yet: whatever is near this code is near by chance.";

// Tells `listener` of every moment from now on, for as long as `root` is on the page.
export function follow(root, listener) {
  const heard = ({detail}) => (root.isConnected ? listener(detail) : document.removeEventListener(MOVED, heard));
  document.addEventListener(MOVED, heard);
}
