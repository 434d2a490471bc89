"""The latent space of a run: measured on real digits, against other ways to compute the same."""

import dataclasses
import gzip
import shutil

import numpy as np
import pytest
import torch
from helpers import SMALL_TRAIN, rewritten
from scipy.stats import kstest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors

from cae.config import ModelConfig
from cae.data.images import Images, load, to_model, to_pixels
from cae.data.shape import ATTRIBUTES, measure
from cae.disk.files import SHIPPED_RUNS, cache_folder
from cae.errors import Damaged, DataUnavailable
from cae.latent import explore
from cae.latent.space import LatentSpace, neighbours, off_manifold, sample, vote
from cae.network.model import ConvAutoencoder, embed
from cae.runs.run import Run
from cae.steps import result_of

SOME = 1500  # digits on which a space is measured here


def some_digits(first: int, last: int) -> Images:
    found = load("mnist", "train")
    return Images(found.pixels[first:last], found.labels[first:last], found.class_names)


def codes_of(model: ConvAutoencoder, images: Images) -> np.ndarray:
    return embed(model, to_model(images.pixels)).numpy()


def explored(dimensions: int, count: int = SOME) -> tuple[ConvAutoencoder, LatentSpace]:
    """An untrained network, and its latent space on the first digits; the same digits stand for re-inked ones."""
    model = ConvAutoencoder(ModelConfig(latent_dim=dimensions, width=4))
    images = some_digits(0, count)
    return model, explore.explore(model, images, images.pixels.numpy())


@pytest.fixture(scope="module")
def eight():
    return explored(8)


@pytest.fixture(scope="module")
def space(eight):
    return eight[1]


@pytest.fixture(scope="module")
def fresh(eight):
    """The codes of digits that the latent space was not measured on."""
    return codes_of(eight[0], some_digits(SOME, SOME + 200))


@pytest.mark.parametrize("available", [2, 3, 200, 1999, 5000, 60_000])
def test_references_and_held_out_digits_are_some_of_each_and_different_ones(available):
    references, held_out = explore.chosen(available)
    assert len(references) and len(held_out)
    assert len(np.union1d(references, held_out)) == len(references) + len(held_out) <= available
    for part in (references, held_out):
        assert part.min() >= 0 and part.max() < available and (np.diff(part) > 0).all()


def test_of_all_training_digits_20000_and_2000_are_taken_from_everywhere():
    parts = explore.chosen(60_000)
    assert [len(part) for part in parts] == [20_000, 2_000]
    for part in parts:
        shares = np.histogram(part, bins=10, range=(0, 60_000))[0] / len(part)
        assert shares == pytest.approx(np.full(10, 0.1), abs=0.005)


def test_the_pictures_of_the_references_reach_the_browser_in_their_order_and_no_others(space):
    images = some_digits(0, SOME)
    references, _ = explore.chosen(SOME)
    content = gzip.decompress(explore.reference_pictures(images, space.digits))
    pictures = np.frombuffer(content, np.uint8).reshape(-1, 28, 28)
    np.testing.assert_array_equal(pictures, images.pixels.numpy()[references])
    with pytest.raises(DataUnavailable, match="not those"):
        explore.reference_pictures(some_digits(1, SOME + 1), space.digits)


def test_references_are_the_codes_of_their_digits_to_half_a_step(eight):
    model, space = eight
    references, _ = explore.chosen(SOME)
    images = some_digits(0, SOME)
    away = np.abs(space.real.codes() - codes_of(model, images)[references])
    assert away.max() <= 0.5001 * space.real.step
    np.testing.assert_array_equal(space.real.labels, images.labels.numpy()[references])


@pytest.mark.slow
@pytest.mark.parametrize("dimensions", [1, 2, 8])
def test_where_dimensions_are_few_the_neighbours_are_those_among_the_exact_codes(dimensions):
    model, space = explored(dimensions, 4000)
    exact = codes_of(model, some_digits(0, 4000))[explore.chosen(4000)[0]]
    fresh = codes_of(model, some_digits(4000, 4100))
    nearest = NearestNeighbors(n_neighbors=10).fit(exact).kneighbors(fresh, return_distance=False)
    found = [neighbours(space.real, code)[0] for code in fresh]
    shared = [len(np.intersect1d(*each)) for each in zip(found, nearest, strict=True)]
    assert np.mean(shared) > 9.5


