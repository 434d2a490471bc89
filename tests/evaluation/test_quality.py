"""How good generated pictures are: on clouds whose answer is known, and against loops that compute the same."""

import numpy as np
import pytest
from scipy.stats import entropy

from cae.data.images import load
from cae.evaluation import quality
from cae.evaluation.quality import Quality, balance, nearest, precision_recall


def cloud(count: int, seed: int = 0, features: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


def share_inside_by_loops(points, others, k):
    """The share of points that lie in some ball: radius of each, distance to its k-th nearest other one."""
    radii = [sorted(float(np.linalg.norm(a - b)) for j, b in enumerate(others) if j != i)[k - 1]
             for i, a in enumerate(others)]  # fmt: skip
    inside = [
        any(np.linalg.norm(point - other) <= radius for other, radius in zip(others, radii, strict=True))
        for point in points
    ]
    return np.mean(inside)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_precision_and_recall_are_what_loops_over_all_pairs_say(k):
    real, generated = cloud(70).astype(np.float64), 0.7 * cloud(50, 1).astype(np.float64) + 0.8
    precision, recall = precision_recall(real, generated, k)
    assert precision == pytest.approx(share_inside_by_loops(generated, real, k))
    assert recall == pytest.approx(share_inside_by_loops(real, generated, k))
    assert 0 < recall < precision <= 1


def test_the_radius_is_the_distance_to_the_third_nearest_other_point():
    real = np.array([[0.0], [1], [3], [7], [100]])  # the third nearest others are 7, 6, 4, 7 and 99 away
    for place, is_inside in ((-7, True), (-7.001, False), (14, True), (200, False), (198.9, True)):
        assert precision_recall(real, np.array([[place]]))[0] == is_inside


def test_a_cloud_beside_itself_is_perfect_even_with_points_that_occur_several_times_and_far_apart_nothing_is():
    several = np.repeat(cloud(20), 5, axis=0)
    assert precision_recall(cloud(60), cloud(60)) == precision_recall(several, several) == (1, 1)
    assert precision_recall(cloud(40), cloud(40, 1) + 100) == (0, 0)


def test_one_real_point_once_or_over_and_over_is_precise_and_recalls_that_point_alone():
    real = cloud(40)
    for times in (1, 30):
        assert precision_recall(real, np.repeat(real[:1], times, axis=0)) == (1, pytest.approx(1 / 40))


def test_a_mode_that_is_left_out_costs_recall_and_one_that_is_made_up_precision():
    one, other = cloud(60), cloud(20, 1) + 100
    assert precision_recall(np.concatenate([one, other]), one) == (1, 60 / 80)
    assert precision_recall(one, np.concatenate([one, other])) == (60 / 80, 1)


def test_the_roles_are_exchanged_between_precision_and_recall():
    one, other = cloud(50), 0.5 * cloud(40, 1)
    assert precision_recall(one, other) == precision_recall(other, one)[::-1]


def test_it_does_not_matter_where_the_origin_is():
    real, generated = cloud(60).astype(np.float64), 0.8 * cloud(60, 1).astype(np.float64)
    for shift in (10, 1000):
        assert precision_recall(real + shift, generated + shift) == precision_recall(real, generated)


def test_more_neighbours_than_there_are_others_means_all_of_them():
    real, generated = cloud(4), cloud(6, 1)
    expected = share_inside_by_loops(generated, real, 3), share_inside_by_loops(real, generated, 5)
    assert precision_recall(real, generated, 50) == pytest.approx(expected)


def test_more_points_than_are_compared_at_a_time_are_all_counted():
    real = cloud(2300, features=2)
    near = np.arange(2300) % 4 > 0
    generated = real + np.where(near, 0, 1000)[:, None].astype(np.float32)
    assert precision_recall(real, generated)[0] == pytest.approx(near.mean())


def test_evenness_is_the_entropy_of_scipy_in_units_of_the_largest():
    classes = np.random.default_rng(3).choice(10, 500, p=np.arange(1, 11) / 55)
    shares, evenness = balance(classes, 10)
    assert shares == pytest.approx([(classes == label).sum() / 500 for label in range(10)])
    assert evenness == pytest.approx(entropy(shares, base=10))
    shares, evenness = balance(np.array([0, 0, 0, 2]), 3)
    assert shares == (0.75, 0, 0.25)
    assert evenness == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(3))
    assert balance(np.repeat(np.arange(10), 7), 10)[1] == pytest.approx(1)
    shares, evenness = balance(np.full(7, 4), 10)
    assert (shares[4], evenness) == (1, 0)
    for nothing, count in (([], 10), ([0, 0], 1), ([], 1)):  # to balance
        shares, evenness = balance(np.array(nothing, np.int64), count)
        assert len(shares) == count and evenness == 0


def test_a_quality_goes_to_json_by_its_names():
    quality = Quality(5, 0.9, 0.8, 0.7, (0.5, 0.5), 1.0, 2.0, 0.1)
    assert Quality(**quality.to_json()) == quality


def pictures(count: int, seed: int = 0, least: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(least, 256, (count, 28, 28), np.uint8)


def test_the_nearest_picture_is_the_one_of_least_error():
    some, among = pictures(20), pictures(300, 1)
    positions, errors = nearest(some, among)
    expected = np.array([[np.square(a / 127.5 - b / 127.5).mean() for b in among] for a in some])
    np.testing.assert_array_equal(positions, expected.argmin(axis=1))
    np.testing.assert_allclose(errors, expected.min(axis=1), rtol=1e-5)


def test_a_picture_that_is_there_is_found_at_no_error_even_if_it_is_full_of_ink():
    for among in (load("mnist", "test").pixels.numpy()[:500], pictures(150, least=200)):
        positions, errors = nearest(among[100:150], among)
        np.testing.assert_array_equal(positions, np.arange(100, 150))
        assert (errors == 0).all()


def test_it_is_looked_for_among_more_than_are_compared_at_a_time_with_or_without_the_squares_at_hand():
    many = np.zeros((5200, 28, 28), np.uint8)
    many[5100] = 200
    some = np.stack([np.full((28, 28), 190, np.uint8), np.zeros((28, 28), np.uint8)])
    squares = quality.squares(many)
    np.testing.assert_allclose(squares, np.square(many.astype(float)).sum(axis=(1, 2)), rtol=1e-6)
    for positions, errors in (nearest(some, many), nearest(some, many, squares)):
        assert positions.tolist() == [5100, 0]
        np.testing.assert_allclose(errors, [(10 / 127.5) ** 2, 0], rtol=1e-5)
