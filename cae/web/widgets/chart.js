// A Plotly figure that is changed in place: zoom and hover stay while it grows, colours follow the page's theme.
//
// A figure whose layout.meta.narrowest is a height shrinks to it where the page is narrow.
//
// In one whose layout.meta.epochs is true, x is the epoch: a line stands where the page has travelled to.
//
// data: {figure: {data, layout}, keep, keepX: string (a new one forgets the zoom, of x), plotly: address of plotly.min.js,
//        description, file: name of a saved picture}
import {follow, now} from "../lib/moment.js";
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
  const draw = () =>
    library.react(place, place.given.figure.data, themed(place, place.given), {
      responsive: true,
      displaylogo: false,
      ...(matchMedia("(hover: none), (max-width: 640px)").matches && {displayModeBar: false}), // it would lie over the figure
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
    });
  await draw();
  if (!place.watch && data.figure.layout.meta?.epochs) follow(place, () => draw());
  place.watch ??= watchTheme(place, draw);
  const isEmpty = !data.figure.data.length && !data.figure.layout.shapes;
  if (!isEmpty && !element.querySelector(".saving")) place.after(buttons(place, library));
}

export function unmount(element) {
  const place = element.querySelector(".chart");
  place?.watch?.();
  if (place?.data && window.Plotly) window.Plotly.purge(place);
}

// To take the figure home, as it is seen, on the page's own ground.
function buttons(place, library) {
  const save = async (format) => {
    const layout = {...place.layout, paper_bgcolor: resolved(place, "var(--st-background-color, #fff)"), width: place.clientWidth, height: place.clientHeight};
    layout.font = {...layout.font, family: "Arial, Helvetica, sans-serif"}; // a picture cannot fetch the page's own
    const size = {width: place.clientWidth, height: place.clientHeight, scale: format === "png" ? 2 : 1};
    download(await library.toImage({data: place.data, layout}, {format, ...size}), `${named(place.given.file)}.${format}`);
  };
  return saving(["PNG", "Save this chart as a picture", () => save("png")], ["SVG", "Save this chart as a drawing that stays sharp at any size", () => save("svg")]);
}

function themed(place, {figure, keep, keepX}) {
  const style = getComputedStyle(place);
  const colour = (name, otherwise) => style.getPropertyValue(`--st-${name}`).trim() || otherwise;
  const ink = colour("text-color", "#222");
  const line = `color-mix(in srgb, ${ink} 14%, transparent)`;
  const grid = resolved(place, line);
  const layout = structuredClone(figure.layout);
  layout.uirevision = keep;
  if (layout.meta?.narrowest) layout.height = Math.max(layout.meta.narrowest, Math.min(layout.height, 0.25 * place.clientWidth));
  layout.font = {...layout.font, color: ink, family: colour("font", "system-ui, sans-serif")};
  layout.hoverlabel = {
    bgcolor: colour("secondary-background-color", "#eee"), bordercolor: grid, font: {color: ink}, ...layout.hoverlabel,
  };
  layout.modebar = {bgcolor: "rgba(0,0,0,0)", color: resolved(place, `color-mix(in srgb, ${ink} 55%, transparent)`), activecolor: ink};
  const moment = layout.meta?.epochs && now();
  if (moment && !moment.isLast) layout.shapes = [...(layout.shapes ?? []), cursor(moment, colour("primary-color", "#6d28d9"))];
  for (const axis of ["xaxis", "yaxis"]) {
    layout[axis] = {gridcolor: grid, linecolor: grid, tickcolor: grid, zerolinecolor: grid, ...layout[axis]};
    layout[axis].uirevision = axis === "xaxis" ? keepX : keep;
  }
  return layout;
}

function cursor({run, epoch}, color) {
  return {
    type: "line", x0: epoch, x1: epoch, yref: "paper", y0: 0, y1: 1, line: {color, width: 2},
    label: {text: `${run}, epoch ${epoch}`, textposition: "end", textangle: 0, yanchor: "top", xanchor: "left", padding: 4, font: {color}},
  };
}

// Plotly reads no color-mix(); the browser works it out.
function resolved(place, colour) {
  const probe = document.createElement("i");
  probe.style.color = colour;
  place.parentElement.append(probe);
  const [red, green, blue, alpha = 1] = getComputedStyle(probe).color.match(/[\d.]+(?:e-?\d+)?/g).map(Number);
  const unit = getComputedStyle(probe).color.startsWith("color(") ? 255 : 1;
  probe.remove();
  return `rgba(${red * unit}, ${green * unit}, ${blue * unit}, ${alpha})`;
}

function watchTheme(place, draw) {
  let before = getComputedStyle(place).getPropertyValue("--st-text-color");
  const timer = setInterval(() => {
    const now = getComputedStyle(place).getPropertyValue("--st-text-color");
    if (now !== before) {
      before = now;
      draw();
    }
  }, 500);
  return () => clearInterval(timer);
}
