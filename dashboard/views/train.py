"""Start a training, watch it, and keep house among the runs."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import streamlit as st

import forms
import resources
import state
import wording
from cae import evaluation, figures, jobs, picks, runs
from cae.config import ACTIVATIONS, RECIPES, ModelConfig, TrainConfig, differences
from cae.errors import CaeError, InvalidOption
from cae.figures import Curve
from cae.files import is_read_only
from cae.runs import Run
from components import Card, RunsAction, chart, digits, runs_table

SECONDS_BETWEEN_TICKS = 0.6
SECONDS_BETWEEN_TABLES = 2.0
FILM_ROWS = 4
RECENT = 40  # records of progress that say how fast it is now


# -- left: a new training


def new_training() -> None:
    recipe = state.recipe_picker()
    summary = st.empty()
    name = st.text_input("Run name", key=state.name_key(runs.free_name(recipe)), max_chars=80)
    beside_the_name = st.empty()
    with st.expander("Options"):
        forms.fields(TrainConfig)
        st.markdown("**The network**")
        forms.fields(ModelConfig)
    try:
        model, train = forms.read(ModelConfig), forms.read(TrainConfig)
    except InvalidOption as error:
        st.button("Start training", type="primary", disabled=True, width="stretch")
        st.markdown(f":red[{wording.plain(str(error))} Change it under Options.]")
        return
    changed = wording.options(differences(model, train, recipe))
    summary.caption(f"{recipe}, but with {changed}." if changed else RECIPES[recipe].summary)
    if st.button("Start training", type="primary", width="stretch", disabled=is_read_only()):
        try:
            run = jobs.start_training(name, model, train, recipe="" if changed else recipe)
        except CaeError as error:
            for place in (beside_the_name, st):  # the name may be out of sight
                place.markdown(f":red[{wording.plain(str(error))}]")
        else:
            state.look_at(run.name)


def load_elsewhere() -> None:
    st.caption("A run's zip, a model.safetensors, or a PyTorch state_dict of this architecture.")
    file = st.file_uploader(
        "File", type=["zip", "safetensors", "pt", "pth"], label_visibility="collapsed", key=state.upload_key()
    )
    if file is None:
        return
    spelled = PurePath(file.name).stem.lower()
    stem = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in spelled).strip("-")
    name = st.text_input("Name for it", value=runs.free_name(stem[:40] or "imported"))
    activation = st.selectbox(
        "Activation it was trained with", ACTIVATIONS, help="Asked only of files that do not say."
    )
    if st.button("Load it", width="stretch", disabled=is_read_only()):
        from cae.exchange import import_file

        with state.errors_in_words():
            run = import_file(file.getvalue(), name, activation=activation)
            state.say(f"{run.name} is loaded.")
            state.forget_upload()
            state.look_at(run.name)


# -- right: the chosen run


def watch(run: Run) -> None:
    title, scale, unit = st.columns([2, 1, 1], vertical_alignment="bottom")
    title.header(run.name)
    logarithmic = (
        scale.segmented_control("Scale", ["linear", "log"], default="log", key="scale", required=True) == "log"
    )
    on_unit = unit.segmented_control("MSE on", ["[-1, 1]", "[0, 1]"], default="[-1, 1]", key="unit", required=True)
    live = run.is_live()
    ticking = st.fragment(run_every=SECONDS_BETWEEN_TICKS if live else None)

    def line() -> None:
        with state.errors_in_words():
            progress_line(run.again(), live)

    def pictures() -> None:
        now = run.again()
        with state.errors_in_words():
            loss_chart(now, logarithmic=logarithmic, on_unit=on_unit == "[0, 1]")
            film(now)

    progress, controls = st.columns([3, 1.1] if live else [3, 2], vertical_alignment="bottom")
    with progress:
        ticking(line)()
    with controls:
        start_or_stop(run, live)
    ticking(pictures)()
    if run.state == "failed" and (log := jobs.last_words(run)):
        with st.expander("What the process said last"):
            st.code(log, language=None)
    repeat_or_download(run)


def progress_line(run: Run, was_live: bool) -> None:
    summary = run.summary()
    if was_live and summary.state not in ("queued", "running"):
        st.rerun()  # it has ended: the buttons and the table change too
    epochs = summary.epochs or 0
    if summary.state == "running":
        progress = run.progress()
        done = progress[-1].epoch if progress else 0.0
        text = f"Epoch {min(int(done) + 1, epochs)} of {epochs}, "
        if progress:
            before = progress[max(0, len(progress) - RECENT)]
            pace = (progress[-1].seconds - before.seconds) / max(done - before.epoch, 1e-9)  # seconds an epoch
            left = pace * (epochs - done)
            text += f"{progress[-1].images_per_second:,.0f} images/s, {wording.duration(left)} left"
        else:
            text += "starting"
        if jobs.is_stop_asked(run):
            text = "Stopping after this batch"
        st.progress(min(done / epochs, 1.0) if epochs else 0.0, text=text)
    elif summary.state == "queued":
        said = jobs.last_words(run, lines=1)
        st.progress(0.0, text=said.capitalize() if said.startswith("waiting") else "Starting")
    elif summary.state in ("failed", "damaged"):
        st.error(f"{summary.state.capitalize()}: {summary.reason}")
    elif summary.epochs:
        spent = f", {wording.duration(summary.last.seconds)} of training" if summary.last else ""
        text = f"{summary.state.capitalize()} after {summary.epochs_done} of {epochs} epochs{spent}. {summary.reason}"
        st.progress(min(summary.epochs_done / epochs, 1.0), text=text)
    else:
        st.info("Imported as weights alone: how it was trained is not known.")


def loss_chart(run: Run, *, logarithmic: bool, on_unit: bool) -> None:
    curves = [curve_of(run)]
    for name in state.overlay():
        try:
            if name != run.name:
                curves.append(curve_of(Run.open(name)))
        except CaeError:
            continue  # the table says what is wrong with it
    figure = figures.loss_curves(
        curves,
        on_unit=on_unit,
        logarithmic=logarithmic,
        baselines=resources.baselines(evaluation.dataset_of(run)),
        latent_dim=run.info.model.latent_dim,
    )
    chart(
        figure,
        key="loss",
        description=f"Loss of {run.name} over epochs",
        keep=f"{run.name} {logarithmic} {on_unit}",
        keep_x=run.name,
    )


def curve_of(run: Run) -> Curve:
    history, progress = resources.curve(run)
    train = run.info.train
    return Curve(run.name, history, progress, train.epochs if train else None, bool(train and train.validation_images))


def film(run: Run) -> None:
    """Ten fixed test digits, and what the network made of them after some epochs and after the last one."""
    summary = run.summary()
    images = resources.test_set(evaluation.dataset_of(run))
    fixed = picks.one_per_class(images.labels.numpy(), len(images.class_names))
    kept = run.epochs()
    latest = kept[-1] if kept else None
    rows: list[tuple[str, int | None]] = []
    for planned in picks.film(max(summary.epochs or 0, summary.epochs_done), FILM_ROWS)[:-1]:
        before = [epoch for epoch in kept if epoch <= planned and latest is not None and latest >= planned]
        rows.append((f"epoch {before[-1]}", before[-1]) if before else (f"epoch {planned}", None))
    latest_label = f"epoch {latest}" if run.info.train else "as loaded"
    rows.append((latest_label, latest) if latest is not None else ("latest", None))
    tiles = [images.pixels[fixed].numpy()]
    count = len(fixed)
    cards = [Card(tuple(range(count)), "Ten test digits, one of each class", ("original",))]
    for label, epoch in rows:
        if epoch is None:
            cards.append(Card((-1,) * count, f"{label}: not yet", (label,)))
            continue
        tiles.append(resources.compare(run, fixed, epoch).reconstructions)
        first = (len(tiles) - 1) * count
        cards.append(Card(tuple(range(first, first + count)), f"Their reconstructions after {label}", (label,)))
    digits(np.concatenate(tiles), cards, key="film", layout="rows")


def start_or_stop(run: Run, live: bool) -> None:
    if is_read_only():
        return
    if live:
        if st.button(
            "Stop", icon=":material/stop:", width="stretch", help="After the batch under way. Nothing is lost."
        ):
            jobs.ask_to_stop(run)
            st.rerun()
        return
    summary = run.summary()
    if not summary.resumable:
        return
    at_least = summary.epochs_done + 1
    planned = summary.epochs_done + 5 if summary.state == "finished" else max(summary.epochs or 0, at_least)
    field, button = st.columns(2, vertical_alignment="bottom")
    epochs = field.number_input(
        "Epochs in all", at_least, 10_000, planned, step=1, help="More of them trains it longer."
    )
    if button.button("Resume", icon=":material/play_arrow:", width="stretch"):
        jobs.resume_training(run, int(epochs))
        st.rerun()


def repeat_or_download(run: Run) -> None:
    again, zipped, _ = st.columns([1.2, 1, 1])
    train = run.info.train
    if train is not None and again.button("Same settings again", icon=":material/replay:", width="stretch"):
        same = (name for name, recipe in RECIPES.items() if (recipe.model, recipe.train) == (run.info.model, train))
        state.fill_options_next(next(same, None), run.info.model, train)
        state.say("The form holds the settings of this run.")
        st.rerun()
    zipped.download_button(
        "Download", resources.zipped(run), file_name=f"{run.name}.zip", mime="application/zip",
        icon=":material/download:", width="stretch", on_click="ignore",
        help="The whole run as a zip: this page loads it again, here or on another machine.",
    )  # fmt: skip


# -- below: all runs


def all_runs() -> None:
    with state.errors_in_words():
        summaries = runs.summaries()
        if not summaries:
            st.caption("None yet: the first one appears here as soon as it is started.")
            return
        shown = state.chosen_run()
        action = runs_table(
            summaries,
            key="runs",
            chosen=shown.name if shown else None,
            overlay=state.overlay(),
            read_only=is_read_only(),
            describe=wording.row,
        )
        if action:
            obey(action)
        st.caption("Tick runs to lay their curves over the chart. A click on a name shows that run on every page.")


def obey(action: RunsAction) -> None:
    if action.kind == "overlay":
        if state.overlay() != list(action.runs):
            state.set_overlay(action.runs)
            st.rerun()
        return
    run = Run.open(action.runs[0])
    if action.kind == "open":
        state.look_at(run.name)
    elif action.kind == "note":
        if action.note != run.info.note:
            run.annotate(action.note)
            st.rerun()
    else:
        state.ask_about_deleting(run.name)


@st.dialog("Delete a run", on_dismiss=state.forget_deletion)
def confirm_deletion(name: str) -> None:
    st.markdown(f"Delete **{name}**, with its weights and its history? It cannot be brought back.")
    yes, no = st.columns(2)
    if yes.button(f"Yes, delete {name}", type="primary", width="stretch"):
        with state.errors_in_words():
            state.forget_deletion()
            Run.open(name).delete()
            state.say(f"{name} is deleted.")
            st.rerun()
    if no.button("Keep it", width="stretch"):
        state.forget_deletion()
        st.rerun()


st.title("Train")
st.markdown("Press **Start training**: the loss falls, and the ten digits sharpen after every epoch.")
state.show_message()
chosen = state.chosen_run()
left, right = st.columns([1, 2.6], gap="large")
with left:
    if is_read_only():
        st.info("This laboratory is read-only: runs can be looked at, but not started or changed.")
    new_training()
    with st.expander("Load a training made elsewhere"):
        load_elsewhere()
with right:
    if chosen is None:
        st.info("Nothing to show yet: start a training on the left.")
    else:
        with state.errors_in_words():
            watch(chosen)
st.header("All runs")
st.fragment(run_every=SECONDS_BETWEEN_TABLES if runs.is_any_live() else None)(all_runs)()
if (name := state.asked_about_deleting()) is not None:
    confirm_deletion(name)
