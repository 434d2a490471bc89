"""Priors: what is drawn from them, how likely codes are under them, and what they say where they cannot be."""

import warnings

import numpy as np
import pytest
from helpers import told
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from cae.errors import CannotFit
from cae.latent import priors
from cae.latent.priors import Prior
from cae.steps import result_of


def codes(count: int = 400, dimensions: int = 3, seed: int = 0) -> np.ndarray:
    """Correlated codes, far from zero."""
    generator = np.random.default_rng(seed)
    stretch = generator.normal(size=(dimensions, dimensions)) + 2 * np.eye(dimensions)
    return (generator.normal(size=(count, dimensions)) @ stretch + 5).astype(np.float32)


def places(count: int) -> np.ndarray:
    angles = np.arange(count) * 2 * np.pi / count
    return 20 * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def blobs(count: int, each: int, seed: int = 0) -> np.ndarray:
    """`each` codes around each of `count` places, mixed."""
    generator = np.random.default_rng(seed)
    points = np.repeat(places(count), each, axis=0) + generator.normal(size=(count * each, 2))
    return generator.permutation(points).astype(np.float32)


def density(prior: Prior, points: np.ndarray) -> np.ndarray:
    """The density according to scipy, component by component."""
    found = np.zeros(len(points))
    for weight, mean, factor in zip(prior.weights, prior.means, prior.factors, strict=True):
        covariance = factor.astype(np.float64) @ factor.T.astype(np.float64)
        found += weight * multivariate_normal(mean, covariance).pdf(points)
    return found


def three() -> Prior:
    """A mixture of three Gaussians over two numbers."""
    factors = np.array([[[1, 0], [0.5, 2]], [[0.3, 0], [-0.2, 0.4]], [[2, 0], [0, 1]]], np.float32)
    return Prior(np.array([0.5, 0.2, 0.3], np.float32), np.array([[0, 0], [8, -3], [-9, 4]], np.float32), factors, ())


@pytest.mark.parametrize("prior", [priors.normal(3), priors.gaussian(codes()), three()], ids=["normal", "one", "three"])
def test_a_seed_draws_the_same_codes_again_and_another_seed_others(prior):
    first = prior.sample(20, seed=5)
    assert first.shape == (20, prior.means.shape[1]) and first.dtype == np.float32
    np.testing.assert_array_equal(prior.sample(20, seed=5), first)
    assert not np.isclose(prior.sample(20, seed=6), first).any(axis=1).all()


def test_what_is_drawn_has_mean_and_covariance_of_the_codes_or_for_the_normal_prior_0_and_1():
    drawn = priors.normal(4).sample(50_000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(4), atol=0.03)
    real = codes()
    drawn = priors.gaussian(real).sample(50_000, seed=1)
    deviation = real.std(axis=0)
    np.testing.assert_allclose((drawn.mean(axis=0) - real.mean(axis=0)) / deviation, 0, atol=0.02)
    np.testing.assert_allclose((np.cov(drawn.T) - np.cov(real.T)) / np.outer(deviation, deviation), 0, atol=0.03)


def test_what_is_drawn_from_a_mixture_has_the_moments_of_a_mixture():
    mix = three()
    drawn = mix.sample(100_000, seed=2)
    inner = mix.factors.astype(np.float64) @ mix.factors.transpose(0, 2, 1)
    mean = mix.weights @ mix.means
    away = mix.means - mean
    covariance = np.einsum("k,kij->ij", mix.weights, inner + away[:, :, None] * away[:, None, :])
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, rtol=0.02)
    nearest = np.square(drawn[:, None] - mix.means).sum(axis=2).argmin(axis=1)  # they hardly overlap
    np.testing.assert_allclose(np.bincount(nearest) / len(drawn), mix.weights, atol=0.01)


def test_the_likelihood_under_a_gaussian_and_under_the_normal_prior_is_that_of_scipy():
    real, points = codes(), np.random.default_rng(0).normal(0, 3, (50, 6))
    expected = multivariate_normal(real.astype(np.float64).mean(axis=0), np.cov(real.T.astype(np.float64)))
    likelihoods = priors.gaussian(real).log_likelihood(codes(seed=1))
    np.testing.assert_allclose(likelihoods, expected.logpdf(codes(seed=1)), rtol=1e-4)
    expected = multivariate_normal(np.zeros(6), np.eye(6))
    np.testing.assert_allclose(priors.normal(6).log_likelihood(points), expected.logpdf(points))


def test_the_likelihood_under_a_mixture_is_the_logarithm_of_the_weighted_densities():
    points, far = three().sample(200, seed=3), np.full((1, 2), 1e4)
    np.testing.assert_allclose(three().log_likelihood(points), np.log(density(three(), points)), rtol=1e-5)
    assert density(three(), far) == 0, "too far for a density, and yet there is a likelihood"
    assert -1e9 < three().log_likelihood(far)[0] < -1e6


