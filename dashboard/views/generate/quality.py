"""How good new digits are, and why: where their codes lie among those of real digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.config import PRIORS, SampleConfig
from cae.latent.space import LatentSpace
from cae.plots.samples import class_balance, code_plane, off_manifold_curves
from cae.runs.run import Run
from components import chart, small_table
from resources import generated
from state import messages
from views.generate.digits import prior_name

if TYPE_CHECKING:
    from cae.evaluation.quality import Quality
    from cae.latent.sampling import Fitted


def figures(run: Run, config: SampleConfig, fitted: Fitted) -> None:
    """The quality of each prior's digits, beside real digits and their reconstructions."""
    st.header("How good they are")
    if not fitted.qualities:
        dataset = run.dataset
        if ("mixture", None) not in fitted.priors:
            st.caption("Once the priors are fitted, the quality of thousands of digits from each is shown here.")
        elif generated.classifier(dataset) is None:
            st.info(
                f"There is no independent classifier for {dataset} yet. Train one in a minute or two with "
                f"`python -m cae train-judge --dataset {dataset}`, then fit the priors again.",
                icon=":material/info:",
            )
        return
    rows = {"real": "real digits", "copies": "their reconstructions", **PRIORS}
    shown = {title: fitted.qualities[name] for name, title in rows.items() if name in fitted.qualities}
    chosen = prior_name(config, fitted)
    if config.of_class is not None:
        with messages.errors_in_words():
            one = generated.quality_of(run, fitted, config.prior, config.of_class)
            if one is not None:
                shown[chosen] = one
    small_table(
        ("digits", "read", "precision", "recall", "off"),
        [_row(title, each) for title, each in shown.items()],
        name="How good the digits of each prior are",
        key="goodness",
        chosen=list(shown).index(chosen) if chosen in shown else None,
    )
    st.caption("Read the columns together: the classifier must name one of the classes, and can be sure of a smudge.")
    with st.popover("What these mean", icon=":material/help:"):
        st.markdown(
            "**Read**: the share that an independent classifier reads with more than 90 % confidence. "
            "**Precision**: the share of generated digits that lie among real ones, in that classifier's features; "
            "**recall**: the share of real ones that lie among generated ones (Kynkäänniemi et al. 2019). "
            "**Off**: the median off-manifold distance, that of a code to its ten nearest real ones. "
            f"{next(iter(shown.values())).count:,} digits of each, 1,000 of a single class."
        )


def _row(title: str, quality: Quality) -> tuple[str, ...]:
    return (
        title, words.percent(quality.sure), f"{quality.precision:.2f}", f"{quality.recall:.2f}",
        f"{quality.off_manifold:.3g}",
    )  # fmt: skip


def where_codes_lie(run: Run, config: SampleConfig, fitted: Fitted, space: LatentSpace) -> None:
    """Three charts of the chosen prior's codes among those of real digits, and what follows."""
    title, label = prior_name(config, fitted), config.of_class
    st.header("Why: where the codes lie")
    drawn = fitted.prior(config.prior, label).sample(600, 0)
    codes = space.real.codes()
    some_codes = codes[:: max(1, len(codes) // 1500)]
    plane, distance, balance = st.columns(3)
    with plane:
        axes = space.axes if len(space.axes) == 2 else np.vstack([space.axes, np.zeros_like(space.axes)])
        chart(
            code_plane((some_codes - space.mean) @ axes.T, (drawn - space.mean) @ axes.T, f"drawn: {title}"),
            key="code-plane", description=f"Codes drawn from {title} among those of real digits", keep=run.name,
        )  # fmt: skip
    with distance:
        curves: dict[str, NDArray[np.floating]] = {"real digits": space.real.usual}
        for kind in PRIORS:
            if kind == config.prior:
                curves[title] = generated.distances(run, fitted, kind, label)
            elif (kind, None) in fitted.priors:
                curves[PRIORS[kind]] = generated.distances(run, fitted, kind)
        chart(
            off_manifold_curves(curves, title),
            key="off-manifold", description="How far the codes of every prior are from real ones", keep=run.name,
        )  # fmt: skip
    quality = fitted.qualities.get(config.prior)
    if quality and label is not None:
        quality = generated.quality_of(run, fitted, config.prior, label)
    with balance:
        if quality:
            chart(
                class_balance(fitted.class_names, fitted.qualities["real"].balance, quality.balance, title),
                key="class-balance", description="How often each class is generated", keep=run.name,
            )  # fmt: skip
    near = 1 - quality.beyond if quality else float(np.interp(space.real.usual[95], curves[title], range(101))) / 100
    mine = codes if label is None else codes[space.real.labels == label]
    lengths = [float(np.median(np.linalg.norm(each, axis=1))) for each in (mine, drawn)]
    st.markdown(
        f"Half of the real codes are longer than {lengths[0]:.3g}, half of those drawn here longer than "
        f"{lengths[1]:.3g}. **{words.percent(near, 0)} of those drawn lie near real codes**: no farther from them than "
        f"95 % of real codes do. {_explanation(config.prior, *lengths)}"
    )
    if len(space.mean) > 2:
        st.caption(
            f"The first chart shows two of {len(space.mean)} directions: what is near there may be far apart in all."
        )


def _explanation(prior: str, real: float, drawn: float) -> str:
    """Why codes from this prior do or do not lie near real ones, given the median lengths of both."""
    if prior == "gaussian":
        return "One Gaussian covers the whole cloud of codes, including the gaps between digits."
    if prior == "mixture":
        return "A mixture follows the regions where digits lie, so that most of what it draws is a digit."
    where = "as far from zero as real codes, but in other directions"
    if drawn < 0.8 * real:
        where = "nearer to zero than real codes, where few digits are"
    elif drawn > 1.25 * real:
        where = "farther from zero than real codes, where no digits are"
    return (
        f"N(0, 1) lies {where}. Nothing in the training makes codes look like N(0, 1): the network puts digits where "
        "it likes, and never learns to decode codes from elsewhere."
    )
