// Lines, rings, dots and names on a canvas; places are [left, top], `colours` are {ink, ground}.

export function line(pen, places, colour, width, opacity = 1) {
  pen.globalAlpha = opacity;
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = pen.lineCap = "round";
  pen.beginPath();
  for (const place of places) pen.lineTo(...place);
  pen.stroke();
  pen.globalAlpha = 1;
}

export function ring(pen, place, radius, {ink, ground}, width) {
  for (const [colour, wide] of [[ground, width + 2.5], [ink, width]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.beginPath();
    pen.arc(...place, radius, 0, 2 * Math.PI);
    pen.stroke();
  }
}

export function dot(pen, place, radius, colour, ground = null, width = 2) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(...place, radius, 0, 2 * Math.PI);
  pen.fill();
  if (!ground) return;
  pen.strokeStyle = ground;
  pen.lineWidth = width;
  pen.stroke();
}

export function write(pen, text, place, {ink, ground}, font, width = 4) {
  Object.assign(pen, {font, textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: width});
  pen.strokeStyle = ground;
  pen.strokeText(text, ...place);
  pen.fillStyle = ink;
  pen.fillText(text, ...place);
}

// A small square for each of many points: `at` gives a point's place, `colour` its colour.
export function squares(pen, count, at, size, colour, opacity) {
  pen.globalAlpha = opacity;
  for (let point = 0; point < count; point++) {
    const [left, top] = at(point);
    pen.fillStyle = colour(point);
    pen.fillRect(left - size / 2, top - size / 2, size, size);
  }
  pen.globalAlpha = 1;
}
