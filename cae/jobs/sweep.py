"""A sweep: a run for each value of one option, and their results, kept in a file that outlives the runs."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cae.config import RECIPES, ModelConfig, Option, TrainConfig, differences, from_json
from cae.data import baselines
from cae.disk import reading
from cae.disk.files import SHIPPED_RUNS, reason, require_writable, runs_folder, write_whole
from cae.errors import CaeError, Damaged, Diverged, InvalidOption, RunExists, RunNotFound, Unwritable
from cae.jobs import process
from cae.jobs.trainer import Waiting, train_run
from cae.network.records import EpochRecord, Progress, from_values
from cae.runs.names import check_name
from cae.runs.owners import COMMAND_LINE
from cae.runs.run import Run
from cae.runs.weights import shapes

FORMAT = 1
SUFFIX = ".sweep.json"
MOST_VALUES = 64
MOST_COMPONENTS = 256  # of PCA: the most latent dimensions there can be
Value = int | float | str
_OPTIONS: dict[str, Option] = {option.name: option for cls in (ModelConfig, TrainConfig) for option in cls.options()}


@dataclass(frozen=True)
class SweepPoint:
    """One value, its run, and the run's results, MSE on [-1, 1]. While it is `waiting`, it has yet to be trained."""

    value: Value
    run: str
    state: Literal["waiting", "finished", "failed"]
    reason: str  # why it failed
    parameters: int
    latent_dim: int
    history: tuple[EpochRecord, ...]  # () while waiting

    @property
    def last(self) -> EpochRecord | None:
        """The record of the last epoch."""
        return self.history[-1] if self.history else None


@dataclass(frozen=True)
class Sweep:
    """One option and its values, in ascending order if they are numbers; all other options are the same for all runs.

    `model` and `train` configure all points, except for that option; `recipe` is where they come from.
    `pca[k - 1]` is the test error of PCA with k components, MSE on [-1, 1]; () until a point has finished.
    """

    name: str
    option: str
    recipe: str
    model: ModelConfig
    train: TrainConfig
    points: tuple[SweepPoint, ...]
    pca: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        """The option's label."""
        return _OPTIONS[self.option].label

    @property
    def dataset(self) -> str:
        """The data set of all runs."""
        return self.train.dataset

    @property
    def changed(self) -> tuple[tuple[str, Any], ...]:
        """The options of all runs, by label, that differ from the recipe's."""
        return tuple(differences(self.model, self.train, self.recipe))

    @property
    def finished(self) -> tuple[SweepPoint, ...]:
        """The points that have finished."""
        return tuple(point for point in self.points if point.state == "finished")

    @property
    def waiting(self) -> tuple[SweepPoint, ...]:
        """The points that have yet to be trained."""
        return tuple(point for point in self.points if point.state == "waiting")

    def config(self, value: Value) -> tuple[ModelConfig, TrainConfig]:
        """The configuration of the run of this value. Raises InvalidOption."""
        return _changed(self.model, self.train, {self.option: value})

    def to_json(self) -> dict[str, Any]:
        """The content of the results file, which bears the sweep's name."""
        return {
            "format": FORMAT, "option": self.option, "recipe": self.recipe, "dataset": self.dataset,
            "model": self.model.to_json(), "train": self.train.to_json(),
            "points": [_point_to_json(point) for point in self.points], "pca": list(self.pca),
        }  # fmt: skip


def plan(
    option: str,
    values: Sequence[Value],
    *,
    recipe: str = "original",
    changes: Mapping[str, Any] | None = None,
    name: str = "",
) -> Sweep:
    """A sweep over these values, with the results that are known already.

    `changes` are options of all runs. The name defaults to the option's and the recipe's. Results in the file of that
    name stay in it. Raises InvalidOption, InvalidName, RunExists if something else has that name, or Damaged.
    """
    changes = changes or {}
    if recipe not in RECIPES:
        raise InvalidOption("recipe", f"There is no recipe called {recipe!r}: there are {', '.join(RECIPES)}.")
    for each in (option, *changes):
        if each not in _OPTIONS:
            raise InvalidOption(each, f"There is no option called {each!r}.")
    _require_sensible(_OPTIONS[option], values, changes)
    model, train = _changed(RECIPES[recipe].model, RECIPES[recipe].train, changes)
    name = check_name(name or f"{option.replace('_', '-')}-{recipe}")
    sweep = Sweep(name, option, recipe, model, train, ())
    for value in values:
        try:
            sweep.config(value)
        except InvalidOption as error:
            raise InvalidOption(option, f"With {sweep.label.lower()} {value}: {error}") from None
    before = read(path(name)) if path(name).exists() else sweep
    if (before.option, before.model, before.train) != (option, model, train):
        raise RunExists(f"There is another sweep called {name!r}: choose another name (--name).")
    known = {point.value: point for point in before.points if point.state != "waiting"}
    points = [_planned(sweep, value, known.get(value)) for value in values]
    points += [point for value, point in known.items() if value not in values and point.state == "finished"]
    if _OPTIONS[option].kind is not str:
        points.sort(key=lambda point: point.value)
    return replace(sweep, points=tuple(points), pca=before.pca)


