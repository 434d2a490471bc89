"""The measures of shape, on shapes of which they are known."""

import itertools

import numpy as np
import pytest

from cae.data.shape import ATTRIBUTES, measure

FINE = 16  # points a pixel, along each axis
THICKNESS, SLANT, WIDTH, ROUNDNESS = range(4)


def shape(inside) -> np.ndarray:
    """The picture (28, 28) of a shape, from whether points (x to the right, y upwards, 0 in the middle) lie in it."""
    position = (np.arange(28 * FINE) + 0.5) / FINE - 14
    points = inside(position[None, :], -position[:, None])
    share = points.reshape(28, FINE, 28, FINE).mean(axis=(1, 3))
    return np.round(share * 255).astype(np.uint8)


def bar(width: float, length: float = 20, lean: float = 0, at=(0, 0)) -> np.ndarray:
    """An upright bar, `lean` pixels further right per pixel upwards."""
    return shape(lambda x, y: (np.abs(x - at[0] - lean * (y - at[1])) <= width / 2) & (np.abs(y - at[1]) <= length / 2))


def ring(radius: float, thickness: float, squeeze: float = 1) -> np.ndarray:
    return shape(lambda x, y: np.abs(np.hypot(x / squeeze, y) - radius) <= thickness / 2)


def disc(radius: float) -> np.ndarray:
    return shape(lambda x, y: np.hypot(x, y) <= radius)


def attributes(*pictures: np.ndarray) -> np.ndarray:
    return measure(np.stack(pictures))


def test_there_are_four_and_each_has_a_word_for_less_and_for_more():
    assert [each.name for each in ATTRIBUTES] == ["thickness", "slant", "width", "roundness"]
    assert len({word for each in ATTRIBUTES for word in (each.less, each.more)}) == 8
    assert attributes(bar(3), disc(5)).shape == (2, 4)


def test_thickness_is_twice_the_area_over_the_length_of_the_outline():
    for width in (2, 3, 4.5, 6):
        expected = 2 * width * 20 / (2 * (width + 20))
        assert attributes(bar(width))[0, THICKNESS] == pytest.approx(expected, rel=0.06)
    for thickness in (2, 3, 4):  # of a ring: that of its stroke
        assert attributes(ring(8, thickness))[0, THICKNESS] == pytest.approx(thickness, rel=0.12)


def test_thickness_grows_with_the_stroke_and_not_with_the_size():
    thin, thick, short = attributes(bar(2), bar(4), bar(2, length=14))[:, THICKNESS]
    assert thick > 1.7 * thin and short == pytest.approx(thin, rel=0.05)


@pytest.mark.parametrize("lean", [-0.7, -0.3, 0, 0.2, 0.6])
def test_slant_is_how_far_right_the_ink_goes_for_each_pixel_upwards(lean):
    for width in (2, 5):
        assert attributes(bar(width, length=18, lean=lean))[0, SLANT] == pytest.approx(lean, abs=0.02)


def test_a_mirrored_picture_slants_the_other_way_and_is_otherwise_the_same():
    picture = bar(3, lean=0.4)
    here, mirrored = attributes(picture, picture[:, ::-1])
    assert mirrored[SLANT] == pytest.approx(-here[SLANT]) and here[SLANT] > 0.3
    np.testing.assert_allclose(np.delete(mirrored, SLANT), np.delete(here, SLANT))


def test_width_is_the_deviation_across_whatever_the_slant():
    for lean, width in itertools.product((0, 0.5), (4, 8)):
        spread = attributes(bar(width, length=16, lean=lean))[0, WIDTH]
        assert spread == pytest.approx(width / np.sqrt(12), rel=0.06)


def test_the_roundness_of_a_ring_a_disc_and_a_line_is_that_of_geometry():
    circle, full, line = attributes(ring(9, 1), disc(9), bar(1, length=26))[:, ROUNDNESS]
    assert circle == pytest.approx(1, abs=0.01)  # every r is the same
    assert full == pytest.approx(3 / 4, abs=0.01)  # E[r2] = R2 / 2, E[r4] = R4 / 3
    assert line == pytest.approx(5 / 9, abs=0.01)  # E[r2] = L2 / 12, E[r4] = L4 / 80


def test_the_more_a_ring_is_squeezed_the_less_round_it_is():
    roundness = attributes(*(ring(10, 1.5, squeeze) for squeeze in (1, 0.8, 0.6, 0.4)))[:, ROUNDNESS]
    assert (np.diff(roundness) < -0.02).all()


def test_where_a_picture_lies_and_how_strong_its_ink_is_change_nothing():
    np.testing.assert_allclose(*attributes(bar(3, 12, 0.2, at=(-5, 4)), bar(3, 12, 0.2, at=(6, -3))), rtol=1e-9)
    strong = bar(3, lean=0.3) // 2 * 2
    np.testing.assert_allclose(*attributes(strong, strong // 2), rtol=1e-9)


def test_a_picture_without_ink_has_none_of_them_and_a_pixel_has_finite_ones():
    pixel = np.zeros((28, 28), np.uint8)
    pixel[0, 27] = 1
    empty, single, full = attributes(np.zeros_like(pixel), pixel, np.full_like(pixel, 255))
    assert (empty == 0).all()
    assert np.isfinite([single, full]).all() and single[WIDTH] == pytest.approx(0, abs=1e-9)
    assert full[SLANT] == pytest.approx(0, abs=1e-9)


def test_in_batches_or_at_once_is_the_same():
    pictures = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    np.testing.assert_allclose(measure(pictures, batch=3), measure(pictures), rtol=1e-9)
    single = np.concatenate([measure(each[None]) for each in pictures])
    np.testing.assert_allclose(measure(pictures, batch=7), single, rtol=1e-9)
