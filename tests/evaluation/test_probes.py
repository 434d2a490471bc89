"""What codes are worth: against scikit-learn asked directly, numpy, and loops."""

import json

import numpy as np
import pytest
import torch
from helpers import SMALL_TEST
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from cae.data.images import Images, load, to_model
from cae.disk.files import cache_folder
from cae.evaluation import probes
from cae.evaluation.probes import Dimension, Probing
from cae.network.model import embed
from cae.runs.run import Run
from cae.runs.weights import write_weights
from cae.steps import result_of


def both(run):
    """Codes and labels of the training and of the test digits."""
    sets = [load("mnist", split) for split in ("train", "test")]
    return [(embed(run.model(), to_model(each.pixels)).numpy(), each.labels.numpy()) for each in sets]


def groups(count: int = 300, seed: int = 0, classes: int = 3):
    """Codes in overlapping groups, with their classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    places = np.random.default_rng(99).normal(0, 1.5, (classes, 4))
    return (places[labels] + generator.normal(size=(count, 4))).astype(np.float32), labels


def test_neighbours_vote_by_one_over_their_distance():
    (codes, labels), (tried, truth) = groups(), groups(80, seed=1)
    right = 0
    for code, label in zip(tried, truth, strict=True):
        away = np.linalg.norm(codes.astype(np.float64) - code, axis=1)
        nearest = np.argsort(away)[:10]
        right += np.bincount(labels[nearest], 1 / away[nearest]).argmax() == label
    assert probes.knn_accuracy(codes, labels, tried, truth) == pytest.approx(right / 80)
    assert 0.5 < right / 80 < 1
    codes, labels = groups(classes=5)
    assert probes.knn_accuracy(codes, labels, codes, labels) == 1, "a code that is there outvotes all others"
    few, truth = np.array([[0.0], [1], [10]]), np.array([0, 0, 1])  # fewer than ten: all of them vote
    assert probes.knn_accuracy(few, truth, np.array([[0.4], [9.9], [4.0]]), np.array([0, 1, 0])) == 1


def test_the_probe_is_a_logistic_regression_of_standardised_codes_whatever_their_scale():
    (codes, labels), (tried, truth) = groups(), groups(100, seed=1)
    expected = logistic_accuracy(codes, labels, tried, truth)
    accuracy = probes.probe_accuracy(codes, labels, tried, truth)
    assert accuracy == pytest.approx(expected, abs=0.011) and expected < 1
    scale = np.array([1e-3, 1, 1e3, 1], np.float32)
    assert probes.probe_accuracy(codes * scale, labels, tried * scale, truth) == pytest.approx(accuracy)
    assert np.isnan(probes.probe_accuracy(codes, np.zeros_like(labels), codes, labels)), "there is but one class"


def logistic_accuracy(codes, labels, tried, truth) -> float:
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    model = LogisticRegression(max_iter=1000).fit((codes - mean) / deviation, labels)
    return model.score((tried - mean) / deviation, truth)


def test_clusters_that_mix_classes_agree_as_computed_by_hand():
    """Two places, each half of class 0 and half of class 1: knowing the place says nothing of the class."""
    codes = np.repeat([[0.0], [100.0]], 4, axis=0) + np.arange(8)[:, None] * 0.01
    nmi, ari = probes.clustering(codes, np.array([0, 0, 1, 1, 0, 0, 1, 1]), 2)
    assert nmi == pytest.approx(0, abs=1e-9)
    # pairs: 28; together in both 4; expected 12 * 12 / 28; largest 12
    assert ari == pytest.approx((4 - 144 / 28) / (12 - 144 / 28))


def test_clusters_are_those_of_k_means_and_agree_perfectly_where_they_are_the_classes():
    codes, labels = groups()
    clusters = KMeans(3, n_init=10, random_state=0).fit(codes).labels_
    nmi, ari = probes.clustering(codes, labels, 3)
    assert nmi == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert ari == pytest.approx(adjusted_rand_score(labels, clusters))
    assert probes.clustering(codes + 100 * labels[:, None], labels, 3) == pytest.approx((1, 1))


def test_correlation_is_that_of_numpy_and_a_constant_dimension_correlates_with_nothing():
    codes = groups()[0] @ np.random.default_rng(5).normal(size=(4, 4)).astype(np.float32) + 50
    np.testing.assert_allclose(probes.correlation(codes), np.corrcoef(codes.T.astype(np.float64)), atol=1e-9)
    codes = groups()[0]
    codes[:, 2] = 0.1
    correlation = probes.correlation(codes)
    np.testing.assert_allclose(correlation[np.ix_([0, 1, 3], [0, 1, 3])], np.corrcoef(codes[:, [0, 1, 3]].T), atol=1e-6)
    assert (correlation[2] == 0).all() and (correlation[:, 2] == 0).all()


def r_squared(codes: np.ndarray) -> list[float]:
    """How well scikit-learn's linear regression gives each dimension from the others."""
    found = []
    for index in range(codes.shape[1]):
        others = np.delete(codes, index, axis=1).astype(np.float64)
        found.append(LinearRegression().fit(others, codes[:, index]).score(others, codes[:, index]))
    return found