def train(planned: Sweep) -> Iterator[tuple[SweepPoint, Waiting | Progress | EpochRecord | SweepPoint]]:
    """Trains the points that have not finished, one after the other; yields the progress of each with the point.

    A point that has finished or diverged is yielded in its new state, after the results file has been updated. Ends
    when a run is asked to stop; planned again, the sweep continues from there. Raises CaeError with the reason if it
    cannot continue.
    """
    import torch

    require_writable()
    threads = torch.get_num_threads()
    sweep = planned if all(point.state == "waiting" for point in planned.points) else _written(planned)
    for point in planned.points:
        if point.state == "finished":
            continue
        torch.set_num_threads(threads)  # a resumed run has set its own number
        run = _prepared(sweep, point)
        with contextlib.suppress(Diverged):  # the run says so; the others may do better
            for event in train_run(run):
                yield point, event
        run = run.again()
        if run.state not in ("finished", "failed"):
            return
        done = _done(point, run)
        sweep = _written(replace(sweep, points=tuple(done if each is point else each for each in sweep.points)))
        yield point, done


def path(name: str) -> Path:
    """The results file of the user's own sweep of this name."""
    return runs_folder() / f"{name}{SUFFIX}"


def all_sweeps() -> list[Sweep]:
    """All sweeps whose results can be read, the user's own before the shipped ones."""
    sweeps: dict[str, Sweep] = {}
    for folder in dict.fromkeys((runs_folder(), SHIPPED_RUNS)):
        for file in reading.matching(folder, f"*{SUFFIX}"):
            with contextlib.suppress(Damaged):
                sweep = read(file)
                sweeps.setdefault(sweep.name, sweep)
    return list(sweeps.values())


def read(file: Path) -> Sweep:
    """The sweep in this results file. Raises Damaged, naming the file."""
    try:
        values = reading.values(file)
        newer = reading.whole(values["format"], 1) > FORMAT
        if not newer:
            return _from_json(check_name(file.name.removesuffix(SUFFIX)), values)
    except (*reading.UNREADABLE, CaeError) as error:
        raise Damaged(f"{file.name} is damaged and cannot be read: delete it to sweep again.") from error
    raise Damaged(f"{file.name} was written by a newer version of this laboratory: update it.")


# -- planning


def _require_sensible(option: Option, values: Sequence[Value], changes: Mapping[str, Any]) -> None:
    """Raises InvalidOption if these values cannot be swept."""

    def refuse(message: str) -> InvalidOption:
        return InvalidOption(option.name, message)

    label = option.label
    if option.name == "dataset":
        raise refuse("The data set cannot be swept: errors on different images cannot be compared.")
    if option.name in changes:
        raise refuse(f"{label} cannot be both swept and the same for all runs.")
    if len(values) < 2:
        raise refuse(f"A sweep needs at least two values of {label.lower()}, not {len(values)}.")
    if len(values) > MOST_VALUES:
        raise refuse(f"A sweep has at most {MOST_VALUES} values, not {len(values):,}.")
    for value in values:
        option.check(value)
        if value is None:  # valid in a recipe, but without a place on an axis
            raise refuse(f"{label} must be a number in a sweep.")
    twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        raise refuse(f"{label} {twice} appears twice: a sweep has one run per value.")


def _changed(
    model: ModelConfig, train: TrainConfig, changes: Mapping[str, Any], *, is_stored: bool = False
) -> tuple[ModelConfig, TrainConfig]:
    of_model = {option.name for option in ModelConfig.options()}
    mine = {name: value for name, value in changes.items() if name in of_model}
    others = {name: value for name, value in changes.items() if name not in of_model}
    if is_stored:  # the data set need not be on this machine
        return replace(model, **mine), from_json(TrainConfig, {**train.to_json(), **others})
    return replace(model, **mine), replace(train, **others)


