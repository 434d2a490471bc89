"""The map of a run: what is on it, how it is computed once, kept, stopped and found again."""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import cae, environment, start_cae, trained, wait_until
from safetensors.numpy import load, save

from cae.commands.cli import main
from cae.config import MapConfig, ModelConfig
from cae.data import images as data_images
from cae.disk.files import cache_folder
from cae.disk.tensors import metadata
from cae.errors import CannotProject, Damaged, InvalidOption, Unwritable
from cae.exports.shipping import ship
from cae.latent import mapfiles, maps, space
from cae.latent.projection import Snapshot
from cae.network.model import embed
from cae.runs.run import Run
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("small_data")
SMALL = MapConfig(perplexity=10)


@pytest.fixture
def four():
    """A run with four latent dimensions."""
    return trained("four", ModelConfig(latent_dim=4, width=4))


def test_set() -> data_images.Images:
    return data_images.load("mnist", "test")


test_set.__test__ = False


def of(run: Run, config: MapConfig = SMALL) -> mapfiles.Points:
    return maps.points(run, test_set(), config)


def kept(run: Run, config: MapConfig = SMALL) -> mapfiles.TSNE | None:
    found = maps.kept(run, config, of(run, config).digits, len(of(run, config).indices))
    return found[0] if found else None


def computed(run: Run, config: MapConfig = SMALL) -> mapfiles.TSNE:
    return result_of(maps.compute(run, config))


def snapshots(run: Run, config: MapConfig = SMALL) -> Iterator[Snapshot]:
    return (each for each in maps.compute(run, config) if isinstance(each, Snapshot))


def test_the_points_are_the_test_digits_with_their_codes_errors_and_usual_distances(four):
    points, images, model = of(four), test_set(), four.model()
    originals = data_images.to_model(images.pixels)
    with torch.inference_mode():
        errors = (model(originals) - originals).square().mean(dim=(1, 2, 3))
    codes = points.codes.codes()
    np.testing.assert_allclose(codes, embed(model, originals).numpy(), atol=points.codes.step)
    assert points.codes.points.dtype == np.uint16
    np.testing.assert_array_equal(points.labels, images.labels.numpy())
    np.testing.assert_allclose(points.errors, errors, rtol=1e-4)
    assert points.flat.shape == (100, 3) and points.weights == four.weights_hash()
    apart = np.linalg.norm(codes[:, None] - codes, axis=2)
    np.fill_diagonal(apart, np.inf)
    mean = np.sort(apart, axis=1)[:, : space.NEIGHBOURS].mean(axis=1)
    np.testing.assert_allclose(points.codes.usual, np.percentile(mean, np.arange(101)), rtol=1e-4)


def test_fewer_points_are_a_random_choice_that_the_seed_makes():
    few = maps.chosen(100, MapConfig(points=20))
    assert len(few) == 20 and (np.diff(few) > 0).all() and few.max() < 100
    np.testing.assert_array_equal(few, maps.chosen(100, MapConfig(points=20)))
    assert (few != maps.chosen(100, MapConfig(points=20, seed=1))).any()
    np.testing.assert_array_equal(maps.chosen(100, MapConfig(points=1000)), np.arange(100))


@pytest.mark.parametrize("dimensions", [1, 2])
def test_codes_of_one_or_two_numbers_are_shown_as_they_are(dimensions):
    run = trained("flat", ModelConfig(latent_dim=dimensions, width=4))
    found = of(run)
    codes = embed(run.model(), data_images.to_model(test_set().pixels)).numpy()
    np.testing.assert_array_equal(found.positions(2)[:, :dimensions], codes)
    assert found.flat.shape[1] == 2
    if dimensions == 1:
        assert (np.round(found.flat[:, 1]) == found.labels).all()  # a lane for each class
    assert "numbers" in maps.why_not(found, SMALL) or "one number" in maps.why_not(found, SMALL)


def test_a_collapsed_network_has_points_and_no_tsne_and_codes_that_are_no_numbers_are_refused(four, monkeypatch):
    model = four.model()
    for weight in model.encoder[-1].parameters():
        weight.zero_()
    monkeypatch.setattr(Run, "model", lambda _run, _epoch=None: model)
    points = of(four)
    assert np.isfinite(points.flat).all() and np.isfinite(points.codes.usual).all()
    assert "collapsed" in maps.why_not(points, SMALL)
    load(mapfiles.for_browser(points))
    (kept_points(four)).unlink()
    model.encoder[-1].bias[0] = float("inf")
    with pytest.raises(CannotProject, match="not finite"):
        of(four)


def kept_points(run: Run) -> Path:
    (file,) = (cache_folder() / run.weights_hash()).glob("points-*")
    return file