def test_explained_variance_is_what_a_regression_on_the_others_explains():
    codes = groups()[0]
    codes[:, 3] += codes[:, 0] - 2 * codes[:, 1]
    expected = r_squared(codes)
    np.testing.assert_allclose(probes.explained_variance(codes), expected, atol=1e-6)
    assert max(expected) > 0.6 and min(expected) < 0.3
    expected = r_squared(codes[:, [0, 1, 3]])
    codes[:, 2] = 7  # a constant dimension explains nothing and is not explained
    np.testing.assert_allclose(probes.explained_variance(codes), np.insert(expected, 2, 0), atol=1e-6)
    codes = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    codes[:, 2] = codes[:, 0] - 3 * codes[:, 1]  # follows from the others, and the last is independent
    explained = probes.explained_variance(codes)
    np.testing.assert_allclose(explained[:3], 1, atol=1e-6)
    assert explained[3] == pytest.approx(r_squared(codes)[3], abs=1e-6) and explained[3] < 0.05


@pytest.mark.parametrize("codes", [np.ones((20, 3)), np.arange(20.0)[:, None], np.ones((1, 2))])
def test_where_there_are_no_others_nothing_is_explained(codes):
    assert probes.explained_variance(codes.astype(np.float32)).tolist() == [0] * codes.shape[1]


def zeroed_by_a_loop(run, codes, dimension):
    """How much the error of each test digit grows when a dimension is its mean, digit by digit."""
    model, pixels = run.model(), load("mnist", "test").pixels
    mean, growth = codes[:, dimension].mean(), []
    with torch.no_grad():
        for code, picture in zip(torch.from_numpy(codes), pixels, strict=True):
            original = picture.double() / 127.5 - 1
            changed = code.clone()
            changed[dimension] = float(mean)
            before, after = (model.decode(z[None])[0, 0].double() for z in (code, changed))
            growth.append(float((after - original).square().mean() - (before - original).square().mean()))
    return np.array(growth)


def test_what_a_dimension_is_worth_is_what_a_loop_over_digits_says(tiny):
    test = load("mnist", "test")
    (_, _), (codes, _) = both(tiny)
    errors, costs = probes.zeroing(tiny.model(), test, codes)
    with torch.no_grad():
        copies = tiny.model()(to_model(test.pixels))
    np.testing.assert_allclose(errors, (copies - to_model(test.pixels)).square().mean(dim=(1, 2, 3)), rtol=1e-4)
    found = result_of(probes.probe(tiny))
    for index in range(2):
        expected = zeroed_by_a_loop(tiny, codes, index)
        np.testing.assert_allclose(costs[index], expected, atol=1e-6)
        assert found.dimensions[index].zeroed_mse == pytest.approx(expected.mean(), rel=1e-2, abs=1e-6)
        assert set(found.dimensions[index].hurt) == set(np.argsort(expected)[-5:])
        assert list(expected[list(found.dimensions[index].hurt)]) == sorted(expected, reverse=True)[:5]
    assert [image for image, _ in found.hardest] == list(np.argsort(-errors)[:10])
    assert [error for _, error in found.hardest] == pytest.approx(sorted(errors, reverse=True)[:10], rel=1e-4)


@pytest.fixture
def probed(tiny):
    """A function that probes the run with some of its weights changed."""

    def probed_with(change):
        weights = tiny.weights()
        change(weights)
        write_weights(tiny.path / "model.safetensors", weights, tiny.info.model)
        return result_of(probes.probe(Run.open("tiny")))

    return probed_with


def test_a_dimension_that_the_decoder_ignores_costs_nothing(probed):
    probing = probed(lambda weights: weights["decoder.0.weight"][:, 1].fill(0))
    assert probing.dimensions[1].zeroed_mse == 0 and probing.dead == ()


