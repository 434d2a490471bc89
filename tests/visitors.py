"""A server of the dashboard, and a visitor in a headless Chromium; the fixtures are in conftest.py."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import PROJECT, environment, wait_until
from playwright.sync_api import Page, expect, sync_playwright

from cae.data.images import to_pixels
from cae.runs.run import Run

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = {
    "/": "Look inside an autoencoder",
    "/train": "Train",
    "/reconstruct": "Reconstruct",
    "/steer": "Steer",
    "/draw": "Draw",
    "/map": "Map",
    "/judge": "Judge",
    "/generate": "Generate",
    "/compare": "Compare",
    "/missions": "Missions",
    "/wall": "Wall",
}
DRAWN = ".chart .main-svg, .steer[data-ready], .draw[data-ready], .map[data-ready], [aria-label=Missions]"
AT_REST = """() => new Promise((done) => {
  let since = performance.now();
  (function look() {
    const app = document.querySelector('[data-testid="stApp"]');
    if (app?.dataset.testScriptState !== "notRunning") since = performance.now();
    if (performance.now() - since > 150) done();
    else setTimeout(look, 15);
  })();
})"""  # what a widget says when it is mounted has the page run again
PATIENCE = 60_000  # milliseconds; the machine may be busy


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        message = "there is no Chromium: set CHROMIUM, or install one (python start.py test says how)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`streamlit run dashboard/Home.py` from another folder, on runs of its own."""

    def __init__(self, folder, **settings):
        self.folder, self.port, self.settings = folder, free_port(), settings
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        places = {"CAE_CHECKPOINTS": str(self.folder / "checkpoints"), "CAE_CACHE": str(self.folder / "cache")}
        without_path = {
            name: value for name, value in environment(**places, **self.settings).items() if name != "PYTHONPATH"
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(PROJECT / "dashboard" / "Home.py"),
             "--server.headless", "true", "--server.port", str(self.port)],
            cwd=self.folder, env=without_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self.answers, "the server answers")

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def run(self, name: str) -> Run:
        return Run(self.folder / "checkpoints" / name)


def forget_runs(server: Server) -> None:
    """Stops what is still being trained there, and deletes all runs, classes and tickets."""
    folder = server.folder / "checkpoints"
    runs = [Run(path) for path in folder.glob("[a-z]*") if (path / "run.json").exists()]
    for run in runs:
        (run.path / "stop").touch()
    wait_until(lambda: not any(run.again().is_live() for run in runs), "its trainings have ended")
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def _server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("server"))
    (started.folder / "checkpoints").mkdir(exist_ok=True)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server(_server):
    """The server that all modules share, on the real MNIST, with the shipped runs and none beside them."""
    yield _server
    forget_runs(_server)


class Visitor:
    """A page, and everything it complained of or asked for."""

    def __init__(self, context, server: Server):
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.server = server
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, message):
        # A page opened directly makes Streamlit look for its server below that page first, and find nothing there.
        probes = ("_stcore/health", "_stcore/host-config")
        if message.type == "error" and not message.location.get("url", "").endswith(probes):
            self.complaints.append(message.text)

    def opens(self, path: str) -> Page:
        self.page.goto(self.server.url + path)
        title = PAGES[path.split("?", maxsplit=1)[0]]
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=PATIENCE)
        self.settles('[data-testid="stForm"]' if title == "Wall" else DRAWN)
        return self.page

    def settles(self, drawn: str = DRAWN):
        """Waits until the page has been computed and drawn."""
        quiet = '[data-testid="stApp"][data-test-script-state="notRunning"]'
        self.page.locator(quiet).wait_for(timeout=PATIENCE)
        self.page.locator(drawn).first.wait_for(timeout=PATIENCE, state="attached")
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('.main-svg'))",
            timeout=PATIENCE,
        )
        self.page.evaluate(AT_REST)

    def is_content(self):
        foreign = [url for url in self.requests if not url.startswith((self.server.url, "data:", "blob:"))]
        assert not foreign, f"it asked others: {foreign}"
        assert not self.complaints, f"its console says: {self.complaints}"


@pytest.fixture
def visitor(chromium, server):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    found = Visitor(context, server)
    yield found
    context.close()


@pytest.fixture(scope="session")
def _small_server(tmp_path_factory, small_data_folder):
    folder = tmp_path_factory.mktemp("small-server")
    (folder / "checkpoints").mkdir()
    started = Server(folder, CAE_DATA=str(small_data_folder))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def small_server(_small_server, trained_folder):
    """Another that they share, with one tiny run beside the shipped ones, on 200 training digits."""
    shutil.copytree(trained_folder, _small_server.folder / "checkpoints", dirs_exist_ok=True)
    yield _small_server
    forget_runs(_small_server)
    shutil.rmtree(_small_server.folder / "cache", ignore_errors=True)


@contextlib.contextmanager
def at_home(server: Server):
    """What is trained and measured in the block lies in the server's folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(server.folder / "checkpoints"))
        patch.setenv("CAE_CACHE", str(server.folder / "cache"))
        patch.setenv("CAE_DATA", server.settings["CAE_DATA"])
        yield


@pytest.fixture
def guest(chromium, small_server):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    yield Visitor(context, small_server)
    context.close()


def pixels_of(canvas) -> list[int]:
    """The grey values of a canvas, row by row."""
    return canvas.evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
        ".filter((_, index) => index % 4 === 0)"
    )


def decoded(run: Run, code: list[float]) -> np.ndarray:
    """The pixels (784,) that PyTorch decodes from a code."""
    with torch.inference_mode():
        return to_pixels(run.model().decode(torch.tensor([code])))[0].flatten().int().numpy()
