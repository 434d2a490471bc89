"""Everything that is measured of a run, by one process: its errors, its codes and its map."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cae.config import MapConfig
from cae.data import baselines
from cae.disk.files import cache_folder
from cae.errors import CaeError, CannotProject, InvalidOption, Unwritable
from cae.evaluation import errors as evaluation_errors
from cae.evaluation import probes
from cae.evaluation.errors import Evaluation
from cae.evaluation.probes import Probing
from cae.jobs.process import Job
from cae.latent import maps
from cae.latent.maps import Scores
from cae.runs.run import Run
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


def judge(run: Run, report: Callable[[str], None] = lambda _: None) -> Judgement:
    """Measures the run's last weights, or gives what was measured before (first some 60 s, then instant).

    `report` is told what is being done. Where another process measures them, waits for that one; asked to stop, stops.
    Raises RunNotFound where the run has no weights yet, Damaged, or CaeError where it was stopped.
    """
    found = kept(run)
    if found is not None:
        return found
    work, stage = job(run), 0

    def say(text: str, share: float | None = None) -> None:
        nonlocal stage
        stage += 1
        report(text)
        work.tell(text, _BEFORE_THE_MAP * stage / _STAGES if share is None else share)
        if work.is_stop_asked():
            raise CaeError(f"The measuring of {run.name} was stopped.")

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(Unwritable):  # a cache that cannot be written to costs time, not results
            stack.enter_context(work.at_work())
        errors, codes = evaluation_errors.evaluate(run, say), probes.probe(run, say)
        on_map = _map_scores(run, say)
    return Judgement(errors, codes, on_map)


def prepare(run: Run, *, with_priors: bool = False) -> Iterator[str]:
    """Measures and keeps what the pages would measure when they first show a run, and what Judge measures.

    With what Generate fits, where that is wanted. Yields what is done next. Raises as `judge` does.
    """
    from cae.data.images import load
    from cae.latent import sampling, space

    dataset = run.dataset
    yield "judging"
    judge(run)  # which also keeps the error of every test image
    yield "fitting PCA"
    baselines.baselines(dataset)
    baselines.components(dataset)
    yield "re-inking training digits, for what is drawn by hand"
    space.re_inked(dataset, load(dataset, "train"))
    yield "measuring the latent space"
    space.latent_space(run)
    yield "measuring every test image"
    evaluation_errors.errors_per_image(run)
    with contextlib.suppress(CannotProject, InvalidOption):
        yield "comparing neighbourhoods"
        maps.flat_scores(run, maps.points(run, load(dataset, "test"), MapConfig()))
    if with_priors:
        yield "fitting priors"
        sampling.fit(run)


def _map_scores(run: Run, say: Callable[..., None]) -> Scores | None:
    config = MapConfig()
    with contextlib.suppress(CannotProject, InvalidOption, Unwritable):
        say("laying out the map", _BEFORE_THE_MAP)
        for each in maps.compute(run, config):
            if each.iteration % 100 == 0:
                share = each.iteration / each.iterations
                say(f"laying out the map, {percent(share, 0)}", _BEFORE_THE_MAP + (1 - _BEFORE_THE_MAP) * share)
    found = maps.found(run, config)
    return found[0].scores if found else None


def _can_be_mapped(run: Run) -> bool:

    return not maps.why_not(maps.points(run, run.test_images(), MapConfig()), MapConfig())
