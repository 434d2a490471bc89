"""What augmentation does to a picture, and how much."""

import math

import numpy as np
import pytest
import torch
from helpers import options

from cae.data.images import load, to_model
from cae.network.augment import augmented, is_asked, placed, warped


@pytest.fixture(scope="module")
def digits():
    return to_model(load("mnist", "train").pixels[:20])


def numbers(*values):
    return torch.tensor(values, dtype=torch.float32)


def centre_of(images):
    ink = (images[:, 0] + 1).double()
    across = torch.arange(28, dtype=torch.float64)
    total = ink.sum((1, 2))
    return (ink.sum(1) * across).sum(1) / total, (ink.sum(2) * across).sum(1) / total


def test_nothing_asked_changes_nothing_and_each_of_the_three_can_be_asked_for_alone(digits):
    assert not is_asked(options())
    torch.testing.assert_close(augmented(digits, options(), 3), digits, atol=2e-5, rtol=0)
    for asked in ({"shift": 1.0}, {"rotation": 3.0}, {"scaling": 5.0}):
        assert is_asked(options(**asked))
        assert (augmented(digits, options(**asked), 0) - digits).abs().mean() > 1e-3


def test_a_shift_by_whole_pixels_moves_the_picture_right_and_down_and_a_quarter_turn_is_clockwise(digits):
    one, none = numbers(1), numbers(0)
    shifted = warped(digits[:1], torch.stack([numbers(2), numbers(3)]), none, one)
    expected = torch.full_like(digits[:1], -1)
    expected[:, :, 3:, 2:] = digits[:1, :, :-3, :-2]
    torch.testing.assert_close(shifted, expected, atol=2e-5, rtol=0)
    turned = warped(digits[:1], torch.zeros(2, 1), numbers(math.pi / 2), one)
    expected = torch.rot90(digits[:1], -1, (2, 3))  # against the clock for positive numbers
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


def test_a_larger_picture_has_more_ink_by_the_square(digits):
    for factor in (0.8, 1.2):
        found = warped(digits, torch.zeros(2, 20), torch.zeros(20), torch.full((20,), factor))
        ratio = (found + 1).sum((1, 2, 3)) / (digits + 1).sum((1, 2, 3))
        np.testing.assert_allclose(ratio.numpy(), factor**2, rtol=0.08)


def test_the_draws_stay_within_what_was_asked_and_reach_it():
    config = options(shift=2.0, rotation=10.0, scaling=20.0)
    draws = torch.empty(4, 10_000).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
    shifts, angles, factors = placed(draws, config)
    for values, low, high in ((shifts, -2, 2), (angles * 180 / math.pi, -10, 10), (factors, 0.8, 1.2)):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high + 1e-5
        assert abs(values.mean() - (low + high) / 2) < 0.02 * (high - low)


def test_every_second_picture_stays_and_the_others_move_within_range_no_further_than_asked(digits):
    moved = augmented(digits, options(shift=2.0), 4)
    assert torch.equal(moved[::2], digits[::2])
    assert all((one != other).any() for one, other in zip(moved[1::2], digits[1::2], strict=True))
    assert torch.equal(augmented(digits[:1], options(shift=2.0), 4), digits[:1])
    many = digits.repeat(20, 1, 1, 1)
    moved = augmented(many, options(shift=2.0), 7)
    assert moved.min() >= -1 and moved.max() <= 1
    for now, before in zip(centre_of(moved), centre_of(many), strict=True):
        assert 1.5 < (now - before).abs().max() <= 2.05


def test_the_draws_depend_on_seed_and_step_and_nothing_else(digits):
    config = options(shift=2.0, seed=5)
    first = augmented(digits, config, 1)
    torch.manual_seed(99)
    assert torch.equal(augmented(digits, config, 1), first)
    assert not torch.equal(augmented(digits, config, 2), first)
    assert not torch.equal(augmented(digits, options(shift=2.0, seed=6), 1), first)
    assert not torch.equal(first[1] - digits[1], first[3] - digits[3])
