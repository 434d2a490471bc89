"""README and docs/ say what is so."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import PROJECT

from cae.commands import cli
from cae.config import ModelConfig
from cae.evaluation import classifier
from cae.jobs import sweep
from cae.network.model import ConvAutoencoder

PAGES = {
    path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8")
    for path in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")), PROJECT / "missions" / "README.md")
}
README, EVERYTHING = PAGES["README.md"], "\n".join(PAGES.values())
FOLDERS = ("cae", "dashboard", "tests", "benchmarks", "deploy", "docs", "missions", "notebooks", "checkpoints", "data")
# The blocks of code in docs/development.md, each with the file that it creates or changes: the last named above it.
EXAMPLES = re.findall(r"`([\w./]+)`[^`\n]*:\n\n```(python|js|diff)\n(.*?)```", PAGES["docs/development.md"], re.DOTALL)
NEW = {path for path, kind, _ in EXAMPLES if kind != "diff"}


def anchors(page: str) -> set[str]:
    """The headings of a page, as a link names them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_file_and_a_heading_that_exist():
    prose = {name: re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.DOTALL) for name, page in PAGES.items()}
    links = [(name, link) for name, page in prose.items() for link in re.findall(r"\]\(([^)\s]+)\)", page)]
    assert len(links) > 60
    for name, link in links:
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (PROJECT / name).parent / path if path else PROJECT / name
        assert target.exists(), f"{name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{name}: {link}"


def test_the_readme_is_short_and_leads_to_every_page_and_every_picture_is_shown():
    assert len(README.splitlines()) <= 135 and len(re.findall(r"!\[", README)) <= 4
    assert not [name for name in PAGES if name != "README.md" and f"({name})" not in README]
    pictures = {path.name for kind in ("png", "gif") for path in (PROJECT / "docs").glob(f"*.{kind}")}
    assert set(re.findall(r"!\[[^\]]+\]\((?:docs/)?(\w+\.\w+)\)", EVERYTHING)) == pictures


def test_every_file_and_folder_that_is_named_exists():
    tree = [
        f"/{path.relative_to(PROJECT).as_posix()}{'/' * path.is_dir()}"
        for path in (*PROJECT.iterdir(), *(path for top in FOLDERS for path in (PROJECT / top).rglob("*")))
    ]
    to_make = {"thick.toml", "dashboard/.streamlit/secrets.toml", ".cache/", "app/static/"}
    for name, page in PAGES.items():
        spans = re.findall(r"`([\w./-]+(?:\.(?:py|js|md|toml|ya?ml|conf|service|ipynb)|/))`", page)
        missing = {span for span in spans if not any(path.endswith(f"/{span.lstrip('/')}") for path in tree)}
        assert not missing - to_make - NEW, name
    assert not [path for path in re.findall(r"python ([\w/]+\.py)", EVERYTHING) if not (PROJECT / path).is_file()]


def test_every_package_is_in_the_layout():
    def packages(top):
        return {path.parent.name for path in (PROJECT / top).glob("*/__init__.py")}

    assert len(packages("cae")) > 10 and len(packages("dashboard")) > 4
    assert not [name for name in packages("cae") if f"](cae/{name})" not in README]
    layout = PAGES["docs/development.md"]
    assert not [name for top in ("cae", "dashboard") for name in packages(top) if f"`{name}/`" not in layout]


@pytest.mark.slow
@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README + PAGES["docs/library.md"], re.DOTALL))
def test_every_python_snippet_runs(code, monkeypatch):
    monkeypatch.chdir(PROJECT)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "docs/library.md", "exec"), {})
    assert "print" not in code or said.getvalue()


