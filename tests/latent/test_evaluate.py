"""Everything that is measured of a run, at once: against each part asked alone."""

import json
import shutil

import pytest
from helpers import told, trained

from cae.config import MapConfig, ModelConfig
from cae.disk.files import cache_folder
from cae.errors import CaeError
from cae.evaluation import errors, probes
from cae.jobs.job import Job
from cae.latent import evaluate, maps
from cae.runs.run import Run
from cae.steps import Step, result_of

THREE = ModelConfig(latent_dim=3, width=4)


@pytest.fixture(scope="module")
def judged_folder(tmp_path_factory, small_data_folder):
    """A folder with a run of three latent dimensions, "three", and the cache of it once it was judged."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_DATA", str(small_data_folder))
        patch.setenv("CAE_CHECKPOINTS", str(folder / "checkpoints"))
        patch.setenv("CAE_CACHE", str(folder / "cache"))
        result_of(evaluate.judge(trained("three", THREE)))
    return folder


@pytest.fixture
def three(judged_folder, small_data, own_folders):
    """That run, which nobody has judged."""
    shutil.copytree(judged_folder / "checkpoints", own_folders / "checkpoints")
    return Run.open("three")


@pytest.fixture
def judged(three, judged_folder, own_folders):
    """That run, judged."""
    shutil.copytree(judged_folder / "cache", own_folders / "cache")
    return three


@pytest.mark.slow
def test_it_is_what_errors_codes_and_map_are_alone(judged, monkeypatch, tmp_path):
    found = result_of(evaluate.judge(judged))
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "another"))
    assert found.evaluation == result_of(errors.evaluate(judged))
    assert found.probing == result_of(probes.probe(judged))
    for _ in maps.compute(judged, MapConfig()):
        pass
    alone, _ = maps.found(judged, MapConfig())
    assert found.map.trustworthiness == pytest.approx(alone.scores.trustworthiness, abs=0.02)
    assert found.map.accuracy == pytest.approx(alone.scores.accuracy, abs=0.05)


def test_what_was_judged_is_there_at_once_and_its_map_is_the_one_of_the_map_page(judged):
    judgement = evaluate.kept(judged)
    assert judgement is not None and told(evaluate.judge(Run.open("three"))) == (judgement, [])
    shown, _ = maps.found(judged, MapConfig())
    assert shown.is_finished and judgement.map == shown.scores
    (judged.path / "model.safetensors").write_bytes((judged.path / "epochs" / "0000.safetensors").read_bytes())
    assert evaluate.kept(Run.open("three")) is None, "other weights are judged anew"


@pytest.mark.slow
@pytest.mark.parametrize("file", ["evaluation.json", "probing.json", "map-*.safetensors"])
def test_what_is_missing_is_measured_and_the_rest_is_taken(judged, file):
    before = evaluate.kept(judged)
    (path,) = (cache_folder() / judged.weights_hash()).glob(file)
    path.unlink()
    assert evaluate.kept(judged) is None
    again, said = told(evaluate.judge(judged))
    assert said and (again.evaluation, again.probing) == (before.evaluation, before.probing)
    assert again.map.trustworthiness == pytest.approx(before.map.trustworthiness, abs=0.02)
    assert evaluate.kept(judged) == again


def test_a_code_of_two_numbers_has_no_map_and_is_judged_whatever_becomes_of_the_cache(tiny, tmp_path, monkeypatch):
    assert evaluate.kept(tiny) is None
    result_of(errors.evaluate(tiny))
    assert evaluate.kept(tiny) is None
    evaluate.job(tiny).ask_to_stop()  # a request from before does not stop it
    judgement, said = told(evaluate.judge(tiny))
    assert said and judgement.map is None
    assert evaluate.kept(tiny) == judgement
    assert told(evaluate.judge(Run.open("tiny"))) == (judgement, [])
    assert judgement.to_json()["map"] is None
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "file"))
    assert result_of(evaluate.judge(tiny)) == judgement


def test_to_json_has_what_is_promised(judged):
    found = result_of(evaluate.judge(judged))
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert values["test_mse"] == found.evaluation.overall.mse
    assert values["codes"]["knn_accuracy"] == found.probing.knn_accuracy
    assert values["map"] == {"trustworthiness": found.map.trustworthiness, "knn_accuracy": found.map.accuracy}


def test_others_are_told_how_far_it_is_and_nothing_of_that_stays(three):
    work, heard = evaluate.job(three), []
    result_of(evaluate.judge(three), lambda step: heard.append((step, Step(*work.told()), work.is_live())))
    assert work.told() is None and not work.is_live()
    assert all(step == told and is_live for step, told, is_live in heard)
    shares = [step.share for step, _, _ in heard]
    assert shares == sorted(shares) and 0 < shares[0] < 0.3 and 0.6 < shares[-1] <= 1
    left = {path.suffix for path in (cache_folder() / three.weights_hash()).glob("judging.*")}
    assert left <= {".lock"}


@pytest.mark.slow
def test_asked_to_stop_it_ends_with_a_sentence_and_can_be_begun_again(three):
    work = evaluate.job(three)
    for after in (1, 4, 10):
        said = []

        def hear(step, said=said, after=after):
            said.append(step)
            if len(said) == after:
                work.ask_to_stop()

        with pytest.raises(CaeError, match=r"The measuring of three was stopped\."):
            result_of(evaluate.judge(three), hear)
        assert len(said) == after
        assert work.told() is None and not work.is_live() and evaluate.kept(three) is None
        shutil.rmtree(cache_folder())
    assert result_of(evaluate.judge(three)).map is not None


def test_a_map_that_was_stopped_is_laid_out_to_its_end(judged):
    (path,) = (cache_folder() / judged.weights_hash()).glob("map-*.safetensors")
    path.unlink()
    work = maps.job(judged, MapConfig())
    for _ in maps.compute(judged, MapConfig()):
        work.ask_to_stop()
    assert not maps.found(judged, MapConfig())[0].is_finished
    result_of(evaluate.judge(judged))
    assert maps.found(judged, MapConfig())[0].is_finished


@pytest.fixture
def work(tmp_path):
    return Job(tmp_path / "folder" / "result.json", ["runs"])


def test_what_is_told_is_heard_until_the_work_ends_or_fails(work):
    with work.at_work():
        assert work.told() is None
        for share, heard in ((0.25, 0.25), (-1, 0), (0, 0), (1, 1), (7, 1)):
            work.tell("counting", share)
            assert work.told() == ("counting", heard)
    assert work.told() is None
    with pytest.raises(ZeroDivisionError), work.at_work():
        work.tell("counting", 0.5)
        raise ZeroDivisionError
    assert work.told() is None


def test_something_else_was_not_told_and_where_nothing_can_be_kept_nothing_is(work):
    with work.at_work():
        work.tell("counting", 0.5)
        for content in (b"", b"{", b"[]", b"[1]", b'["a", "b"]', b'["a", null]', b"3", b"null", b"\xff"):
            work.result.with_suffix(".told").write_bytes(content)
            assert work.told() is None
    shutil.rmtree(work.result.parent)
    work.result.parent.write_text("in the way")
    work.tell("counting", 0.5)
    assert work.told() is None


def test_a_process_that_was_killed_tells_nothing_any_more(work):
    work.tell("counting", 0.5)  # and then no `finally` came
    assert not work.is_live()
    assert work.told() is None
