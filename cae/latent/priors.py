"""Priors: distributions of codes, from which new ones are drawn, and how one is fitted to the codes of real digits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cae.errors import CannotFit
from cae.steps import Step, Steps

Array = NDArray[np.float32]
Floats = NDArray[np.floating]
COMPONENTS = (1, 2, 5, 10, 20, 50)
PER_COMPONENT = 2  # codes for every dimension that a component needs at least


@dataclass(frozen=True)
class Prior:
    """A mixture of K Gaussians over D numbers; the simple priors have one.

    weights: (K,), they add up to 1. means: (K, D). factors: (K, D, D), lower triangular: L L^T is the covariance.
    likelihoods: the mean log-likelihood, in nats, of held-out codes by number of components, where several were tried.
    """

    weights: Array
    means: Array
    factors: Array
    likelihoods: tuple[tuple[int, float], ...] = ()

    def sample(self, count: int, seed: int) -> Array:
        """New codes (S, D); the same for the same seed."""
        generator = np.random.default_rng(seed)
        shares = self.weights.astype(np.float64)
        which = generator.choice(len(shares), count, p=shares / shares.sum())  # (S,)
        normal = generator.standard_normal((count, self.means.shape[1]))
        found = self.means[which] + np.einsum("sij,sj->si", self.factors[which], normal)
        return np.ascontiguousarray(found, np.float32)

    def log_likelihood(self, codes: Floats) -> NDArray[np.float64]:
        """The logarithm of the density at each code (N, D), in nats, (N,)."""
        from scipy.linalg import solve_triangular
        from scipy.special import logsumexp

        terms = []
        for weight, mean, factor in zip(self.weights, self.means, self.factors, strict=True):
            whitened = solve_triangular(factor.astype(np.float64), (codes - mean).T.astype(np.float64), lower=True)
            volume = np.log(np.diag(factor).astype(np.float64)).sum()
            terms.append(np.log(float(weight)) - 0.5 * np.square(whitened).sum(axis=0) - volume)
        found: NDArray[np.float64] = logsumexp(terms, axis=0) - 0.5 * codes.shape[1] * np.log(2 * np.pi)
        return found


def normal(dimensions: int) -> Prior:
    """N(0, 1) in every dimension, as the founding document draws from it."""
    return Prior(
        np.ones(1, np.float32), np.zeros((1, dimensions), np.float32), np.eye(dimensions, dtype=np.float32)[None]
    )


def gaussian(codes: Floats) -> Prior:
    """The Gaussian with the mean and the covariance of the codes (N, D). Raises CannotFit."""
    require_fit(codes)
    values = codes.astype(np.float64)
    covariance = np.atleast_2d(np.cov(values.T))
    return Prior(
        np.ones(1, np.float32), _single(values.mean(axis=0)[None]), _single(np.linalg.cholesky(covariance)[None])
    )


def mixture(codes: Floats, held_out: Floats, *, seed: int = 0) -> Steps[Prior]:
    """A mixture of full Gaussians fitted to the codes (N, D), with as many as make the `held_out` codes likeliest.

    More than one are tried where there are held-out codes, as long as that helps. Raises CannotFit.
    """
    require_fit(codes)
    best, tried = None, []
    total = codes.shape[1] * PER_COMPONENT
    counts = [count for count in COMPONENTS if count == 1 or count * total <= len(codes)]
    for number, count in enumerate(counts):
        yield Step(f"fitting {count} Gaussian{'s' if count > 1 else ''}", number / len(counts))
        prior = _fitted(codes, count, seed)
        if not len(held_out):
            return prior
        tried.append((count, float(prior.log_likelihood(held_out).mean())))
        if best is not None and tried[-1][1] < max(value for _, value in tried[:-1]):
            break
        best = prior
    assert best is not None  # one component is always tried
    return Prior(best.weights, best.means, best.factors, tuple(tried))


def united(parts: Sequence[Prior], shares: Sequence[float]) -> Prior:
    """One mixture of several, each with its share."""
    total = float(sum(shares))
    return Prior(
        np.concatenate([part.weights * np.float32(share / total) for part, share in zip(parts, shares, strict=True)]),
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.factors for part in parts]),
    )


def _fitted(codes: Floats, count: int, seed: int) -> Prior:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    values = codes.astype(np.float64)
    spread = float(values.var(axis=0).mean())
    model = GaussianMixture(count, reg_covar=1e-5 * spread, max_iter=60, tol=1e-2, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):  # threads that wait for each other at small matrices
        warnings.simplefilter("ignore", ConvergenceWarning)  # as far as 60 rounds come
        model.fit(values)
    return Prior(_single(model.weights_), _single(model.means_), _single(np.linalg.cholesky(model.covariances_)))


def require_fit(codes: Floats) -> None:
    """Raises CannotFit, saying why no Gaussian can be fitted to these codes (N, D)."""
    count, dimensions = codes.shape
    if not np.isfinite(codes).all():
        raise CannotFit("Some codes are not finite numbers: the weights of this network are damaged.")
    if count <= dimensions + 1:
        raise CannotFit(
            f"A Gaussian over {dimensions} numbers needs more than {dimensions + 1} codes, and there are {count:,}."
        )
    spread = codes.astype(np.float64).std(axis=0)
    dead = np.flatnonzero(spread < 1e-6 * max(float(spread.max()), 1e-6))
    if len(dead):
        names = ", ".join(f"z{index}" for index in dead[:6]) + (" ..." if len(dead) > 6 else "")
        raise CannotFit(
            f"The same number stands in every code at {names}: no Gaussian can be fitted to a dead dimension."
        )
    values = np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(codes.T.astype(np.float64))))
    if values[0] < 1e-7:
        raise CannotFit(
            "Some numbers of the codes follow from others exactly: their Gaussian is flat and has no density."
        )


def _single(values: Floats) -> Array:
    return np.ascontiguousarray(values, np.float32)
