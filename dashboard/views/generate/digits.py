"""New digits: where they are drawn from, the digits themselves, and how good they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.config import PRIORS, SampleConfig
from cae.errors import CannotFit
from cae.latent.space import LatentSpace
from cae.plots.samples import class_balance, code_plane, off_manifold_curves
from cae.runs.run import Run
from components import Generated, chart, samples, small_table
from resources import generated
from shared.going import go_to
from shared.keeping import add_sample
from shared.markdown import plain
from state import made, messages, pages, steering

if TYPE_CHECKING:
    from cae.evaluation.quality import Quality
    from cae.latent.sampling import Fitted
    from resources.generated import Fresh

COUNTS = (20, 50, 100)
_EXPLAINED = {
    "normal": "What the founding document draws from: every number by itself, mean 0, deviation 1. "
    "For one class, moved to its mean.",
    "gaussian": "One Gaussian with the mean and the covariance of the real codes.",
    "mixture": "Several Gaussians, fitted to the codes of each class; how many, the likelihood of held-out codes "
    "decides.",
}


def choose(found: Fitted) -> SampleConfig:
    """Draws the choice of prior, class, number and seed."""
    first = "mixture" if found.qualities or ("mixture", None) in found.priors else "normal"
    prior_column, class_column, count_column, seed_column, again_column = st.columns(
        [2.7, 1, 1, 1.1, 1.6], vertical_alignment="bottom"
    )
    prior = str(prior_column.segmented_control(
        "Prior", list(PRIORS), format_func=PRIORS.__getitem__, key=pages.field("prior", first), required=True,
        persist_state="session", help="Where the codes are drawn from.",
    ) or first)  # fmt: skip
    names = ["all", *found.class_names]
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


# -- the digits


def grid(run: Run, config: SampleConfig, fresh: Fresh, found: Fitted) -> None:
    """The digits, one of which can be chosen, and where the chosen one can go."""
    told = []
    for position, mse in enumerate(fresh.mse):
        says = fresh.seen.says(position, found.class_names)
        near = f"training #{fresh.nearest[position]}"
        is_doubtful = bool(says and fresh.seen.confidence[position] <= 0.9)
        lines = tuple(filter(None, (says and f"read as {says}", near, f"MSE to it {mse:.3f}")))
        told.append(Generated(f"Generated digit {position}", lines, is_doubtful))
    chosen = made.sample(run)
    at = next((i for i, code in enumerate(fresh.seen.codes) if chosen and np.array_equal(code, chosen.code)), None)
    picked = samples(fresh.seen.pictures, fresh.pictures, told, chosen=at, key="samples")
    if picked is not None:
        name = f"{_name(config, found)}, seed {config.seed}, no. {picked + 1}"
        code, picture = fresh.seen.codes[picked], fresh.seen.pictures[picked]
        made.set_sample(made.Sample(run.name, found.weights, name, code, picture))
        st.rerun()


def _name(config: SampleConfig, found: Fitted) -> str:
    """The chosen prior, and its class."""
    title = PRIORS[config.prior]
    return title if config.of_class is None else f"{title}, class {found.class_names[config.of_class]}"


def go_on(run: Run) -> None:
    """Where the chosen digit can go."""
    chosen = made.sample(run)
    if chosen is None:
        st.caption("Click a digit to go on with it: to Steer, or to the ways between digits below.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(chosen.picture.repeat(2, axis=0).repeat(2, axis=1), width=56)
        st.markdown(plain(chosen.name), width="content")
        if st.button("Steer it", icon=":material/tune:"):
            steering.steer_from_sample()
            go_to("steer", run)
        st.button("From it", on_click=pages.fill, args=("from kind", steering.SAMPLE), icon=":material/first_page:",
                  help="Makes it the beginning of the way between two digits below.")  # fmt: skip
        st.button("To it", on_click=pages.fill, args=("to kind", steering.SAMPLE), icon=":material/last_page:",
                  help="Makes it the end of that way.")  # fmt: skip
        add_sample(run, chosen)


# -- how good they are


def goodness(run: Run, config: SampleConfig, found: Fitted) -> None:
    """The figures of every prior, beside real digits and their copies."""
    st.header("How good they are")
    if not found.qualities:
        dataset = run.dataset
        if ("mixture", None) not in found.priors:
            st.caption("Once the priors are fitted, thousands of their digits are judged and stand here.")
        elif generated.classifier(dataset) is None:
            st.info(
                f"There is no independent judge for {dataset} yet. `python -m cae train-judge --dataset {dataset}` "
                "trains one in a minute or two; then fit the priors again.",
                icon=":material/info:",
            )
        return
    rows = {"real": "real digits", "copies": "their copies", **PRIORS}
    shown = {title: found.qualities[name] for name, title in rows.items() if name in found.qualities}
    if config.of_class is not None:
        with messages.errors_in_words():
            one = generated.quality_of(run, found, config.prior, config.of_class)
            if one is not None:
                shown[_name(config, found)] = one
    chosen = _name(config, found)
    small_table(
        ("digits", "read", "precision", "recall", "off"),
        [_row(title, each) for title, each in shown.items()],
        name="How good the digits of each prior are",
        key="goodness",
        chosen=list(shown).index(chosen) if chosen in shown else None,
    )
    st.caption("Read the columns together: the classifier has to name one of the classes, and can be sure of a smudge.")
    with st.popover("What these mean", icon=":material/help:"):
        st.markdown(
            "**Read**: the share that an independent classifier reads with more than 90 % confidence. "
            "**Precision**: the share of generated digits that lie among real ones, in what that classifier sees; "
            "**recall**: the share of real ones that lie among the generated (Kynkäänniemi et al. 2019). "
            "**Off**: the median distance of a code to its ten nearest real ones. "
            f"{next(iter(shown.values())).count:,} of each; of one class, 1,000."
        )


def _row(title: str, each: Quality) -> tuple[str, ...]:
    return (
        title, words.percent(each.sure), f"{each.precision:.2f}", f"{each.recall:.2f}",
        f"{each.off_manifold:.3g}",
    )  # fmt: skip


def where_they_lie(run: Run, config: SampleConfig, found: Fitted, space: LatentSpace) -> None:
    """Three pictures of the chosen prior's codes among those of real digits, and what follows."""
    title, label = _name(config, found), config.of_class
    st.header("Why: where the codes lie")
    drawn = found.prior(config.prior, label).sample(600, 0)
    codes = space.real.codes()
    shown = codes[:: max(1, len(codes) // 1500)]
    plane, distance, balance = st.columns(3)
    with plane:
        axes = space.axes if len(space.axes) == 2 else np.vstack([space.axes, np.zeros_like(space.axes)])
        chart(
            code_plane((shown - space.mean) @ axes.T, (drawn - space.mean) @ axes.T, f"drawn: {title}"),
            key="code-plane", description=f"Codes drawn from {title} among those of real digits", keep=run.name,
        )  # fmt: skip
    with distance:
        curves: dict[str, NDArray[np.floating]] = {"real digits": space.real.usual}
        for kind in PRIORS:
            if kind == config.prior:
                curves[title] = generated.distances(run, found, kind, label)
            elif (kind, None) in found.priors:
                curves[PRIORS[kind]] = generated.distances(run, found, kind)
        chart(
            off_manifold_curves(curves, title),
            key="off-manifold", description="How far the codes of every prior are from real ones", keep=run.name,
        )  # fmt: skip
    measured = found.qualities.get(config.prior)
    if measured and label is not None:
        measured = generated.quality_of(run, found, config.prior, label)
    with balance:
        if measured:
            chart(
                class_balance(found.class_names, found.qualities["real"].balance, measured.balance, title),
                key="class-balance", description="How often each class is generated", keep=run.name,
            )  # fmt: skip
    inside = (
        1 - measured.beyond if measured else float(np.interp(space.real.usual[95], curves[title], range(101))) / 100
    )
    mine = codes if label is None else codes[space.real.labels == label]
    lengths = [float(np.median(np.linalg.norm(some, axis=1))) for some in (mine, drawn)]
    st.markdown(
        f"Half of the real codes are longer than {lengths[0]:.3g}, half of those drawn here longer than "
        f"{lengths[1]:.3g}. **{words.percent(inside, 0)} of those drawn lie near real codes**, which is to say not "
        f"farther than 95 % of the real ones do. {_explained(config.prior, *lengths)}"
    )
    if len(space.mean) > 2:
        st.caption(
            f"The first picture shows two of {len(space.mean)} directions: what is near there may be far apart in all."
        )


def _explained(prior: str, real: float, drawn: float) -> str:
    """Why codes from this prior lie near real ones, or do not; from the median lengths of both."""
    if prior == "gaussian":
        return "One Gaussian covers the whole cloud of codes, also its parts between the digits, where no digit was."
    if prior == "mixture":
        return "A mixture follows the places where digits are, and so most of what it draws is one."
    where = "as far from zero as real codes, but not in their directions"
    if drawn < 0.8 * real:
        where = "nearer to the middle than real codes, where few digits are"
    elif drawn > 1.25 * real:
        where = "farther out than real codes, where no digit is"
    return (
        f"N(0, 1) lies {where}. Nothing in the training asks codes to look like N(0, 1): the network puts digits where "
        "it likes, and was never told what to make of a code from elsewhere."
    )


def one_class_missing(config: SampleConfig, found: Fitted, reason: CannotFit) -> None:
    """Why there is nothing to draw from, where the priors have been fitted."""
    st.warning(plain(str(reason)), icon=":material/block:")
    others = [PRIORS[kind] for kind in PRIORS if (kind, config.of_class) in found.priors]
    if others:
        st.caption(f"These can be drawn from: {', '.join(others)}.")
