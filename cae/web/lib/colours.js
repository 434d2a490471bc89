// What the colours of a map's points say, if not the class.

const WARM = [[0, "#8f98a8"], [0.35, "#e8a33d"], [1, "#c2185b"]];
const DIVERGING = [[0, "#2f7fd0"], [0.5, "#a3a3ab"], [1, "#e06a00"]];
const KEEPING = [[0, "#c2185b"], [0.5, "#e8a33d"], [1, "#8f98a8"]];

// The values of "error", "kept" (of so many neighbours) or "z<dimension>", and their scale {title, low, high, colours};
// nulls for "class", and for what is not known.
export function coloursOf(what, {errors, codes}, kept, neighbours) {
  if (what === "error") return scaled(errors, "error (MSE on [-1, 1])", 0, at(errors, 0.99) || 1, WARM);
  if (what === "kept" && kept) {
    return scaled(Float32Array.from(kept), `of ${neighbours} neighbours kept`, 0, neighbours, KEEPING);
  }
  if (!what.startsWith("z")) return {values: null, scale: null};
  const dimension = Number(what.slice(1)), {count, points, dimensions, low, step} = codes;
  const values = Float32Array.from({length: count}, (_, point) =>
    low[dimension] + step * points[point * dimensions + dimension]);
  const reach = Math.max(-at(values, 0.01), at(values, 0.99) || 1, 1e-6);
  return scaled(values, what, -reach, reach, DIVERGING);
}

const scaled = (values, title, low, high, colours) => ({values, scale: {title, low, high, colours}});

// The value below which a share of the values lies.
const at = (values, share) => Float32Array.from(values).sort()[Math.round(share * (values.length - 1))];