@pytest.mark.parametrize("count", [1, 10, 25])
def test_neighbours_are_those_of_scikit_learn(space, fresh, count):
    away, nearest = NearestNeighbors(n_neighbors=count).fit(space.real.codes()).kneighbors(fresh)
    for code, position, distance in zip(fresh, nearest, away, strict=True):
        found, distances = neighbours(space.real, code, count)
        np.testing.assert_allclose(distances, distance, rtol=1e-5)
        np.testing.assert_array_equal(found, position)


def test_a_vote_gives_each_neighbour_the_power_minus_four_of_its_distance(space, fresh):
    away, nearest = NearestNeighbors(n_neighbors=10).fit(space.real.codes()).kneighbors(fresh)
    for code, position, distance in zip(fresh, nearest, away, strict=True):
        shares = vote(space.real, code, 10)
        weights = distance**-4 / (distance**-4).sum()
        expected = [weights[space.real.labels[position] == label].sum() for label in range(10)]
        np.testing.assert_allclose(shares, expected, atol=1e-5)
        assert shares.sum() == pytest.approx(1)
    for code, label in zip(space.real.codes()[:20].astype(np.float32), space.real.labels[:20], strict=True):
        assert vote(space.real, code, 10)[label] > 0.999, "a reference is of its own class"
    few = dataclasses.replace(space.real, points=space.real.points[:3], labels=space.real.labels[:3])
    assert vote(few, space.mean, 10).sum() == pytest.approx(1)


@pytest.mark.parametrize("dimensions", [1, 2, 32])
def test_digits_that_were_not_measured_are_as_far_off_as_real_digits_are(dimensions):
    model, space = explored(dimensions, 4000)
    codes = codes_of(model, some_digits(10_000, 10_300))
    shares = np.array([off_manifold(space.real, code)[1] for code in codes]) / 100
    assert kstest(shares, "uniform").statistic < 0.12  # 400 digits say what is usual, and 300 are tried


def test_the_more_a_code_is_moved_out_the_farther_off_it_is_until_no_real_digit_is_as_far(space):
    code = space.real.codes()[0].astype(np.float32)
    far = [off_manifold(space.real, space.mean + factor * (code - space.mean)) for factor in (1, 3, 6, 9)]
    assert (np.diff(far, axis=0)[:, 0] > 0).all() and (np.diff(far, axis=0)[:, 1] >= 0).all()
    distance, share = off_manifold(space.real, space.mean + 1000)
    assert share == 100 and distance > 1000


def test_the_distance_off_the_manifold_is_the_mean_to_ten_neighbours(space, fresh):
    away, _ = NearestNeighbors(n_neighbors=10).fit(space.real.codes()).kneighbors(fresh[:20])
    found = [off_manifold(space.real, code)[0] for code in fresh[:20]]
    np.testing.assert_allclose(found, away.mean(axis=1), rtol=1e-5)


def test_samples_have_the_mean_and_the_covariance_of_real_codes_and_a_seed_gives_the_same_again(space):
    codes = sample(space, 50_000, seed=1)
    deviation = np.sqrt(np.diag(space.covariance))
    assert codes.shape == (50_000, 8) and codes.dtype == np.float32
    np.testing.assert_allclose((codes.mean(axis=0) - space.mean) / deviation, 0, atol=0.02)
    np.testing.assert_allclose((np.cov(codes.T) - space.covariance) / np.outer(deviation, deviation), 0, atol=0.03)
    np.testing.assert_array_equal(sample(space, 3, seed=5), sample(space, 3, seed=5))
    assert not np.allclose(sample(space, 3, seed=5), sample(space, 3, seed=6))


@pytest.mark.parametrize("dimensions", [1, 2, 32])
def test_what_is_measured_has_the_shape_of_the_latent_space(dimensions):
    _, space = explored(dimensions, 300)
    axes, of_codes = min(2, dimensions), (space.mean, space.low, space.high, space.influence)
    assert {values.shape for values in of_codes} == {(dimensions,)}
    assert space.covariance.shape == (dimensions, dimensions) and space.class_means.shape == (10, dimensions)
    assert space.axes.shape == (axes, dimensions) and space.axes_low.shape == space.axes_high.shape == (axes,)
    assert space.directions.shape == (len(ATTRIBUTES), dimensions)
    assert np.isfinite(np.concatenate([getattr(space, each.name).ravel() for each in arrays_of(space)])).all()
    assert (space.low < space.high).all() and (space.axes_low < space.axes_high).all()


def arrays_of(space: LatentSpace) -> list[dataclasses.Field]:
    return [each for each in dataclasses.fields(space) if isinstance(getattr(space, each.name), np.ndarray)]


