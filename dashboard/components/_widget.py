"""Makes a Streamlit component from a widget of cae/web: `mount(element, data, emit)` in `<name>.js`."""

from __future__ import annotations

import hashlib
from typing import Any

import streamlit as st

from cae.web import bundle
from server import serving

# The browser fetches the widget's file once, so that a tick sends only data. Arrays arrive as Arrow tables with one
# column and reach the widget as typed arrays. What the widget emits is an action: one event, for one rerun of the page.
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
      () => (parentElement.querySelector("div").textContent = "This did not load: reload the page."),
    );
  }
  return () => {
    parentElement.caeLatest = null;
    widgets.get(widget)?.unmount?.(parentElement);
  };
}
"""


def register(name: str, *, isolated: bool = True) -> Any:
    """The Streamlit component of the widget `name`; call it once, when the module is imported.

    Its HTML is one element of the class `name`, in a shadow tree if `isolated`.
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
    """The callback for events that the page reads from the result."""
