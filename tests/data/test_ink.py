"""Ink as MNIST's is: where it lies, how large, how thick, and what stays as it was drawn. Measured on the result."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.measure import label, moments_central
from skimage.morphology import medial_axis

from cae.data.images import load
from cae.data.ink import normalise_ink

SHARP = 8  # times as large is a picture in which lengths are measured

ONE = [(140, 50), (150, 220)]
SEVEN = [(70, 60), (210, 60), (120, 230)]
TWO = [(80, 90), (140, 50), (200, 100), (80, 220), (210, 220)]
LEVEL = [(40, 140), (240, 150)]
DIGITS = {"one": ONE, "seven": SEVEN, "two": TWO, "level": LEVEL}
BRUSHES = (4, 6, 12, 18, 27, 36)


def drawn(points, brush: float = 18, size=(280, 280)) -> np.ndarray:
    """Strokes with round ends on a sheet, (H, W) in [0, 1], with soft edges."""
    large = Image.new("L", (4 * size[0], 4 * size[1]))
    pen, points = ImageDraw.Draw(large), [(4 * x, 4 * y) for x, y in points]
    pen.line(points, fill=255, width=round(4 * brush), joint="curve")
    for x, y in points:
        pen.ellipse([x - 2 * brush, y - 2 * brush, x + 2 * brush, y + 2 * brush], fill=255)
    return np.asarray(large.resize(size, Image.Resampling.BOX)) / 255


def moved(points, by=(0, 0), scale: float = 1):
    return [(scale * x + by[0], scale * y + by[1]) for x, y in points]


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Where the ink is, in a picture SHARP times as large."""
    side = 28 * SHARP
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)) > 127


def centre(picture: np.ndarray) -> tuple[float, float]:
    """The centre of mass, (row, column), as indices of pixels."""
    row, column = np.indices(picture.shape)
    return (row * picture / picture.sum()).sum(), (column * picture / picture.sum()).sum()


def is_in_the_middle(picture: np.ndarray) -> bool:
    """Whether the centre of mass lies between the middles of the four pixels in the middle."""
    return all(12.95 < position < 14.05 for position in centre(picture))


def extents(picture: np.ndarray) -> list[float]:
    """Height and width of the ink, in pixels."""
    ink = enlarged(picture)
    return [(np.ptp(np.flatnonzero(ink.any(axis=axis))) + 1) / SHARP for axis in (1, 0)]


def stroke_width(picture: np.ndarray) -> float:
    """Twice the median distance from the middle of the strokes to their edge, in pixels."""
    axis, distance = medial_axis(enlarged(picture), return_distance=True)
    return 2 * float(np.median(distance[axis])) / SHARP