def test_the_statistics_are_those_of_the_codes(eight):
    model, space = eight
    references, _ = explore.chosen(SOME)
    images = some_digits(0, SOME)
    codes, labels = codes_of(model, images)[references].astype(float), images.labels.numpy()[references]
    np.testing.assert_allclose(space.mean, codes.mean(axis=0), rtol=1e-5)
    deviations = codes - codes.mean(axis=0)
    np.testing.assert_allclose(space.covariance, deviations.T @ deviations / (len(codes) - 1), rtol=1e-4, atol=1e-9)
    assert ((codes < space.low).mean(axis=0) == pytest.approx(0.01, abs=0.002)) and (space.low < space.high).all()
    assert (codes > space.high).mean(axis=0) == pytest.approx(0.01, abs=0.002)
    for label in range(10):
        np.testing.assert_allclose(space.class_means[label], codes[labels == label].mean(axis=0), rtol=1e-4, atol=1e-6)


def test_the_axes_are_the_directions_in_which_codes_vary_most(eight):
    model, space = eight
    references, _ = explore.chosen(SOME)
    deviations = codes_of(model, some_digits(0, SOME))[references] - space.mean
    _, spreads, directions = np.linalg.svd(deviations, full_matrices=False)
    assert spreads[1] > 1.02 * spreads[2]  # so that there is one answer
    np.testing.assert_allclose(np.abs(space.axes @ directions[:2].T), np.eye(2), atol=1e-3)
    along = deviations @ space.axes.T
    np.testing.assert_allclose(space.axes_low, np.percentile(along, 1, axis=0), rtol=1e-3)
    np.testing.assert_allclose(space.axes_high, np.percentile(along, 99, axis=0), rtol=1e-3)


def test_a_class_that_does_not_occur_has_the_mean_of_all():
    model, images = ConvAutoencoder(ModelConfig(latent_dim=3, width=4)), some_digits(0, 100)
    kept = images.labels != 7
    images = Images(images.pixels[kept], images.labels[kept], images.class_names)
    space = explore.explore(model, images, images.pixels.numpy())
    np.testing.assert_array_equal(space.class_means[7], space.mean)


def test_a_dimension_that_the_decoder_does_not_read_has_no_influence_and_the_others_have_what_they_change():
    model, images = ConvAutoencoder(ModelConfig(latent_dim=4, width=4)), some_digits(0, 400)
    with torch.no_grad():
        model.decoder[0].weight[:, 2] = 0
    space = explore.explore(model, images, images.pixels.numpy())
    assert space.influence[2] == 0 and (np.delete(space.influence, 2) > 0).all()
    codes = torch.from_numpy(codes_of(model, images))  # all of them, where the library takes a few
    for dimension in (0, 1, 3):
        ends = [codes.clone(), codes.clone()]
        ends[0][:, dimension], ends[1][:, dimension] = float(space.low[dimension]), float(space.high[dimension])
        with torch.inference_mode():
            changed = (model.decode(ends[1]) - model.decode(ends[0])).square().mean()
        assert space.influence[dimension] == pytest.approx(float(changed), rel=0.1)


class Planted(ConvAutoencoder):
    """A network whose codes are known: a class's place, and a direction for each attribute of the shape."""

    def __init__(self):
        super().__init__(ModelConfig(latent_dim=6, width=4))
        generator = np.random.default_rng(0)
        self.places, self.planted = generator.normal(0, 5, (10, 6)), generator.normal(0, 1, (4, 6))
        self.known = {}

    def learn(self, images: Images):
        codes = self.places[images.labels.numpy()] + measure(images.pixels.numpy()) @ self.planted
        self.known = {picture.numpy().tobytes(): code for picture, code in zip(images.pixels, codes, strict=True)}

    def encode(self, images):
        codes = [self.known[picture.numpy().tobytes()] for picture in to_pixels(images)]
        return torch.from_numpy(np.array(codes, np.float32).reshape(-1, 6))


def test_directions_find_what_was_planted_though_thick_digits_are_wide_too():
    model, images = Planted(), some_digits(0, 1000)
    model.learn(images)
    space = explore.explore(model, images, images.pixels.numpy())
    references, _ = explore.chosen(1000)
    attributes, labels = measure(images.pixels.numpy())[references], images.labels.numpy()[references]
    means = np.stack([attributes[labels == label].mean(axis=0) for label in range(10)])
    deviation = (attributes - means[labels]).std(axis=0)
    np.testing.assert_allclose(space.directions, model.planted * deviation[:, None], rtol=0.01, atol=1e-3)


