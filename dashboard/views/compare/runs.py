"""Runs beside each other: curves, figures, digits and maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.config import MapConfig
from cae.data import picks
from cae.errors import CaeError
from cae.evaluation import errors, probes
from cae.jobs.job import Job
from cae.latent import evaluate, sampling
from cae.latent.maps import why_not
from cae.plots.curves import compared_curves
from cae.runs.run import Run
from components import Card, Cell, Group, Sheet, atlas, chart, digits, table
from resources import files, generated, lists, networks, pictures
from resources.maps import places_address, points, test_pictures_address, usual_tsne
from server.ticking import ticking
from shared import comparison
from shared.comparison import Subject
from shared.markdown import plain
from shared.working import start, working
from state import messages, pages

MOST = 6
_DIGITS = 10
_SUGGESTED = 3
_SECONDS_BETWEEN_TICKS = 1.0
_AXES: list[Literal["epochs", "seconds"]] = ["epochs", "seconds"]
_WAYS = ["At random", "The hardest"]


def suggestion(names: Sequence[str], chosen: Run | None) -> list[str]:
    """The chosen run, and up to two others that have something to show: not those in training, if there are others."""
    first = [chosen.name] if chosen else []
    found: list[str] = []
    live: list[str] = []
    for run in map(Run.open, names):
        if run.name in first or not run.weights_file().exists() or run.state == "damaged":
            continue
        (live if run.is_live() else found).append(run.name)
        if len(first) + len(found) == _SUGGESTED:
            break
    return [*first, *found, *live][:_SUGGESTED]


def subject(run: Run) -> Subject:
    """What is known of a run; never raises for what its files hold."""
    try:
        info, dataset = run.info, run.dataset
    except CaeError:
        return Subject(run.summary(), "")
    parameters = sum(layer.parameters for layer in networks.layers(info.model))
    known = Subject(run.summary(), dataset, info.model, info.train, parameters)
    if known.summary.state == "damaged" or not run.weights_file().exists():
        return known
    try:
        on_map, priors = usual_tsne(run), generated.fitted(run)
        qualities = priors.qualities if priors else {}
        return Subject(
            known.summary, dataset, info.model, info.train, parameters,
            errors.kept(run), probes.kept(run), on_map.scores if on_map else None,
            qualities.get("normal"), qualities.get("mixture"),
        )  # fmt: skip
    except CaeError:
        return known


# -- curves


def curves(runs: Sequence[Run]) -> None:
    """The held-out losses, over epochs or over seconds; what cannot be drawn is said."""
    title, choice = st.columns([3, 1], vertical_alignment="bottom")
    title.header("Loss")
    over = choice.segmented_control("Over", _AXES, default=_AXES[0], key="compare over", required=True,
                                    persist_state="session") or _AXES[0]  # fmt: skip
    found, datasets, without = [], set(), []
    for run in runs:
        with messages.errors_in_words():
            curve = lists.curve_of(run)
            datasets.add(run.dataset)
            if curve.history:
                found.append(curve)
            else:
                without.append(run.name)
    chart(
        compared_curves(found, over=over),
        key="compared-curves",
        of_runs=True,
        description=f"Held-out loss of {words.listed([each.name for each in found])} over {over}",
        keep=f"{over} {' '.join(run.name for run in runs)}",
    )
    notes = ["Each run by the loss that it was not trained on."]
    if over == "seconds":
        notes.append("Seconds of training on the machine where it happened, pauses not counted, on a logarithmic axis.")
    if len({each.validates for each in found}) > 1:
        notes.append("Test and validation loss are measured on different pictures: compare them with care.")
    if len(datasets) > 1:
        notes.append(f"**These runs learn from {words.listed(sorted(datasets))}: their errors are not comparable.**")
    if without:
        notes.append(f"No epoch is known of {words.listed(without)}.")
    st.caption(" ".join(notes))


# -- figures


def figures_of(runs: Sequence[Run]) -> None:
    """The table, what can be measured yet, and the options that are all alike."""
    st.header("Figures")
    subjects = [subject(run) for run in runs]
    header = [Cell(of.summary.name, of.summary.note) for of in subjects]
    different, alike = comparison.options(subjects)
    groups = comparison.measured(subjects)
    if different:
        groups.append(Group("Options in which they differ", tuple(different)))
    table(header, groups, name="Figures of the runs", key="compared-figures")
    st.caption(" ".join(_notes(subjects)))
    measuring(runs, [work for run, of in zip(runs, subjects, strict=True) for work in _missing(run, of)])
    if alike:
        with st.expander("Options that are the same"):
            table(header, [Group("", tuple(alike))], name="Options that are the same", key="same-options")


def _notes(subjects: Sequence[Subject]) -> list[str]:
    datasets = sorted({of.dataset for of in subjects if of.dataset})
    if len(datasets) > 1:
        notes = [f"No best is marked: these runs are about different data sets, {words.listed(datasets)}."]
    else:
        notes = ["★ is the best of its row; ties to the digits shown share it. Errors are of test images."]
    if len({of.model.latent_dim for of in subjects if of.model}) > 1:
        notes.append("They squeeze a digit into different numbers of dimensions: with more of them a copy is easier.")
    notes.append("Shaded options are unlike the first run's.")
    return notes


@dataclass(frozen=True)
class Work:
    """Something that can be measured of a run: everything of its copies and codes, or its new digits."""

    run: str
    what: Literal["copies and codes", "new digits"]

    def job(self) -> Job:
        """The process that does it."""
        run = Run.open(self.run)
        return evaluate.job(run) if self.what == "copies and codes" else sampling.job(run)


def _missing(run: Run, of: Subject) -> list[Work]:
    """What could still be measured of it."""
    if of.summary.state == "damaged" or not run.weights_file().exists():
        return []
    found = []
    if not comparison.is_measured(of) or (of.map is None and _can_be_mapped(run)):
        found.append(Work(run.name, "copies and codes"))
    if generated.classifier(of.dataset) and generated.fitted(run) is None:
        found.append(Work(run.name, "new digits"))
    return found


def _can_be_mapped(run: Run) -> bool:
    return not why_not(points(run, MapConfig()), MapConfig())


def measuring(runs: Sequence[Run], missing: Sequence[Work]) -> None:
    """Measures what is missing, one thing after another, while the page is looked at."""
    is_busy = bool(pages.to_measure()) or any(work.job().is_live() for work in missing)
    ticking(_SECONDS_BETWEEN_TICKS, while_=is_busy)(_measuring)([run.name for run in runs], missing)


def _measuring(names: Sequence[str], missing: Sequence[Work]) -> None:
    with messages.errors_in_words():
        _go_on(names)
        live = next((work for work in missing if work.job().is_live()), None)
        if live:
            others = len(pages.to_measure()[1:])
            rest = f" ({others} more to come)" if others else ""
            working(live.job(), f"Measuring the {live.what} of {live.run}{rest}", on_stop=_stop_all)
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
                f"Not all is known yet of {words.listed(of)}: reading 60,000 training codes, laying out a map and "
                "fitting priors take about a minute for each run."
            )


def _go_on(names: Sequence[str]) -> None:
    """Starts the next where the one under way has ended."""
    waiting: list[Work] = pages.to_measure()
    if not waiting or (waiting[0].run in names and waiting[0].job().is_live()):
        return
    left = [work for work in waiting[1:] if work.run in names]
    pages.set_to_measure(left)
    if left:
        start(left[0].job())
    else:
        st.rerun()  # the table has more to say


def _stop_all() -> None:
    pages.set_to_measure(pages.to_measure()[:1])


# -- digits and maps


def alike(runs: Sequence[Run]) -> list[Run]:
    """The runs that can be asked about the same pictures: those with weights, of the first one's data set.

    The others are explained.
    """
    found: list[Run] = []
    for run in runs:
        with messages.errors_in_words():
            networks.model(run)
            mine = run.dataset
            if found and mine != (first := found[0].dataset):
                st.info(
                    f"{run.name} is about {mine} and {found[0].name} about {first}: the same digits and maps are shown "
                    f"of the runs about {first} only.",
                    icon=":material/info:",
                )
                continue
            found.append(run)
    return found


def same_digits(runs: Sequence[Run]) -> None:
    """Ten test digits, and below them what each run makes of them."""
    images = pictures.test_images(runs[0])
    indices = _chosen_digits(runs[0], len(images))
    names, labels = images.class_names, images.labels[indices].tolist()
    count = len(indices)
    said = ", ".join(f"{index} ({names[label]})" for index, label in zip(indices.tolist(), labels, strict=True))
    tiles = [images.pixels[indices].numpy()]
    cards = [Card(tuple(range(count)), f"Test digits {said}", ("test digits",))]
    for number, run in enumerate(runs, start=1):
        with messages.errors_in_words():
            found = networks.compare(run, indices)
            mse = float(found.mse.mean())
            tiles.append(found.reconstructions)
            cards.append(
                Card(
                    tuple(range(number * count, (number + 1) * count)),
                    f"What {words.called(run)} makes of them",
                    (words.called(run), f"MSE {words.number(mse)}"),
                    f"{words.called(run)}, mean of these ten: {words.other_scale(mse)}",
                )
            )
    digits(np.concatenate(tiles), cards, key="same-digits", layout="rows wide", of_runs=True)


def _chosen_digits(first: Run, available: int) -> NDArray[np.int64]:
    title, way_column, seed_column = st.columns([3, 1.5, 0.8], vertical_alignment="bottom")
    title.header("The same digits through each")
    way = way_column.segmented_control("Digits", _WAYS, default=_WAYS[0], key="compare digits", required=True,
                                      persist_state="session")  # fmt: skip
    if way == _WAYS[1]:
        seed_column.caption(f"hardest for {plain(first.name)}")
        return picks.hardest(networks.errors(first), _DIGITS)
    seed = seed_column.number_input("Seed", 0, 2**31, 0, step=1, help="Another seed shows other digits.")
    return picks.at_random(_DIGITS, available, int(seed))


def side_by_side(runs: Sequence[Run]) -> None:
    """Their maps, with the digit that one points at ringed in all of them."""
    st.header("Their maps")
    dataset = runs[0].dataset
    sheets = []
    for run in runs:
        with messages.errors_in_words():
            sheets.append(_sheet(run, dataset))
    if sheets:
        atlas(sheets, test_pictures_address(dataset), key="atlas")
    if any(sheet.what.startswith("PCA") for sheet in sheets):
        st.caption("PCA is a shadow of the codes. Measuring what is missing, above, or the page Map lays out a t-SNE.")


def _sheet(run: Run, dataset: str) -> Sheet:
    dimensions = run.info.model.latent_dim
    found = usual_tsne(run) if dimensions > 2 else None
    if found:
        what = f"t-SNE, perplexity {found.config.perplexity:g}, of {dimensions} numbers"
        positions = found.positions
    else:
        positions = points(run, MapConfig()).positions(2)
        what = f"PCA of {dimensions} numbers"
        if dimensions <= 2:
            what = "its two numbers" if dimensions == 2 else "its one number, each class in a lane of its own"
    return Sheet(
        words.called(run),
        what,
        places_address(dataset, positions),
        files.network_address(run),
        dimensions == 1,
    )
