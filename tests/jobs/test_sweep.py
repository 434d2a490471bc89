"""Sweeps: planned, trained, interrupted and taken up again, kept in a file, told by the command line, and drawn."""

import io
import itertools
import json
import math
import shutil
import signal
import sys

import numpy as np
import pytest
from helpers import TINY, left_behind, lines_in, losses_of, options, start_cae, trained, wait_until, weights_of

from cae.commands.cli import main
from cae.config import RECIPES, ModelConfig, TrainConfig
from cae.data.baselines import baselines
from cae.data.images import load, to_model
from cae.disk.files import SHIPPED_RUNS, runs_folder
from cae.errors import CaeError, Damaged, InvalidName, InvalidOption, ReadOnly, RunExists, Unwritable
from cae.jobs import sweep
from cae.jobs.process import ask_to_stop
from cae.jobs.sweep import SweepPoint
from cae.jobs.trainer import Waiting
from cae.network.model import reconstruct
from cae.network.records import EpochRecord, Progress
from cae.plots import curves
from cae.runs.run import Run

pytestmark = pytest.mark.usefixtures("small_data", "no_training_left")

SMALL = {"width": 4, "epochs": 2, "batch_size": 32, "train_images": 96}
FLAGS = tuple(f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items())
COMMAND = ("sweep", "--latent-dim=4,2", "--name=small", *FLAGS)
RUNS = ("small-2", "small-4")


def planned(option="latent_dim", values=(4, 2), name="small", **changes):
    same = {key: value for key, value in SMALL.items() if key != option}
    return sweep.plan(option, values, changes=same | changes, name=name)


def to_the_end(of):
    """Trains what is to be trained, and gives what the results file says after it."""
    for point, event in sweep.train(of):
        assert not isinstance(event, Waiting), f"{point.run} waits for {event.ahead}"
    return sweep.read(sweep.path(of.name))


def states(found):
    return [(point.value, point.state) for point in found.points]


def without_clock(found):
    values = found.to_json()
    for each in (each for point in values["points"] for each in (point, *point["history"])):
        del each["seconds"]
        each.pop("images_per_second", None)
    return values


@pytest.fixture(scope="module")
def whole_folder(small_data_folder, tmp_path_factory):
    """The checkpoints folder after the small sweep, which nothing has disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(folder / "checkpoints"))
        patch.setenv("CAE_DATA", str(small_data_folder))
        patch.setenv("CAE_CACHE", str(folder / "cache"))
        to_the_end(planned())
    return folder / "checkpoints"


@pytest.fixture
def finished(whole_folder):
    """The finished small sweep: a copy of it, the test's own."""
    shutil.copytree(whole_folder, runs_folder())
    return sweep.read(sweep.path("small"))


@pytest.fixture
def run_main(capsys):
    """The command line in this process: its exit code, what it said, and what it complained of."""

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return run


def assert_one_sentence(code, out, err):
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and err.endswith("\n") and len(err) > 10 and "Traceback" not in err, err


def assert_as_undisturbed(whole_folder):
    for name in RUNS:
        assert weights_of(Run.open(name)) == weights_of(Run(whole_folder / name))
        assert losses_of(Run.open(name)) == losses_of(Run(whole_folder / name))
    found, whole = (sweep.read(folder / "small.sweep.json") for folder in (runs_folder(), whole_folder))
    assert without_clock(found) == without_clock(whole)


def test_a_plan_has_a_run_a_value_by_size_that_differs_in_nothing_else():
    found = planned(values=(16, 2, 8))
    assert [(each.value, each.run) for each in found.points] == [(2, "small-2"), (8, "small-8"), (16, "small-16")]
    for value in (2, 8, 16):
        model = ModelConfig(latent_dim=value, width=4)
        assert found.config(value) == (model, TrainConfig(epochs=2, batch_size=32, train_images=96))
    assert found.waiting == found.points and found.finished == found.pca == () and left_behind() == set()


