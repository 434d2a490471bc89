"""What moves, as a GIF: opened again by another program."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from cae.data.images import load, to_model, to_pixels
from cae.errors import InvalidOption, RunNotFound
from cae.exports import films
from cae.latent.explore import latent_space
from cae.latent.space import traverse
from cae.plots import pictures

pytestmark = pytest.mark.usefixtures("small_data")


def frames_of(content: bytes) -> tuple[np.ndarray, list[int]]:
    """The frames, grey, and how long each stays, in milliseconds."""
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "GIF" and image.info["loop"] == 0
        shown = [(np.asarray(each.convert("L")), each.info["duration"]) for each in ImageSequence.Iterator(image)]
    return np.stack([frame for frame, _ in shown]), [duration for _, duration in shown]


def test_the_film_of_a_training_shows_the_digits_over_their_copies_after_every_kept_epoch(tiny):
    images, indices = load("mnist", "test"), np.array([3, 5])
    found = films.training(tiny, images, indices)
    shown, durations = frames_of(found.gif())
    assert len(shown) == 3 and durations[-1] > durations[0]
    assert found.words[:2] == ("epoch 0", f"epoch 1, test MSE {tiny.history()[0].test_mse:#.3g}")
    last = to_pixels(tiny.model()(to_model(images.pixels[indices]))).numpy()
    expected = pictures.sheet(np.concatenate([images.pixels[indices].numpy(), last]), 2)
    np.testing.assert_array_equal(shown[-1][: len(expected)], expected)


def test_the_film_is_the_same_whatever_epoch_the_run_is_looked_at(tiny):
    images, indices = load("mnist", "test"), np.array([3])
    one, other = (films.training(run, images, indices) for run in (tiny, tiny.at(0)))
    np.testing.assert_array_equal(one.frames, other.frames)


def test_a_run_without_weights_has_no_film(tiny):
    (tiny.path / "model.safetensors").unlink()
    for frame in (tiny.path / "epochs").iterdir():
        frame.unlink()
    with pytest.raises(RunNotFound):
        films.training(tiny, load("mnist", "test"), np.array([3]))


def test_a_traversal_goes_from_the_1st_to_the_99th_percentile_and_back(tiny):
    space, model = latent_space(tiny), tiny.model()
    film = films.traversal(model, space, space.mean, 1)
    shown, _ = frames_of(film.gif())
    assert len(shown) == 2 * films.STEPS - 2
    assert film.words[0] == f"z1 = {space.low[1]:.2f}"
    assert film.words[films.STEPS - 1] == f"z1 = {space.high[1]:.2f}"
    np.testing.assert_array_equal(film.frames[1], film.frames[-1])


def test_a_traversal_changes_one_number_only_and_reaches_a_code_that_lies_outside(tiny):
    space = latent_space(tiny)
    code = np.array([0.5, space.high[1] + 3], np.float32)
    codes = traverse(space, code, 1, 5)
    assert codes.shape == (5, 2) and (codes[:, 0] == 0.5).all()
    np.testing.assert_allclose(codes[[0, -1], 1], [space.low[1], code[1]], rtol=1e-6)
    np.testing.assert_allclose(np.diff(codes[:, 1]), np.diff(codes[:, 1])[0], rtol=1e-4)
    with pytest.raises(InvalidOption, match="no dimension 2"):
        traverse(space, code, 2, 5)


def test_all_traversals_are_a_row_each(tiny):
    space = latent_space(tiny)
    sheet = films.traversals(tiny.model(), space, space.mean, [1, 0])
    one = films.traversals(tiny.model(), space, space.mean, [1])
    np.testing.assert_array_equal(sheet[: len(one) - 2, 60:], one[:-2, 60:])


def test_words_stand_below_the_frames():
    frame = np.zeros((2, 28, 28), np.uint8)
    shown, _ = frames_of(films.between(frame, ["here", "there"]).gif())
    assert shown[:, -20:].max() > 100 and shown[:, :200].max() < 100
