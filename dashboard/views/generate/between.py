"""The paths between two digits, and arithmetic with three."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.exports import films
from cae.latent.space import LatentSpace, interpolate
from cae.plots import samples
from cae.runs.run import Run
from components import Card, chart, digit_rows, digits, morph
from resources import generated, networks, pictures
from shared.going import link_to_draw
from shared.markdown import plain
from shared.own_drawing import own_drawing
from shared.taking import take_home
from state import made, pages, steering

if TYPE_CHECKING:
    from cae.latent.sampling import Seen

FRAMES = 61
STRIP = 11
_DIGIT, _MEAN = "Test digit", "Class mean"


@dataclass(frozen=True)
class End:
    """A digit at an end of a path: its name and its code (D,)."""

    name: str
    code: NDArray[np.float32]


def pick(run: Run, space: LatentSpace, label: str, name: str, first: int) -> End | None:
    """Draws the choice of a digit, at first one of class `first`; None if it does not exist yet."""
    images = pictures.test_images(run)
    kinds = [_DIGIT, _MEAN, *([steering.SAMPLE] if made.sample(run) else []), steering.DRAWING]
    kind = st.selectbox(label, kinds, key=pages.choice(f"{name} kind", kinds), persist_state="session")
    if kind == _DIGIT:
        members = np.flatnonzero(images.labels.numpy() == first)
        start = int(members[0]) if len(members) else 0
        index = int(st.number_input(
            f"{label}: index", 0, len(images) - 1, step=1, key=pages.field(f"{name} index", start),
            persist_state="session", label_visibility="collapsed", help="Its index in the test set.",
        ))  # fmt: skip
        return End(f"#{index}, {images.class_names[images.labels[index]]}", networks.code(run, index))
    if kind == _MEAN:
        names = space.class_names
        of = st.selectbox(
            f"{label}: class", range(len(names)), format_func=names.__getitem__, persist_state="session",
            key=pages.field(f"{name} class", min(first, len(names) - 1)), label_visibility="collapsed",
        )  # fmt: skip
        return End(f"mean of {names[of]}", space.class_means[of])
    if kind == steering.SAMPLE:
        chosen = made.sample(run)
        assert chosen is not None  # otherwise it is not offered
        st.caption(plain(chosen.name))
        return End("sample", chosen.code)
    drawing = own_drawing()
    if drawing is None:
        link_to_draw("Draw a digit first")
        return None
    st.caption("As you drew it.")
    return End("drawing", networks.encode(run, drawing))


def paths(run: Run, space: LatentSpace) -> None:
    """Two digits, and the straight and the spherical path between their codes."""
    st.header("Between two digits")
    left, right, _ = st.columns([1, 1, 2])
    with left:
        start = pick(run, space, "From", "from", 4)
    with right:
        end = pick(run, space, "To", "to", 9)
    if start is None or end is None:
        return
    if np.array_equal(start.code, end.code):
        st.info("Both are the same digit: there is no path between them.", icon=":material/info:")
        return
    shares = np.linspace(0, 1, FRAMES)
    seen = {
        title: generated.look(run, interpolate(start.code, end.code, shares, spherical=title == "spherical"))
        for title in ("straight", "spherical")
    }
    strips, film = st.columns([3.2, 1.3], gap="large")
    with strips:
        at = np.linspace(0, FRAMES - 1, STRIP).round().astype(int)
        rows = [(each.pictures[at], f"The {title} path in {STRIP} steps", (title,), "") for title, each in seen.items()]
        digit_rows(rows, key="ways", layout="rows")
        st.caption(
            f"From {plain(start.name)} to {plain(end.name)}. Straight: the code changes evenly from one to the other. "
            "Spherical: it follows the arc around zero, so that it stays as long as the codes at the ends."
        )
        curves(shares, seen, space)
    with film:
        morph(
            {
                title: (each.pictures, [each.says(frame, space.class_names) for frame in range(FRAMES)])
                for title, each in seen.items()
            },
            key="morph",
        )
        take_home(
            "GIF", lambda: _film(shares, seen).gif(), "between.gif", key="gif between", quiet=True,
            help="Both paths side by side, there and back.",
        )  # fmt: skip


def _film(shares: NDArray[np.floating], seen: dict[str, Seen]) -> films.Film:
    """Both paths side by side."""
    straight, spherical = (each.pictures for each in seen.values())
    both = np.concatenate([straight, np.zeros((FRAMES, straight.shape[1], 1), np.uint8), spherical], axis=2)
    return films.between(both, [f"{words.percent(share, 0)}   ({', '.join(seen)})" for share in shares])


def curves(shares: NDArray[np.floating], seen: dict[str, Seen], space: LatentSpace) -> None:
    """How surely the classifier reads the digits along the paths, and the off-manifold distances."""
    sure, off = st.columns(2)
    with sure:
        if all(len(each.confidence) for each in seen.values()):
            chart(
                samples.on_the_way(shares, {title: 100 * each.confidence for title, each in seen.items()}, "% sure"),
                key="sure-on-the-way", description="How surely an independent classifier reads the digits on the path",
            )  # fmt: skip
    with off:
        chart(
            samples.on_the_way(
                shares, {title: each.distances for title, each in seen.items()}, "off-manifold distance",
                usual=float(space.real.usual[95]),
            ),
            key="off-on-the-way", description="How far the codes on the path are from real ones",
        )  # fmt: skip


def arithmetic(run: Run, space: LatentSpace) -> None:
    """Arithmetic with the codes of three digits: a - b + c."""
    st.header("Arithmetic: a − b + c")
    places = st.columns([1, 1, 1, 1.4])
    picked = []
    for place, (label, name, first) in zip(places, (("a", "a", 7), ("− b", "b", 1), ("+ c", "c", 0)), strict=False):
        with place:
            picked.append(pick(run, space, label, name, first))
    if any(end is None for end in picked):
        return
    a, b, c = (end for end in picked if end is not None)
    codes = np.stack([a.code, b.code, c.code, a.code - b.code + c.code])
    results = generated.beside_training(run, codes)
    tiles = np.concatenate([results.seen.pictures, results.pictures[3:]])
    off = results.seen.distances[3]
    usual = "as near as real codes are" if off <= space.real.usual[95] else "farther than 95 % of real codes"
    titles = (f"a: {a.name}", f"b: {b.name}", f"c: {c.name}", "a − b + c", "most like it")
    texts = [results.seen.says(i, space.class_names) for i in range(4)]
    texts.append(f"training #{results.nearest[3]}, MSE {words.number(float(results.mse[3]))}")
    cards = [Card((i,), title, (title, texts[i])) for i, title in enumerate(titles)]
    digits(tiles, cards, key="arithmetic", layout="cards large")
    st.caption(
        f"The result lacks what b has and c has not. Its off-manifold distance is {off:.3g}, {usual}. A difference of "
        "codes keeps its meaning near the digits that it comes from, and loses it elsewhere."
    )
