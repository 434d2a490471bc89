"""Everything that is measured of a run, by one process: its errors, its codes and its map."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import Any

from cae.config import MapConfig
from cae.data import baselines
from cae.disk.files import cache_folder
from cae.errors import CannotProject, InvalidOption, Unwritable
from cae.evaluation import errors as evaluation_errors
from cae.evaluation import probes
from cae.evaluation.errors import Evaluation
from cae.evaluation.probes import Probing
from cae.jobs.job import Job
from cae.latent import maps
from cae.latent.mapfiles import Scores
from cae.latent.projection import Snapshot
from cae.runs.run import Run
from cae.steps import Step, Steps, changed, result_of
from cae.words import percent

_STAGES = 9  # that are told before t-SNE
_BEFORE_THE_MAP = 0.6  # of the time


@dataclass(frozen=True)
class Judgement:
    """What was measured of a run.

    `map` is of its t-SNE with the default options; None where there can be none, or none can be kept.
    """

    evaluation: Evaluation
    probing: Probing
    map: Scores | None

    def to_json(self) -> dict[str, Any]:
        """What `python -m cae evaluate --json` prints."""
        return {
            **self.evaluation.to_json(),
            "codes": self.probing.to_json(),
            "map": self.map and {"trustworthiness": self.map.trustworthiness, "knn_accuracy": self.map.accuracy},
        }


def job(run: Run) -> Job:
    """The process that measures the run's last weights."""
    return Job(cache_folder() / run.weights_hash() / "judging.json", ["evaluate", *run.arguments()])


def kept(run: Run) -> Judgement | None:
    """What was measured of the run's last weights, if all of it was."""
    errors, codes = evaluation_errors.kept(run), probes.kept(run)
    if errors is None or codes is None:
        return None
    found = maps.found(run, MapConfig())
    if not (found and found[0].is_finished) and _can_be_mapped(run):
        return None
    return Judgement(errors, codes, found[0].scores if found else None)


def judge(run: Run) -> Steps[Judgement]:
    """Measures the run's last weights, or gives what was measured before (first some 60 s, then instant).

    Where another process measures them, waits for that one; asked to stop, stops. Raises RunNotFound where the run has
    no weights yet, Damaged, or CaeError where it was stopped.
    """
    before = kept(run)
    if before is not None:
        return before
    stages = itertools.count(1)

    def with_share(step: Step) -> Step:
        return Step(step.text, _BEFORE_THE_MAP * next(stages) / _STAGES) if step.share is None else step

    measuring = changed(_measured(run), with_share)
    return (yield from job(run).watched(measuring, f"The measuring of {run.name} was stopped."))


def _measured(run: Run) -> Steps[Judgement]:
    errors = yield from evaluation_errors.evaluate(run)
    codes = yield from probes.probe(run)
    config = MapConfig()
    with contextlib.suppress(CannotProject, InvalidOption, Unwritable):
        yield Step("laying out the map", _BEFORE_THE_MAP)
        for each in maps.compute(run, config):
            if isinstance(each, Snapshot) and each.iteration % 100 == 0:
                share = each.iteration / each.iterations
                yield Step(f"laying out the map, {percent(share, 0)}", _BEFORE_THE_MAP + (1 - _BEFORE_THE_MAP) * share)
    on_map = maps.found(run, config)
    return Judgement(errors, codes, on_map[0].scores if on_map else None)


def prepare(run: Run, *, with_priors: bool = False) -> Steps[None]:
    """Measures and keeps what the pages would measure when they first show a run, and what Judge measures.

    With what Generate fits, where that is wanted. Raises as `judge` does.
    """
    from cae.data.images import load
    from cae.latent import explore, sampling

    dataset = run.dataset
    yield Step("judging")
    result_of(judge(run))  # which also keeps the error of every test image
    yield Step("fitting PCA")
    baselines.baselines(dataset)
    baselines.components(dataset)
    yield Step("re-inking training digits, for what is drawn by hand")
    result_of(explore.re_inked(dataset, load(dataset, "train")))
    yield Step("measuring the latent space")
    explore.latent_space(run)
    yield Step("measuring every test image")
    evaluation_errors.errors_per_image(run)
    with contextlib.suppress(CannotProject, InvalidOption):
        yield Step("comparing neighbourhoods")
        maps.flat_scores(run, maps.points(run, load(dataset, "test"), MapConfig()))
    if with_priors:
        yield Step("fitting priors")
        result_of(sampling.fit(run))


def _can_be_mapped(run: Run) -> bool:
    return not maps.why_not(maps.points(run, run.test_images(), MapConfig()), MapConfig())
