"""Which images are looked at."""

import itertools

import numpy as np

from cae.data import picks

LABELS = np.array([3, 1, 3, 0, 3, 1])
ERRORS = np.array([0.2, 0.9, 0.1, 0.9, 0.5, 0.3])


def test_the_same_seed_shows_the_same_different_images_and_another_seed_others():
    first, again, other = picks.at_random(12, 1000, 1), picks.at_random(12, 1000, 1), picks.at_random(12, 1000, 2)
    assert (first == again).all() and len(set(first)) == 12
    assert set(first) != set(other)


def test_asking_for_more_than_there_are_gives_all():
    assert sorted(picks.at_random(10, 3, 0)) == [0, 1, 2]
    assert sorted(picks.of_class(LABELS, 3, 10, 0)) == [0, 2, 4]
    assert list(picks.from_index(4, 10, 6)) == [4, 5]
    assert len(picks.hardest(ERRORS, 99)) == 6


def test_the_hardest_come_worst_first_and_ties_in_order():
    assert list(picks.hardest(ERRORS, 3)) == [1, 3, 4]
    assert list(picks.easiest(ERRORS, 3)) == [2, 0, 5]


def test_one_per_class_is_the_first_of_each_that_there_is():
    assert list(picks.one_per_class(LABELS, 4)) == [3, 1, 0]


def test_a_film_begins_at_zero_ends_at_the_last_epoch_and_never_repeats():
    assert picks.film(20, 8) == [0, 1, 2, 3, 5, 8, 13, 20]
    for last in range(1, 300):
        for count in (2, 4, 8):
            frames = picks.film(last, count)
            assert frames[0] == 0 and frames[-1] == last and len(frames) <= count
            assert all(a < b for a, b in itertools.pairwise(frames))
