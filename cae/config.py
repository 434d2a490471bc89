"""The configurations of a model, a training, a map and samples; the named recipes. Imports nothing heavy."""

from __future__ import annotations

import functools
import math
import reprlib
from collections.abc import Callable, Iterator
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, TypeVar

from cae.data import catalogue
from cae.errors import CaeError, InvalidOption

ACTIVATIONS = ("relu", "gelu", "silu")
OPTIMIZERS = ("adam", "adamw", "sgd", "muon")
SCHEDULES = ("constant", "linear")
PRIORS = {"normal": "N(0, 1)", "gaussian": "Gaussian", "mixture": "Mixture"}  # where new codes come from


@dataclass(frozen=True)
class Option:
    """One field of a configuration: how it is presented, and which values it accepts.

    The command line derives its flags from it, the page its form, and both their refusals.
    """

    name: str
    label: str
    help: str
    default: Any
    kind: type
    unit: str = ""
    low: float | None = None
    high: float | None = None
    fixed: tuple[str, ...] = ()
    more: Callable[[], tuple[str, ...]] | None = None  # further choices on this machine
    optional: str = ""  # what None means; "" if it is not allowed

    @property
    def choices(self) -> tuple[str, ...]:
        """The values to choose from, if it is not a number."""
        return self.fixed + (self.more() if self.more else ())

    def check(self, value: Any, *, is_stored: bool = False) -> None:
        """Raises InvalidOption for an invalid value; a stored one may be valid on another machine only."""
        if value is None and self.optional:
            return
        if self.fixed:
            if value in self.fixed or (self.more and is_stored and catalogue.is_name(value)):
                return
            if value not in self.choices:
                raise self._refusal(f"must be one of {', '.join(self.choices)}, not {_short(value)}")
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(f"must be a number, not {_short(value)}")
        if isinstance(value, float) and (self.kind is int or not math.isfinite(value)):
            raise self._refusal(f"must be a {'whole' if self.kind is int else 'finite'} number, not {value!r}")
        shown = f"{value}" if abs(value) < 10**15 else "that"
        if self.low is not None and value < self.low:
            raise self._refusal(f"must be at least {self.low:g}, not {shown}")
        if self.high is not None and value > self.high:
            raise self._refusal(f"must be at most {self.high:,g}, not {shown}")

    def _refusal(self, message: str) -> InvalidOption:
        return InvalidOption(self.name, f"{self.label} {message}.")


def _option(default: Any, label: str, help: str, **details: Any) -> Any:
    return field(default=default, metadata={"label": label, "help": help, **details})


class Config:
    """A base for configurations: their options, their check, and JSON."""

    @classmethod
    @functools.cache
    def options(cls) -> tuple[Option, ...]:
        """One Option per field, in order."""
        return tuple(_as_option(item) for item in fields(cls))  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        self.check()

    def check(self, *, is_stored: bool = False) -> None:
        """Raises InvalidOption for an invalid value; stored ones may be valid on another machine only."""
        for option in self.options():
            option.check(getattr(self, option.name), is_stored=is_stored)

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]


def _as_option(item: Field[Any]) -> Option:
    kind = {"int": int, "float": float, "int | None": int, "float | None": float}.get(str(item.type), str)
    return Option(name=item.name, default=item.default, kind=kind, **item.metadata)


def _short(value: Any) -> str:
    return reprlib.repr(value)  # which may be endless in somebody else's file


C = TypeVar("C", bound=Config)


def from_json(cls: type[C], values: Any) -> C:
    """The configuration from what `to_json` gave. Raises InvalidOption for unknown names and invalid values.

    Its data set need not be on this machine.
    """
    if not isinstance(values, dict):
        raise InvalidOption("", f"A {cls.__name__} must be a table of options, not {type(values).__name__}.")
    known = {option.name for option in cls.options()}
    for name in values:
        if name not in known:
            raise InvalidOption(_short(name), f"There is no option called {_short(name)}.")
    config = object.__new__(cls)  # without the check of a new one
    for option in cls.options():
        object.__setattr__(config, option.name, values.get(option.name, option.default))
    config.check(is_stored=True)
    return config


