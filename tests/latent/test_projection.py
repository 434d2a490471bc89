"""Codes in the plane: PCA, t-SNE, new points, paths, and what is lost; each against another way to compute it."""

import itertools

import numpy as np
import pytest
from openTSNE import TSNE
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from cae.config import MapConfig
from cae.errors import CannotProject, InvalidOption
from cae.latent import projection, space

CONFIG = MapConfig(perplexity=15)
CLASSES = 5


def clouds(count: int = 500, dimensions: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, D) in five clouds that touch, and which cloud each is of."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    middles = generator.normal(0, 3, (CLASSES, dimensions))
    return (middles[labels] + generator.normal(0, 1, (count, dimensions))).astype(np.float32), labels


@pytest.fixture(scope="module")
def snapshots():
    return list(projection.tsne(clouds()[0], CONFIG))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_pca_is_scikit_learns_up_to_signs_and_its_signs_are_always_the_same(dimensions):
    codes, _ = clouds()
    positions = projection.pca(codes, dimensions)
    expected = PCA(dimensions, svd_solver="full").fit_transform(codes)
    np.testing.assert_allclose(np.abs(positions), np.abs(expected), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(positions, projection.pca(codes.copy(), dimensions))
    assert positions.dtype == np.float32 and (np.diff(positions.std(axis=0)) < 0).all()
    assert projection.pca(codes[:, :2], dimensions).shape == (500, 2), "no more directions than there are"
    assert not projection.pca(np.ones((20, 4), np.float32), dimensions).any(), "constant codes lie in one place"


def test_snapshots_come_in_order_fit_into_the_square_and_come_to_rest(snapshots):
    assert [each.iteration for each in snapshots] == list(range(25, projection.ITERATIONS + 1, 25))
    for each in snapshots:
        assert each.positions.shape == (500, 2) and each.positions.dtype == np.float32
        assert np.abs(each.positions).max() == pytest.approx(1)
        middle = (each.positions.max(axis=0) + each.positions.min(axis=0)) / 2
        np.testing.assert_allclose(middle, 0, atol=1e-5)
    moved = [np.abs(b.positions - a.positions).mean() for a, b in itertools.pairwise(snapshots)]
    assert moved[-1] < 0.01 and moved[-1] < max(moved) / 5
    assert snapshots[-1].kl < snapshots[len(snapshots) // 2].kl


@pytest.mark.slow
def test_it_keeps_as_much_as_opentsne_with_its_own_settings(snapshots):
    codes, labels = clouds()
    theirs = np.asarray(TSNE(perplexity=15, random_state=0).fit(codes.astype(float)))
    for mine, reference in (
        (trustworthiness(codes, snapshots[-1].positions), trustworthiness(codes, theirs)),
        (accuracy(snapshots[-1].positions, labels), accuracy(theirs, labels)),
    ):
        assert mine > reference - 0.01


@pytest.mark.slow
def test_the_same_seed_gives_the_same_map_and_another_gives_another():
    def last(seed: int) -> np.ndarray:
        *_, end = projection.tsne(clouds()[0], MapConfig(perplexity=15, seed=seed), threads=1)
        return end.positions

    first = last(0)
    np.testing.assert_array_equal(last(0), first)
    assert np.abs(last(1) - first).max() > 1e-3


def test_the_first_positions_are_those_of_pca():
    first = next(projection.tsne(clouds()[0], CONFIG)).positions
    start = projection.fitted(projection.pca(clouds()[0], 2))
    signs = np.sign([np.corrcoef(first[:, axis], start[:, axis])[0, 1] for axis in range(2)])
    assert np.corrcoef(first[:, 0], signs[0] * start[:, 0])[0, 1] > 0.5


def refusal(codes: np.ndarray, config: MapConfig = CONFIG) -> str:
    with pytest.raises((CannotProject, InvalidOption)) as caught:
        next(projection.tsne(codes.astype(np.float32), config))
    return str(caught.value)


def test_what_cannot_be_laid_out_is_refused_with_a_reason_and_codes_that_coincide_can_be():
    codes, _ = clouds()
    assert "one number" in refusal(codes[:, :1])
    assert "two numbers" in refusal(codes[:, :2])
    assert "collapsed" in refusal(np.full((200, 8), 3.5))
    assert "not finite" in refusal(np.where(codes > 4, np.nan, codes))
    assert "at least 91 digits and there are 90" in refusal(codes[:90], MapConfig())
    assert "at most 30" in refusal(codes[:91], MapConfig(perplexity=40))
    next(projection.tsne(codes[:91], MapConfig()))
    *_, last = projection.tsne(np.repeat(clouds(100)[0], 4, axis=0), CONFIG)
    assert np.isfinite(last.positions).all()


def test_fitted_keeps_the_proportions():
    found = projection.fitted(np.array([[0, 0], [10, 0], [10, 4]], np.float32))
    np.testing.assert_allclose(found, [[-1, -0.4], [1, -0.4], [1, 0.4]], rtol=1e-6)
    np.testing.assert_array_equal(projection.fitted(np.ones((3, 2), np.float32)), np.zeros((3, 2)))


def test_a_place_is_the_weighted_median_in_each_direction():
    positions = np.array([[0, 9], [1, 8], [50, 7]], np.float32)
    equal = np.ones(3, np.float32)
    np.testing.assert_array_equal(projection.place(equal, positions), [1, 8])
    np.testing.assert_array_equal(projection.place(np.array([1, 1, 0.1], np.float32), positions), [50, 7])
    np.testing.assert_array_equal(projection.place(np.array([0, 0, 0], np.float32), positions), [1, 8])


@pytest.mark.slow
def test_places_are_where_opentsnes_own_transform_puts_the_same_points():
    codes, _ = clouds(1200)
    known, new = codes[:1000], codes[1000:]
    embedding = TSNE(perplexity=30, random_state=0).fit(known.astype(float))
    theirs = np.asarray(embedding.transform(new.astype(float)))
    positions = np.asarray(embedding).astype(np.float32)  # it moves its points to the middle while it transforms
    distances, nearest = NearestNeighbors(n_neighbors=space.NEIGHBOURS).fit(known).kneighbors(new)
    mine = np.stack([projection.place(away, positions[near]) for away, near in zip(distances, nearest, strict=True)])
    width = float(np.ptp(positions, axis=0).max())
    apart = np.linalg.norm(mine - theirs, axis=1) / width
    elsewhere = np.linalg.norm(mine - np.roll(theirs, 1, axis=0), axis=1) / width
    assert np.median(apart) < 0.02 and np.percentile(apart, 90) < 0.08
    assert np.median(elsewhere) > 0.2


def test_a_path_through_points_meets_their_codes_at_stations_equally_far_apart_whatever_its_corners():
    line = np.stack([np.arange(200) / 10, np.zeros(200)], axis=1).astype(np.float32)
    codes = np.stack([np.arange(200), 5 * np.ones(200)], axis=1).astype(np.float32)
    met = projection.along(np.array([[2.0, 0], [18.0, 0]]), line, codes, 5)
    np.testing.assert_allclose(met, [[place, 5] for place in (20, 60, 100, 140, 180)], atol=0.1)
    positions = np.random.default_rng(0).uniform(0, 1, (3000, 2)).astype(np.float32)
    straight = np.array([[0.1, 0.5], [0.9, 0.5]])
    cornered = np.array([[0.1, 0.5], [0.12, 0.5], [0.12, 0.5], [0.7, 0.5], [0.9, 0.5]])
    one, other = (projection.along(path, positions, positions, 9) for path in (straight, cornered))
    np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(one[:, 0], np.linspace(0.1, 0.9, 9), atol=0.03)


def test_codes_along_a_path_change_without_a_jump():
    codes, _ = clouds(2000)
    positions = projection.fitted(projection.pca(codes, 2))
    found = projection.along(np.array([[-0.8, -0.5], [0.8, 0.5]]), positions, codes, 800)
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.max() < 0.25 * np.linalg.norm(codes.std(axis=0))


def test_a_path_that_goes_nowhere_or_over_few_points_or_over_one_place_has_codes_too():
    codes, _ = clouds(100)
    positions = projection.fitted(projection.pca(codes, 2))
    for path in ([[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]):
        stays = projection.along(np.array(path), positions, codes, 4)
        assert np.isfinite(stays).all() and (stays == stays[0]).all()
    few, across = np.array([[0, 0], [1, 1], [2, 0]], np.float32), np.array([[0.0, 0], [2, 0]])
    over_few = projection.along(across, few, few, 3)
    assert np.isfinite(over_few).all() and over_few[0, 0] < over_few[2, 0]
    over_one = projection.along(across, np.zeros((30, 2), np.float32), np.ones((30, 4)), 3)
    np.testing.assert_array_equal(over_one, np.ones((3, 4)))


def accuracy(points: np.ndarray, labels: np.ndarray) -> float:
    return projection.vote_accuracy(projection.neighbours(points), labels, CLASSES)


def test_neighbours_are_the_nearest_others_nearest_first():
    codes, _ = clouds(60)
    apart = np.linalg.norm(codes[:, None] - codes, axis=2)
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_array_equal(projection.neighbours(codes), np.argsort(apart, axis=1)[:, :15])
    assert projection.neighbours(codes[:4]).shape == (4, 3)


def test_trustworthiness_is_scikit_learns_and_too_few_points_have_none(monkeypatch):
    codes, _ = clouds(400)
    positions = projection.pca(codes, 2)
    expected = trustworthiness(codes, positions, n_neighbors=15)
    seen = projection.neighbours(positions)
    assert projection.trustworthiness(codes, seen) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(projection, "SLICE", 37)
    assert projection.trustworthiness(codes, seen) == pytest.approx(expected, abs=1e-6)
    assert expected < 0.99 and projection.trustworthiness(codes, projection.neighbours(codes)) == 1
    assert np.isnan(projection.trustworthiness(codes[:12], projection.neighbours(codes[:12, :2])))


def test_the_accuracy_is_that_of_scikit_learns_vote_with_each_point_left_out():
    codes, labels = clouds(300, dimensions=3)
    others = [(np.delete(codes, at, 0), np.delete(labels, at)) for at in range(len(codes))]
    votes = [KNeighborsClassifier(10).fit(*pair).predict(codes[at : at + 1])[0] for at, pair in enumerate(others)]
    expected = np.mean(votes == labels)
    assert 0.3 < expected < 0.99
    assert accuracy(codes, labels) == pytest.approx(expected)


def test_preserved_counts_the_neighbours_that_are_still_there():
    true = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3]])
    seen = np.array([[3, 2, 1], [4, 5, 0], [4, 5, 6]])
    assert projection.preserved(true, seen).tolist() == [3, 1, 0]
