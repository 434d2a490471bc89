import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import TINY, environment, options
from torch import nn
from torch.nn import functional

from cae.config import OPTIMIZERS, ModelConfig, TrainConfig
from cae.data.images import load, to_model
from cae.errors import Diverged, InvalidOption
from cae.network.model import ConvAutoencoder
from cae.network.records import EpochRecord, Progress
from cae.network.training import TrainState, mean_mse, split, train


@pytest.fixture(scope="module")
def pixels():
    return load("mnist", "train").pixels[:100]


@pytest.fixture(scope="module")
def test_pixels():
    return load("mnist", "test").pixels[:30]


def fresh(seed=0, model=TINY):
    return ConvAutoencoder(model, torch.Generator().manual_seed(seed))


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def epochs(events):
    return [event for event in events if isinstance(event, EpochRecord)]


def test_it_yields_every_step_and_after_the_steps_of_an_epoch_its_record(pixels, test_pixels):
    events = list(train(fresh(), pixels, test_pixels, options(batch_size=32)))
    assert [type(event) for event in events] == ([Progress] * 4 + [EpochRecord]) * 2
    assert [event.step for event in events] == [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]
    assert [event.epoch for event in events] == [0.25, 0.5, 0.75, 1, 1, 1.25, 1.5, 1.75, 2, 2]
    for record, steps in ((events[4], events[:4]), (events[9], events[5:9])):
        assert record.train_mse == pytest.approx(np.mean([step.train_mse for step in steps]), rel=1e-12)
    seconds = [0.0, *(event.seconds for event in events)]
    assert seconds == sorted(seconds) and seconds[1] > 0
    assert all(event.images_per_second > 0 for event in events)


def test_the_first_loss_is_that_of_the_untrained_model_on_the_first_batch(pixels, test_pixels):
    order = torch.randperm(100, generator=torch.Generator().manual_seed(5))[:32]
    images = to_model(pixels[order])
    with torch.no_grad():
        expected = float((fresh()(images) - images).square().mean())
    first = next(train(fresh(), pixels, test_pixels, options(seed=5)))
    assert first.train_mse == pytest.approx(expected, rel=1e-5)


class PlainMuon:
    """What the paper says, one matrix at a time in double precision; biases by PyTorch's Adam."""

    def __init__(self, parameters, rate, decay=0.0):
        parameters = list(parameters)
        self.weights, self.rate, self.decay = [p for p in parameters if p.ndim > 1], rate, decay
        self.momenta = [torch.zeros_like(p) for p in self.weights]
        self.adam = torch.optim.Adam([p for p in parameters if p.ndim == 1], lr=2 * rate, betas=(0.9, 0.99))

    def zero_grad(self):
        for parameter in self.weights:
            parameter.grad = None
        self.adam.zero_grad()

    @torch.no_grad()
    def step(self):
        for weight, momentum in zip(self.weights, self.momenta, strict=True):
            momentum.mul_(0.95).add_(0.05 * weight.grad)
            x = (0.05 * weight.grad + 0.95 * momentum).double().reshape(len(weight), -1)
            rows, columns = x.shape
            x = x / x.norm()
            for _ in range(5):
                x = 3.4445 * x - 4.7750 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
            weight.mul_(1 - self.rate * self.decay)
            weight.sub_(self.rate * max(1, rows / columns) ** 0.5 * x.view(weight.shape).float())
        self.adam.step()


