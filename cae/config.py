"""What can be configured: the model's shape, its training, a map, and the named recipes. Imports nothing heavy."""

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
    """How one field of a configuration is presented and what it accepts.

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
    more: Callable[[], tuple[str, ...]] | None = None  # what can be chosen besides, on this machine and now
    optional: str = ""  # what leaving it empty means; "" where it may not be empty

    @property
    def choices(self) -> tuple[str, ...]:
        """What can be chosen, where it is no number."""
        return self.fixed + (self.more() if self.more else ())

    def check(self, value: Any, *, is_stored: bool = False) -> None:
        """Raises InvalidOption where `value` cannot be used; what is stored may name what is on another machine."""
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
    """What the configurations share: their options, their check, and their way to JSON and back."""

    @classmethod
    @functools.cache
    def options(cls) -> tuple[Option, ...]:
        """One Option a field, in the order of the fields."""
        return tuple(_as_option(item) for item in fields(cls))  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        self.check()

    def check(self, *, is_stored: bool = False) -> None:
        """Raises InvalidOption where a value cannot be used; what is stored may be about what is not here any more."""
        for option in self.options():
            option.check(getattr(self, option.name), is_stored=is_stored)

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]


def _as_option(item: Field[Any]) -> Option:
    kind = {"int": int, "float": float, "int | None": int, "float | None": float}.get(str(item.type), str)
    return Option(name=item.name, default=item.default, kind=kind, **item.metadata)


def _short(value: Any) -> str:
    return reprlib.repr(value)  # of a file that somebody has made, it may be without end


C = TypeVar("C", bound=Config)


def from_json(cls: type[C], values: Any) -> C:
    """A configuration from what `to_json` gave. Raises InvalidOption for unknown names and bad values.

    A data set need not be on this machine: what was trained on it can still be looked at.
    """
    if not isinstance(values, dict):
        raise InvalidOption("", f"A {cls.__name__} must be a table of options, not {type(values).__name__}.")
    known = {option.name for option in cls.options()}
    for name in values:
        if name not in known:
            raise InvalidOption(_short(name), f"There is no option called {_short(name)}.")
    found = object.__new__(cls)
    for option in cls.options():
        object.__setattr__(found, option.name, values.get(option.name, option.default))
    found.check(is_stored=True)
    return found


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
        "mnist", "Data set", "What the pictures are of.", fixed=tuple(catalogue.DATASETS), more=catalogue.own
    )
    epochs: int = _option(20, "Epochs", "How often every training image is seen.", unit="epochs", low=1, high=10_000)
    batch_size: int = _option(
        64, "Batch size", "Images between two updates of the weights.", unit="images", low=1, high=60_000
    )
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
        "Only the first so many are used.",
        unit="images",
        low=1,
        high=1_000_000,
        optional="all of them",
    )
    validation_images: int = _option(
        0,
        "Validation images",
        "Held out from the end of the training set, to choose options by. The test set is never for that.",
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
        "How strongly weights are pulled to 0; a step takes learning rate x weight decay of each. Adam and SGD "
        "add it to the gradient instead.",
        low=0.0,
        high=10.0,
        optional="the optimizer's own (0; 0.01 for AdamW)",
    )
    schedule: str = _option(
        "constant",
        "Schedule",
        "How the learning rate goes over the whole training: constant, or linear, down to 0 after a short warm-up.",
        fixed=SCHEDULES,
    )
    shift: float = _option(
        0.0,
        "Shift",
        "Augmentation: every second image is moved by up to so much, another way each time.",
        unit="pixels",
        low=0.0,
        high=8.0,
    )
    rotation: float = _option(
        0.0, "Rotation", "Augmentation: and turned by up to so much, either way.", unit="degrees", low=0.0, high=45.0
    )
    scaling: float = _option(
        0.0, "Scaling", "Augmentation: and made larger or smaller by up to so much.", unit="%", low=0.0, high=50.0
    )

    def check(self, *, is_stored: bool = False) -> None:
        """Raises InvalidOption where a value cannot be used, or where the data set has not so many images."""
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
    """How the codes of the test images are laid out by t-SNE."""

    perplexity: float = _option(
        30.0,
        "Perplexity",
        "How many neighbours each digit tries to stay close to. Small ones show crumbs, large ones continents.",
        low=2.0,
        high=500.0,
    )
    points: int | None = _option(
        None,
        "Digits",
        "A random choice of so many test images; fewer are faster.",
        low=8,
        high=1_000_000,
        optional="all of the test set",
    )
    seed: int = _option(0, "Seed", "Chooses the digits, and where t-SNE starts.", low=0, high=2**31 - 1)

    @property
    def key(self) -> str:
        """What tells this map from others in the name of a file."""
        return f"{self.points or 'all'}-{self.perplexity:g}-{self.seed}"


@dataclass(frozen=True)
class SampleConfig(Config):
    """Which new digits are drawn."""

    prior: str = _option(
        "mixture",
        "Prior",
        "Where codes are drawn from: N(0, 1) as the founding document does, or what was fitted to real codes.",
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
    count: int = _option(64, "Count", "How many.", unit="digits", low=1, high=10_000)
    seed: int = _option(0, "Seed", "Another seed draws other digits.", low=0, high=2**32 - 1)


@dataclass(frozen=True)
class Recipe:
    """A named training: what it is for, and every option of it."""

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
        "As far below the original's error as 32 numbers let us come: four times as wide, ten minutes.",
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
    """The options, by label, that differ from those of a recipe, the founding document's unless told, with values."""
    reference = RECIPES[recipe]
    pairs: list[tuple[Config, Config]] = [(model, reference.model)]
    if train is not None:
        pairs.append((train, reference.train))
    for mine, theirs in pairs:
        for option in mine.options():
            value = getattr(mine, option.name)
            if value != getattr(theirs, option.name):
                yield option.label.lower(), option.optional if value is None else value
