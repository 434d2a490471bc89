"""Muon and the schedule against formulas written out plainly."""

import numpy as np
import pytest
import torch
from helpers import options
from torch import nn

from cae.config import SCHEDULES, TrainConfig
from cae.network.model import ConvAutoencoder
from cae.network.optim import optimizer, orthogonal, rate

SHAPES = [(16, 9), (32, 144), (32, 1568), (1568, 32), (8, 8), (1, 5), (5, 1)]


def matrices(generator=None):
    generator = generator or torch.Generator().manual_seed(3)
    return [torch.randn(*shape, generator=generator) for shape in SHAPES]


def test_orthogonal_is_the_quintic_newton_schulz_iteration():
    for given, found in zip(matrices(), orthogonal(matrices()), strict=True):
        u, s, v = np.linalg.svd(given.double().numpy(), full_matrices=False)
        s = s / np.linalg.norm(s)
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        np.testing.assert_allclose(found.numpy(), u * s @ v, atol=2e-4)


def test_orthogonal_brings_all_but_vanishing_singular_values_near_one():
    generator = torch.Generator().manual_seed(0)
    u, v = (torch.linalg.qr(torch.randn(40, 20, generator=generator))[0] for _ in range(2))
    given = u * torch.logspace(0, -2, 20) @ v.T
    for scale in (1e-4, 1.0, 1e4):
        values = torch.linalg.svdvals(orthogonal([given * scale])[0])[:20]
        assert values.min() > 0.6 and values.max() < 1.3
    assert not orthogonal([torch.zeros(4, 6)])[0].any(), "a gradient of nothing stays nothing"


def test_muon_turns_convolutions_matrices_and_leaves_no_parameter_out():
    model = ConvAutoencoder()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    rule = optimizer(model.parameters(), TrainConfig(optimizer="muon", learning_rate=0.02))
    model(torch.rand(2, 1, 28, 28)).square().sum().backward()
    with torch.no_grad():
        rule.step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        moved = (old - parameter.detach()).flatten(1) if parameter.ndim > 1 else old - parameter.detach()
        if parameter.ndim > 1:
            rows, columns = moved.shape
            largest = torch.linalg.svdvals(moved)[0] / max(1, rows / columns) ** 0.5
            assert 0.01 < largest < 0.026
        else:
            assert moved.abs().max() == pytest.approx(0.04, rel=1e-3)  # Adam's first step is its rate


@pytest.mark.parametrize(("name", "pulled"), [("muon", True), ("adamw", True), ("adam", False)])
def test_weight_decay_shrinks_weights_where_the_rule_has_it_apart_from_the_gradient(name, pulled):
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.fill_(1.0)
    rule = optimizer(layer.parameters(), TrainConfig(optimizer=name, learning_rate=0.1, weight_decay=0.5))
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        rule.step()
    if pulled:
        torch.testing.assert_close(layer.weight.detach(), torch.full((2, 3), 0.95))
    else:
        assert (layer.weight < 1).all() and (layer.weight != 0.95).all()  # the gradient's share goes through the rule


def test_weight_decay_left_empty_is_the_librarys_own():
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        layer = nn.Linear(2, 2)
        ours = optimizer(layer.parameters(), TrainConfig(optimizer=name)).param_groups[0]["weight_decay"]
        assert ours == kind(layer.parameters()).param_groups[0]["weight_decay"]


def test_the_linear_schedule_rises_for_a_fiftieth_and_falls_to_nothing():
    config = options(schedule="linear", learning_rate=0.5)
    found = [rate(config, step, 1000) for step in range(1000)]
    assert found[0] == pytest.approx(0.5 / 20) and found[9] == pytest.approx(0.5 * 10 / 20)
    assert max(found) == pytest.approx(0.5 * (1000 - 19) / 1000, rel=0.01) and found.index(max(found)) in (19, 20)
    assert found[-1] == pytest.approx(0.5 / 1000)
    assert np.allclose(np.diff(found[20:]), -0.5 / 1000)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_training_is_too_short_for_a_schedule_and_the_constant_one_is_constant(schedule):
    config = options(schedule=schedule, learning_rate=0.1)
    for steps in (1, 2, 3, 49, 50, 51):
        rates = {rate(config, step, steps) for step in range(steps)}
        assert min(rates) > 0 and max(rates) <= 0.1
        assert schedule != "constant" or rates == {0.1}
