// The moment that all widgets of a page show: a run as it was after one of its epochs. The scrubber sets it.
//
// A moment is {run, epoch, isLast, network: address of its weights, isMoving: whether the hand is still on it}.
const MOVED = "cae-moment";
const PATIENCE = 15_000; // milliseconds, after which nothing new is expected

export function travel(moment) {
  globalThis.caeMoment = moment;
  document.dispatchEvent(new CustomEvent(MOVED, {detail: moment}));
}

// The last one; undefined where there is no scrubber on the page.
export const now = () => globalThis.caeMoment;

// Whether the network has not been trained yet; what it says of a picture is then chance.
export const isUntrained = () => Boolean(now()) && now().epoch === 0 && !now().isLast;
export const UNTRAINED = "Nothing has been learned yet: whatever is near this code is near by chance.";

// Tells `listener` of every further moment while `root` is on the page.
export function follow(root, listener) {
  const heard = ({detail}) => (root.isConnected ? listener(detail) : document.removeEventListener(MOVED, heard));
  document.addEventListener(MOVED, heard);
}

// Dims what Python has drawn from the first move of the scrubber until Python has drawn it again; called when it has.
export function staleUntilShown(root) {
  root.drawnAt = now()?.epoch;
  root.classList.remove("stale");
  clearTimeout(root.patience);
  if (root.follows) return;
  root.follows = true;
  follow(root, ({epoch, isMoving}) => {
    const isStale = root.classList.contains("stale");
    clearTimeout(root.patience);
    if (isMoving) root.classList.add("stale");
    else if (!isStale) root.drawnAt = epoch;
    else if (epoch === root.drawnAt) root.classList.remove("stale");
    else root.patience = setTimeout(() => root.classList.remove("stale"), PATIENCE);
  });
}