def slant(picture: np.ndarray) -> float:
    """Pixels to the right per pixel upwards."""
    moments = moments_central(picture.astype(float), order=2)
    return -moments[1, 1] / moments[2, 0]


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The mean absolute difference of two pictures, as a share of the ink."""
    return np.abs(one.astype(int) - other).sum() / other.sum()


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("brush", BRUSHES)
def test_a_digit_is_twenty_pixels_on_its_longer_side_with_its_mass_in_the_middle(digit, brush):
    picture = normalise_ink(drawn(DIGITS[digit], brush))
    assert picture.shape == (28, 28) and picture.dtype == np.uint8
    assert is_in_the_middle(picture)
    assert max(extents(picture)) == pytest.approx(20, abs=0.5)


def test_the_mass_lies_exactly_where_that_of_mnists_digits_does():
    mnist = np.mean([centre(digit) for digit in load("mnist", "train").pixels[:2000].numpy()], axis=0)
    for points in DIGITS.values():
        assert centre(normalise_ink(drawn(points))) == pytest.approx(tuple(mnist), abs=0.05)


@pytest.mark.slow
def test_strokes_are_as_wide_as_mnists_whatever_the_brush():
    digits = load("mnist", "train").pixels[:40].numpy()
    assert np.median([stroke_width(digit) for digit in digits]) == pytest.approx(2.3, abs=0.4)
    for points in DIGITS.values():
        widths = [stroke_width(normalise_ink(drawn(points, brush))) for brush in BRUSHES]
        assert max(widths) - min(widths) < 0.6  # the brushes differ by a factor of nine
        assert np.mean(widths) == pytest.approx(2.3, abs=0.4)


def test_ink_runs_from_paper_to_full():
    picture = normalise_ink(drawn(SEVEN))
    assert picture.max() == 255 and picture.min() == 0 and (picture[0] == 0).all()
    assert 0 < np.mean((picture > 0) & (picture < 255)) < 0.3  # soft edges, sharp strokes


def test_where_on_which_sheet_it_was_drawn_changes_nothing_and_the_ink_is_left_as_it_was():
    ink = drawn(SEVEN)
    before, picture = ink.copy(), normalise_ink(ink)
    np.testing.assert_array_equal(ink, before)
    for by in ((-50, -40), (45, 37), (3, -1)):
        np.testing.assert_array_equal(normalise_ink(drawn(moved(SEVEN, by))), picture)
    np.testing.assert_array_equal(normalise_ink(drawn(SEVEN, size=(400, 260))), picture)


def test_how_large_and_how_strong_it_was_drawn_changes_little():
    picture = normalise_ink(drawn(TWO))
    for scale, alike in ((0.15, 0.95), (0.25, 0.95), (0.4, 0.99), (0.8, 0.99), (2, 0.99)):
        scaled = normalise_ink(drawn(moved(TWO, scale=scale), 18 * scale, (600, 600)))
        assert np.corrcoef(scaled.ravel(), picture.ravel())[0, 1] > alike
    assert difference(normalise_ink(0.5 * drawn(TWO)), picture) < 0.02


@pytest.mark.parametrize("lean", [-0.5, -0.2, 0, 0.3, 0.6])
def test_the_slant_stays(lean):
    line = drawn([(140 + 80 * lean, 60), (140 - 80 * lean, 220)])
    assert slant(normalise_ink(line)) == pytest.approx(slant(line), abs=0.03)
    assert slant(line) == pytest.approx(lean, abs=0.06)


def test_mirroring_and_turning_the_ink_mirrors_and_turns_the_picture():
    ink, picture = drawn(TWO), normalise_ink(drawn(TWO))
    off = round(2 * centre(picture)[1] - 27)  # the middle of 28 pixels is none of them
    assert difference(normalise_ink(ink[:, ::-1]), np.roll(picture[:, ::-1], off, axis=1)) < 0.01
    assert difference(normalise_ink(np.rot90(ink)), np.roll(np.rot90(picture), off, axis=0)) < 0.01


@pytest.mark.parametrize("brush", [6, 12, 18, 36])
def test_a_dot_gives_a_dot(brush):
    picture = normalise_ink(drawn([(60, 200), (60, 200)], brush))
    height, width = extents(picture)
    assert label(picture > 127, return_num=True)[1] == 1
    assert height == pytest.approx(width, abs=0.3) and 2 < height < 20.5
    area = enlarged(picture).sum() / SHARP**2
    assert area == pytest.approx(np.pi * height * width / 4, rel=0.08)  # round and full
    assert is_in_the_middle(picture)


def scribble(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return drawn([tuple(point) for point in generator.uniform(20, 260, (40, 2))], 20)


@pytest.mark.parametrize("ink", [
    scribble(0), scribble(1), np.ones((280, 280)), np.ones((1, 1)), np.ones((3, 400)), np.full((50, 20), 0.31),
    np.random.default_rng(2).uniform(0, 1, (90, 70)), np.eye(200), np.pad([[1.0]], ((0, 279), (279, 0))),
    drawn(SEVEN).astype(np.float32),
])  # fmt: skip
def test_anything_with_ink_gives_ink_in_the_middle(ink):
    with np.errstate(all="raise"):
        picture = normalise_ink(ink)
    assert picture.dtype == np.uint8 and picture.max() > 100 and is_in_the_middle(picture)


def test_paper_without_ink_stays_empty():
    for ink in (np.zeros((280, 280)), np.full((280, 280), 0.3), np.zeros((1, 1)), np.zeros((0, 0))):
        picture = normalise_ink(ink)
        assert picture.shape == (28, 28) and picture.dtype == np.uint8 and not picture.any()


def test_a_digit_of_mnist_stays_itself():
    digits = load("mnist", "train").pixels[:200].numpy()
    again = np.stack([normalise_ink(digit / np.float32(255)) for digit in digits])
    alike = np.corrcoef(again.reshape(200, -1), digits.reshape(200, -1))[:200, 200:]  # (again, digit)
    assert np.median(np.diag(alike)) > 0.9
    assert (alike.argmax(axis=1) == np.arange(200)).mean() > 0.9
