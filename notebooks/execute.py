"""Runs the notebook from top to bottom in a fresh kernel and keeps what it showed: python notebooks/execute.py.

Where a Chromium is found, each figure of Plotly is kept as a picture too, for readers that show no Plotly.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent
NOTEBOOK = FOLDER / "autoencoder_mnist.ipynb"
PLOTLY = "application/vnd.plotly.v1+json"
_PAGE = "<body style='margin:0'><div id='figure'></div></body>"
_DRAW = "figure => Plotly.newPlot('figure', figure.data, figure.layout, {staticPlot: true})"


def executed(folder: Path = FOLDER, seconds: int = 120) -> NotebookNode:
    """The notebook with new outputs, run in `folder`. Raises CellExecutionError where a cell fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def add_pictures(notebook: NotebookNode, browser: str) -> None:
    """Gives every figure of Plotly a PNG of itself, drawn by this Chromium."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    figures = [output.data for output in outputs if PLOTLY in output.get("data", ())]
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.set_content(_PAGE)
        page.add_script_tag(content=get_plotlyjs())
        for data in figures:
            page.evaluate(_DRAW, data[PLOTLY])
            data["image/png"] = base64.b64encode(page.locator("#figure .main-svg").first.screenshot()).decode()


def write(notebook: NotebookNode) -> None:
    """Keeps it without what differs from one execution to the next for no reason."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))
    from start import find_browser

    result = executed()
    browser = find_browser()
    if browser:
        add_pictures(result, browser)
    write(result)
    print(
        f"{NOTEBOOK}: {NOTEBOOK.stat().st_size / 2**20:.2f} MB" + ("" if browser else ", without pictures of figures")
    )
