// The colours of an error map, as cae.pictures.signed_error and paintError in page.js give it.
export function legend() {
  const element = document.createElement("div");
  element.className = "legend";
  element.append(text("ink missing"), document.createElement("i"), text("ink added"));
  return element;
}

function text(content) {
  const element = document.createElement("span");
  element.textContent = content;
  return element;
}
