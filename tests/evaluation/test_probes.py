"""What codes are worth: against scikit-learn asked directly, numpy, and loops."""

import dataclasses
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
from cae.errors import RunNotFound
from cae.evaluation import probes
from cae.evaluation.probes import Dimension, Probing
from cae.network.model import embed
from cae.runs.run import Run
from cae.runs.weights import write_weights
from cae.steps import result_of


def told(run):
    said = []
    return result_of(probes.probe(run), said.append), said


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


# -- arrays in, numbers out


def test_neighbours_vote_by_one_over_their_distance():
    (codes, labels), (tried, truth) = groups(), groups(80, seed=1)
    right = 0
    for code, label in zip(tried, truth, strict=True):
        away = np.linalg.norm(codes.astype(np.float64) - code, axis=1)
        nearest = np.argsort(away)[:10]
        right += np.bincount(labels[nearest], 1 / away[nearest]).argmax() == label
    assert probes.knn_accuracy(codes, labels, tried, truth) == pytest.approx(right / 80)
    assert 0.5 < right / 80 < 1


def test_a_code_that_is_there_outvotes_all_others():
    codes, labels = groups(classes=5)
    assert probes.knn_accuracy(codes, labels, codes, labels) == 1


def test_where_codes_are_fewer_than_neighbours_all_of_them_vote():
    codes, truth = np.array([[0.0], [1], [10]]), np.array([0, 0, 1])
    assert probes.knn_accuracy(codes, truth, np.array([[0.4], [9.9], [4.0]]), np.array([0, 1, 0])) == 1


def test_the_probe_is_a_logistic_regression_of_standardised_codes():
    (codes, labels), (tried, truth) = groups(), groups(100, seed=1)
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    model = LogisticRegression(max_iter=1000).fit((codes - mean) / deviation, labels)
    expected = model.score((tried - mean) / deviation, truth)
    assert probes.probe_accuracy(codes, labels, tried, truth) == pytest.approx(expected, abs=0.011)
    assert expected < 1


def test_the_scale_of_a_dimension_does_not_matter_to_the_probe():
    (codes, labels), (tried, truth) = groups(), groups(100, seed=1)
    scale = np.array([1e-3, 1, 1e3, 1], np.float32)
    expected = probes.probe_accuracy(codes, labels, tried, truth)
    assert probes.probe_accuracy(codes * scale, labels, tried * scale, truth) == pytest.approx(expected)


def test_a_probe_of_one_class_is_no_number():
    codes, labels = groups()
    assert np.isnan(probes.probe_accuracy(codes, np.zeros_like(labels), codes, labels))


def test_clusters_that_are_the_classes_agree_perfectly():
    codes, labels = groups()
    assert probes.clustering(codes + 100 * labels[:, None], labels, 3) == pytest.approx((1, 1))


def test_clusters_that_mix_classes_agree_as_computed_by_hand():
    """Two places, each half of class 0 and half of class 1: knowing the place says nothing of the class."""
    codes = np.repeat([[0.0], [100.0]], 4, axis=0) + np.arange(8)[:, None] * 0.01
    nmi, ari = probes.clustering(codes, np.array([0, 0, 1, 1, 0, 0, 1, 1]), 2)
    assert nmi == pytest.approx(0, abs=1e-9)
    # pairs: 28; together in both 4; expected 12 * 12 / 28; largest 12
    assert ari == pytest.approx((4 - 144 / 28) / (12 - 144 / 28))


def test_clusters_are_those_of_k_means():
    codes, labels = groups()
    found = KMeans(3, n_init=10, random_state=0).fit(codes).labels_
    nmi, ari = probes.clustering(codes, labels, 3)
    assert nmi == pytest.approx(normalized_mutual_info_score(labels, found))
    assert ari == pytest.approx(adjusted_rand_score(labels, found))


def test_correlation_is_that_of_numpy():
    codes = groups()[0] @ np.random.default_rng(5).normal(size=(4, 4)).astype(np.float32) + 50
    np.testing.assert_allclose(probes.correlation(codes), np.corrcoef(codes.T.astype(np.float64)), atol=1e-9)


