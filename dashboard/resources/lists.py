"""What many visitors watch while it changes: the summaries of runs, their curves, the wall of a class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from cae.classroom import wall as classroom_wall
from cae.classroom.wall import Post
from cae.disk.files import runs_folder
from cae.errors import Damaged, DataUnavailable
from cae.network.records import EpochRecord, Progress
from cae.runs import listing
from cae.runs.run import Run
from cae.runs.summary import Summary
from resources.loading import Key, key_of, run_of, stamp_of
from resources.pictures import baselines

if TYPE_CHECKING:
    from cae.plots.curves import Curve


def summaries() -> list[Summary]:
    """The summaries of all runs, read at most once a second for all visitors."""
    return _summaries(str(runs_folder()))


def forget_summaries() -> None:
    """Makes the next caller read them from the disk."""
    _summaries.clear()


_summary_of: dict[Path, tuple[list[int], Summary]] = {}  # with the stamps of the run's files
_FILES_OF_SUMMARY = ("run.json", "history.jsonl", "model.safetensors", "resume.safetensors")


@st.cache_resource(ttl=1.0, max_entries=2, show_spinner=False)
def _summaries(folder: str) -> list[Summary]:
    """The summary of an idle run is reused while its files stay the same."""
    current: dict[Path, tuple[list[int], Summary]] = {}
    for run in listing.all_runs():
        stamps = [stamp_of(run.path / name) for name in _FILES_OF_SUMMARY]
        known = _summary_of.get(run.path)
        if known is None or known[0] != stamps or known[1].is_live:
            known = stamps, run.summary()
        current[run.path] = known
    _summary_of.clear()
    _summary_of.update(current)
    return listing.in_order(summary for _, summary in current.values())


def curve(run: Run) -> tuple[list[EpochRecord], list[Progress]]:
    """A run's history, and its progress within epochs."""
    return _curve(key_of(run), *_stamps_of_curve(run))


def _stamps_of_curve(run: Run) -> tuple[int, int, int]:
    """What changes with every epoch, with run.json, and twice a second during a training."""
    try:
        moment = int(2 * (run.path / "progress.jsonl").stat().st_mtime)
    except OSError:
        moment = 0
    return stamp_of(run.path / "history.jsonl"), stamp_of(run.path / "run.json"), moment


@st.cache_resource(max_entries=64, show_spinner=False)  # not copied: nobody changes a record
def _curve(key: Key, *stamps: int) -> tuple[list[EpochRecord], list[Progress]]:
    run = run_of(key)
    return run.history(), run.progress()


def loss_curves(shown: Sequence[Run], *, logarithmic: bool, on_unit: bool) -> dict[str, Any]:
    """The losses of runs, the chosen one first, as Plotly's JSON: drawn once for all visitors."""
    of = tuple((key_of(run), _stamps_of_curve(run)) for run in shown)
    dataset = shown[0].dataset
    try:
        baselines(dataset)
    except (DataUnavailable, Damaged):
        dataset = ""  # what shows images says that there are none
    return _loss_curves(of, logarithmic, on_unit, dataset)


@st.cache_resource(max_entries=64, show_spinner=False)
def _loss_curves(
    of: tuple[tuple[Key, tuple[int, ...]], ...], logarithmic: bool, on_unit: bool, dataset: str
) -> dict[str, Any]:
    from cae.plots import curves

    shown = [run_of(key) for key, *_ in of]
    figure = curves.loss_curves(
        [curve_of(run) for run in shown], logarithmic=logarithmic, on_unit=on_unit,
        baselines=baselines(dataset) if dataset else None, latent_dim=shown[0].info.model.latent_dim,
    )  # fmt: skip
    return json.loads(figure.to_json())  # type: ignore[no-any-return]


def curve_of(run: Run) -> Curve:
    """A run as a chart of losses needs it."""
    from cae.plots.curves import Curve

    history, progress = curve(run)
    train = run.info.train
    return Curve(run.name, history, progress, train.epochs if train else None, bool(train and train.validation_images))


def wall(slug: str) -> list[Post]:
    """The posts on the wall of a class, read once for all visitors."""
    return _wall(slug, wall_stamp(slug))


def wall_stamp(slug: str) -> int:
    """What changes when the class or its posts do."""
    place = classroom_wall.folder() / slug
    return hash((stamp_of(place / "posts"), stamp_of(place / "class.json")))


@st.cache_resource(max_entries=16, show_spinner=False)
def _wall(slug: str, stamp: int) -> list[Post]:
    return classroom_wall.posts(slug)
