"""Training as a generator: it yields progress, and the caller owns the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cae.config import ModelConfig, TrainConfig
from cae.data.images import to_model
from cae.errors import Diverged, InvalidOption
from cae.network import augment, optim
from cae.network.model import ConvAutoencoder, reconstruct
from cae.network.parallel import ALONE, Group
from cae.network.records import EpochRecord, Progress


def split(pixels: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """The images to train on (the first ones) and those held out for validation (the last ones).

    pixels: uint8 (N, 28, 28). Raises InvalidOption if there are too few.
    """
    available = len(pixels) - config.validation_images
    count = available if config.train_images is None else config.train_images
    if not 0 < count <= available:
        raise InvalidOption(
            "train_images",
            f"There are {len(pixels):,} images: not enough to train on {max(count, 1):,} of them "
            f"and to hold out {config.validation_images:,}.",
        )
    return pixels[:count], pixels[available:]


class TrainState:
    """The complete state of a training: everything the next step depends on, and nothing else.

    Saving `tensors()` and restoring them with `load()` continues the training bit for bit (on the CPU, with the same
    number of threads).
    """

    def __init__(self, model: ConvAutoencoder, config: TrainConfig, generator: torch.Generator | None = None) -> None:
        self.model = model.to(memory_format=torch.channels_last)  # a tenth faster on the CPU
        self.optimizer = optim.optimizer(model.parameters(), config)
        self.generator = generator or torch.Generator().manual_seed(config.seed)
        self.epoch = 0  # epochs completed
        self.batch = 0  # batches done in the current epoch
        self.step = 0
        self.loss_sum = 0.0  # over those batches
        self.seconds = 0.0
        self.order_state = self.generator.get_state()  # of the generator, before it shuffles the current epoch

    @classmethod
    def fresh(cls, model: ModelConfig, config: TrainConfig, device: torch.device | None = None) -> TrainState:
        """The state before the first step, with a model on `device` whose weights are drawn from the seed."""
        generator = torch.Generator().manual_seed(config.seed)
        return cls(ConvAutoencoder(model, generator).to(device), config, generator)

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors, contiguous and on the CPU."""
        named = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, parameter in enumerate(self.model.parameters()):
            for key, value in self.optimizer.state[parameter].items():
                if value is not None:
                    named[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
        named["order_state"] = self.order_state
        named["counters"] = torch.tensor([self.epoch, self.batch, self.step], dtype=torch.int64)
        named["sums"] = torch.tensor([self.loss_sum, self.seconds], dtype=torch.float64)
        return {name: value.detach().cpu().contiguous() for name, value in named.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restores what `tensors()` returned. Raises KeyError, ValueError or RuntimeError if it does not fit."""
        self.epoch, self.batch, self.step = (int(value) for value in tensors["counters"])
        self.loss_sum, self.seconds = (float(value) for value in tensors["sums"])
        if self.step:
            self._fill_optimizer()
        own = self.tensors()
        if {name: (value.shape, value.dtype) for name, value in tensors.items()} != {
            name: (value.shape, value.dtype) for name, value in own.items()
        }:
            raise ValueError("the state of another training")
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise ValueError("numbers that are not finite")
        if min(self.epoch, self.batch, self.loss_sum, self.seconds) < 0 or self.step < self.epoch:
            raise ValueError("a training that went backwards")
        self.model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
        for index, parameter in enumerate(self.model.parameters()):
            for key, held in self.optimizer.state[parameter].items():
                if held is not None:
                    held.copy_(tensors[f"optimizer.{index}.{key}"])
        self.order_state = tensors["order_state"]
        self.generator.set_state(self.order_state)

    def _fill_optimizer(self) -> None:
        """Creates the state that the optimizer holds between steps, by taking one step with zero gradients."""
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.grad = torch.zeros_like(parameter)
            self.optimizer.step()
        self.model.zero_grad(set_to_none=True)

    def order(self, count: int) -> Tensor:
        """The order (N,) in which the current epoch sees its images; the same at every call."""
        self.generator.set_state(self.order_state)
        return torch.randperm(count, generator=self.generator)

    def finish_epoch(self) -> None:
        """Counts the current epoch as done."""
        self.epoch, self.batch, self.loss_sum = self.epoch + 1, 0, 0.0
        self.order_state = self.generator.get_state()


def train(
    model: ConvAutoencoder,
    train_pixels: Tensor,
    test_pixels: Tensor,
    config: TrainConfig,
    *,
    validation_pixels: Tensor | None = None,
    state: TrainState | None = None,
    group: Group = ALONE,
) -> Iterator[Progress | EpochRecord]:
    """Trains `model` in place; yields Progress after every batch and an EpochRecord after every epoch.

    Pixels are uint8 (N, 28, 28); they are moved to the model's device. With a `state` of this model, training
    continues from there; while the generator waits at a yield, `state.tensors()` is an exact point to continue from.
    In a `group`, every process calls this with the same arguments and receives the same events.
    Raises Diverged when the loss is no longer finite.
    """
    state = state or TrainState(model, config)
    device = next(model.parameters()).device
    train_pixels, test_pixels = train_pixels.to(device), test_pixels.to(device)
    step = _Step(state, config, group)
    steps_per_epoch = math.ceil(len(train_pixels) / config.batch_size)
    while state.epoch < config.epochs:
        began, seconds_before, images = time.perf_counter(), state.seconds, 0
        batches = state.order(len(train_pixels)).split(config.batch_size)
        model.train()
        for batch in batches[state.batch :]:
            for settings in state.optimizer.param_groups:
                settings["lr"] = optim.rate(config, state.step, config.epochs * steps_per_epoch)
            loss = step(train_pixels, batch)
            if not math.isfinite(loss):
                raise Diverged(
                    f"The loss is no longer a number at step {state.step + 1} (epoch {state.epoch + 1}): "
                    "try a smaller learning rate."
                )
            state.batch += 1
            state.step += 1
            state.loss_sum += loss
            images += len(batch)
            elapsed = time.perf_counter() - began
            state.seconds = seconds_before + elapsed
            yield Progress(
                step=state.step,
                epoch=state.epoch + state.batch / steps_per_epoch,
                train_mse=loss,
                seconds=state.seconds,
                images_per_second=images / elapsed,
            )
        speed = images / max(time.perf_counter() - began, 1e-9)
        validation = None
        if validation_pixels is not None and len(validation_pixels):
            validation = _measured(model, validation_pixels.to(device), group)
        test = _measured(model, test_pixels, group)
        if not (math.isfinite(test) and math.isfinite(validation or 0)):
            raise Diverged(
                f"The loss is no longer a number after epoch {state.epoch + 1}: try a smaller learning rate."
            )
        train_mse = state.loss_sum / steps_per_epoch
        state.finish_epoch()
        state.seconds = seconds_before + time.perf_counter() - began
        yield EpochRecord(state.epoch, state.step, train_mse, test, validation, state.seconds, speed)


def mean_mse(model: ConvAutoencoder, pixels: Tensor) -> float:
    """The mean squared error on [-1, 1] of the model's reconstructions of `pixels`, uint8 (N, 28, 28)."""
    return _measured(model, pixels, ALONE)


def _measured(model: ConvAutoencoder, pixels: Tensor, group: Group) -> float:
    """The mean squared error, computed by the whole group."""
    total = 0.0
    for part in group.share(pixels).split(1000):
        images = to_model(part)
        total += float((reconstruct(model, images) - images).square_().mean(dtype=torch.float64)) * len(part)
    return group.total(total) / len(pixels)


class _Step:
    """Updates the weights, one batch at a call."""

    def __init__(self, state: TrainState, config: TrainConfig, group: Group) -> None:
        self._state, self._config, self._group = state, config, group
        self._model = group.together(state.model)
        self._is_augmented = augment.is_asked(config)

    def __call__(self, pixels: Tensor, batch: Tensor) -> float:
        """Updates the weights with the images at the indices `batch` (B,); returns the loss before the update."""
        mine = self._group.share(batch)
        weight = len(mine) * self._group.size / len(batch)  # the last batch may not divide evenly
        images = to_model(pixels[(mine if len(mine) else batch[:1]).to(pixels.device)])
        if self._is_augmented:
            images = augment.augmented(images, self._config, self._state.step * self._group.size + self._group.rank)
        images = images.contiguous(memory_format=torch.channels_last)  # (B, 1, 28, 28)
        loss = nn.functional.mse_loss(self._model(images), images)
        self._state.model.zero_grad(set_to_none=True)
        (loss if weight == 1 else loss * weight).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self._state.optimizer.step()
        return self._group.total(loss.item() * weight) / self._group.size
