// The colours of an error map, as cae.pictures.signed_error and paintError in page.js give it.
export function legend() {
  const element = document.createElement("div");
  element.className = "legend";
  const scale = document.createElement("i");
  scale.dataset.colours = "rgb(70 150 255), #000, rgb(255 84 60)";
  element.append(text("ink missing"), scale, text("ink added"));
  return element;
}

function text(content) {
  const element = document.createElement("span");
  element.textContent = content;
  return element;
}