@dataclass(frozen=True)
class ModelConfig(Config):
    """The shape of the network: two stride-2 convolutions, a linear bottleneck, and the mirror of both."""

    latent_dim: int = _option(
        32, "Latent dimensions", "How many numbers a digit is squeezed into.", unit="numbers", low=1, high=256
    )
    width: int = _option(
        16,
        "Width",
        "Channels of the first convolution; the second has twice as many.",
        unit="channels",
        low=1,
        high=256,
    )
    activation: str = _option("relu", "Activation", "The non-linearity between the layers.", fixed=ACTIVATIONS)


@dataclass(frozen=True)
class TrainConfig(Config):
    """How the network is trained. The loss is MSE on pixels in [-1, 1]."""

    dataset: str = _option(
        "mnist", "Data set", "What the images show.", fixed=tuple(catalogue.DATASETS), more=catalogue.own
    )
    epochs: int = _option(20, "Epochs", "How often each training image is seen.", unit="epochs", low=1, high=10_000)
    batch_size: int = _option(64, "Batch size", "Images per update of the weights.", unit="images", low=1, high=60_000)
    learning_rate: float = _option(
        1e-3, "Learning rate", "How far each update goes. Too high and the loss jumps; too low and it crawls.",
        low=1e-7, high=10.0,
    )  # fmt: skip
    optimizer: str = _option(
        "adam",
        "Optimizer",
        "The rule that turns gradients into updates (SGD has momentum 0.9; Muon likes a learning rate of 0.02).",
        fixed=OPTIMIZERS,
    )
    train_images: int | None = _option(
        None,
        "Training images",
        "How many to use, from the first on.",
        unit="images",
        low=1,
        high=1_000_000,
        optional="all of them",
    )
    validation_images: int = _option(
        0,
        "Validation images",
        "How many to hold out, from the end of the training set, for choosing options. The test set is not for that.",
        unit="images",
        low=0,
        high=1_000_000,
    )
    seed: int = _option(
        0, "Seed", "The same seed and options give the same weights again, bit for bit.", low=0, high=2**32 - 1
    )
    weight_decay: float | None = _option(
        None,
        "Weight decay",
        "How strongly weights are pulled towards 0: a step subtracts learning rate x weight decay of each. Adam and "
        "SGD add it to the gradient instead.",
        low=0.0,
        high=10.0,
        optional="the optimizer's own (0; 0.01 for AdamW)",
    )
    schedule: str = _option(
        "constant",
        "Schedule",
        "How the learning rate changes during training: constant, or linear, down to 0 after a short warm-up.",
        fixed=SCHEDULES,
    )
    shift: float = _option(
        0.0,
        "Shift",
        "Augmentation: every second image is shifted by up to this much, differently each time.",
        unit="pixels",
        low=0.0,
        high=8.0,
    )
    rotation: float = _option(
        0.0, "Rotation", "Augmentation: and rotated by up to this much, either way.", unit="degrees", low=0.0, high=45.0
    )
    scaling: float = _option(
        0.0, "Scaling", "Augmentation: and enlarged or shrunk by up to this much.", unit="%", low=0.0, high=50.0
    )

    def check(self, *, is_stored: bool = False) -> None:
        """Raises InvalidOption for an invalid value, or if the data set has too few images."""
        super().check(is_stored=is_stored)
        if is_stored and self.dataset not in catalogue.DATASETS:
            return
        try:
            available = catalogue.train_images(self.dataset)
        except CaeError as error:
            raise InvalidOption("dataset", str(error)) from error
        if self.validation_images >= available:
            raise InvalidOption(
                "validation_images", f"Validation images must be fewer than the {available:,} there are."
            )
        if self.train_images is not None and self.train_images + self.validation_images > available:
            raise InvalidOption(
                "train_images",
                f"Training images must be at most {available - self.validation_images:,}: {self.dataset} has "
                f"{available:,}, of which {self.validation_images:,} are held out for validation.",
            )