def test_a_plan_is_a_recipe_and_changes_and_bears_their_name():
    found = sweep.plan("learning_rate", [0.02, 0.003], recipe="fast", changes={"latent_dim": 5, "train_images": None})
    assert (found.name, found.label, found.dataset) == ("learning-rate-fast", "Learning rate", "mnist")
    assert [point.run for point in found.points] == ["learning-rate-fast-0-003", "learning-rate-fast-0-02"]
    assert found.changed == (("latent dimensions", 5),)
    fast, (model, train) = RECIPES["fast"], found.config(0.003)
    assert model.to_json() == fast.model.to_json() | {"latent_dim": 5}
    assert train.to_json() == fast.train.to_json() | {"learning_rate": 0.003}


def test_every_option_but_the_data_set_can_be_swept_and_text_stays_in_its_order():
    texts = {"activation": ("silu", "gelu"), "optimizer": ("sgd", "adam"), "schedule": ("linear", "constant")}
    for option in (option.name for config in (ModelConfig, TrainConfig) for option in config.options()):
        if option != "dataset":
            found = sweep.plan(option, values := texts.get(option, (2, 3)))
            assert tuple(point.value for point in found.points) == values
    assert len(planned("seed", range(64)).points) == 64


NONSENSE = [
    ("latent_dim", [], {}, "at least two"), ("latent_dim", [2], {}, "at least two"), ("seed", range(65), {}, "most 64"),
    ("latent_dim", [2, 4, 2], {}, "appears twice"), ("rotation", [1, 1.0], {}, "appears twice"),
    ("activation", ["relu", "relu"], {}, "appears twice"), ("dataset", ["mnist", "kmnist"], {}, "cannot be swept"),
    ("cake", [1, 2], {}, "'cake'"), ("latent_dim", [2, 4], {"recipe": "cake"}, "'cake'"),
    ("latent_dim", [0, 2], {}, "at least 1"), ("latent_dim", [2, 257], {}, "at most 256"),
    ("latent_dim", [2, 2.5], {}, "whole"), ("learning_rate", [0.1, math.nan], {}, "finite"),
    ("latent_dim", [2, "four"], {}, "'four'"), ("latent_dim", "28", {}, "'2'"), ("latent_dim", [2, True], {}, "True"),
    ("latent_dim", [2, [4]], {}, "number"), ("activation", ["relu", "step"], {}, "'step'"),
    ("activation", ["relu", 2], {}, "one of"), ("latent_dim", [2, None], {}, "None"),
    ("train_images", [50, None], {}, "must be a number"), ("seed", [1, 2], {"changes": {"cake": 8}}, "'cake'"),
    ("latent_dim", [2, 4], {"changes": {"latent_dim": 8}}, "cannot be both swept and the same"),
    ("seed", [1, 2], {"changes": {"width": 0}}, "at least 1"), ("seed", [1, 2], {"changes": {"width": "w"}}, "'w'"),
    ("train_images", [50, 59_000], {"changes": {"validation_images": 5000}}, "With training images 59000: "),
]  # fmt: skip


def test_what_cannot_be_swept_is_an_invalid_option_and_a_name_that_the_runs_could_not_have_is_none():
    for option, values, rest, words in NONSENSE:
        with pytest.raises(InvalidOption) as raised:
            sweep.plan(option, values, **rest)
        assert words in str(raised.value) and str(raised.value).endswith(".") and "\n" not in str(raised.value)
    for name in ("../x", "Upper", "con", "a\n", "x" * 65, "x" * 63):
        with pytest.raises(InvalidName):
            planned(name=name)


def test_each_run_is_trained_and_what_it_reached_is_kept(finished):
    originals = to_model(load("mnist", "test").pixels)
    assert [(point.run, point.state) for point in finished.points] == [(name, "finished") for name in RUNS]
    for point in finished.points:
        run = Run.open(point.run)
        assert (run.info.model, run.info.train) == finished.config(point.value) and run.info.recipe == "original"
        assert point.history == tuple(run.history()) and point.last == run.history()[-1]
        errors = np.square(reconstruct(run.model(), originals).numpy() - originals.numpy(), dtype=np.float64)
        assert point.last.test_mse == pytest.approx(errors.mean(), rel=1e-5)
        assert point.parameters == sum(value.size for value in run.weights().values())
    assert weights_of(run) == weights_of(trained("alone", ModelConfig(latent_dim=4, width=4)))
    assert finished.pca == baselines("mnist").pca[:256] and len(finished.pca) > 4