def _planned(sweep: Sweep, value: Value, known: SweepPoint | None) -> SweepPoint:
    """The point of a value, finished if its run is, or if the run is gone and its results are known."""
    name = check_name(f"{sweep.name}-{re.sub(r'[^a-z0-9]+', '-', str(value))}")
    model, train = sweep.config(value)
    parameters = sum(map(math.prod, shapes(model).values()))
    point = SweepPoint(value, name, "waiting", "", parameters, model.latent_dim, ())
    try:
        run = Run.open(name)
    except RunNotFound:
        return known if known and known.state == "finished" else point
    if (run.info.model, run.info.train) != (model, train):
        raise RunExists(f"There is a run called {name!r} with other options: give the sweep another name (--name).")
    return _done(point, run) if run.state in ("finished", "failed") else point


# -- training


def _prepared(sweep: Sweep, point: SweepPoint) -> Run:
    """The run of a point: a new one, or the one to continue."""
    model, train = sweep.config(point.value)
    try:
        run = Run.open(point.run)
    except RunNotFound:
        return Run.create(point.run, model, train, recipe=sweep.recipe, by=COMMAND_LINE)
    if run.state == "damaged":
        raise Damaged(f"{run.summary().reason} Delete {run.name} to train it again.")
    process.prepare_resume(run, by=COMMAND_LINE)
    return run


def _done(point: SweepPoint, run: Run) -> SweepPoint:
    state: Literal["finished", "failed"] = "finished" if run.state == "finished" else "failed"
    history, train = tuple(run.history()), run.info.train
    epochs = train.epochs if train and state == "finished" else len(history)
    if [record.epoch for record in history] != list(range(1, epochs + 1)):
        raise Damaged(f"{run.name}/history.jsonl lacks epochs: delete {run.name} to train it again.")
    return replace(point, state=state, reason=run.info.reason, history=history)


def _written(sweep: Sweep) -> Sweep:
    """Writes the results file; gives the sweep with PCA's errors, as it is in the file."""
    if not sweep.pca:
        sweep = replace(sweep, pca=baselines.baselines(sweep.dataset).pca[:MOST_COMPONENTS])
    file, content = path(sweep.name), (json.dumps(sweep.to_json(), indent=1) + "\n").encode()
    try:
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
    except OSError as error:
        raise Unwritable(f"{file} cannot be written: {reason(error)}.") from error
    return sweep


# -- the results file


def _point_to_json(point: SweepPoint) -> dict[str, Any]:
    """The point with the results of its last epoch, and of every epoch."""
    names = ("train_mse", "test_mse", "validation_mse", "seconds")
    figures = {name: getattr(point.last, name, None) for name in names}
    return {
        **asdict(point),
        "epochs": len(point.history),
        **figures,
        "history": [asdict(record) for record in point.history],
    }


def _from_json(name: str, values: dict[str, Any]) -> Sweep:
    """The sweep from what `to_json` gave. Raises ValueError, TypeError, KeyError or CaeError for anything else."""
    sweep = Sweep(
        name, values["option"], values["recipe"], from_json(ModelConfig, values["model"]),
        from_json(TrainConfig, values["train"]), (), tuple(reading.number(each, 0) for each in values["pca"]),
    )  # fmt: skip
    if sweep.recipe not in RECIPES or sweep.option not in _OPTIONS or len(sweep.pca) > MOST_COMPONENTS:
        raise ValueError("of another laboratory")
    sweep = replace(sweep, points=tuple(_point_from_json(sweep, each) for each in values["points"]))
    _require_sensible(_OPTIONS[sweep.option], [point.value for point in sweep.points][:MOST_VALUES], {})
    if sweep.to_json() != values:  # what is written twice must agree, and nothing else may be there
        raise ValueError("contradictory")
    return sweep


def _point_from_json(sweep: Sweep, values: dict[str, Any]) -> SweepPoint:
    model, train = _changed(sweep.model, sweep.train, {sweep.option: values["value"]}, is_stored=True)
    history = tuple(from_values(EpochRecord, each) for each in values["history"])
    epochs = {"waiting": 0, "finished": train.epochs, "failed": len(history)}[values["state"]]
    if [record.epoch for record in history] != list(range(1, epochs + 1)) or not isinstance(values["reason"], str):
        raise ValueError("not a point")
    return SweepPoint(
        values["value"], check_name(values["run"]), values["state"], values["reason"],
        reading.whole(values["parameters"], 1), model.latent_dim, history,
    )  # fmt: skip
