"""Judging and generating from the command line: as processes of their own, and in this one where that says no more."""

import json
from subprocess import CompletedProcess

import numpy as np
import pytest
from helpers import TINY, cae, left_behind, options
from PIL import Image

from cae.commands.cli import main
from cae.config import PRIORS, SampleConfig
from cae.data.images import load
from cae.evaluation import classifier
from cae.latent import sampling
from cae.runs.run import Run
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("small_data")


def assert_one_sentence(done):
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert len(done.stderr.strip()) > 10 and "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.fixture
def run_main(capsys, monkeypatch, own_folders):
    """The command line in this process: its exit code, what it said, and what it complained of."""
    monkeypatch.chdir(own_folders)

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return CompletedProcess(arguments, code, said.out, said.err)

    return run


@pytest.fixture
def fitted(tiny):
    """A tiny run whose priors are kept already, so that a process has only to draw."""
    return tiny, result_of(sampling.fit(tiny))


# -- sample


@pytest.mark.slow
def test_a_sheet_of_digits_is_written_where_one_stands(tiny, own_folders):
    done = cae("sample", "tiny", "--count=9")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "9 digits from the prior mixture, seed 0: tiny-samples.png\n"
    assert "encoding the training digits" in done.stderr
    with Image.open(own_folders / "tiny-samples.png") as picture:
        assert picture.size == (3 * 114 + 2, 3 * 114 + 2) and picture.mode == "L"
    assert sampling.kept(tiny) is not None


@pytest.mark.slow
def test_arrays_are_those_of_the_library_and_others_for_another_seed(fitted, own_folders):
    run, priors = fitted
    found = {}
    for seed in (5, 6):
        done = cae("sample", "tiny", "--count=6", f"--seed={seed}", "--prior=gaussian", f"--out={seed}.npz")
        assert (done.returncode, done.stderr) == (0, "")
        found[seed] = np.load(own_folders / f"{seed}.npz")
        expected = sampling.draw(run, priors, SampleConfig(prior="gaussian", count=6, seed=seed))
        for name in ("codes", "pictures"):
            np.testing.assert_array_equal(found[seed][name], getattr(expected, name))
    assert not np.isclose(found[5]["codes"], found[6]["codes"]).all(axis=1).any()


def test_json_says_which_codes_were_drawn(fitted, run_main, own_folders):
    done = run_main("sample", "tiny", "--count=3", "--of-class=7", "--json", f"--out={own_folders / 'seven.npz'}")
    assert (done.returncode, done.stderr) == (0, "")
    values = json.loads(done.stdout)
    assert {name: values[name] for name in ("run", "prior", "of_class", "count", "seed")} == {
        "run": "tiny", "prior": "mixture", "of_class": 7, "count": 3, "seed": 0
    }  # fmt: skip
    np.testing.assert_allclose(values["codes"], np.load(values["file"])["codes"], rtol=1e-6)
    np.testing.assert_allclose(values["codes"], fitted[1].prior("mixture", 7).sample(3, seed=0), rtol=1e-6)


BAD = {
    "no digit": ["sample", "tiny", "--count", "0"],
    "too many digits": ["sample", "tiny", "--count", "10001"],
    "half a digit": ["sample", "tiny", "--count", "1.5"],
    "a negative seed": ["sample", "tiny", "--seed", "-1"],
    "an unknown prior": ["sample", "tiny", "--prior", "nonsense"],
    "a class that is none": ["sample", "tiny", "--of-class", "11"],
    "a class in words": ["sample", "tiny", "--of-class", "seven"],
    "a file of another kind": ["sample", "tiny", "--out", "x.gif"],
    "a file of no kind": ["sample", "tiny", "--out", "x"],
    "a folder that is not there": ["sample", "tiny", "--out", "absent/x.png"],
    "a folder for a file": ["sample", "tiny", "--out", "folder.png"],
    "a run that is not there": ["sample", "absent"],
    "a run without weights": ["sample", "young"],
    "priors of what is not there": ["priors", "absent"],
    "priors of what has no weights": ["priors", "young"],
    "evaluate what has no weights": ["evaluate", "young", "--json"],
    "a judge of an unknown data set": ["train-judge", "--dataset", "cifar"],
    "a judge of half a seed": ["train-judge", "--seed", "0.5"],
}  # fmt: skip
AS_PROCESSES = ("no digit", "a file of another kind", "a folder that is not there")