def test_a_constant_dimension_correlates_with_nothing():
    codes = groups()[0]
    codes[:, 2] = 0.1
    found = probes.correlation(codes)
    np.testing.assert_allclose(found[np.ix_([0, 1, 3], [0, 1, 3])], np.corrcoef(codes[:, [0, 1, 3]].T), atol=1e-6)
    assert (found[2] == 0).all() and (found[:, 2] == 0).all()


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


def test_a_dimension_that_follows_from_others_is_explained_wholly_and_the_independent_one_is_not():
    codes = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    codes[:, 2] = codes[:, 0] - 3 * codes[:, 1]
    found = probes.explained_variance(codes)
    np.testing.assert_allclose(found[:3], 1, atol=1e-6)
    assert found[3] == pytest.approx(r_squared(codes)[3], abs=1e-6) and found[3] < 0.05


def test_a_constant_dimension_explains_nothing_and_is_not_explained():
    codes = groups()[0]
    expected = r_squared(codes[:, [0, 1, 3]])
    codes[:, 2] = 7
    np.testing.assert_allclose(probes.explained_variance(codes), np.insert(expected, 2, 0), atol=1e-6)


@pytest.mark.parametrize("codes", [np.ones((20, 3)), np.arange(20.0)[:, None], np.ones((1, 2))])
def test_where_there_are_no_others_nothing_is_explained(codes):
    assert probes.explained_variance(codes.astype(np.float32)).tolist() == [0] * codes.shape[1]


# -- without one dimension


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


def test_a_dimension_that_the_decoder_ignores_costs_nothing(copy_tiny):
    run = copy_tiny("deaf")
    weights = run.weights()
    weights["decoder.0.weight"][:, 1] = 0
    write_weights(run.path / "model.safetensors", weights, run.info.model)
    found = result_of(probes.probe(Run.open("deaf")))
    assert found.dimensions[1].zeroed_mse == 0 and found.dead == ()


def test_a_dimension_that_says_the_same_of_every_digit_is_dead(copy_tiny):
    run = copy_tiny("dead")
    weights = run.weights()
    weights["encoder.5.weight"][1] = 0
    write_weights(run.path / "model.safetensors", weights, run.info.model)
    found = result_of(probes.probe(Run.open("dead")))
    assert found.dead == (1,) and found.redundant == ()
    assert found.dimensions[1].deviation == pytest.approx(0, abs=1e-6)
    assert found.dimensions[1].zeroed_mse == pytest.approx(0, abs=1e-7)


def test_dimensions_that_say_the_same_are_redundant(copy_tiny):
    run = copy_tiny("twins")
    weights = run.weights()
    weights["encoder.5.weight"][1], weights["encoder.5.bias"][1] = -weights["encoder.5.weight"][0], 3
    write_weights(run.path / "model.safetensors", weights, run.info.model)
    found = result_of(probes.probe(Run.open("twins")))
    assert found.redundant == (0, 1) and found.dead == ()
    assert found.correlation == ((1, -1), (-1, 1))


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


# -- of a run


def test_a_run_is_probed_as_scikit_learn_would(tiny):
    found = result_of(probes.probe(tiny))
    (codes, labels), (tried, truth) = both(tiny)
    assert found.knn_accuracy == probes.knn_accuracy(codes, labels, tried, truth)
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    expected = (
        LogisticRegression(max_iter=1000)
        .fit((codes - mean) / deviation, labels)
        .score((tried - mean) / deviation, truth)
    )
    assert found.probe_accuracy == pytest.approx(expected, abs=0.011)
    clusters = KMeans(10, n_init=10, random_state=0).fit_predict(tried)
    assert found.nmi == pytest.approx(normalized_mutual_info_score(truth, clusters))
    assert found.ari == pytest.approx(adjusted_rand_score(truth, clusters))
    np.testing.assert_allclose(found.correlation, np.corrcoef(tried.T), atol=6e-4)
    assert [each.deviation for each in found.dimensions] == pytest.approx(tried.std(axis=0), rel=1e-4)
    assert [each.explained for each in found.dimensions] == pytest.approx(r_squared(tried), abs=1e-4)
    assert 0.1 < found.knn_accuracy < 1


