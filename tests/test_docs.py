"""The README says what is so."""

import contextlib
import io
import json
import re
import shlex

import pytest
from helpers import PROJECT

from cae.commands import cli
from cae.config import ModelConfig
from cae.evaluation import classifier
from cae.jobs import sweep
from cae.network.model import ConvAutoencoder

README = (PROJECT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_every_picture_and_file_it_names_exists():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert len(pictures) >= 3
    assert not [path for path in pictures if not (PROJECT / path).is_file()]
    modules = re.findall(r"`([a-z_]+\.py)`", README)
    there = {path.name for top in ("cae", "dashboard", "benchmarks") for path in (PROJECT / top).rglob("*.py")}
    assert not set(modules) - there - {"start.py"}


def test_every_package_is_in_the_layout():
    layout = README.split("## How the code is laid out")[1]
    packages = {path.parent.name for top in ("cae", "dashboard") for path in (PROJECT / top).glob("*/__init__.py")}
    assert len(packages) > 15 and not [name for name in packages if f"`{name}/`" not in layout]


@pytest.mark.parametrize("code", SNIPPETS)
def test_every_python_snippet_runs(code):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "README.md", "exec"), {})
    assert "print" not in code or said.getvalue()


def test_every_command_it_shows_is_understood():
    commands = re.findall(r"(?:\$ |`)python -m cae ([^`\n]+)", README)
    table = [f"{name} x" for name in re.findall(r"^\| `([a-z]+) N", README, re.MULTILINE)]
    assert len(commands) >= 4 and len(table) >= 4
    for command in [*commands, *table]:
        cli._parser().parse_args(shlex.split(command))


def test_its_figures_are_those_of_the_shipped_runs():
    found = json.loads((PROJECT / "checkpoints/original/evaluation.json").read_text())
    last = json.loads((PROJECT / "checkpoints/original/history.jsonl").read_text().splitlines()[-1])
    mse = found["overall"]["mse"]
    assert mse < 0.0172 and abs(mse - last["test_mse"]) < 1e-5
    for figure in (
        f"**{mse:.4f}** (training {last['train_mse']:.4f}) in {last['seconds']:.0f} s",
        f"MSE   {mse:.4f} on [-1, 1], {mse / 4:.5f} on [0, 1]",
        f"PSNR  {found['overall']['psnr']:.2f} dB",
        f"SSIM  {found['overall']['ssim']:.4f}",
        f"mean image {found['mean_image_mse']:.4f}, PCA-32 {found['pca_mse']:.4f}",
    ):
        assert figure in README, figure
    for name in ("fast", "best"):
        last = json.loads((PROJECT / "checkpoints" / name / "history.jsonl").read_text().splitlines()[-1])
        figures = f"**{last['test_mse']:.4f}** (training {last['train_mse']:.4f}) in {last['seconds']:.0f} s"
        assert re.search(rf"`checkpoints/{name}`.*{re.escape(figures)}", README)
    swept = sweep.read(PROJECT / "checkpoints" / "latent-dim-fast.sweep.json")
    assert [point.state for point in swept.points] == ["finished"] * 7
    reached = [(point.last.test_mse, swept.pca[point.latent_dim - 1]) for point in swept.points]
    for errors in zip(*reached, strict=True):
        assert " | ".join(f"{error:.4f}" for error in errors) in README
    assert f"The judge reads {classifier.judge_of('mnist').accuracy:.2%} of".replace("%", " %") in README
    count = sum(parameter.numel() for parameter in ConvAutoencoder(ModelConfig()).parameters())
    assert f"{count:,} parameters" in README