def test_what_happens_is_told_with_its_point_and_each_result_is_kept_at_once():
    told = []
    for point, event in sweep.train(planned()):
        told.append((point.value, type(event)))
        if isinstance(event, SweepPoint):
            assert sweep.read(sweep.path("small")).finished[-1] == event
            assert [each.value for each in planned().waiting] == ([4] if point.value == 2 else [])
    epoch = 3 * [Progress] + [EpochRecord]
    assert told == [(value, kind) for value in (2, 4) for kind in (*epoch, *epoch, SweepPoint)]


def test_what_has_finished_is_known_and_not_trained_again_and_written_only_where_it_is_not_yet(finished):
    sweep.path("small").unlink()
    assert list(sweep.train(planned())) == [] and sweep.read(sweep.path("small")) == finished
    before = sweep.path("small").stat().st_mtime_ns
    for name in RUNS:
        Run.open(name).delete()
    assert planned() == finished == sweep.all_sweeps()[0], "results outlive deleted runs"
    assert list(sweep.train(planned())) == [] and sweep.path("small").stat().st_mtime_ns == before
    joined = to_the_end(planned(values=(3, 2)))
    assert states(joined) == [(2, "finished"), (3, "finished"), (4, "finished")]
    assert joined.points[::2] == finished.points and left_behind() & {*RUNS, "small-3"} == {"small-3"}


def test_what_has_no_result_is_trained_again_and_a_run_cut_off_before_it_could_say_so_too(finished, whole_folder):
    sweep.path("small").unlink()
    Run.open("small-2").delete()
    assert states(planned()) == [(2, "waiting"), (4, "finished")]
    assert {point.value for point, _ in sweep.train(planned())} == {2}
    Run.open("small-4").update(state="running")
    assert states(planned()) == [(2, "finished"), (4, "waiting")]
    to_the_end(planned())
    assert_as_undisturbed(whole_folder)


def test_results_of_another_sweep_and_runs_with_other_options_or_in_training_are_in_the_way(finished):
    for name in RUNS:
        shutil.rmtree(runs_folder() / name)
    for option, changes in (("latent_dim", {"seed": 1}), ("seed", {}), ("width", {})):
        with pytest.raises(RunExists, match="another sweep called 'small'"):
            planned(option, **changes)
    Run.create("other-4", TINY, options())
    with pytest.raises(RunExists, match="'other-4'"):
        planned(name="other")
    run = Run.create("busy-2", ModelConfig(latent_dim=2, width=4), options())
    with run.lock(), pytest.raises(CaeError, match="busy-2 is being trained"):
        list(sweep.train(planned(name="busy")))


@pytest.mark.parametrize(("value", "step"), [(2, 1), (2, 3), (4, 5)])
def test_a_sweep_that_was_asked_to_stop_or_let_go_of_goes_on_to_the_same_end(whole_folder, value, step):
    for point, event in sweep.train(planned()):
        if (point.value, type(event), getattr(event, "step", 0)) == (value, Progress, step):
            ask_to_stop(Run.open(point.run))
    assert point.value == value and Run.open(f"small-{value}").state == "stopped"
    assert [point.value for point in planned().waiting] == ([2, 4] if value == 2 else [4])
    events = sweep.train(planned())
    next(point for point, event in events if isinstance(event, SweepPoint if value == 2 else EpochRecord))
    events.close()
    assert states(planned()) == [(2, "finished"), (4, "waiting")]
    to_the_end(planned())
    assert_as_undisturbed(whole_folder)


class Interrupting(io.StringIO):
    """A standard output that presses Ctrl-C as soon as this line is begun."""

    def __init__(self, line):
        super().__init__()
        self.line = line

    def write(self, text):
        if text.startswith(self.line):
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