def test_the_points_are_kept_and_encoded_anew_only_where_they_are_damaged(four, monkeypatch):
    first, file = of(four), kept_points(four)
    with monkeypatch.context() as patch:
        patch.setattr(maps, "_points", lambda *_: pytest.fail("encoded again"))
        again = of(four)
    for name in ("indices", "errors", "neighbours", "flat", "labels"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    np.testing.assert_array_equal(first.codes.codes(), again.codes.codes())
    assert (first.class_names, first.digits, first.weights) == (again.class_names, again.digits, again.weights)
    whole = file.read_bytes()
    shorter = load(whole)
    shorter["errors"] = shorter["errors"][:-1]
    headed = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
    for content in (b"", b"nonsense", headed, save(shorter, metadata(whole))):
        file.write_bytes(content)
        np.testing.assert_array_equal(of(four).errors, first.errors)
        assert file.read_bytes() == whole


def test_a_computed_map_is_kept_and_not_computed_again(four, monkeypatch):
    *_, last = snapshots(four)
    found = kept(four)
    assert found.is_finished and found.config == SMALL
    np.testing.assert_array_equal(found.positions, last.positions)
    monkeypatch.setattr(maps.projection, "tsne", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(computed(four).positions, found.positions)


@pytest.mark.slow
def test_other_options_other_weights_and_other_digits_are_other_maps(four, tmp_path, monkeypatch):
    computed(four)
    assert kept(four, MapConfig(perplexity=11)) is None
    assert maps.kept(four, SMALL, "0" * 16, len(of(four, SMALL).indices)) is None
    other = trained("other", ModelConfig(latent_dim=4, width=4), seed=1)
    assert kept(other) is None


@pytest.mark.slow
def test_the_scores_of_a_map_are_those_of_its_positions(four):
    computed(four)
    found, points = kept(four), of(four)
    expected = maps.scores(points.codes.codes(), found.positions, points.labels, 10)
    assert found.scores.accuracy == expected.accuracy
    assert found.scores.trustworthiness == pytest.approx(expected.trustworthiness, abs=1e-4)
    assert 0.5 < found.scores.trustworthiness <= 1


@pytest.mark.slow
def test_asked_to_stop_it_keeps_what_it_has(four):
    for number, each in enumerate(snapshots(four), start=1):
        if number == 4:
            assert each.iteration == 100
            maps.job(four, SMALL).ask_to_stop()
    found = kept(four)
    assert (found.iteration, found.is_finished) == (100, False)
    assert not maps.job(four, SMALL).is_stop_asked()
    assert computed(four).iteration > 100 and kept(four).is_finished


@pytest.mark.slow
def test_a_damaged_map_is_computed_anew(four):
    computed(four)
    file = maps.job(four, SMALL).result
    whole = file.read_bytes()
    headed = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "
    for content in (b"", b"nonsense", headed, whole[:-1], whole[:100], whole.replace(b"positions", b"positiens")):
        with pytest.raises(Damaged):
            mapfiles.from_bytes(content)
        file.write_bytes(content)
        assert kept(four) is None
    assert mapfiles.from_bytes(whole).config == SMALL
    computed(four)
    assert len(file.read_bytes()) == pytest.approx(len(whole), abs=100)


@pytest.mark.slow
def test_a_shipped_run_carries_its_map_and_needs_no_cache_for_it_and_one_of_two_dimensions_has_none(four, tiny):
    result_of(ship(four))
    run = Run.open("four")
    assert (run.path / mapfiles.FILE).exists()
    shutil.rmtree(cache_folder())
    assert kept(run, MapConfig()).is_finished
    result_of(ship(tiny))
    assert not (tiny.path / mapfiles.FILE).exists()


def test_flat_scores_are_kept_and_those_beside_a_run_taken_if_they_are_of_its_weights_and_digits(four, monkeypatch):
    points = of(four)
    first = maps.flat_scores(four, points)
    assert set(first) == {2, 3}
    with monkeypatch.context() as patch:
        patch.setattr(maps, "scores", lambda *_: pytest.fail("computed again"))
        assert maps.flat_scores(four, points) == first
    other, beside = {count: mapfiles.Scores(0.25, 0.5) for count in (2, 3)}, four.path / maps.FLAT_SCORES
    for what in (points, replace(points, weights="0" * 64), replace(points, digits="x")):
        beside.write_bytes(maps.flat_scores_place(four, what).to_bytes(other))
        assert maps.flat_scores(four, points) == (other if what is points else first)
    no_scores = json.dumps({"weights": points.weights, "digits": points.digits, "scores": []})
    for text in ("", "[]", '{"weights": 1}', no_scores):
        beside.write_text(text)
        assert maps.flat_scores(four, points) == first


@pytest.mark.slow
def test_the_process_outlives_whoever_started_it_and_shows_how_far_it_is(four):
    work = maps.job(four, SMALL)
    work.start()
    assert work.is_live()
    work.start()  # a second visitor asks for the same: nothing happens
    wait_until(lambda: maps.snapshot(four, SMALL) or not work.is_live(), "a snapshot")
    wait_until(lambda: not work.is_live(), "its end")
    assert kept(four).is_finished and maps.snapshot(four, SMALL) is None
    assert work.failure() == ""
    assert not [path.name for path in work.result.parent.glob("map-*") if path.suffix in (".log", ".stop", ".now")]


@pytest.mark.slow
def test_two_who_ask_at_once_compute_it_once(four):
    options = ("map", "four", "--perplexity", "10", "--json")
    first, second = (start_cae(*options) for _ in range(2))
    results = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert len({json.loads(out)["seconds"] for out, _ in results}) == 1
    assert sorted("finding neighbours" in err for _, err in results) == [False, True]


@pytest.mark.slow
def test_a_process_that_fails_leaves_its_sentence(four):
    work = maps.job(four, MapConfig(perplexity=40))
    work.start()
    wait_until(lambda: not work.is_live(), "its end")
    assert work.failure() == "A perplexity of 40 needs at least 121 digits and there are 100: choose one of at most 33."
    work = maps.job(four, MapConfig(perplexity=40))
    assert "perplexity of 40" in work.failure()


@pytest.mark.slow
def test_a_process_that_is_killed_is_said_to_be_cut_off(four):
    process = start_cae("map", "four", "--perplexity", "10")
    work = maps.job(four, SMALL)
    wait_until(work.is_live, "its start")
    (work.result.with_suffix(".log")).write_text("t-SNE 100/725\n")
    process.kill()
    process.wait()
    wait_until(lambda: not work.is_live(), "its end")
    assert "cut off" in work.failure()
    assert computed(four).positions.shape == (100, 2)


def test_a_cache_that_cannot_be_written_to_is_said_so(four, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    (tmp_path / "closed").mkdir(mode=0o500)
    root = os.name == "nt" or os.geteuid() == 0  # who may write everywhere
    for name in ("taken",) if root else ("taken", "closed"):
        monkeypatch.setenv("CAE_CACHE", str(tmp_path / name))
        with pytest.raises(Unwritable, match="CAE_CACHE"):
            maps.job(four, SMALL).start()


def test_a_waiting_visitor_gets_the_map_that_another_computes(four):
    found = []
    with maps.job(four, SMALL).at_work():
        waiting = threading.Thread(target=lambda: found.append(computed(four)))
        waiting.start()
        time.sleep(0.3)
        assert not found and waiting.is_alive()
    waiting.join(60)
    assert found[-1].positions.shape == (100, 2)


@pytest.mark.slow
def test_map_says_how_far_it_may_be_trusted(four):
    done = cae("map", "four", "--perplexity", "10", **environment())
    assert done.returncode == 0, done.stderr
    found = kept(four)
    assert f"{found.scores.trustworthiness:.4f}" in done.stdout
    assert f"{100 * found.scores.accuracy:.2f} %" in done.stdout
    assert "100 test images" in done.stdout and "t-SNE 700/725" in done.stderr


def test_what_map_refuses_is_one_sentence(four, capsys):
    refused = {
        "nobody": "no run called 'nobody'", "four --perplexity=0": "Perplexity must be at least 2",
        "four --points=9": "needs at least", "four --perplexity=inf": "finite",
    }  # fmt: skip
    for words, sentence in refused.items():
        assert main(["map", *words.split()]) == 2
        said = capsys.readouterr().err
        assert sentence in said.splitlines()[-1] and "Traceback" not in said
    for wrong in ({"perplexity": 1}, {"points": 2}, {"seed": -1}, {"perplexity": float("nan")}):
        with pytest.raises(InvalidOption):
            MapConfig(**wrong)
    assert MapConfig().key == "all-30-0" and MapConfig(points=500, perplexity=12.5, seed=3).key == "500-12.5-3"


def test_what_the_browser_gets_holds_the_digits_and_what_is_kept_of_their_neighbours(four):
    points = of(four)
    found = load(mapfiles.for_browser(points))
    np.testing.assert_array_equal(found["map.points"], points.codes.points)
    np.testing.assert_array_equal(found["indices"], points.indices)
    np.testing.assert_array_equal(found["flat"], points.flat)
    np.testing.assert_array_equal(found["preserved.3"], mapfiles.preserved(points, points.flat))
    assert found["preserved.3"].mean() > found["preserved.2"].mean()  # a third direction keeps more
