import importlib.util
import json
import re
import sys

import nbformat
import pytest
from helpers import PROJECT

from cae.runs.run import Run

FOLDER = PROJECT / "notebooks"
NOTEBOOK = FOLDER / "autoencoder_mnist.ipynb"


def execute():
    """The script that runs the notebook, as a module."""
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kept():
    """The notebook with the outputs that it comes with."""
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def run_anew(tmp_path_factory):
    """The notebook as it comes out of a fresh kernel, started in its folder."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("notebook")
        patch.setenv("CAE_CACHE", str(place / "cache"))
        patch.setenv("CAE_CHECKPOINTS", str(PROJECT / "checkpoints"))
        patch.delenv("CAE_DATA", raising=False)
        patch.setenv("IPYTHONDIR", str(place / "ipython"))
        return execute().executed()


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook):
    outputs = (output for cell in code_cells(notebook) for output in cell.outputs)
    return "".join(output.text for output in outputs if output.output_type == "stream")


def shown(notebook, kind):
    outputs = (output for cell in code_cells(notebook) for output in cell.outputs)
    return [output.data[kind] for output in outputs if kind in output.get("data", ())]


def require_right_figures(text):
    """What it prints of the shipped run is what the run's own files say."""
    last = Run.open("original").history()[-1]
    assert f"original, {last.epoch} epochs in {last.seconds:.0f} s: train {last.train_mse:.4f}" in text
    assert f"test {last.test_mse:.4f}\n" in text
    found = json.loads((PROJECT / "checkpoints/original/evaluation.json").read_text())
    assert f"test MSE {found['overall']['mse']:.4f}; by class" in text
    by_class = [float(mse) for mse in re.search(r"from 0 to 9: ([0-9. ]+)", text).group(1).split()]
    assert by_class == [pytest.approx(each["mse"], abs=1e-4) for each in found["per_class"]]
    assert f"PCA with 32 components: test {found['pca_mse']:.4f}" in text
    assert f"MSE {found['mean_image_mse']:.3f}\n" in text
    assert "111,521 parameters" in text


@pytest.mark.slow
def test_every_cell_runs_in_a_fresh_kernel_and_prints_the_figures_of_the_shipped_run(run_anew):
    for cell in code_cells(run_anew):
        assert not [output for output in cell.outputs if output.output_type == "error"]
        assert not [output for output in cell.outputs if output.get("name") == "stderr"]
    require_right_figures(printed(run_anew))


def test_the_training_in_it_learns_and_draws_one_curve_with_every_epoch(run_anew):
    epochs = re.findall(r"^epoch (\d)  train ([\d.]+)  test ([\d.]+)", printed(run_anew), re.MULTILINE)
    assert [int(epoch) for epoch, *_ in epochs] == [1, 2, 3, 4, 5]
    assert float(epochs[0][2]) > 0.1 and float(epochs[-1][2]) < 0.0673  # from far above PCA to below it
    live, original, _ = shown(run_anew, execute().PLOTLY)
    for figure, count, last in (
        (live, 5, float(epochs[-1][2])),
        (original, 20, Run.open("original").record().test_mse),
    ):
        (curve,) = [trace for trace in figure["data"] if trace.get("name") == "test"]
        assert len(curve["x"]) == count
        assert curve["y"][-1] == pytest.approx(last, abs=1e-4)


def test_better_priors_give_digits_that_are_read_more_often(run_anew):
    shares = [float(share) for share in re.findall(r"read +([\d.]+)%", printed(run_anew))]
    assert len(shares) == 3 and shares[0] < 10 and 30 < shares[1] < shares[2]


def test_the_outputs_that_it_comes_with_are_whole_light_and_right(kept):
    cells = code_cells(kept)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert NOTEBOOK.stat().st_size < 1.5 * 2**20
    assert not re.search(r"/home/|/root/|/tmp/|[A-Z]:[\\/]", printed(kept) + json.dumps(kept.metadata))
    require_right_figures(printed(kept))
    figures = shown(kept, execute().PLOTLY)
    assert len(figures) == 3
    assert all(sum(len(trace["x"]) for trace in figure["data"]) <= 2000 for figure in figures)
    with_picture = [output for cell in cells for output in cell.outputs if execute().PLOTLY in output.get("data", ())]
    assert all("image/png" in output.data for output in with_picture)  # for readers that show no Plotly


def test_it_finds_the_project_from_its_folder_and_from_the_root_and_says_so_elsewhere(kept, monkeypatch, tmp_path):
    start = code_cells(kept)[0].source
    for folder in (FOLDER, PROJECT):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", list(sys.path))
        names: dict = {}
        exec(compile(start, "the first cell", "exec"), names)
        assert names["project"] == PROJECT and sys.path[0] == str(PROJECT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="folder notebooks"):
        exec(compile(start, "the first cell", "exec"), {})