@pytest.mark.slow
@pytest.mark.parametrize("name", AS_PROCESSES)
def test_what_is_wrong_is_said_in_one_sentence(fitted, name):
    before = left_behind()
    assert_one_sentence(cae(*BAD[name]))
    assert left_behind() == before


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_the_same_is_said_in_this_process(fitted, arguments, run_main, own_folders):
    def pictures():
        return {path for path in own_folders.rglob("*") if path.suffix in (".png", ".npz", ".gif")}

    Run.create("young", TINY, options())
    (own_folders / "folder.png").mkdir()
    before = pictures()
    assert_one_sentence(run_main(*arguments))
    assert pictures() == before


def test_where_nothing_can_be_written_nothing_is_fitted_first(tiny, run_main):
    assert run_main("sample", "tiny", "--out=absent/x.png").returncode == 2
    assert sampling.kept(tiny) is None


def test_a_cache_that_cannot_be_written_costs_time_and_not_the_priors(tiny, run_main, own_folders, monkeypatch):
    (own_folders / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(own_folders / "file"))
    done = run_main("priors", "tiny")
    assert done.returncode == 0 and "Mixture" in done.stdout and (own_folders / "file").read_text() == "in the way"


# -- priors


@pytest.mark.slow
def test_priors_are_told_as_json_and_as_a_table(tiny, run_main):
    done = cae("priors", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert {(each["prior"], each["class"]) for each in values["priors"]} == {
        (kind, label) for kind in PRIORS for label in (None, *range(10))
    }
    assert values["problems"] == [] and values["run"] == "tiny" and values["weights"] == tiny.weights_hash()
    assert set(values["qualities"]) == {"real", "copies", *PRIORS}
    found = sampling.kept(tiny)
    assert values["qualities"]["real"]["sure"] == found.qualities["real"].sure
    again = run_main("priors", "tiny")
    assert (again.returncode, again.stderr) == (0, "")
    lines = again.stdout.splitlines()
    assert len(lines) == 6 and lines[1].startswith("real test digits")
    assert f"{100 * found.qualities['real'].sure:.1f} %" in lines[1]


# -- evaluate


@pytest.mark.slow
def test_evaluate_says_what_codes_and_map_are_worth(tiny, run_main):
    done = cae("evaluate", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert values["run"] == "tiny" and values["test_mse"] > 0
    assert values["map"] is None  # two numbers are a map
    assert set(values["codes"]) >= {"knn_accuracy", "probe_accuracy", "nmi", "ari", "dimensions", "dead", "redundant"}
    again = run_main("evaluate", "tiny")
    assert (again.returncode, again.stderr) == (0, "")
    assert f"10-NN accuracy   {100 * values['codes']['knn_accuracy']:.2f} %" in again.stdout
    assert "dead dimensions  none; redundant none" in again.stdout
    assert "trustworthiness" not in again.stdout


# -- train-judge


@pytest.mark.slow
def test_a_judge_is_trained_kept_and_used(fitted):
    shipped = fitted[1].judge
    done = cae("train-judge", "--seed=3")
    assert (done.returncode, done.stderr) == (0, "")
    *epochs, last = done.stdout.splitlines()
    assert len(epochs) == classifier.EPOCHS and epochs[0].startswith(f"epoch  1/{classifier.EPOCHS}  loss ")
    found = classifier.judge_of("mnist")
    assert last == f"{100 * found.accuracy:.2f} % of the test images are read correctly: {classifier.path('mnist')}"
    assert found.accuracy == classifier.accuracy(found.net, load("mnist", "test")) > 0.3
    assert sampling.kept(fitted[0]) is None and found.fingerprint != shipped


def test_a_judge_is_not_a_run(tiny, run_main):
    net, _, _ = classifier.new("mnist")
    classifier.save(net, "mnist")
    names = [each["name"] for each in json.loads(run_main("runs", "--json").stdout)]
    assert "tiny" in names and not any(name.startswith("judge") for name in names)


def test_a_read_only_laboratory_trains_no_judge_and_still_draws(fitted, run_main, own_folders, monkeypatch):
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    done = run_main("train-judge")
    assert_one_sentence(done)
    assert "read-only" in done.stderr
    assert run_main("sample", "tiny", "--count=1").returncode == 0
    assert (own_folders / "tiny-samples.png").exists()


def test_a_seed_too_large_for_a_judge_is_one_sentence(run_main):
    assert_one_sentence(run_main("train-judge", "--seed", "99999999999999999999"))