@dataclass(frozen=True)
class MapConfig(Config):
    """How t-SNE lays out the codes of the test images."""

    perplexity: float = _option(
        30.0,
        "Perplexity",
        "How many neighbours each digit tries to stay close to. Small values show crumbs, large ones continents.",
        low=2.0,
        high=500.0,
    )
    points: int | None = _option(
        None,
        "Digits",
        "How many test images, chosen at random; fewer is faster.",
        low=8,
        high=1_000_000,
        optional="all of the test set",
    )
    seed: int = _option(0, "Seed", "Chooses the digits, and where t-SNE starts.", low=0, high=2**31 - 1)

    @property
    def key(self) -> str:
        """The configuration as part of a file name."""
        return f"{self.points or 'all'}-{self.perplexity:g}-{self.seed}"


@dataclass(frozen=True)
class SampleConfig(Config):
    """Which new digits to sample."""

    prior: str = _option(
        "mixture",
        "Prior",
        "Where codes are drawn from: N(0, 1) as in the founding document, or a distribution fitted to real codes.",
        fixed=tuple(PRIORS),
    )
    of_class: int | None = _option(
        None,
        "Class",
        "Only codes like those of one class.",
        low=0,
        high=catalogue.MOST_CLASSES - 1,
        optional="all classes",
    )
    count: int = _option(64, "Count", "How many to draw.", unit="digits", low=1, high=10_000)
    seed: int = _option(0, "Seed", "Another seed draws other digits.", low=0, high=2**32 - 1)


@dataclass(frozen=True)
class Recipe:
    """A named configuration of a training, and what it is for."""

    summary: str
    model: ModelConfig
    train: TrainConfig


RECIPES: dict[str, Recipe] = {
    "original": Recipe(
        "The founding document's own: Adam, batches of 64, 20 epochs, all 60,000 images.",
        ModelConfig(),
        TrainConfig(),
    ),
    "fast": Recipe(
        "The original's quality in a tenth of the time: Muon, two epochs, a falling learning rate.",
        ModelConfig(),
        TrainConfig(epochs=2, batch_size=96, learning_rate=0.03, optimizer="muon", weight_decay=0.1, schedule="linear"),
    ),
    "polished": Recipe(
        "The original's network and its 20 epochs, better trained: Muon and augmentation, a sixth less error.",
        ModelConfig(),
        TrainConfig(
            learning_rate=0.01,
            optimizer="muon",
            weight_decay=0.003,
            schedule="linear",
            rotation=5.0,
            scaling=4.0,
        ),
    ),
    "best": Recipe(
        "The lowest error with 32 numbers: four times as wide as the original, ten minutes.",
        ModelConfig(width=64, activation="gelu"),
        TrainConfig(
            epochs=20,
            batch_size=128,
            learning_rate=0.02,
            optimizer="muon",
            weight_decay=0.005,
            schedule="linear",
            shift=1.0,
            rotation=10.0,
            scaling=8.0,
        ),
    ),
    "glance": Recipe(
        "Five short epochs on the first 10,000 images: a network that learns while you watch, in seconds.",
        ModelConfig(),
        TrainConfig(epochs=5, train_images=10_000),
    ),
}


def differences(model: ModelConfig, train: TrainConfig | None, recipe: str = "original") -> Iterator[tuple[str, Any]]:
    """The options that differ from a recipe's, by default the founding document's: label and value of each."""
    reference = RECIPES[recipe]
    pairs: list[tuple[Config, Config]] = [(model, reference.model)]
    if train is not None:
        pairs.append((train, reference.train))
    for mine, theirs in pairs:
        for option in mine.options():
            value = getattr(mine, option.name)
            if value != getattr(theirs, option.name):
                yield option.label.lower(), option.optional if value is None else value
