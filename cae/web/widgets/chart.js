// A Plotly figure that is changed in place: zoom and hover stay while it grows, colours follow the page's theme.
// Where layout.meta.narrowest is a height, the figure shrinks to it on a narrow page; where layout.meta.epochs is true,
// x is the epoch, and a line stands where the page has travelled to.
//
// data: {figure: {data, layout}, keep, keepX: string (a new one forgets the zoom, of x),
//        plotly: address of plotly.min.js, description, file: name of a saved picture}
import {follow, now} from "../lib/moment.js";
import {followTheme, make, themed} from "../lib/page.js";
import {plotly} from "../lib/plotly.js";
import {download, named, saving} from "../lib/save.js";

export async function mount(element, data) {
  const place = element.querySelector(".chart");
  place.style.minHeight = `${data.figure.layout.meta?.narrowest ?? data.figure.layout.height}px`;
  place.setAttribute("role", "figure");
  place.setAttribute("aria-label", data.description);
  place.given = data;
  const library = await plotly(data.plotly);
  if (!place.isConnected || place.given !== data) return;
  const isSmall = matchMedia("(hover: none), (max-width: 640px)").matches; // the bar would lie over the figure
  const draw = () =>
    library.react(place, place.given.figure.data, layoutOf(place, place.given), {
      responsive: true,
      displaylogo: false,
      ...(isSmall && {displayModeBar: false}),
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
    });
  await draw();
  if (!place.watch && data.figure.layout.meta?.epochs) follow(place, () => draw());
  place.watch ??= followTheme(place, draw);
  const isEmpty = !data.figure.data.length && !data.figure.layout.shapes;
  if (!isEmpty && !element.querySelector(".saving")) place.after(buttons(place, library));
}

export function unmount(element) {
  const place = element.querySelector(".chart");
  place?.watch?.();
  if (place?.data && window.Plotly) window.Plotly.purge(place);
}

// Buttons that save the figure as it is seen, on the page's background.
function buttons(place, library) {
  const save = async (format) => {
    const size = {width: place.clientWidth, height: place.clientHeight};
    const layout = {...place.layout, ...size, paper_bgcolor: resolved(place, themed(place, "background-color"))};
    layout.font = {...layout.font, family: "Arial, Helvetica, sans-serif"}; // a picture cannot fetch the page's own
    const options = {format, ...size, scale: format === "png" ? 2 : 1};
    download(await library.toImage({data: place.data, layout}, options), `${named(place.given.file)}.${format}`);
  };
  return saving(
    ["PNG", "Save this chart as a picture", () => save("png")],
    ["SVG", "Save this chart as a drawing that stays sharp at any size", () => save("svg")]);
}

function layoutOf(place, {figure, keep, keepX}) {
  const ink = themed(place, "text-color");
  const mixed = (percent) => resolved(place, `color-mix(in srgb, ${ink} ${percent}%, transparent)`);
  const grid = mixed(14);
  const layout = structuredClone(figure.layout);
  layout.uirevision = keep;
  const {narrowest, epochs} = layout.meta ?? {}, moment = epochs && now();
  if (narrowest) layout.height = Math.max(narrowest, Math.min(layout.height, 0.25 * place.clientWidth));
  layout.font = {...layout.font, color: ink, family: themed(place, "font")};
  layout.hoverlabel = {
    bgcolor: themed(place, "secondary-background-color"), bordercolor: grid, font: {color: ink}, ...layout.hoverlabel,
  };
  layout.modebar = {bgcolor: "rgba(0,0,0,0)", color: mixed(55), activecolor: ink};
  if (moment && !moment.isLast) {
    layout.shapes = [...(layout.shapes ?? []), cursor(moment, themed(place, "primary-color"))];
  }
  for (const axis of ["xaxis", "yaxis"]) {
    layout[axis] = {gridcolor: grid, linecolor: grid, tickcolor: grid, zerolinecolor: grid, ...layout[axis]};
    layout[axis].uirevision = axis === "xaxis" ? keepX : keep;
  }
  return layout;
}

function cursor({run, epoch}, color) {
  return {
    type: "line", x0: epoch, x1: epoch, yref: "paper", y0: 0, y1: 1, line: {color, width: 2},
    label: {
      text: `${run}, epoch ${epoch}`, font: {color}, padding: 4,
      textposition: "end", textangle: 0, yanchor: "top", xanchor: "left",
    },
  };
}

// A colour as Plotly reads it, which does not know color-mix().
function resolved(place, colour) {
  const probe = make("i");
  probe.style.color = colour;
  place.parentElement.append(probe);
  const {color} = getComputedStyle(probe), unit = color.startsWith("color(") ? 255 : 1;
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+(?:e-?\d+)?/g).map(Number);
  probe.remove();
  return `rgba(${red * unit}, ${green * unit}, ${blue * unit}, ${alpha})`;
}
