"""The chosen run during and after its training: progress, loss, film, and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cae import words
from cae.config import RECIPES
from cae.data import picks
from cae.disk.files import is_read_only
from cae.errors import CaeError
from cae.exports import films
from cae.jobs import limits, process
from cae.runs.run import Run
from components import Card, chart, digits
from resources import files, leaving, lists, networks
from resources.pictures import test_images
from server.ticking import ticking
from shared.asking import confirm_stop
from shared.markdown import plain
from shared.posting import post_run_button
from shared.taking import take_home
from state import chosen as state_chosen
from state import forms, messages, pages
from who import visitor

SECONDS_BETWEEN_TICKS = 0.6
FILM_ROWS = 4
RECENT = 40  # records of progress that tell its pace


def watch(run: Run) -> None:
    """Everything about a run, which refreshes itself while the run is live."""
    run = run.at(None)
    title, scale, unit = st.columns([1.3, 1, 1], vertical_alignment="bottom")
    title.header(run.name)
    logarithmic = (
        scale.segmented_control("Scale", ["linear", "log"], default="log", key="scale", required=True) == "log"
    )
    on_unit = unit.segmented_control("MSE on", ["[-1, 1]", "[0, 1]"], default="[-1, 1]", key="unit", required=True)
    live = run.is_live()
    tick = ticking(SECONDS_BETWEEN_TICKS, while_=live)

    def line() -> None:
        with messages.errors_in_words():
            progress_line(run.again(), live)

    def pictures() -> None:
        now = run.again()
        with messages.errors_in_words():
            loss_chart(now, logarithmic=logarithmic, on_unit=on_unit == "[0, 1]")
            film(now)

    progress, controls = st.columns([3, 1.1] if live else [3, 2], vertical_alignment="bottom")
    with progress:
        tick(line)()
    with controls:
        start_or_stop(run, live)
    tick(pictures)()
    if run.state == "failed" and (log := process.last_words(run)):
        with st.expander("The last lines of its log"):
            st.code(log, language=None)
    repeat_or_download(run)
    post_run_button(run)


def progress_line(run: Run, was_live: bool) -> None:
    """How far the run is, or how it ended; draws the page again when a live run ends."""
    summary = run.summary()
    if was_live and summary.state not in ("queued", "running"):
        st.rerun()  # the buttons and the table change too
    epochs = summary.epochs or 0
    if summary.state == "running":
        _, progress = lists.curve(run)
        done = progress[-1].epoch if progress else 0.0
        text = f"Epoch {min(int(done) + 1, epochs)} of {epochs}, "
        if progress:
            before = progress[max(0, len(progress) - RECENT)]
            pace = (progress[-1].seconds - before.seconds) / max(done - before.epoch, 1e-9)  # seconds an epoch
            left = pace * (epochs - done)
            text += f"{progress[-1].images_per_second:,.0f} images/s, {words.duration(left)} left"
        else:
            text += "starting"
        if process.is_stop_asked(run):
            text = "Stopping after this batch"
        st.progress(min(done / epochs, 1.0) if epochs else 0.0, text=text)
    elif summary.state == "queued":
        last = process.last_words(run, lines=1)
        st.progress(0.0, text=plain(last.capitalize()) if last.startswith("waiting") else "Starting")
    elif summary.state in ("failed", "damaged"):
        st.error(plain(f"{summary.state.capitalize()}: {summary.reason}"))
    elif summary.epochs:
        spent = f", {words.duration(summary.last.seconds)} of training" if summary.last else ""
        text = f"{summary.state.capitalize()} after {summary.epochs_done} of {epochs} epochs{spent}. {summary.reason}"
        st.progress(min(summary.epochs_done / epochs, 1.0), text=plain(text))
    else:
        st.info("Only its weights were imported: how it was trained is not known.")


def loss_chart(run: Run, *, logarithmic: bool, on_unit: bool) -> None:
    """The losses of the run, the baselines, and the curves of the runs ticked in the table."""
    shown = [run]
    for name in pages.overlay():
        try:
            if name != run.name:
                lists.curve(other := Run.open(name))
                shown.append(other)
        except CaeError:
            continue  # the table says what is wrong with it
    chart(
        lists.loss_curves(shown, logarithmic=logarithmic, on_unit=on_unit),
        key="loss",
        description=f"Loss of {run.name} over epochs",
        keep=f"{run.name} {logarithmic} {on_unit}",
        keep_x=run.name,
    )


def film(run: Run) -> None:
    """Ten fixed test images, and their reconstructions after several epochs, the last among them."""
    summary = run.summary()
    images = test_images(run)
    fixed = picks.one_per_class(images.labels.numpy(), len(images.class_names))
    kept = run.epochs()
    rows = film_rows(
        kept, picks.film(max(summary.epochs or 0, summary.epochs_done), FILM_ROWS), state_chosen.epoch(run)
    )
    sheets = [files.sheet(images.pixels[fixed].numpy())]
    count = len(fixed)
    cards = [Card(tuple(range(count)), "Ten test digits, one of each class", ("original",))]
    for number, is_kept in rows:
        label = f"epoch {number}" if run.info.train else "as imported"
        if not is_kept:
            cards.append(Card((-1,) * count, f"{label}: not yet", (label,)))
            continue
        sheets.append(files.sheet(networks.compare(run, fixed, number).reconstructions))
        first = (len(sheets) - 1) * count
        cards.append(Card(tuple(range(first, first + count)), f"Their reconstructions after {label}", (label,)))
    digits(sheets, cards, key="film", layout="rows", timeless=True)
    if len(kept) > 1:
        take_home(
            "Film of these digits (GIF)", lambda: films.training(run, images, fixed).gif(), "training.gif",
            key="gif training", quiet=True,
            help="An animation: these digits, and their reconstructions after every kept epoch.",
        )  # fmt: skip


def film_rows(kept: Sequence[int], planned: Sequence[int], chosen: int | None) -> list[tuple[int, bool]]:
    """The epochs to show, in order, and whether each is there yet: the latest, some before it, and some to come.

    The one before it replaces a planned epoch that was not kept; `chosen` is included if it was kept.
    """
    latest = kept[-1] if kept else -1
    past = {max((epoch for epoch in kept if epoch <= each), default=latest) for each in planned if each <= latest}
    past |= {epoch for epoch in kept if epoch in (latest, chosen)}
    to_come = [epoch for epoch in planned if epoch > latest][: max(0, FILM_ROWS - len(past))]
    return [*((epoch, True) for epoch in sorted(past)), *((epoch, False) for epoch in to_come)]


def start_or_stop(run: Run, live: bool) -> None:
    """The button that stops or resumes the run."""
    if is_read_only():
        st.caption("This laboratory is read-only: runs can neither be stopped nor resumed.")
        return
    if live:
        if st.button("Stop", icon=":material/stop:", width="stretch", help="After the current batch. Nothing is lost."):
            messages.ask_about_stop(run.name)
        if messages.asked_about_stop() == run.name:
            confirm_stop(run.name)
        return
    messages.forget_stop()
    summary = run.summary()
    if not summary.resumable:
        return
    is_complete = summary.state != "finished" and summary.epochs_done == summary.epochs  # and was cut off there
    at_least = summary.epochs_done if is_complete else summary.epochs_done + 1
    planned = summary.epochs_done + 5 if summary.state == "finished" else max(summary.epochs or 0, at_least)
    field, button = st.columns(2, vertical_alignment="bottom")
    epochs = field.number_input(
        "Epochs in all", at_least, 10_000, planned, step=1, help="With more epochs it trains longer."
    )
    reason = limits.why_no_training(visitor.me())
    if button.button("Resume", icon=":material/play_arrow:", width="stretch", disabled=bool(reason)):
        process.resume_training(run, int(epochs), by=visitor.me())
        st.rerun()
    if reason:
        st.caption(plain(reason))


def repeat_or_download(run: Run) -> None:
    """Buttons for another run with the same options, and for the run as a zip."""
    again, zipped, _ = st.columns([1.2, 1, 1])
    train = run.info.train
    if train is not None and again.button("Same settings again", icon=":material/replay:", width="stretch"):
        same = (name for name, recipe in RECIPES.items() if (recipe.model, recipe.train) == (run.info.model, train))
        forms.fill_options_next(next(same, None), run.info.model, train)
        messages.say("The form now has the settings of this run.")
        st.rerun()
    zipped.download_button(
        "Download", lambda: leaving.zipped(run), file_name=f"{run.name}.zip", mime="application/zip",
        icon=":material/download:", width="stretch", on_click="ignore",
        help="The whole run as a zip. This page imports it again, here or on another machine.",
    )  # fmt: skip