@pytest.mark.parametrize(("line", "reached"), [
    ("small-2: epoch 1/2", ["stopped", "absent"]), ("small-2: epoch 2/2", ["finished", "absent"]),
    ("small-4: epoch 1/2", ["finished", "stopped"]), ("small-4: epoch 2/2", ["finished", "finished"]),
])  # fmt: skip
def test_control_c_ends_the_command_and_the_same_command_goes_on(whole_folder, run_main, monkeypatch, line, reached):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Interrupting(line))
        assert main(COMMAND) == 0
        said = sys.stdout.getvalue()
    assert [Run.open(name).state if name in left_behind() else "absent" for name in RUNS] == reached
    to_go = 2 - reached.count("finished")
    last = f"small is stopped, {to_go} of 2 to go. To go on: this command again\n"
    assert said.endswith(last) if to_go else "stopped" not in said
    code, out, err = run_main(*COMMAND)
    assert (code, err) == (0, "") and "stopped" not in out
    assert ("small-2: known already\n" in out) == (reached[0] == "finished")
    assert_as_undisturbed(whole_folder)


@pytest.mark.slow
def test_control_c_stops_a_process_of_its_own():
    process = start_cae(*COMMAND, "--epochs=9999")
    history = runs_folder() / "small-2" / "history.jsonl"
    wait_until(lambda: lines_in(history) >= 2 or process.poll() is not None, "two epochs")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "") and "small is stopped, 2 of 2 to go" in out
    assert Run.open("small-2").state == "stopped" and "small-4" not in left_behind()


DIVERGES = {"optimizer": "adamw", "weight_decay": 10, "batch_size": 2}  # with a rate of 10 a step makes x into -99 x


@pytest.mark.slow
def test_a_run_that_diverges_has_failed_with_the_reason_and_is_tried_again_only_where_asked_for(run_main):
    results = to_the_end(planned("learning_rate", (10, 0.001, 9), **DIVERGES))
    assert states(results) == [(0.001, "finished"), (9, "failed"), (10, "failed")]
    assert results.finished == results.points[:1] and results.waiting == ()
    for point in results.points[1:]:
        assert "smaller learning rate" in point.reason == Run.open(point.run).info.reason
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (SMALL | DIVERGES).items()]
    code, out, err = run_main("sweep", "--name=small", "--learning-rate=0.001,9,10", *flags)
    assert (code, err) == (0, "") and f"small-10 has failed: {results.points[2].reason}\n" in out
    (row,) = [line.split() for line in out.splitlines() if line.split()[0] == "10"]
    assert row[2] == "failed" and sweep.read(sweep.path("small")) == results
    again = planned("learning_rate", (0.002, 0.001), **DIVERGES)
    assert states(again) == [(0.001, "finished"), (0.002, "waiting")]
    assert {point.value for point, _ in sweep.train(planned("learning_rate", (0.001, 10), **DIVERGES))} == {10}
    with pytest.raises(CaeError, match="not enough"):  # another failure ends the sweep
        list(sweep.train(planned("train_images", (96, 5000), name="images")))
    assert states(planned("train_images", (96, 5000), name="images")) == [(96, "finished"), (5000, "failed")]


def test_a_damaged_run_is_named_and_no_result(finished):
    harms = {
        "model.safetensors": [lambda content: content[:-9]],
        "history.jsonl": [lambda _: b"", lambda content: content[content.index(b"\n") + 1 :], lambda _: b"nonsense\n"],
        "run.json": [lambda content: content[:40]],
    }
    for file, harm in ((file, harm) for file, several in harms.items() for harm in several):
        path = runs_folder() / "small-4" / file
        whole = path.read_bytes()
        path.write_bytes(harm(whole))
        with pytest.raises(Damaged, match=r"small-4/"):
            list(sweep.train(planned()))
        assert sweep.read(sweep.path("small")).points[0] == finished.points[0]
        path.write_bytes(whole)


