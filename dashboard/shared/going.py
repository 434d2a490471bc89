"""Ways from one page to another."""

import streamlit as st

from cae.runs.run import Run


def go_to(page: str, run: Run) -> None:
    """Opens another page, about the same run."""
    st.switch_page(f"views/{page}/page.py", query_params={"run": run.name})


def link_to_draw(label: str = "Draw a digit") -> None:
    """A link to the canvas, for where a drawing is missing."""
    st.page_link("views/draw/page.py", label=label, icon=":material/draw:")
