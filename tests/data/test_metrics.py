import warnings

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from cae.data import metrics
from cae.data.images import load


@pytest.fixture(scope="module")
def pairs():
    """Digits in [-1, 1] and noisy ones, both (20, 28, 28), float32."""
    originals = load("mnist", "test").pixels[:20].numpy().astype(np.float32) / 127.5 - 1
    noise = np.random.default_rng(0).normal(0, 0.2, originals.shape)
    return originals, np.clip(originals + noise, -1, 1).astype(np.float32)


def test_mse_is_the_mean_of_the_squares_image_by_image_and_of_bytes_too(pairs):
    errors = metrics.mse(*pairs)
    assert errors.shape == (20,)
    expected = [mean_squared_error(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(*pairs, strict=True)]
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    assert metrics.mse(np.zeros((1, 2, 2), np.uint8), np.full((1, 2, 2), 200, np.uint8)).tolist() == [40_000.0]


def test_unit_is_the_same_error_on_pixels_from_0_to_1(pairs):
    on_unit = [(pair.astype(np.float64) + 1) / 2 for pair in pairs]
    expected = np.square(on_unit[0] - on_unit[1]).mean()
    assert metrics.unit(float(metrics.mse(*pairs).mean(dtype=np.float64))) == pytest.approx(expected, rel=1e-5)


def test_psnr_is_scikit_images_and_infinite_without_a_warning_for_an_image_and_itself(pairs):
    expected = [
        peak_signal_noise_ratio((a.astype(np.float64) + 1) / 2, (b.astype(np.float64) + 1) / 2, data_range=1)
        for a, b in zip(*pairs, strict=True)
    ]
    np.testing.assert_allclose(metrics.psnr(*pairs), expected, rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isposinf(metrics.psnr(pairs[0], pairs[0])).all()


def test_ssim_is_scikit_images_on_pixels_from_0_to_1_with_its_window_of_7(pairs):
    expected = [
        structural_similarity((a + 1.0) / 2, (b + 1.0) / 2, win_size=7, data_range=1.0)
        for a, b in zip(*pairs, strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(*pairs), expected, atol=1e-5)
    np.testing.assert_allclose(metrics.ssim(pairs[0], pairs[0]), 1)


def test_ssim_by_hand_for_one_window():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 7, 7))
    va, vb = a.var(ddof=1), b.var(ddof=1)
    cab = ((a - a.mean()) * (b - b.mean())).sum() / 48
    c1, c2 = 0.01**2, 0.03**2
    by_hand = ((2 * a.mean() * b.mean() + c1) * (2 * cab + c2)) / (
        (a.mean() ** 2 + b.mean() ** 2 + c1) * (va + vb + c2)
    )
    assert metrics.ssim(2 * a[None] - 1, 2 * b[None] - 1)[0] == pytest.approx(by_hand, abs=1e-5)


def test_scores_are_the_means():
    found = metrics.scores(np.array([1, 2, 6], np.float32), np.array([10.0, 20, 30]), np.array([0.0, 0.5, 1]))
    assert found == metrics.Scores(3, 3.0, 20.0, 0.5)