ABSENT = object()
POINT, RECORD = ("points", 0), ("points", 0, "history", 0)
BAD_VALUES = {
    ("format",): [ABSENT, 0, True, "1", None], ("option",): [ABSENT, "cake", [], "seed", "dataset"],
    ("recipe",): [ABSENT, "cake", {}], ("model",): [ABSENT, None, {"cake": 1}, {"width": 4}],
    ("model", "width"): [0, "4", None], ("train",): [ABSENT, []], ("train", "epochs"): [3], ("cake",): [1],
    ("dataset",): [ABSENT, "kmnist"], ("points",): [ABSENT, None, [], "ab", [2, 4], {"a": 1}, [[[]], [[]]]],
    ("pca",): [ABSENT, None, "0.5", [math.nan], [math.inf], [-0.1], ["0.1"], [True], [0.1] * 257],
    (*POINT, "value"): [ABSENT, 3, None, "2", True, [2], 257, math.nan], POINT: [None, [], {}],
    (*POINT, "run"): [ABSENT, "../x", None], (*POINT, "state"): ["done", [], "waiting"], (*POINT, "reason"): [None, 1],
    (*POINT, "latent_dim"): [3], (*POINT, "parameters"): [0, -1, "9", 0.5, True], (*POINT, "cake"): [1],
    (*POINT, "history"): [ABSENT, [], None, "ab", [[], []]], (*POINT, "test_mse"): [0.01, math.nan, None, ABSENT],
    (*POINT, "epochs"): [3, None], (*POINT, "seconds"): [1.0], (*RECORD, "epoch"): [3, True], (*RECORD, "cake"): [1],
    (*RECORD, "test_mse"): [ABSENT, math.nan, math.inf, -0.1, "0.1"], (*RECORD, "validation_mse"): ["0.1", math.nan],
}  # fmt: skip
BAD_TEXTS = [
    lambda text: "", lambda text: text[:-30], lambda text: text[: len(text) // 2], lambda text: "nonsense",
    lambda text: "\udcff" + text, lambda text: 2 * text, lambda text: "[" * 100_000, lambda text: "[" * 900 + "]" * 900,
    lambda text: f"[{text}]", lambda text: "null", lambda text: "9" * 5000, lambda text: "{}",
    lambda text: text.replace('"value": 4', '"value": 2').replace('"latent_dim": 4', '"latent_dim": 2'),
]  # fmt: skip


def with_value(place, value):
    """A function that puts a value into the text of a file, or takes one away."""

    def harm(text):
        values = inner = json.loads(text)
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        if value is ABSENT:
            del inner[place[-1]]
        return json.dumps(values)

    return harm


BAD = BAD_TEXTS + [with_value(place, value) for place, values in BAD_VALUES.items() for value in values]


def test_a_damaged_results_file_is_named_left_out_and_never_overwritten(finished):
    file = sweep.path("small")
    whole = file.read_text()
    file.write_text(with_value((*RECORD, "test_mse"), 0.125)(whole))  # which does no harm itself
    assert sweep.read(file).points[0].history[0].test_mse == 0.125
    assert sweep.read(file).points[1] == finished.points[1]
    for number, harm in enumerate(BAD):
        file.write_bytes(content := harm(whole).encode(errors="surrogateescape"))
        for use in (lambda: sweep.read(file), planned):
            with pytest.raises(Damaged, match=r"^small\.sweep\.json is damaged and cannot be read: delete it"):
                use()
                pytest.fail(f"harm {number} was not seen")
        assert "small" not in {each.name for each in sweep.all_sweeps()} and file.read_bytes() == content
    file.write_text('{"format": 2, "sweeps": []}')
    with pytest.raises(Damaged, match=r"small\.sweep\.json was written by a newer version"):
        planned()
    file.unlink()
    file.mkdir()
    with pytest.raises(Damaged, match=r"small\.sweep\.json is damaged"):
        planned()


def test_sweeps_are_found_the_users_own_before_those_that_come_with_the_project(finished, tmp_path, monkeypatch):
    own, shipped = sweep.path("small"), tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(sweep, "SHIPPED_RUNS", shipped)
    for name in ("small", "zebra", "ape", "No Name"):
        (shipped / f"{name}.sweep.json").write_text(with_value((*RECORD, "test_mse"), 0.125)(own.read_text()))
    (runs_folder() / "a.sweep.json").write_text("{")
    assert [each.name for each in sweep.all_sweeps()] == ["small", "ape", "zebra"] and sweep.all_sweeps()[0] == finished
    own.write_text("{")
    assert [each.name for each in sweep.all_sweeps()] == ["ape", "small", "zebra"]


def test_in_the_sweep_that_comes_with_the_project_more_numbers_are_better_and_better_than_pca():
    found = next(each for each in sweep.all_sweeps() if each.name == "latent-dim-fast")
    assert found == sweep.read(SHIPPED_RUNS / "latent-dim-fast.sweep.json")
    assert (found.option, found.recipe, found.changed) == ("latent_dim", "fast", ())
    assert len(found.finished) == len(found.points) == 7 and len(found.pca) == 256
    errors = [(point.last.test_mse, found.pca[point.value - 1]) for point in found.points]
    assert all(error < pca for error, pca in errors)
    assert all(after[i] < before[i] for before, after in itertools.pairwise(errors) for i in (0, 1))


def test_a_read_only_laboratory_shows_sweeps_and_makes_none(finished, run_main, monkeypatch):
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    before = left_behind()
    with pytest.raises(ReadOnly):
        list(sweep.train(planned(values=(2, 8))))
    said = run_main("sweep", "--seed=1,2")
    assert_one_sentence(*said)
    assert "read-only" in said[2] and left_behind() == before and sweep.all_sweeps()[0] == finished


def test_what_cannot_be_written_is_named_and_the_runs_stay(run_main, tmp_path, monkeypatch):
    of = planned()
    sweep.path("small").mkdir(parents=True)
    with pytest.raises(Unwritable, match=r"small\.sweep\.json cannot be written"):
        list(sweep.train(of))
    sweep.path("small").rmdir()
    assert states(planned()) == [(2, "finished"), (4, "waiting")]
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "file" / "runs"))
    assert_one_sentence(*run_main(*COMMAND))


