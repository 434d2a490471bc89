"""The chosen run as something to take home: a laboratory in one file, a report, the run itself."""

from __future__ import annotations

import streamlit as st

from cae.runs.run import Run
from resources import leaving as resources_leaving
from shared.taking import take_home


def leaving(run: Run) -> None:
    """What there is, and what each is good for."""
    st.header("Take it home")
    laboratory, report, whole = st.columns(3)
    with laboratory:
        take_home("The laboratory", resources_leaving.lab(run), "lab.html", key="take lab",
                  help="Made when you click: some ten seconds.")  # fmt: skip
        st.caption("Map, sliders and canvas in one HTML file, for a phone or a USB stick: no Python, no network.")
    with report:
        take_home("The report", resources_leaving.report(run), "report.html", key="take report",
                  help="Made when you click: some ten seconds.")  # fmt: skip
        st.caption("Architecture, recipe, curve, digits, map and figures in one HTML file that prints well.")
    with whole:
        take_home("The run", resources_leaving.zipped(run), "run.zip", key="take run", name=run.name,
                  help="Everything about it; the page Train loads it again, here or elsewhere.")  # fmt: skip
        st.caption(f"For other programs: `python -m cae export {run.name} --onnx --torch --projector --tensorboard`")
