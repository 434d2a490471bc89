"""Starts the laboratory. Needs Python 3.11 or newer, and nothing else.

python start.py                           open the dashboard in the browser; Ctrl-C ends it
python start.py -- --server.port 8600     the same, with options for Streamlit
python start.py test                      check the project and run its quick tests: 6 minutes at most
python start.py test --all                the same with all tests: 20 minutes at most
python start.py test -k resume            the quick tests, with options for pytest

The first time, an environment is made in .venv beside this file and filled; later only what has changed is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
PROGRAMS, EXE = (VENV / "Scripts", ".exe") if os.name == "nt" else (VENV / "bin", "")
PYTHON = PROGRAMS / f"python{EXE}"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
APPS_MAC = ("Chromium", "Google Chrome", "Microsoft Edge")
APPS_WINDOWS = (
    "Chromium/Application/chrome.exe",
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
INSTALL_BROWSER = {
    "apt-get": "apt-get install chromium",
    "dnf": "dnf install chromium",
    "pacman": "pacman -S chromium",
    "zypper": "zypper install chromium",
    "brew": "brew install --cask chromium",
    "winget": "winget install Google.Chrome",
}


class CannotStart(Exception):
    """Why it cannot go on, and what to do about it."""


def main(arguments: list[str]) -> int:
    """Does what the command line asks for and returns the exit code."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    command, options = (arguments[0], arguments[1:]) if arguments else ("--", [])
    if command not in ("--", "test"):
        print(f"start.py: {command!r} is not known here; options for Streamlit go after -- (see start.py --help).")
        return 2
    try:
        if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what an older Python is told it by
            found = ".".join(map(str, sys.version_info[:2]))
            raise CannotStart(f"Python 3.11 or newer is needed, and this is {found}: see https://www.python.org.")
        return _test(options) if command == "test" else _dashboard(options)
    except CannotStart as reason:
        print(f"start.py: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _dashboard(options: list[str]) -> int:
    _prepare("requirements.txt")
    _say("Starting the dashboard. Ctrl-C ends it; a training that runs goes on.")
    return _run(["streamlit", "run", str(PROJECT / "dashboard" / "Home.py"), *options], Path.cwd())


def _test(options: list[str]) -> int:
    _prepare("requirements.txt", "requirements-extra.txt", "requirements-dev.txt")
    results: list[tuple[str, bool, float]] = []
    browser = find_browser()
    if browser:
        os.environ["CHROMIUM"] = browser
        _say(f"The browser for the tests is {browser}.")
    else:
        _say(f"No Chromium was found, which the tests in a browser need. To install it: {_install_browser()}")
        if os.environ.get("CI", "").lower() in ("1", "true"):
            results.append(("browser", False, 0.0))
    steps = {
        "ruff check": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "mypy": ["mypy"],
        "oxlint": [str(PROGRAMS / f"oxlint{EXE}"), "--deny-warnings", "cae/web"],
        "pytest": ["pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "worksteal", *options],
    }
    for name, command in steps.items():
        _say(name)
        began = time.monotonic()
        is_good = _run(command) == 0
        results.append((name, is_good, time.monotonic() - began))
    print()
    for name, is_good, seconds in results:
        print(f"{name:12} {'ok' if is_good else 'FAILED':6} {seconds:6.1f} s")
    return 0 if all(is_good for _, is_good, _ in results) else 1


def _prepare(*files: str) -> None:
    """Makes .venv where there is none that works, and installs those of `files` that changed since they last were."""
    version = _ask("print(sys.version) if sys.version_info >= (3, 11) else sys.exit(1)")
    if not version:
        if importlib.util.find_spec("ensurepip") is None:
            raise CannotStart(
                "This Python cannot make environments; on Debian and Ubuntu that is a package of its own: "
                "apt-get install python3-venv"
            )
        _say("Making an environment in .venv ...")
        if _run([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
            raise CannotStart(f"The environment could not be made (see above): is {PROJECT} writable, the disk full?")
        version = sys.version + "\n"
    for file in files:
        content = (PROJECT / file).read_bytes() + version.encode()
        wanted, marker = hashlib.sha256(content).hexdigest(), VENV / f"{file}.installed"
        if marker.exists() and marker.read_text() == wanted:
            continue
        marker.unlink(missing_ok=True)
        size = "6 GB" if sys.platform.startswith("linux") else "2 GB"
        _say(f"Installing what {file} lists" + (f" (about 2 minutes, {size})" if file == files[0] else "") + " ...")
        if not _ask("import pip; print(pip)"):
            _run(["ensurepip"])
        if _run(["pip", "install", "--disable-pip-version-check", "-r", str(PROJECT / file)]) != 0:
            raise CannotStart(
                f"Something in {file} could not be installed (see above). Check the network and that {size} of the "
                f"disk are free, then start again; if that does not help, delete {VENV} first."
            )
        marker.write_text(wanted)


def _ask(code: str) -> str:
    """What the Python in .venv prints; nothing where it is missing, broken or does not agree."""
    try:
        done = subprocess.run([str(PYTHON), "-c", f"import sys; {code}"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def find_browser() -> str | None:
    """CHROMIUM, or a Chromium on the PATH or where this system keeps programs; None where there is none."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        if not shutil.which(chosen):
            raise CannotStart(f"CHROMIUM is set to {chosen}, which is no program.")
        return chosen
    places = [Path(path) for path in map(shutil.which, BROWSERS) if path]
    applications = (Path("/Applications"), Path.home() / "Applications")
    places += [root / f"{app}.app/Contents/MacOS/{app}" for root in applications for app in APPS_MAC]
    programs = (os.environ.get(variable) for variable in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData"))
    places += [Path(root, app) for root in programs if root for app in APPS_WINDOWS]
    return next((str(path) for path in places if path.exists()), None)


def _install_browser() -> str:
    found = (line for tool, line in INSTALL_BROWSER.items() if shutil.which(tool))
    return next(found, "https://www.chromium.org/getting-involved/download-chromium/")


def _run(command: list[str], folder: Path = PROJECT) -> int:
    """Runs a program, given by its path, or a module of .venv's Python, and returns its exit code.

    Ctrl-C reaches it as well: it has five seconds to end by itself.
    """
    if not Path(command[0]).is_absolute():
        safe = [] if folder == PROJECT else ["-P"]  # import nothing from wherever we were called
        command = [str(PYTHON), *safe, "-m", *command]
    process = subprocess.Popen(command, cwd=folder)
    try:
        return process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(5)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            process.terminate()
            process.wait()
        raise
    finally:
        if process.poll() is None:
            process.terminate()


def _say(text: str) -> None:
    print(f"* {text}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