def test_a_dimension_that_says_the_same_of_every_digit_is_dead(probed):
    probing = probed(lambda weights: weights["encoder.5.weight"][1].fill(0))
    assert probing.dead == (1,) and probing.redundant == ()
    assert probing.dimensions[1].deviation == pytest.approx(0, abs=1e-6)
    assert probing.dimensions[1].zeroed_mse == pytest.approx(0, abs=1e-7)


def test_dimensions_that_say_the_same_are_redundant(probed):
    def twins(weights):
        weights["encoder.5.weight"][1], weights["encoder.5.bias"][1] = -weights["encoder.5.weight"][0], 3

    probing = probed(twins)
    assert probing.redundant == (0, 1) and probing.dead == ()
    assert probing.correlation == ((1, -1), (-1, 1))


@pytest.mark.parametrize(("deviations", "explained", "dead", "redundant"), [
    ((1, 2), (0, 0.95), (), ()), ((1, 2), (0, 0.951), (), (1,)), ((1, 0.002), (0, 0), (), ()),
    ((1, 0.001), (0, 1), (1,), ()), ((0, 0), (0, 0), (0, 1), ()), ((), (), (), ()),
])  # fmt: skip
def test_dead_is_a_thousandth_of_the_largest_deviation_and_redundant_above_95_percent(
    deviations, explained, dead, redundant
):
    dimensions = tuple(Dimension(*each, 0.0, ()) for each in zip(deviations, explained, strict=True))
    found = Probing("", 0.0, 0.0, 0.0, 0.0, (), dimensions, ())
    assert (found.dead, found.redundant) == (dead, redundant)


def test_a_run_is_probed_as_scikit_learn_would(tiny):
    probing = result_of(probes.probe(tiny))
    (codes, labels), (tried, truth) = both(tiny)
    assert probing.knn_accuracy == probes.knn_accuracy(codes, labels, tried, truth)
    assert probing.probe_accuracy == pytest.approx(logistic_accuracy(codes, labels, tried, truth), abs=0.011)
    clusters = KMeans(10, n_init=10, random_state=0).fit_predict(tried)
    assert probing.nmi == pytest.approx(normalized_mutual_info_score(truth, clusters))
    assert probing.ari == pytest.approx(adjusted_rand_score(truth, clusters))
    np.testing.assert_allclose(probing.correlation, np.corrcoef(tried.T), atol=6e-4)
    assert [each.deviation for each in probing.dimensions] == pytest.approx(tried.std(axis=0), rel=1e-4)
    assert [each.explained for each in probing.dimensions] == pytest.approx(r_squared(tried), abs=1e-4)
    assert 0.1 < probing.knn_accuracy < 1


def test_a_file_that_does_not_fit_together_is_not_taken(tiny):
    text = probes.to_bytes(result_of(probes.probe(tiny)))
    for change in (
        {"dimensions": None}, {"dimensions": [{}]}, {"correlation": 3}, {"hardest": [[1]]}, {"more": 1},
        {"hardest": [["a", "b"]]}, {"correlation": [["x"]]},
    ):  # fmt: skip
        (cache_folder() / tiny.weights_hash() / probes.FILE).write_text(json.dumps(json.loads(text) | change))
        assert probes.kept(tiny) is None, change


def test_to_json_has_what_is_promised(tiny):
    found = result_of(probes.probe(tiny))
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert "weights" not in values
    assert values["knn_accuracy"] == found.knn_accuracy and values["dead"] == values["redundant"] == []
    assert len(values["dimensions"]) == 2 and len(values["hardest"]) == 10
    assert set(values["dimensions"][0]) == {"deviation", "explained", "zeroed_mse", "hurt"}
    assert all(0 <= image < SMALL_TEST for image in values["dimensions"][0]["hurt"])


def test_a_data_set_of_one_class_is_probed_all_the_same_and_is_valid_json(tiny):
    train, test = (load("mnist", split) for split in ("train", "test"))
    same = [Images(each.pixels, torch.zeros_like(each.labels), ("all",)) for each in (train, test)]
    probing = result_of(probes.measure(tiny.model(), *same))
    assert probing.knn_accuracy == 1 and np.isnan(probing.probe_accuracy) and len(probing.dimensions) == 2
    json.dumps(probing.to_json(), allow_nan=False)
