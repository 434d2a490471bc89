"""Makes a Streamlit component of a widget of cae/web: `mount(element, data, emit)` in `<name>.js`."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cae import browser

# Arrays arrive as Arrow tables of one column; the widget is given typed arrays. Whatever it emits is an action: one
# event, for one run of the page.
_GLUE = """
export default function ({parentElement, data, setTriggerValue}) {
  const plain = Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, value?.getChildAt ? value.getChildAt(0).toArray() : value]),
  );
  mount(parentElement, plain, (kind, value) => setTriggerValue("action", {kind, value}));
  return () => { if (typeof unmount === "function") unmount(parentElement); };
}
"""


def register(name: str, *, isolated: bool = True) -> Any:
    """The Streamlit component of the widget `name`; to be called once, when its module is imported.

    Its html is one element of the class `name`. `isolated` puts it into a shadow tree of its own.
    """
    return st.components.v2.component(
        f"cae_{name}",
        html=f'<div class="{name}">\n</div>',
        css=browser.style(name),
        js=browser.script(name) + _GLUE,
        isolate_styles=isolated,
    )


def nothing() -> None:
    """For events that the page reads from the result."""
