"""What the benchmarks share: the machine in one line, medians, and how a result is shown."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent


def machine() -> str:
    """The processor, its cores, what else they are busy with, and the version of torch, which is not imported."""
    model = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    load = f" (load {os.getloadavg()[0]:.1f} before)" if hasattr(os, "getloadavg") else ""
    return f"{model}, {os.cpu_count()} cores{load}, {platform.system()}, torch {metadata.version('torch')}"


def parser(description: str | None, rounds: int | None = None) -> argparse.ArgumentParser:
    """The options all benchmarks have."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    if rounds:
        found.add_argument("--rounds", type=int, default=rounds, metavar="N", help=f"how often ({rounds})")
    return found


class Report:
    """Prints lines as they come, or everything as JSON at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._values: dict[str, Any] = {"machine": machine()}
        self.say(self._values["machine"])

    def say(self, text: str) -> None:
        """A line for the reader; none where JSON is asked for."""
        if not self._as_json:
            print(text, flush=True)

    def end(self, **values: Any) -> None:
        """The numbers, for whoever reads JSON."""
        if self._as_json:
            print(json.dumps(self._values | values, indent=2))


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of them do not exceed."""
    return sorted(values)[max(0, -int(-len(values) * percent // 100) - 1)]


@contextlib.contextmanager
def served(script: Path) -> Iterator[str]:
    """The address of a Streamlit app, which runs as long as one is inside."""
    port = free_port()
    quiet = ("--server.headless", "true", "--server.address", "127.0.0.1", "--logger.level", "error",
             "--browser.gatherUsageStats", "false")  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port), *quiet]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT, env=environment)
    try:
        began = time.monotonic()
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).close()
                break
            except OSError:
                if time.monotonic() - began > 60 or server.poll() is not None:
                    raise
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """A port on this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