@pytest.mark.slow
def test_the_examples_of_how_to_add_something_work_when_all_are_applied(tmp_path):
    for top in ("cae", "dashboard", "tests"):
        shutil.copytree(PROJECT / top, tmp_path / top, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for name in ("data", "checkpoints", "pyproject.toml"):
        (tmp_path / name).symlink_to(PROJECT / name)
    for path, kind, text in EXAMPLES:
        apply(tmp_path / path, kind, text)
    scripts = [path for path, *_ in EXAMPLES if path.endswith(".py")]
    page = "tests/dashboard/test_pages.py::test_every_page_opens_on_the_shipped_run_with_its_title[sharpness-Sharpness]"
    changes = {
        "PYTHONPATH": str(tmp_path),
        "CAE_CHECKPOINTS": str(tmp_path / "runs"),
        "CAE_CACHE": str(tmp_path / "cache"),
    }
    for command in (
        ["pytest", "--all", "-p", "no:cacheprovider", "tests/evaluation/test_sharpness.py", page],
        ["ruff", "check", "--no-cache", *scripts],
        ["ruff", "format", "--no-cache", "--check", *scripts],
        ["cae", "train", "--name", "x", "--recipe", "narrow", "--train-images", "64", "--epochs", "1"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=os.environ | changes, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def apply(file: Path, kind: str, text: str) -> None:
    """Creates the file with this text, or changes it as a diff says, whose places begin with @@."""
    if kind != "diff":
        assert not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    content = file.read_text(encoding="utf-8")
    for place in text.removeprefix("@@\n").split("@@\n"):
        lines = [(line[:1], line[1:]) for line in place.splitlines()]
        before = "\n".join(line for sign, line in lines if sign != "+")
        after = "\n".join(line for sign, line in lines if sign != "-")
        assert content.count(f"\n{before}\n") == 1, f"{file.name} has no such place, or several:\n{before}"
        content = content.replace(f"\n{before}\n", f"\n{after}\n")
    file.write_text(content, encoding="utf-8")


def test_every_command_it_shows_is_understood_and_every_command_is_shown():
    commands = re.findall(r"python -m cae ([^`\n]+)", EVERYTHING)
    table = PAGES["docs/commands.md"].split("## All commands")[1].split("\n## ")[0]
    rows = [f"{name} x" for name in re.findall(r"^\| `([a-z]+) N", table, re.MULTILINE)]
    assert len(commands) >= 20 and len(rows) >= 4
    for command in [*commands, *rows]:
        cli._parser().parse_args(shlex.split(command))
    choices = next(action.choices for action in cli._parser()._actions if action.choices)
    assert not [name for name in choices if not re.search(rf"^\|.*`{name}[ `].*\|", table, re.MULTILINE)]


def test_what_it_shows_of_an_evaluation_is_what_the_command_says(capsys):
    assert cli.main(["evaluate", "original"]) == 0
    said = capsys.readouterr().out.splitlines()
    shown = re.findall(
        r"^\$ python -m cae evaluate original\n(.*?)(?:\n\n|\n```)", EVERYTHING, re.DOTALL | re.MULTILINE
    )
    assert len(shown) == 2
    assert not {line for example in shown for line in example.splitlines()} - {*said, "..."}


def test_its_figures_are_those_of_the_shipped_runs():
    results = PAGES["docs/results.md"]
    found = json.loads((PROJECT / "checkpoints/original/evaluation.json").read_text())
    mse = found["overall"]["mse"]
    for name in ("original", "fast", "best"):
        last = json.loads((PROJECT / "checkpoints" / name / "history.jsonl").read_text().splitlines()[-1])
        figures = f"**{last['test_mse']:.4f}** (training {last['train_mse']:.4f}) in {last['seconds']:.0f} s"
        assert re.search(rf"`checkpoints/{name}`.*{re.escape(figures)}", results)
        if name == "original":
            assert mse < 0.0172 and abs(mse - last["test_mse"]) < 1e-5
            assert f"| {mse:.4f} in {last['seconds']:.0f} s |" in README
        if name == "best":
            assert f"| {last['test_mse']:.4f} |" in README
    for page in (README, results):
        assert f"{found['pca_mse']:.4f}" in page
    assert f"| {found['mean_image_mse']:.3f} |" in results
    swept = sweep.read(PROJECT / "checkpoints" / "latent-dim-fast.sweep.json")
    assert [point.state for point in swept.points] == ["finished"] * 7
    reached = [(point.last.test_mse, swept.pca[point.latent_dim - 1]) for point in swept.points]
    for errors in zip(*reached, strict=True):
        assert " | ".join(f"{error:.4f}" for error in errors) in results
    assert f"The classifier reads {classifier.judge_of('mnist').accuracy:.2%} of".replace("%", " %") in results
    count = sum(parameter.numel() for parameter in ConvAutoencoder(ModelConfig()).parameters())
    assert f"{count:,} parameters" in results
