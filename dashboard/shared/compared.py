"""Test images beside their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cae import words
from cae.evaluation.errors import Comparison
from cae.plots.pictures import signed_error, to_rgb
from components import Card, digits


def beside_reconstructions(compared: Comparison, class_names: Sequence[str], *, key: str) -> None:
    """A card for each image: the original over its reconstruction."""
    digits(
        np.concatenate([compared.originals, compared.reconstructions]), _cards(compared, class_names, 2), key=key
    )  # fmt: skip


def beside_errors(compared: Comparison, class_names: Sequence[str], *, key: str, wide: bool = False) -> None:
    """A card for each image: the original, its reconstruction and the signed error; a wide one says PSNR and SSIM."""
    originals, reconstructions = compared.originals, compared.reconstructions
    tiles = np.concatenate([to_rgb(originals), to_rgb(reconstructions), signed_error(originals, reconstructions)])
    cards = _cards(compared, class_names, 3, with_measures=wide)
    digits(tiles, cards, key=key, layout="cards wide" if wide else "cards", legend=True)


def _cards(compared: Comparison, class_names: Sequence[str], tiles: int, *, with_measures: bool = False) -> list[Card]:
    cards, count = [], len(compared.indices)
    what = "its reconstruction, and its error" if tiles == 3 else "and its reconstruction below"
    for at, (index, label, mse) in enumerate(zip(compared.indices, compared.labels, compared.mse, strict=True)):
        caption: tuple[str, ...] = (class_names[label], f"#{index}", words.number(mse))
        if with_measures:
            measures = f"PSNR {compared.psnr[at]:.1f} dB, SSIM {compared.ssim[at]:.3f}"
            caption = (f"{class_names[label]}  #{index}", f"MSE {words.number(mse)}", measures)
        description = f"Test digit {index} of class {class_names[label]}, {what}"
        cards.append(Card(tuple(range(at, tiles * count, count)), description, caption, words.other_scale(mse)))
    return cards