def test_the_command_trains_and_shows_a_table_with_pca_beside(run_main, whole_folder):
    code, out, err = run_main(*COMMAND)
    assert (code, err) == (0, "")
    assert_as_undisturbed(whole_folder)
    found, lines = sweep.read(sweep.path("small")), out.splitlines()
    assert [line[:18] for line in lines[:4]] == [f"{run}: epoch {epoch}/2" for run in RUNS for epoch in (1, 2)]
    assert lines[4].startswith("small: mnist, recipe original, width 4, epochs 2, batch size 32, training images 96;")
    assert "PCA with as many" in lines[5] and lines[8:] == [f"  kept in {sweep.path('small')}"]
    for line, point in zip(lines[6:8], found.points, strict=True):
        error, pca = point.last.test_mse, found.pca[point.value - 1]
        expected = f"{point.value} {point.parameters:,} {error:.4f} {pca:.4f} {point.last.seconds:.0f}"
        assert line.split() == expected.split()


def test_the_same_command_again_shows_the_same_and_as_json_what_is_kept_and_text_is_swept_too(finished, run_main):
    known = "small-2: known already\nsmall-4: known already\n"
    code, out, err = run_main(*COMMAND)
    assert (code, err) == (0, "") and out.startswith(f"{known}small: mnist")
    code, out, err = run_main(*COMMAND, "--json")
    assert (code, err) == (0, known)
    assert json.loads(out) == {"name": "small", **json.loads(sweep.path("small").read_text())}
    code, out, err = run_main("sweep", "--activation=relu, gelu", "--latent-dim=2", *FLAGS)
    assert (code, err) == (0, "") and "activation-original-gelu: epoch 2/2" in out and "PCA" not in out
    assert states(sweep.read(sweep.path("activation-original"))) == [("relu", "finished"), ("gelu", "finished")]


