"""Animated GIFs: the film of a training, a traversal, the way between two digits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cae.latent.space import LatentSpace, traverse
from cae.plots import pictures
from cae.runs.run import Run
from cae.words import number

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

Pixels = NDArray[np.uint8]
STEPS = 30  # of a traversal, from one end to the other
_SCALE = 4  # pixels of a GIF for each pixel of a digit
_GROUND, _INK = 16, 235
_LINE = 26  # pixels, for a line of words below a picture
_MARGIN = 48  # pixels, for words beside a picture


@dataclass(frozen=True)
class Film:
    """Frames (F, H, W), the words below each, and how many seconds each stays."""

    frames: Pixels
    words: tuple[str, ...]
    seconds: tuple[float, ...]

    def gif(self) -> bytes:
        """The film as the content of a GIF file, which loops."""
        from PIL import Image

        shown = [
            Image.fromarray(_with_words(frame, words)) for frame, words in zip(self.frames, self.words, strict=True)
        ]
        buffer = io.BytesIO()
        milliseconds = [round(1000 * each) for each in self.seconds]
        shown[0].save(
            buffer, "GIF", save_all=True, append_images=shown[1:], duration=milliseconds, loop=0, optimize=False,
            disposal=1,
        )  # fmt: skip
        return buffer.getvalue()


def _with_words(frame: Pixels, words: str) -> Pixels:
    """The frame, with a line of words below it."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("L", (frame.shape[1], frame.shape[0] + (_LINE if words else 0)), _GROUND)
    sheet.paste(Image.fromarray(frame), (0, 0))
    ImageDraw.Draw(sheet).text(
        (sheet.width / 2, sheet.height - _LINE / 2), words, fill=_INK, font=ImageFont.load_default(size=15), anchor="mm"
    )
    return np.asarray(sheet)


def training(run: Run, images: Images, indices: NDArray[np.integer]) -> Film:
    """Test images above their reconstructions after every kept epoch; the last stays longest.

    Raises RunNotFound where the run has no weights yet, and Damaged.
    """
    from cae.data.images import to_model, to_pixels

    run = run.at(None)
    originals = images.pixels[indices]
    measured = {record.epoch: record.test_mse for record in run.history()}
    frames, words = [], []
    for epoch in run.epochs():
        tiles = np.concatenate([originals.numpy(), to_pixels(run.model(epoch)(to_model(originals))).numpy()])
        frames.append(pictures.sheet(tiles, len(indices), _SCALE))
        words.append(f"epoch {epoch}" + (f", test MSE {number(measured[epoch])}" if epoch in measured else ""))
    if not frames:
        run.weights()  # raises
    return Film(np.stack(frames), tuple(words), (*[0.6] * (len(frames) - 1), 2.5))


def traversal(model: ConvAutoencoder, space: LatentSpace, code: NDArray[np.floating], dimension: int) -> Film:
    """What a code (D,) decodes to while one latent dimension goes from its 1st to its 99th percentile and back."""
    codes = traverse(space, code, dimension, STEPS)
    values = [f"z{dimension} = {value:.2f}" for value in codes[:, dimension]]
    return _there_and_back(_decoded(model, codes), values)


def between(frames: Pixels, words: Sequence[str]) -> Film:
    """Pictures (F, 28, 28) with words for each, there and back."""
    return _there_and_back(frames, words)


def traversals(
    model: ConvAutoencoder, space: LatentSpace, code: NDArray[np.floating], order: Sequence[int], steps: int = 11
) -> Pixels:
    """A sheet (H, W) with a row for each of these latent dimensions: what the code (D,) decodes to along it."""
    from PIL import Image, ImageDraw, ImageFont

    rows = [_decoded(model, traverse(space, code, dimension, steps)) for dimension in order]
    tiles = pictures.sheet(np.concatenate(rows), steps, 3)
    sheet = Image.new("L", (tiles.shape[1] + _MARGIN, len(tiles)), _GROUND)
    sheet.paste(Image.fromarray(tiles), (_MARGIN, 0))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    for row, dimension in enumerate(order):
        pen.text((_MARGIN / 2, (row + 0.5) * len(tiles) / len(order)), f"z{dimension}", _INK, font, anchor="mm")
    return np.asarray(sheet)


def _decoded(model: ConvAutoencoder, codes: NDArray[np.floating]) -> Pixels:
    from cae.latent.sampling import decoded

    return decoded(model, np.asarray(codes, np.float32)).pictures


def _there_and_back(frames: Pixels, words: Sequence[str]) -> Film:
    large = np.stack([pictures.sheet(frame[None], 1, 2 * _SCALE) for frame in frames])
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    ends = (0, len(frames) - 1)
    return Film(large[order], tuple(words[at] for at in order), tuple(0.5 if at in ends else 0.07 for at in order))
