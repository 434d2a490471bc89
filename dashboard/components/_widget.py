"""Makes a Streamlit component of a widget of cae/web: `mount(element, data, emit)` in `<name>.js`."""

from __future__ import annotations

import hashlib
from typing import Any

import streamlit as st

from cae.web import bundle
from server import serving

# The widget is a file, which the browser fetches once: what a tick sends is data alone. Arrays arrive as Arrow tables
# of one column; the widget is given typed arrays. Whatever it emits is an action: one event, for one run of the page.
_GLUE = """
const widgets = (globalThis.caeWidgets ??= new Map());

async function load(address) {
  try {
    widgets.set(address, await import(new URL(address, document.baseURI).href));
  } catch (error) {
    widgets.delete(address);
    throw error;
  }
}

export default function (component) {
  const {parentElement, data: {widget, ...data}, setTriggerValue} = component;
  const plain = Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, value?.getChildAt ? value.getChildAt(0).toArray() : value]),
  );
  const emit = (kind, value) => setTriggerValue("action", {kind, value});
  const mount = () => widgets.get(widget).mount(parentElement, plain, emit);
  parentElement.caeLatest = component;
  if (widgets.get(widget)?.mount) mount();
  else {
    if (!widgets.has(widget)) widgets.set(widget, load(widget));
    widgets.get(widget).then(
      () => parentElement.caeLatest === component && mount(),
      () => (parentElement.querySelector("div").textContent = "This could not be loaded: reload the page."),
    );
  }
  return () => {
    parentElement.caeLatest = null;
    widgets.get(widget)?.unmount?.(parentElement);
  };
}
"""


def register(name: str, *, isolated: bool = True) -> Any:
    """The Streamlit component of the widget `name`; to be called once, when its module is imported.

    Its html is one element of the class `name`. `isolated` puts it into a shadow tree of its own.
    """
    component = st.components.v2.component(
        f"cae_{name}",
        html=f'<div class="{name}">\n</div>',
        css=bundle.style(name),
        js=_GLUE,
        isolate_styles=isolated,
    )
    script = bundle.script(name).encode()
    file = f"{name}-{hashlib.sha256(script).hexdigest()[:32]}.js"

    def show(*, data: dict[str, Any], **options: Any) -> Any:
        return component(data={**data, "widget": serving.address(file, lambda: script)}, **options)

    return show


def nothing() -> None:
    """For events that the page reads from the result."""