def test_a_probing_is_made_once(tiny):
    assert probes.kept(tiny) is None
    first, said = told(tiny)
    assert said
    again, said = told(Run.open("tiny"))
    assert said == [] and again == first == probes.kept(tiny)


def test_other_weights_are_probed_anew(tiny):
    first = result_of(probes.probe(tiny))
    (tiny.path / "model.safetensors").write_bytes((tiny.path / "epochs" / "0000.safetensors").read_bytes())
    second, said = told(Run.open("tiny"))
    assert said and second != first


def test_a_probing_beside_the_weights_is_taken_and_one_of_other_weights_is_not(tiny, monkeypatch):
    first = result_of(probes.probe(tiny))
    file = cache_folder() / tiny.weights_hash() / probes.FILE
    file.rename(tiny.path / probes.FILE)
    assert probes.kept(tiny) == first
    (tiny.path / probes.FILE).write_bytes(probes.to_bytes(dataclasses.replace(first, weights="0" * 64)))
    assert probes.kept(tiny) is None


DAMAGED = [
    b"", b"[]", b"{", b'"x"', b"3", b"{}", b'{"format": 1}', b'{"format": 99}', b"\xff",
    b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_cache_costs_time_and_not_the_result(tiny, content):
    first = result_of(probes.probe(tiny))
    (cache_folder() / tiny.weights_hash() / probes.FILE).write_bytes(content)
    again, said = told(tiny)
    assert said and again == first


@pytest.mark.parametrize("change", [
    {"dimensions": None}, {"dimensions": [{}]}, {"correlation": 3}, {"hardest": [[1]]}, {"more": 1},
    {"hardest": [["a", "b"]]}, {"correlation": [["x"]]},
], ids=str)  # fmt: skip
def test_a_file_that_does_not_fit_together_is_not_taken(tiny, change):
    text = probes.to_bytes(result_of(probes.probe(tiny)))
    (cache_folder() / tiny.weights_hash() / probes.FILE).write_text(json.dumps(json.loads(text) | change))
    assert probes.kept(tiny) is None


def test_a_cache_that_cannot_be_written_costs_time_and_not_the_result(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "file"))
    assert result_of(probes.probe(tiny)) == result_of(probes.probe(tiny))


def test_to_json_has_what_is_promised(tiny):
    found = result_of(probes.probe(tiny))
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert "weights" not in values
    assert values["knn_accuracy"] == found.knn_accuracy and values["dead"] == values["redundant"] == []
    assert len(values["dimensions"]) == 2 and len(values["hardest"]) == 10
    assert set(values["dimensions"][0]) == {"deviation", "explained", "zeroed_mse", "hurt"}
    assert all(0 <= image < SMALL_TEST for image in values["dimensions"][0]["hurt"])


def of_one_class(tiny):
    train, test = (load("mnist", split) for split in ("train", "test"))
    same = [Images(each.pixels, torch.zeros_like(each.labels), ("all",)) for each in (train, test)]
    return result_of(probes.measure(tiny.model(), *same))


def test_a_data_set_of_one_class_is_probed_all_the_same(tiny):
    found = of_one_class(tiny)
    assert found.knn_accuracy == 1 and np.isnan(found.probe_accuracy) and len(found.dimensions) == 2


def test_a_data_set_of_one_class_is_valid_json(tiny):
    json.dumps(of_one_class(tiny).to_json(), allow_nan=False)


def test_a_run_without_weights_cannot_be_probed(tiny):
    (tiny.path / "model.safetensors").unlink()
    for ask in (told, probes.kept):
        with pytest.raises(RunNotFound, match="not finished an epoch"):
            ask(tiny)
