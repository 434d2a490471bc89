"""The loss curves and the figures of several runs, and the measurement of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from cae import words
from cae.config import MapConfig
from cae.errors import CaeError
from cae.evaluation import errors, probes
from cae.jobs.job import Job
from cae.latent import evaluate, sampling
from cae.latent.maps import why_not
from cae.plots.curves import compared_curves
from cae.runs.run import Run
from components import Cell, Group, chart, table
from resources import generated, lists, networks
from resources.maps import points, usual_tsne
from server.ticking import ticking
from shared import comparison
from shared.comparison import Subject
from shared.markdown import plain
from shared.working import start, working
from state import messages, pages

_SECONDS_BETWEEN_TICKS = 1.0
_AXES: list[Literal["epochs", "seconds"]] = ["epochs", "seconds"]


def curves(runs: Sequence[Run]) -> None:
    """The held-out losses over epochs or seconds; says which runs have none."""
    title, choice = st.columns([3, 1], vertical_alignment="bottom")
    title.header("Loss")
    over = choice.segmented_control("Over", _AXES, default=_AXES[0], key="compare over", required=True,
                                    persist_state="session") or _AXES[0]  # fmt: skip
    drawn, datasets, without = [], set(), []
    for run in runs:
        with messages.errors_in_words():
            curve = lists.curve_of(run)
            datasets.add(run.dataset)
            if curve.history:
                drawn.append(curve)
            else:
                without.append(run.name)
    chart(
        compared_curves(drawn, over=over),
        key="compared-curves",
        of_runs=True,
        description=f"Held-out loss of {words.listed([each.name for each in drawn])} over {over}",
        keep=f"{over} {' '.join(run.name for run in runs)}",
    )
    notes = ["The loss of each run on images that it was not trained on."]
    if over == "seconds":
        notes.append("Seconds of training without pauses, on the machine that trained it; the axis is logarithmic.")
    if len({each.validates for each in drawn}) > 1:
        notes.append("Test and validation loss are measured on different images: compare them with care.")
    if len(datasets) > 1:
        notes.append(f"**These runs learn from {words.listed(sorted(datasets))}: their errors are not comparable.**")
    if without:
        notes.append(f"No epoch is known of {words.listed(without)}.")
    st.caption(" ".join(notes))


# -- figures


def table_of(runs: Sequence[Run]) -> None:
    """The table, the measurement of what is missing, and the options that are the same."""
    st.header("Figures")
    subjects = [_subject(run) for run in runs]
    header = [Cell(of.summary.name, of.summary.note) for of in subjects]
    different, alike = comparison.options(subjects)
    groups = comparison.measured(subjects)
    if different:
        groups.append(Group("Options in which they differ", tuple(different)))
    table(header, groups, name="Figures of the runs", key="compared-figures")
    st.caption(" ".join(_notes(subjects)))
    _measuring(runs, [work for run, of in zip(runs, subjects, strict=True) for work in _missing(run, of)])
    if alike:
        with st.expander("Options that are the same"):
            table(header, [Group("", tuple(alike))], name="Options that are the same", key="same-options")


def _subject(run: Run) -> Subject:
    """What is known of a run; damaged files raise nothing."""
    try:
        info, dataset = run.info, run.dataset
    except CaeError:
        return Subject(run.summary(), "")
    parameters = sum(layer.parameters for layer in networks.layers(info.model))
    known = Subject(run.summary(), dataset, info.model, info.train, parameters)
    if known.summary.state == "damaged" or not run.weights_file().exists():
        return known
    try:
        tsne, priors = usual_tsne(run), generated.fitted(run)
        qualities = priors.qualities if priors else {}
        return Subject(
            known.summary, dataset, info.model, info.train, parameters,
            errors.kept(run), probes.kept(run), tsne.scores if tsne else None,
            qualities.get("normal"), qualities.get("mixture"),
        )  # fmt: skip
    except CaeError:
        return known


def _notes(subjects: Sequence[Subject]) -> list[str]:
    datasets = sorted({of.dataset for of in subjects if of.dataset})
    if len(datasets) > 1:
        notes = [f"No best is marked: these runs are about different data sets, {words.listed(datasets)}."]
    else:
        notes = ["★ marks the best of each row, or several that tie to the digits shown. Errors are of test images."]
    if len({of.model.latent_dim for of in subjects if of.model}) > 1:
        notes.append("They have different numbers of dimensions: with more of them, reconstruction is easier.")
    notes.append("Shaded options differ from the first run's.")
    return notes


# -- measuring


@dataclass(frozen=True)
class Work:
    """Something to measure of a run: its evaluation, or the quality of its new digits."""

    run: str
    what: Literal["codes", "new digits"]

    def job(self) -> Job:
        """The job that measures it."""
        run = Run.open(self.run)
        return evaluate.job(run) if self.what == "codes" else sampling.job(run)


def _missing(run: Run, of: Subject) -> list[Work]:
    """What has not been measured of the run yet."""
    if of.summary.state == "damaged" or not run.weights_file().exists():
        return []
    missing = []
    if not comparison.is_measured(of) or (of.map is None and not why_not(points(run, MapConfig()), MapConfig())):
        missing.append(Work(run.name, "codes"))
    if generated.classifier(of.dataset) and generated.fitted(run) is None:
        missing.append(Work(run.name, "new digits"))
    return missing


def _measuring(runs: Sequence[Run], missing: Sequence[Work]) -> None:
    """Measures what is missing, one thing after another, while the page is open."""
    is_busy = bool(pages.to_measure()) or any(work.job().is_live() for work in missing)
    ticking(_SECONDS_BETWEEN_TICKS, while_=is_busy)(_measuring_part)([run.name for run in runs], missing)


@messages.errors_in_words()
def _measuring_part(names: Sequence[str], missing: Sequence[Work]) -> None:
    _start_next(names)
    live = next((work for work in missing if work.job().is_live()), None)
    if live:
        others = len(pages.to_measure()[1:])
        rest = f" ({others} more to come)" if others else ""
        working(live.job(), f"Measuring the {live.what} of {live.run}{rest}", on_stop=_forget_others)
        return
    for work in missing:
        if failure := work.job().failure():
            st.info(plain(failure if work.run in failure else f"{work.run}: {failure}"))
    if missing and st.button("Measure what is missing", icon=":material/straighten:"):
        pages.set_to_measure(missing)
        start(missing[0].job())
    if missing:
        of = list(dict.fromkeys(work.run for work in missing))
        st.caption(
            f"Some figures of {words.listed(of)} are missing. Encoding the training images, laying out a map and "
            "fitting priors take about a minute for each run."
        )


def _start_next(names: Sequence[str]) -> None:
    """Starts the next measurement once the current one has ended."""
    waiting: list[Work] = pages.to_measure()
    if not waiting or (waiting[0].run in names and waiting[0].job().is_live()):
        return
    left = [work for work in waiting[1:] if work.run in names]
    pages.set_to_measure(left)
    if left:
        start(left[0].job())
    else:
        st.rerun()  # the table has more to show


def _forget_others() -> None:
    pages.set_to_measure(pages.to_measure()[:1])
