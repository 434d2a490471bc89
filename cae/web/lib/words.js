// Figures in words.

// How far off the manifold something is.
export function inWords({distance, percentile}, usual) {
  if (distance > 1.5 * usual.at(-1)) return "like nothing the network has seen";
  if (percentile >= 99.5) return "hardly like any real digit";
  if (percentile > 95) return "at the edge of what real digits do";
  return percentile > 75 ? "a little unusual for a digit" : "like a real digit";
}

export function beyond({percentile}) {
  if (percentile === 100) return "further out than every real digit";
  return `further out than ${percentile < 99.5 ? Math.round(percentile) : "more than 99"} % of real digits`;
}

export const capital = (text) => text[0].toUpperCase() + text.slice(1);
export const grouped = (count) => count.toLocaleString("en");
export const percent = (share) => `${Math.round(100 * share)} %`;