def test_directions_of_real_codes_are_those_of_a_linear_regression(eight):
    model, space = eight
    references, _ = explore.chosen(SOME)
    images = some_digits(0, SOME)
    labels = images.labels.numpy()[references]
    one_hot = np.eye(10)[labels]
    measured = measure(images.pixels.numpy())[references], codes_of(model, images)[references]
    within = [values - one_hot @ np.linalg.lstsq(one_hot, values, rcond=None)[0] for values in measured]
    fitted = LinearRegression(fit_intercept=False).fit(within[0] / within[0].std(axis=0), within[1])
    np.testing.assert_allclose(space.directions, fitted.coef_.T, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_on_the_shipped_run_each_direction_changes_what_it_is_named_after():
    model, images = Run(SHIPPED_RUNS / "original").model(), some_digits(0, 4000)  # 1 s
    space = explore.explore(model, images, images.pixels.numpy())

    def attributes(codes: np.ndarray) -> np.ndarray:
        return measure(to_pixels(model.decode(torch.from_numpy(codes))).numpy())

    for index, attribute in enumerate(ATTRIBUTES):
        more, less = (attributes(space.class_means + sign * space.directions[index]) for sign in (1, -1))
        assert (more[:, index] > less[:, index]).all(), attribute.name


def same(one: LatentSpace, other: LatentSpace):
    assert (one.class_names, one.digits) == (other.class_names, other.digits)
    for each in arrays_of(one):
        np.testing.assert_array_equal(getattr(one, each.name), getattr(other, each.name))
    for group in ("real", "inked"):
        for name, value in vars(getattr(one, group)).items():
            np.testing.assert_array_equal(value, getattr(getattr(other, group), name))


def of_weights(space: LatentSpace, weights: str) -> LatentSpace:
    return dataclasses.replace(space, weights=weights)


@pytest.mark.parametrize("dimensions", [1, 2, 32])
def test_a_latent_space_survives_its_file_bit_by_bit(dimensions):
    _, space = explored(dimensions, 100)
    same(explore.from_bytes(explore.to_bytes(of_weights(space, "0" * 64))), space)


@pytest.fixture(scope="module")
def content(space):
    return explore.to_bytes(of_weights(space, "0" * 64))


def test_a_file_that_does_not_fit_together_is_damaged(content, space):
    same(explore.from_bytes(rewritten(content, "space")), space)  # which does no harm itself
    arrays = {
        "mean": (3, "f4"), "axes": ((2, 3), "f4"), "directions": ((4, 9), "f4"), "low": (7, "f4"), "labels": (4, "u1"),
        "real.points": ((5, 8), "u1"), "inked.usual": (100, "f4"), "real.step": (0, "f4"),
    }  # fmt: skip
    changes = [{"words": {"format": 99}}, {"words": {"class_names": None}}, {"without": "mean"}]
    changes += [{"without": "real.points"}, {"arrays": {"real.points": np.zeros((1350, 8), np.uint8)}}]
    for change in changes + [{"arrays": {name: np.zeros(*each)}} for name, each in arrays.items()]:
        with pytest.raises(Damaged):
            explore.from_bytes(rewritten(content, "space", **change))


def test_a_latent_space_beside_the_weights_needs_neither_cache_nor_data_but_the_right_dimensions(
    tiny, space, monkeypatch
):
    first, beside = explore.latent_space(tiny), tiny.path / explore.FILE
    shutil.move(cache_folder() / tiny.weights_hash() / explore.FILE, beside)
    shutil.rmtree(cache_folder())
    monkeypatch.setenv("CAE_DATA", "/nowhere")
    same(explore.latent_space(tiny), first)
    assert explore.to_bytes(explore.kept(tiny)) == beside.read_bytes()
    beside.write_bytes(explore.to_bytes(of_weights(space, tiny.weights_hash())))
    assert explore.kept(tiny) is None


def test_digits_are_re_inked_once_and_only_those_that_are_needed(small_data):
    from cae.data.ink import normalise_ink

    images = load("mnist", "train")
    found = result_of(explore.re_inked("mnist", images))
    needed = np.concatenate(explore.chosen(SMALL_TRAIN))
    for index in needed[:5]:
        np.testing.assert_array_equal(found[index], normalise_ink(images.pixels[index].numpy() / np.float32(255)))
    assert not np.delete(found, needed, axis=0).any()
    (kept,) = cache_folder().glob("re-inked*")
    np.save(kept, np.full((len(needed), 28, 28), 9, np.uint8))  # what is kept is taken
    assert (result_of(explore.re_inked("mnist", images))[needed] == 9).all()
    kept.write_bytes(kept.read_bytes()[:100])  # unless it is damaged
    np.testing.assert_array_equal(result_of(explore.re_inked("mnist", images)), found)
