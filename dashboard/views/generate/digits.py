"""New digits: the choice of the prior, the digits themselves, and where a chosen one can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cae.config import PRIORS, SampleConfig
from cae.errors import CannotFit
from cae.runs.run import Run
from components import Generated, samples
from shared.going import go_to
from shared.keeping import add_sample
from shared.markdown import plain
from state import made, pages, steering

if TYPE_CHECKING:
    from cae.latent.sampling import Fitted
    from resources.generated import Fresh

COUNTS = (20, 50, 100)
_EXPLAINED = {
    "normal": "The prior of the founding document: each latent dimension independent, with mean 0 and deviation 1. "
    "For one class, moved to its mean.",
    "gaussian": "One Gaussian with the mean and the covariance of the real codes.",
    "mixture": "Several Gaussians, fitted to the codes of each class. Their number is the one that makes held-out "
    "codes most likely.",
}


def choose(fitted: Fitted) -> SampleConfig:
    """Draws the choice of prior, class, number and seed."""
    first = "mixture" if fitted.qualities or ("mixture", None) in fitted.priors else "normal"
    prior_column, class_column, count_column, seed_column, again_column = st.columns(
        [2.7, 1, 1, 1.1, 1.6], vertical_alignment="bottom"
    )
    prior = str(prior_column.segmented_control(
        "Prior", list(PRIORS), format_func=PRIORS.__getitem__, key=pages.field("prior", first), required=True,
        persist_state="session", help="Where the codes come from.",
    ) or first)  # fmt: skip
    names = ["all", *fitted.class_names]
    label = class_column.selectbox(
        "Class", range(len(names)), format_func=names.__getitem__, key=pages.choice("class", range(len(names))),
        persist_state="session",
    )  # fmt: skip
    count = count_column.selectbox("Digits", COUNTS, key=pages.field("count", COUNTS[0]), persist_state="session")
    seed = seed_column.number_input(
        "Seed", 0, 2**32 - 1, step=1, key=pages.field("seed", 0), persist_state="session",
        help="The same seed draws the same digits again.",
    )  # fmt: skip
    again_column.button("Draw others", on_click=_draw_others, icon=":material/casino:", type="primary", width="stretch")
    st.caption(_EXPLAINED[prior])
    return SampleConfig(prior, label - 1 if label else None, int(count), int(seed))


def _draw_others() -> None:
    pages.fill("seed", int(np.random.default_rng().integers(100_000)))


def grid(run: Run, config: SampleConfig, fresh: Fresh, fitted: Fitted) -> None:
    """The digits, one of which can be chosen."""
    texts = []
    for position, mse in enumerate(fresh.mse):
        says = fresh.seen.says(position, fitted.class_names)
        near = f"training #{fresh.nearest[position]}"
        is_doubtful = bool(says and fresh.seen.confidence[position] <= 0.9)
        lines = tuple(filter(None, (says and f"read as {says}", near, f"MSE to it {mse:.3f}")))
        texts.append(Generated(f"Generated digit {position}", lines, is_doubtful))
    chosen = made.sample(run)
    at = next((i for i, code in enumerate(fresh.seen.codes) if chosen and np.array_equal(code, chosen.code)), None)
    picked = samples(fresh.seen.pictures, fresh.pictures, texts, chosen=at, key="samples")
    if picked is not None:
        name = f"{prior_name(config, fitted)}, seed {config.seed}, no. {picked + 1}"
        code, pixels = fresh.seen.codes[picked], fresh.seen.pictures[picked]
        made.set_sample(made.Sample(run.name, fitted.weights, name, code, pixels))
        st.rerun()


def prior_name(config: SampleConfig, fitted: Fitted) -> str:
    """The chosen prior and its class."""
    title = PRIORS[config.prior]
    return title if config.of_class is None else f"{title}, class {fitted.class_names[config.of_class]}"


def go_on(run: Run) -> None:
    """The chosen digit, and where it can go."""
    chosen = made.sample(run)
    if chosen is None:
        st.caption("Click a digit to steer it, or to use it as an end of the path below.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(chosen.picture.repeat(2, axis=0).repeat(2, axis=1), width=56)
        st.markdown(plain(chosen.name), width="content")
        if st.button("Steer it", icon=":material/tune:"):
            steering.steer_from_sample()
            go_to("steer", run)
        st.button("From it", on_click=pages.fill, args=("from kind", steering.SAMPLE), icon=":material/first_page:",
                  help="The path between two digits, below, starts here.")  # fmt: skip
        st.button("To it", on_click=pages.fill, args=("to kind", steering.SAMPLE), icon=":material/last_page:",
                  help="The path between two digits, below, ends here.")  # fmt: skip
        add_sample(run, chosen)


def say_what_is_missing(config: SampleConfig, fitted: Fitted, reason: CannotFit) -> None:
    """Says why the chosen prior could not be fitted, and which ones could."""
    st.warning(plain(str(reason)), icon=":material/block:")
    others = [PRIORS[kind] for kind in PRIORS if (kind, config.of_class) in fitted.priors]
    if others:
        st.caption(f"Available: {', '.join(others)}.")
