"""The map, its t-SNE, the film of maps over the epochs, and how far to trust them."""

from __future__ import annotations

import streamlit as st

from cae import words
from cae.config import MapConfig
from cae.errors import CaeError, InvalidOption
from cae.latent.film import CONFIG, epochs_of
from cae.latent.mapfiles import TSNE, Points
from cae.latent.maps import job, snapshot, why_not
from cae.runs.run import Run
from components import MapAction, digit_map, small_table
from resources.maps import map_addresses, map_film, map_film_address, map_film_job, map_scores, points, tsne
from server.ticking import ticking
from shared import forms
from shared.asking import stop_button
from shared.going import go_to
from shared.markdown import plain
from shared.own_drawing import own_drawing
from shared.shown_map import on_film, tsne_of
from shared.working import SECONDS_BETWEEN_TICKS, job_part, say_failure, start
from state import messages, pages, steering


def layout(run: Run, config: MapConfig, of: Points) -> None:
    """The map, which refreshes itself while a t-SNE is computed."""
    live = job(run, config).is_live()
    ticking(SECONDS_BETWEEN_TICKS, while_=live)(_layout)(run, config, of, live)


def _layout(run: Run, config: MapConfig, of: Points, was_live: bool) -> None:
    with messages.errors_in_words():
        if was_live and not job(run, config).is_live():
            st.rerun()
        moving = snapshot(run, config) if was_live else None
        shown = tsne_of(run, config)  # only now: it may have replaced the snapshot
        progress(run, config, of, shown)
        files = map_addresses(run, of, shown)
        film = map_film(run)
        action = digit_map(
            files, of, shown, moving, film=map_film_address(film) if film else "", drawing=own_drawing(),
            run=run.name, key="map",
        )  # fmt: skip
        if action is not None:
            go(action, run)


def go(action: MapAction, run: Run) -> None:
    """Takes a test image to another page."""
    if action.kind == "steer":
        steering.steer_from_digit(action.index)
    else:
        pages.reconstruct_from("From an index", action.index)
    go_to(action.kind, run)


def progress(run: Run, config: MapConfig, of: Points, shown: TSNE | None) -> None:
    """How far the t-SNE is, and the button that starts or stops it."""
    work = job(run, config)
    if work.is_live():
        told, button = st.columns([5, 1], vertical_alignment="bottom")
        now = snapshot(run, config)
        share = now.iteration / now.iterations if now else 0.0
        text = (
            f"t-SNE: iteration {now.iteration} of {now.iterations}, KL divergence {now.kl:.2f}"
            if now
            else "t-SNE: finding the neighbours of every digit"
        )
        if waits := work.waits():
            text = f"t-SNE: {waits}"
        told.progress(share, text="Stopping" if work.is_stop_asked() else text)
        with button:
            stop_button(work, key="stop map", kept="The map so far is kept.", width="stretch")
        return
    if reason := why_not(of, config):
        st.info(plain(reason), icon=":material/info:")
        return
    if shown and shown.is_finished:
        return
    say_failure(work)
    told, button = st.columns([5, 1.4], vertical_alignment="center")
    if shown:
        told.caption(f"t-SNE was stopped after {shown.iteration} of {shown.iterations} iterations.")
    else:
        told.caption(
            "PCA shows only a shadow of the codes. t-SNE lays them out so that neighbours stay neighbours. It takes "
            "some 15 s for 10,000 digits, and the points move to their places before your eyes."
        )
    if button.button("Compute t-SNE", type="primary", width="stretch"):
        pages.set_map_config(config)
        start(job(run, config))


def through_time(run: Run, of: Points) -> None:
    """The maps of the other epochs: the button that lays them out, or how to see them."""
    run = run.at(None)
    try:
        count = len(epochs_of(run))
    except CaeError:  # a damaged history does not concern the map of the last epoch
        return
    if count < 2 or why_not(of, CONFIG):
        return
    if map_film(run) and not map_film_job(run).is_live():
        st.caption(
            f"The map follows the scrubber **Epoch**: 2,000 digits over {count} epochs. Each map starts from that of "
            "the next epoch, so that points move only by what the network has learned."
        )
        return

    def offer() -> bool:
        told, button = st.columns([5, 1.4], vertical_alignment="center")
        told.caption(
            f"Lay out 2,000 digits after each of {count} epochs, and the map follows the scrubber **Epoch**. It takes "
            "some three seconds an epoch."
        )
        return button.button("Map through time", width="stretch", icon=":material/movie:")

    job_part(lambda: map_film_job(run), "Laying out every kept epoch", offer)


@st.fragment
@messages.errors_in_words()
def another(run: Run) -> None:
    """The options of another map, and the button that lays it out."""
    if on_film(run) is not None:
        return
    pages.prepare_map_options()
    with st.expander("Another map"):
        forms.fields(MapConfig)
        try:
            config = forms.read(MapConfig)
        except InvalidOption:
            st.button("Lay out", disabled=True)
            return
        if st.button("Lay out", help="Computes a t-SNE with these options, or shows one computed before."):
            if reason := why_not(points(run, config), config):
                st.info(plain(reason), icon=":material/info:")
                return
            pages.set_map_config(config)
            if tsne(run, config):
                st.rerun()
            start(job(run, config))


def trust(run: Run, config: MapConfig, shown: TSNE | None) -> None:
    """How far to trust the map, beside PCA and the latent space itself."""
    st.header("How far to trust it")
    accuracy, flat = map_scores(run, config)
    dimensions = run.info.model.latent_dim
    rows: list[tuple[str, float, float | None]] = [
        (f"the latent space, {words.count(dimensions, 'number')}", accuracy, None)
    ]
    if shown:
        rows.append(("t-SNE", shown.scores.accuracy, shown.scores.trustworthiness))
    for count, scores in flat.items():
        name = "the codes themselves" if dimensions <= 2 else f"PCA, {count} directions"
        rows.append((name, scores.accuracy, scores.trustworthiness))
    small_table(
        ("where", "10-NN accuracy", "trustworthiness"),
        [(name, words.percent(right), "1" if kept is None else f"{kept:.3f}") for name, right, kept in rows],
        name="How far to trust the map",
        key="trust",
    )
    st.caption(
        "10-NN accuracy: the share of test images whose class wins the vote of their ten nearest others, though the "
        "network never saw a label. Trustworthiness: whether neighbours on the map are neighbours in the latent space, "
        "1 at best. A map can beat the latent space by pulling groups apart. **On a t-SNE only neighbourhoods mean "
        "something: the distances between clusters, their sizes and their densities mean nothing.**"
    )
