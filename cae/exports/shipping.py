"""Prepares a finished run to ship with the project."""

from __future__ import annotations

import contextlib

from cae.config import MapConfig
from cae.data import picks
from cae.disk.files import clear_away, require_writable
from cae.errors import CaeError, CannotProject, InvalidOption
from cae.evaluation import errors, probes
from cae.latent import explore, maps
from cae.runs.run import Run
from cae.steps import Steps, result_of

FRAMES = 8
FILM_BYTES = 3_500_000  # all shipped runs together have 12 MB


def ship(run: Run) -> Steps[int]:
    """Thins the film to 8 frames or FILM_BYTES, adds the measurements, drops what only training needs; gives the bytes.

    From then on the laboratory only reads the run. Raises CaeError unless the run has finished, and Unwritable, after
    which it can be called again.
    """
    require_writable()
    if run.state != "finished" or run.info.train is None:
        raise CaeError(f"Only a finished run can be shipped, but {run.name} is {run.state}.")
    with run.writing():
        weights = run.weights_hash()
        errors.place(run, weights).ship((yield from errors.evaluate(run)))
        explore.place(run, weights).ship((yield from explore.measuring(run)))
        probes.place(run, weights).ship((yield from probes.probe(run)))
        _add_map(run)
        frames = {int(frame.stem): frame for frame in (run.path / "epochs").glob("[0-9]*.safetensors")}
        largest = max((frame.stat().st_size for frame in frames.values()), default=1)
        kept = picks.film(run.last_epoch(), max(2, min(FRAMES, FILM_BYTES // largest)))
        for epoch, frame in frames.items():
            if epoch not in kept or epoch == run.last_epoch():  # the last is model.safetensors itself
                frame.unlink()
        for file in ("resume.safetensors", "log.txt"):
            (run.path / file).unlink(missing_ok=True)
        clear_away(run.path, ".*.part")
        run.update(shipped=True, by=None, resumed_by=None)
        for lock in run.path.glob("*.lock"):
            lock.unlink()
        return sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())


def _add_map(run: Run) -> None:
    """Adds the dashboard's first map and the scores of PCA, unless these codes cannot be laid out by t-SNE."""
    config = MapConfig()
    with contextlib.suppress(CannotProject, InvalidOption):
        points = maps.points(run, run.test_images(), config)
        maps.flat_scores_place(run, points).ship(maps.flat_scores(run, points))
        maps.place(run, config, points.digits, len(points.indices)).ship(result_of(maps.compute(run, config)))
