"""The map of a run: what is on it, how it is computed once, kept, stopped and found again."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import TINY, cae, environment, start_cae, trained, wait_until
from safetensors.numpy import load

from cae.config import MapConfig, ModelConfig
from cae.data import images as data_images
from cae.disk.files import cache_folder
from cae.errors import CannotProject, Damaged, InvalidOption, RunNotFound, Unwritable
from cae.exports.shipping import ship
from cae.latent import maps, space
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


def of(run: Run, config: MapConfig = SMALL) -> maps.Points:
    return maps.points(run, test_set(), config)


def kept(run: Run, config: MapConfig = SMALL) -> maps.TSNE | None:
    found = maps.kept(run, config, of(run, config).digits, len(of(run, config).indices))
    return found[0] if found else None


def computed(run: Run, config: MapConfig = SMALL) -> maps.TSNE:
    return result_of(maps.compute(run, config))


def snapshots(run: Run, config: MapConfig = SMALL) -> Iterator[Snapshot]:
    return (each for each in maps.compute(run, config) if isinstance(each, Snapshot))


# -- the digits


def test_the_points_are_the_test_digits_with_their_codes_and_errors(four):
    found, images, model = of(four), test_set(), four.model()
    codes = embed(model, data_images.to_model(images.pixels)).numpy()
    np.testing.assert_allclose(found.codes.codes(), codes, atol=found.codes.step)
    assert found.codes.points.dtype == np.uint16
    np.testing.assert_array_equal(found.labels, images.labels.numpy())
    with torch.inference_mode():
        errors = (
            (model(data_images.to_model(images.pixels)) - data_images.to_model(images.pixels))
            .square()
            .mean(dim=(1, 2, 3))
        )
    np.testing.assert_allclose(found.errors, errors, rtol=1e-4)
    assert found.flat.shape == (100, 3) and found.weights == four.weights_hash()


def test_fewer_points_are_a_random_choice_that_the_seed_makes():
    few = maps.chosen(100, MapConfig(points=20))
    assert len(few) == 20 and (np.diff(few) > 0).all() and few.max() < 100
    np.testing.assert_array_equal(few, maps.chosen(100, MapConfig(points=20)))
    assert (few != maps.chosen(100, MapConfig(points=20, seed=1))).any()
    np.testing.assert_array_equal(maps.chosen(100, MapConfig(points=1000)), np.arange(100))


def test_usual_distances_are_those_of_each_digit_to_its_nearest_others(four):
    found = of(four)
    codes = found.codes.codes()
    apart = np.linalg.norm(codes[:, None] - codes, axis=2)
    np.fill_diagonal(apart, np.inf)
    mean = np.sort(apart, axis=1)[:, : space.NEIGHBOURS].mean(axis=1)
    np.testing.assert_allclose(found.codes.usual, np.percentile(mean, np.arange(101)), rtol=1e-4)


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


def test_a_collapsed_network_has_points_and_no_tsne(four, monkeypatch):
    model = four.model()
    for weight in model.encoder[-1].parameters():
        weight.zero_()
    monkeypatch.setattr(Run, "model", lambda _run, _epoch=None: model)
    found = of(four)
    assert np.isfinite(found.flat).all() and np.isfinite(found.codes.usual).all()
    assert "collapsed" in maps.why_not(found, SMALL)
    load(maps.for_browser(found))


def test_codes_that_are_no_numbers_are_refused(four, monkeypatch):
    model = four.model()
    model.encoder[-1].bias[0] = float("inf")
    monkeypatch.setattr(Run, "model", lambda _run, _epoch=None: model)
    with pytest.raises(CannotProject, match="not finite"):
        of(four)


def test_a_run_without_weights_has_no_map():
    with pytest.raises(RunNotFound, match="not finished an epoch"):
        of(Run.create("young", TINY, None))


def test_the_points_are_kept_and_the_same_when_they_are_read_again(four, monkeypatch):
    first = of(four)
    monkeypatch.setattr(maps, "_points", lambda *_: pytest.fail("encoded again"))
    again = of(four)
    for name in ("indices", "errors", "neighbours", "flat", "labels"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    np.testing.assert_array_equal(first.codes.codes(), again.codes.codes())
    assert (first.class_names, first.digits, first.weights) == (again.class_names, again.digits, again.weights)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_damaged_points_are_encoded_anew(four, content):
    first = of(four)
    (file,) = (cache_folder() / four.weights_hash()).glob("points-*")
    file.write_bytes(content)
    np.testing.assert_array_equal(of(four).flat, first.flat)
    assert len(file.read_bytes()) > 1000


def test_kept_points_that_do_not_fit_together_are_encoded_anew(four):
    first = of(four)
    (file,) = (cache_folder() / four.weights_hash()).glob("points-*")
    arrays = load(file.read_bytes())
    arrays["errors"] = arrays["errors"][:-1]
    from safetensors.numpy import save

    from cae.disk.tensors import metadata

    file.write_bytes(save(arrays, metadata(file.read_bytes())))
    np.testing.assert_array_equal(of(four).errors, first.errors)


# -- computed once, and kept


def test_a_computed_map_is_kept_and_not_computed_again(four, monkeypatch):
    *_, last = snapshots(four)
    found = kept(four)
    assert found.is_finished and found.config == SMALL
    np.testing.assert_array_equal(found.positions, last.positions)
    monkeypatch.setattr(maps.projection, "tsne", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(computed(four).positions, found.positions)


def test_other_options_other_weights_and_other_digits_are_other_maps(four, tmp_path, monkeypatch):
    computed(four)
    assert kept(four, MapConfig(perplexity=11)) is None
    assert maps.kept(four, SMALL, "0" * 16, len(of(four, SMALL).indices)) is None
    other = trained("other", ModelConfig(latent_dim=4, width=4), seed=1)
    assert kept(other) is None


def test_the_scores_of_a_map_are_those_of_its_positions(four):
    computed(four)
    found, points = kept(four), of(four)
    expected = maps.scores(points.codes.codes(), found.positions, points.labels, 10)
    assert found.scores.accuracy == expected.accuracy
    assert found.scores.trustworthiness == pytest.approx(expected.trustworthiness, abs=1e-4)
    assert 0.5 < found.scores.trustworthiness <= 1


def test_asked_to_stop_it_keeps_what_it_has(four):
    for number, each in enumerate(snapshots(four), start=1):
        if number == 4:
            assert each.iteration == 100
            maps.job(four, SMALL).ask_to_stop()
    found = kept(four)
    assert (found.iteration, found.is_finished) == (100, False)
    assert not maps.job(four, SMALL).is_stop_asked()
    assert computed(four).iteration > 100 and kept(four).is_finished


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_map_is_computed_anew(four, content):
    computed(four)
    file = maps.job(four, SMALL).result
    whole = file.read_bytes()
    file.write_bytes(content)
    assert kept(four) is None
    computed(four)
    assert len(file.read_bytes()) == pytest.approx(len(whole), abs=100)


def test_a_torn_file_and_one_with_other_arrays_are_damaged(four):
    computed(four)
    whole = maps.to_bytes(kept(four))
    for spoiled in (whole[:-1], whole[:100], whole.replace(b"positions", b"positiens")):
        with pytest.raises(Damaged):
            maps.from_bytes(spoiled)
    assert maps.from_bytes(whole).config == SMALL


def test_a_shipped_run_carries_its_map_and_needs_no_cache_for_it(small_data):
    run = trained("four", ModelConfig(latent_dim=4, width=4))
    result_of(ship(run))
    run = Run.open("four")
    assert (run.path / maps.FILE).exists()
    for path in sorted(cache_folder().rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert kept(run, MapConfig()).is_finished


def test_a_run_of_two_dimensions_is_shipped_without_a_map(tiny):
    result_of(ship(tiny))
    assert not (tiny.path / maps.FILE).exists()


def test_flat_scores_are_kept(four, monkeypatch):
    points = of(four)
    found = maps.flat_scores(four, points)
    assert set(found) == {2, 3}
    monkeypatch.setattr(maps, "scores", lambda *_: pytest.fail("computed again"))
    assert maps.flat_scores(four, points) == found


def test_flat_scores_beside_a_run_are_taken_if_they_are_of_its_weights_and_digits(four, monkeypatch):
    points = of(four)
    other = {count: maps.Scores(0.25, 0.5) for count in (2, 3)}
    for what, taken in (
        (points, True),
        (replace(points, weights="0" * 64), False),
        (replace(points, digits="x"), False),
    ):
        (four.path / maps.FLAT_SCORES).write_bytes(maps.flat_scores_place(four, what).to_bytes(other))
        assert (maps.flat_scores(four, points) == other) == taken
    for text in (
        "",
        "[]",
        '{"weights": 1}',
        json.dumps({"weights": points.weights, "digits": points.digits, "scores": []}),
    ):
        (four.path / maps.FLAT_SCORES).write_text(text)
        assert set(maps.flat_scores(four, points)) == {2, 3} and maps.flat_scores(four, points) != other


# -- a process of its own


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


def test_two_who_ask_at_once_compute_it_once(four):
    options = ("map", "four", "--perplexity", "10", "--json")
    first, second = (start_cae(*options) for _ in range(2))
    results = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert len({json.loads(out)["seconds"] for out, _ in results}) == 1
    assert sorted("finding neighbours" in err for _, err in results) == [False, True]


def test_a_process_that_fails_leaves_its_sentence(four):
    work = maps.job(four, MapConfig(perplexity=40))
    work.start()
    wait_until(lambda: not work.is_live(), "its end")
    assert work.failure() == "A perplexity of 40 needs at least 121 digits and there are 100: choose one of at most 33."
    work = maps.job(four, MapConfig(perplexity=40))
    assert "perplexity of 40" in work.failure()


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


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_to_is_said_so(four, tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("CAE_CACHE", str(closed))
    with pytest.raises(Unwritable, match="CAE_CACHE"):
        maps.job(four, SMALL).start()


def test_a_cache_that_is_a_file_is_said_so(four, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "taken"))
    with pytest.raises(Unwritable, match="CAE_CACHE"):
        maps.job(four, SMALL).start()


def test_a_snapshot_that_is_torn_is_none(four):
    path = maps.job(four, SMALL).result.with_suffix(".now")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"torn")
    assert maps.snapshot(four, SMALL) is None


def test_a_waiting_visitor_gets_the_map_that_another_computes(four):
    found = []
    with maps.job(four, SMALL).at_work():
        waiting = threading.Thread(target=lambda: found.append(computed(four)))
        waiting.start()
        time.sleep(0.3)
        assert not found and waiting.is_alive()
    waiting.join(60)
    assert found[-1].positions.shape == (100, 2)


# -- the command line


def test_map_says_how_far_it_may_be_trusted(four):
    done = cae("map", "four", "--perplexity", "10", **environment())
    assert done.returncode == 0, done.stderr
    found = kept(four)
    assert f"{found.scores.trustworthiness:.4f}" in done.stdout
    assert f"{100 * found.scores.accuracy:.2f} %" in done.stdout
    assert "100 test images" in done.stdout and "t-SNE 700/725" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nobody"], "no run called 'nobody'"),
        (["four", "--perplexity", "0"], "Perplexity must be at least 2"),
        (["four", "--points", "9"], "needs at least"),
        (["four", "--perplexity", "inf"], "finite"),
    ],
)
def test_what_map_refuses_is_one_sentence(four, options, said):
    done = cae("map", *options, **environment())
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_options_of_a_map_are_checked():
    for wrong in ({"perplexity": 1}, {"points": 2}, {"seed": -1}, {"perplexity": float("nan")}):
        with pytest.raises(InvalidOption):
            MapConfig(**wrong)
    assert MapConfig().key == "all-30-0" and MapConfig(points=500, perplexity=12.5, seed=3).key == "500-12.5-3"


# -- for the browser


def test_what_the_browser_gets_holds_the_digits_and_what_is_kept_of_their_neighbours(four):
    points = of(four)
    found = load(maps.for_browser(points))
    np.testing.assert_array_equal(found["map.points"], points.codes.points)
    np.testing.assert_array_equal(found["indices"], points.indices)
    np.testing.assert_array_equal(found["flat"], points.flat)
    np.testing.assert_array_equal(found["preserved.3"], maps.preserved(points, points.flat))
    assert found["preserved.3"].mean() > found["preserved.2"].mean()  # a third direction keeps more