def test_a_united_prior_has_the_weighted_density_of_its_parts():
    parts = [priors.gaussian(codes(dimensions=2)), three()]
    both = priors.united(parts, [300, 100])
    points = np.concatenate([part.sample(50, seed=4) for part in parts])
    expected = 0.75 * density(parts[0], points) + 0.25 * density(parts[1], points)
    np.testing.assert_allclose(np.exp(both.log_likelihood(points)), expected, rtol=1e-4)
    assert both.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_mixture_finds_how_many_well_separated_groups_there_are_and_says_what_it_is_doing(count):
    fitted, held_out = blobs(count, 600 // count), blobs(count, 300 // count, seed=1)
    mixture, said = told(priors.mixture(fitted, held_out, seed=3))
    assert len(mixture.weights) == count
    np.testing.assert_allclose(mixture.weights, 1 / count, atol=0.01)
    away = np.linalg.norm(mixture.means[:, None] - places(count), axis=2).min(axis=0)
    assert (away < 0.5).all()
    assert [step.text for step in said][:2] == ["fitting 1 Gaussian", "fitting 2 Gaussians"]
    assert all(0 <= step.share < 1 for step in said) and said == sorted(said, key=lambda step: step.share)
    again = result_of(priors.mixture(fitted, held_out, seed=3))
    for name in ("weights", "means", "factors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(mixture, name))


def test_as_many_components_are_taken_as_make_held_out_codes_likeliest():
    fitted, held_out = blobs(10, 40), blobs(10, 20, seed=1)
    found = result_of(priors.mixture(fitted, held_out))
    tried = dict(found.likelihoods)
    assert list(tried)[:3] == [1, 2, 5]
    assert len(found.weights) == max(tried, key=tried.get) == 10
    assert tried[10] == pytest.approx(found.log_likelihood(held_out).mean(), rel=1e-6)
    assert list(tried)[-1] == 20  # one more is tried, which does not help


def test_the_likelihoods_are_those_of_scikit_learns_mixtures():
    fitted, held_out = blobs(5, 80), blobs(5, 40, seed=1)
    spread = float(fitted.astype(np.float64).var(axis=0).mean())
    for count, likelihood in result_of(priors.mixture(fitted, held_out)).likelihoods[:3]:
        model = GaussianMixture(count, reg_covar=1e-5 * spread, max_iter=60, tol=1e-2, random_state=0)
        assert likelihood == pytest.approx(model.fit(fitted.astype(np.float64)).score(held_out), rel=1e-4)


def test_no_more_components_are_tried_than_there_are_codes_for():
    tried = [count for count, _ in result_of(priors.mixture(blobs(10, 3), blobs(10, 3, seed=1))).likelihoods]
    assert max(tried) * 2 * priors.PER_COMPONENT <= 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(result_of(priors.mixture(codes(), codes()[:0])).weights) == 1, "none is held out to decide"


def fits(values: np.ndarray) -> list:
    return [priors.gaussian(values), result_of(priors.mixture(values, values))]


def assert_no_fit(values: np.ndarray, sentence: str):
    for fit in (priors.require_fit, priors.gaussian, lambda some: result_of(priors.mixture(some, some))):
        with pytest.raises(CannotFit, match=sentence) as raised:
            fit(values)
        assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


def test_too_few_codes_are_counted_and_codes_that_are_no_numbers_refused():
    for count in (0, 1, 2, 4):
        assert_no_fit(codes(count), f"more than 4 codes, and there are {count}")
    assert fits(codes(5))
    for value in (np.nan, np.inf, -np.inf):
        real = codes()
        real[7, 1] = value
        assert_no_fit(real, "not finite")


@pytest.mark.parametrize(("dead", "named"), [
    ([1], "at z1:"), ([0, 2], "at z0, z2:"), ([0, 1, 2, 3, 4, 5, 6], r"at z0, z1, z2, z3, z4, z5 \.\.\.:"),
])  # fmt: skip
def test_dead_dimensions_are_named(dead, named):
    real = codes(dimensions=8)
    for value in (0, 0.1, -1234.5):
        real[:, dead] = value
        assert_no_fit(real, named)


def test_a_dimension_that_varies_by_rounding_alone_is_dead_and_one_that_varies_a_thousandth_is_not():
    assert_no_fit(np.full((50, 2), 0.3, np.float32), "at z0, z1:")
    real = codes()
    real[:, 1] = 1 + 1e-7 * (np.arange(len(real)) % 2)
    assert_no_fit(real, "at z1:")
    real = codes()
    real[:, 0] *= 1e-3
    drawn = priors.gaussian(real).sample(1000, seed=0)
    assert drawn[:, 0].std() == pytest.approx(real[:, 0].std(), rel=0.1)
    assert np.isfinite(result_of(priors.mixture(real, real)).sample(1000, seed=0)).all()


@pytest.mark.parametrize("follows", [lambda z: z[:, 0], lambda z: -2 * z[:, 0] + 1, lambda z: z[:, 0] + z[:, 1] - 3])
def test_a_dimension_that_follows_from_others_makes_it_flat(follows):
    real = codes()
    real[:, 2] = follows(real)
    assert_no_fit(real, "follow from others")


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_how_large_codes_are_does_not_matter(scale):
    real = codes()
    one, large = priors.gaussian(real), priors.gaussian(scale * real)
    np.testing.assert_allclose(large.factors, scale * one.factors, rtol=1e-3)


def test_one_number_is_enough_for_every_prior():
    real = codes(dimensions=1)
    for found in fits(real):
        drawn = found.sample(20_000, seed=0)
        assert drawn.shape == (20_000, 1)
        assert drawn.mean() == pytest.approx(real.mean(), abs=0.1) and drawn.std() == pytest.approx(real.std(), rel=0.1)
    expected = multivariate_normal(real.mean(), real.astype(np.float64).var(ddof=1)).logpdf(real[:, 0])
    np.testing.assert_allclose(priors.gaussian(real).log_likelihood(real), expected, rtol=1e-4)
