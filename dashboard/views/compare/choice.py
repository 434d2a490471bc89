"""Which runs to compare, and which of them see the same images."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cae.runs.run import Run
from resources import networks
from state import messages

MOST = 6
_SUGGESTED = 3


def suggestion(names: Sequence[str], chosen: Run | None) -> list[str]:
    """The chosen run and up to two others that have weights; runs in training only if there are no others."""
    first = [chosen.name] if chosen else []
    idle: list[str] = []
    live: list[str] = []
    for run in map(Run.open, names):
        if run.name in first or not run.weights_file().exists() or run.state == "damaged":
            continue
        (live if run.is_live() else idle).append(run.name)
        if len(first) + len(idle) == _SUGGESTED:
            break
    return [*first, *idle, *live][:_SUGGESTED]


def about_the_same(runs: Sequence[Run]) -> list[Run]:
    """The runs with weights that share the data set of the first of them; says why it leaves out the others."""
    kept: list[Run] = []
    for run in runs:
        with messages.errors_in_words():
            networks.model(run)
            if kept and run.dataset != (first := kept[0].dataset):
                st.info(
                    f"{run.name} is about {run.dataset} and {kept[0].name} about {first}: only runs about {first} show "
                    "the same digits and maps.",
                    icon=":material/info:",
                )
                continue
            kept.append(run)
    return kept