WRONG = (  # what a plan refuses is tried above: here it is what the command line makes of words
    "--epochs=1", "", "--latent-dim=2,4 --width=4,8", "--latent-dim=2", "--latent-dim=", "--latent-dim=,",
    "--latent-dim=2,,4", "--latent-dim=2,4,", "--activation=relu,", "--latent-dim=two,four", "--latent-dim=2,four",
    "--learning-rate=nan,0.1", "--train-images=50,None", "--latent-dim=2,2.5", f"--seed=1,{'9' * 400}",
    f"--seed=1,{'9' * 5000}", "--dataset=mnist,kmnist", "--dataset=cake --seed=1,2", "--activation=relu,step",
    "--seed=1,2 --width=w", "--seed=1,2 --epochs=0", "--cake=1,2", "--recipe=cake --seed=1,2",
    "--name=../x --seed=1,2", "--seed=1,2 --name=other", "--seed=1,2 --name=small", "--seed=1,2 --name=ruin",
    "--latent-dim=2,4 --latent-dim=2",
)  # fmt: skip


def test_what_is_wrong_is_said_in_one_sentence(finished, run_main, monkeypatch):
    Run.create("other-2", TINY, options())
    (runs_folder() / "ruin.sweep.json").write_text("{")
    before = left_behind()
    for arguments in WRONG:
        assert_one_sentence(*run_main("sweep", *arguments.split()))
        assert left_behind() == before
    monkeypatch.setenv("WORLD_SIZE", "2")  # several processes that train together
    assert_one_sentence(*run_main(*COMMAND))


PCA = (0.64, 0.32, 0.16, 0.08, 0.04, 0.02)


def last(test_mse, validation_mse=None, seconds=5.0):
    return EpochRecord(2, 20, 0.5, test_mse, validation_mse, seconds, 1000.0)


def test_the_figure_holds_the_errors_and_what_pca_reaches_within_their_range():
    pca, test = curves.sweep("Latent dimensions", [2, 5], [last(0.25), last(0.125, seconds=7.0)], pca=PCA).data
    assert (tuple(pca.x), tuple(pca.y)) == ((2, 3, 4, 5), PCA[1:5])
    assert "PCA" in pca.name and tuple(pca.customdata) == tuple(error / 4 for error in PCA[1:5])
    assert (test.name, tuple(test.x), tuple(test.y)) == ("test", (2, 5), (0.25, 0.125))
    assert [tuple(each) for each in test.customdata] == [(0.0625, 5), (0.03125, 7)]
    for values, components in (((4, 20), (4, 5, 6)), ((6, 7), (6,)), ((7, 9), ()), ((3,), (3,))):
        *pca, test = curves.sweep("Latent dimensions", values, [last(0.25)] * len(values), pca=PCA).data
        assert tuple(test.x) == values and sum((tuple(trace.x) for trace in pca), ()) == components


def test_text_is_shown_as_categories_numbers_on_an_axis_and_validation_errors_where_all_runs_have_them():
    text = curves.sweep("Activation", ["relu", "gelu"], [last(0.25), last(0.125)], pca=PCA)
    (trace,) = text.data
    assert (tuple(trace.x), tuple(trace.y), trace.mode) == (("relu", "gelu"), (0.25, 0.125), "markers")
    assert (text.layout.xaxis.type, text.layout.xaxis.title.text) == ("category", "activation")
    for values, kind in (((1, 2, 64), "log"), ((1, 2, 3), "linear"), ((0, 1, 64), "linear")):
        axis = curves.sweep("Seed", values, [last(0.25)] * 3).layout.xaxis
        assert axis.type == kind and tuple(axis.tickvals) == values
    both = curves.sweep("Width", [2, 4], [last(0.25, 0.5), last(0.125, 0.375)]).data
    assert {trace.name: tuple(trace.y) for trace in both} == {"test": (0.25, 0.125), "validation": (0.5, 0.375)}
    assert [trace.name for trace in curves.sweep("Width", [2, 4], [last(0.25, 0.5), last(0.125)]).data] == ["test"]
    assert [tuple(trace.x) for trace in curves.sweep("Width", [], []).data] == [()]
