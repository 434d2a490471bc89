"""The chosen run as a file: the laboratory, the report, the run itself."""

from __future__ import annotations

import streamlit as st

from cae.runs.run import Run
from resources import leaving
from shared.taking import take_home


def take_it_home(run: Run) -> None:
    """A button for each file, with what it is good for."""
    st.header("Take it home")
    laboratory, report, whole = st.columns(3)
    with laboratory:
        take_home("The laboratory", lambda: leaving.lab(run), "lab.html", key="take lab",
                  help="Made when you click, in some ten seconds.")  # fmt: skip
        st.caption("Map, sliders and canvas in one HTML file, for a phone or a USB stick: no Python, no network.")
    with report:
        take_home("The report", lambda: leaving.report(run), "report.html", key="take report",
                  help="Made when you click, in some ten seconds.")  # fmt: skip
        st.caption("Architecture, recipe, curve, digits, map and figures in one HTML file that prints well.")
    with whole:
        take_home("The run", lambda: leaving.zipped(run), "run.zip", key="take run", name=run.name,
                  help="All its files. The page Train imports it again, here or elsewhere.")  # fmt: skip
        st.caption(f"For other programs: `python -m cae export {run.name} --onnx --torch --projector --tensorboard`")