USUAL = {
    "adam": lambda p, rate: torch.optim.Adam(p, lr=rate),
    "adamw": lambda p, rate: torch.optim.AdamW(p, lr=rate),
    "sgd": lambda p, rate: torch.optim.SGD(p, lr=rate, momentum=0.9),
    "muon": PlainMuon,
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_learns_what_the_plain_notebook_loop_learns(optimizer, pixels, test_pixels):
    config = options(optimizer=optimizer, learning_rate=0.01, epochs=3, seed=9)
    model, plain = fresh(), fresh()
    found = epochs(train(model, pixels, test_pixels, config))
    rule = USUAL[optimizer](plain.parameters(), 0.01)
    generator = torch.Generator().manual_seed(9)
    for record in found:
        losses = []
        for batch in torch.randperm(100, generator=generator).split(32):
            images = pixels[batch][:, None].float() / 127.5 - 1
            loss = functional.mse_loss(plain(images), images)
            rule.zero_grad()
            loss.backward()
            rule.step()
            losses.append(loss.item())
        assert record.train_mse == pytest.approx(np.mean(losses), rel=1e-4)
    for one, other in zip(weights(model), weights(plain), strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls(optimizer, pixels, test_pixels):
    rate = {"sgd": 0.1, "muon": 0.02}.get(optimizer, 0.005)
    config = options(optimizer=optimizer, learning_rate=rate, epochs=8, batch_size=10)
    found = epochs(train(fresh(model=ModelConfig(8, 4)), pixels, test_pixels, config))
    assert found[-1].train_mse < 0.95 * found[0].train_mse


def plain_mse(model, pixels):
    images = to_model(pixels)
    with torch.no_grad():
        return float((model(images).double() - images.double()).square().mean())


def test_test_and_validation_loss_are_measured_after_the_epoch_on_all_images_alike(pixels, test_pixels):
    model = fresh()
    (record,) = epochs(train(model, pixels[:80], test_pixels, options(epochs=1), validation_pixels=pixels[80:]))
    assert record.test_mse == pytest.approx(plain_mse(model, test_pixels), rel=1e-5)
    assert record.validation_mse == pytest.approx(mean_mse(model, pixels[80:]), rel=1e-9)
    assert record.validation_mse != pytest.approx(record.test_mse, rel=1e-6)
    (record,) = epochs(train(fresh(), pixels, test_pixels, options(epochs=1), validation_pixels=pixels[:0]))
    assert record.validation_mse is None
    many = load("mnist", "test").pixels[:1003]  # more than one batch, and the last is a small one
    assert mean_mse(model, many) == pytest.approx(plain_mse(model, many), rel=1e-5)


def test_the_same_seed_gives_the_same_weights_whatever_the_global_random_state(pixels, test_pixels):
    found = []
    with torch.random.fork_rng():
        for noise in (1, 2):
            torch.manual_seed(noise)
            state = TrainState.fresh(TINY, options(seed=4))
            list(train(state.model, pixels, test_pixels, options(seed=4), state=state))
            found.append(weights(state.model))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    other = TrainState.fresh(TINY, options(seed=5))
    assert not torch.equal(found[0][0], weights(other.model)[0])


def test_every_epoch_sees_every_image_once_in_another_order():
    state = TrainState.fresh(TINY, options())
    first = state.order(50)
    assert torch.equal(state.order(50), first)
    assert sorted(first.tolist()) == list(range(50))
    state.finish_epoch()
    second = state.order(50)
    assert sorted(second.tolist()) == list(range(50))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("steps", [1, 3, 4, 5, 8])
def test_a_state_taken_at_any_yield_continues_bit_for_bit(optimizer, steps, pixels, test_pixels):
    config = options(optimizer=optimizer, epochs=3, batch_size=32)
    whole = TrainState.fresh(TINY, config)
    records = epochs(train(whole.model, pixels, test_pixels, config, state=whole))

    first = TrainState.fresh(TINY, config)
    events = train(first.model, pixels, test_pixels, config, state=first)
    seen = list(itertools.islice((event for event in events if isinstance(event, Progress)), steps))
    tensors = {name: value.clone() for name, value in first.tensors().items()}
    assert seen[-1].step == steps

    second = TrainState.fresh(TINY, config)
    second.load(tensors)
    rest = epochs(train(second.model, pixels, test_pixels, config, state=second))
    assert [r.train_mse for r in rest] == [r.train_mse for r in records[-len(rest) :]]
    assert [r.test_mse for r in rest] == [r.test_mse for r in records[-len(rest) :]]
    assert all(torch.equal(a, b) for a, b in zip(weights(whole.model), weights(second.model), strict=True))


def test_a_state_of_another_model_does_not_load():
    tensors = TrainState.fresh(TINY, options()).tensors()
    with pytest.raises(ValueError, match="another training"):
        TrainState.fresh(ModelConfig(3, 4), options()).load(tensors)


def ruined(model):
    with torch.no_grad():
        model.encoder[0].weight.fill_(math.nan)
    return model


def test_a_loss_that_is_no_number_ends_the_training_with_a_sentence_even_after_the_last_step(pixels, test_pixels):
    with pytest.raises(Diverged, match=r"step 1 .*smaller learning rate"):
        next(train(ruined(fresh()), pixels, test_pixels, options()))
    model = fresh()
    events = train(model, pixels, test_pixels, options(epochs=2, batch_size=100))
    next(events)
    ruined(model)
    with pytest.raises(Diverged):  # and weights that are no numbers do not become the epoch's result
        next(events)


def test_split_takes_the_first_to_train_on_and_the_last_to_hold_out_and_no_more_than_there_are():
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1).expand(10, 28, 28)
    used, held = split(pixels, TrainConfig(train_images=3, validation_images=2))
    assert (used[:, 0, 0].tolist(), held[:, 0, 0].tolist()) == ([0, 1, 2], [8, 9])
    assert [len(part) for part in split(pixels, TrainConfig())] == [10, 0]
    assert [len(part) for part in split(pixels, TrainConfig(validation_images=4))] == [6, 4]
    for wrong in ({"train_images": 11}, {"validation_images": 10}, {"train_images": 9, "validation_images": 2}):
        with pytest.raises(InvalidOption, match="10 images"):
            split(pixels, TrainConfig(**wrong))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_an_optimizer_steps_exactly_as_the_library_s_own(name):
    from cae.network.optim import optimizer

    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    extra = {"momentum": 0.9} if name == "sgd" else {}
    mine, theirs = (nn.Parameter(torch.linspace(-1, 1, 50)) for _ in range(2))
    own = optimizer([mine], options(optimizer=name, learning_rate=0.01))
    library = kinds[name]([theirs], lr=0.01, fused=True, **extra)
    for step in range(5):
        mine.grad, theirs.grad = torch.sin(mine.detach() * step), torch.sin(theirs.detach() * step)
        with torch.no_grad():
            own.step()
        library.step()
    assert torch.equal(mine, theirs) and not torch.equal(mine, torch.linspace(-1, 1, 50))


@pytest.mark.slow
def test_training_does_not_wait_for_the_compiler_to_be_imported():
    code = (
        "import sys, cae; from cae.network.training import TrainState; from cae.config import *;"
        "pixels = __import__('torch').zeros(8, 28, 28, dtype=__import__('torch').uint8);"
        "model = cae.ConvAutoencoder();"
        "next(cae.train(model, pixels, pixels, TrainConfig(epochs=1)));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), timeout=60)
