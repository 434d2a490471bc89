import json
from dataclasses import replace

import pytest
from helpers import PROJECT, SMALL_TRAIN, TINY, losses_of, options, to_the_end, trained, weights_of

from cae.config import RECIPES, ModelConfig
from cae.errors import CaeError, NotResumable, ReadOnly
from cae.evaluation.errors import evaluate
from cae.exports.shipping import ship
from cae.exports.zip import pack
from cae.imports.run import import_file
from cae.latent import evaluate as latent_evaluate
from cae.runs.run import Run
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("small_data")


def test_a_shipped_run_has_at_most_8_frames_the_first_and_the_last_among_them():
    run = trained("long", epochs=20, train_images=32)
    weights, losses = weights_of(run), losses_of(run)
    result_of(ship(run))
    run = Run.open("long")
    assert run.epochs() == [0, 1, 2, 3, 5, 8, 13, 20]
    assert [path.name for path in sorted((run.path / "epochs").iterdir())][-1] == "0013.safetensors"
    assert (weights_of(run), losses_of(run)) == (weights, losses)
    for epoch in run.epochs():
        run.weights(epoch)


@pytest.mark.parametrize("epochs", [1, 2, 7, 8, 9])
def test_a_short_film_is_kept_as_far_as_8_frames_reach(epochs):
    run = trained("short", epochs=epochs, train_images=32)
    result_of(ship(run))
    found = Run.open("short").epochs()
    assert len(found) == min(8, epochs + 1)
    assert found[0] == 0
    assert found[-1] == epochs
    assert found == sorted(set(found))


def test_a_shipped_run_has_its_evaluation_and_nothing_that_only_training_needs(tiny):
    (tiny.path / "log.txt").write_text("what it said")
    size = result_of(ship(tiny))
    files = {
        path.relative_to(tiny.path).as_posix(): path.stat().st_size for path in tiny.path.rglob("*") if path.is_file()
    }
    assert set(files) == {
        "run.json", "history.jsonl", "progress.jsonl", "model.safetensors", "evaluation.json", "space.safetensors",
        "probing.json", "flat-scores.json",
        "epochs/0000.safetensors", "epochs/0001.safetensors",
    }  # fmt: skip
    assert size == sum(files.values())


def test_its_evaluation_needs_neither_the_data_nor_a_cache(tiny, tmp_path, monkeypatch, no_network):
    expected = result_of(evaluate(tiny))
    result_of(ship(tiny))
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "another"))
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "nowhere"))
    said = []
    assert result_of(evaluate(Run.open("tiny")), said.append) == expected
    assert said == []


def test_what_judge_measures_is_shipped_with_a_run_and_not_measured_again(tmp_path, monkeypatch):
    run = trained("four", ModelConfig(latent_dim=4, width=4), epochs=1)
    expected = result_of(latent_evaluate.judge(run))
    result_of(ship(run))
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "another"))
    assert latent_evaluate.kept(Run.open("four")) == expected


def test_a_shipped_run_is_protected(tiny):
    result_of(ship(tiny))
    run = Run.open("tiny")
    assert (run.state, run.info.shipped, run.summary().resumable) == ("finished", True, False)
    for forbidden in (run.delete, lambda: run.annotate("x")):
        with pytest.raises(ReadOnly):
            forbidden()
    with pytest.raises(NotResumable):
        run.require_resumable()
    assert run.model() is not None


def test_a_shipped_run_can_be_taken_along(tiny):
    result_of(ship(tiny))
    other = import_file(pack(Run.open("tiny")), "other")
    assert weights_of(other) == weights_of(tiny)
    assert result_of(evaluate(other)) == result_of(evaluate(tiny))


def test_only_a_finished_run_is_shipped(tiny):
    for state in ("stopped", "failed"):
        tiny.update(state=state)
        with pytest.raises(CaeError, match=f"tiny is {state}"):
            result_of(ship(Run.open("tiny")))
    with pytest.raises(CaeError):
        result_of(ship(Run.create("young", TINY, options())))
    with pytest.raises(CaeError):
        result_of(ship(import_file(weights_of(tiny), "alone")))
    assert (tiny.path / "resume.safetensors").exists()


# -- what is part of the project


SHIPPED = sorted(path.parent.name for path in (PROJECT / "checkpoints").glob("*/run.json"))


def test_the_shipped_runs_are_those_promised_and_fit_into_12_mb():
    assert SHIPPED == ["best", "fast", "original"]
    files = [path for name in SHIPPED for path in (PROJECT / "checkpoints" / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_run_is_what_the_recipe_of_its_name_trains(name):
    run = Run.open(name)
    assert (run.info.recipe, run.info.model, run.info.train) == (name, RECIPES[name].model, RECIPES[name].train)
    last, kept = run.history()[-1], json.loads((run.path / "evaluation.json").read_text())
    assert (run.state, last.epoch) == ("finished", RECIPES[name].train.epochs)
    assert kept["weights"] == run.weights_hash()
    assert kept["overall"]["mse"] == pytest.approx(last.test_mse, rel=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_cut_short_learns(name):
    """The recipe itself, only on fewer images and for fewer epochs."""
    recipe = RECIPES[name]
    train = replace(recipe.train, train_images=SMALL_TRAIN, epochs=2)
    run = Run.create("short", recipe.model, train, recipe=name)
    to_the_end(run)
    first, last = run.history()
    assert last.test_mse < 0.97 * first.test_mse
