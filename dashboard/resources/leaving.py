"""What can be taken away of a run, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from cae.runs.run import Run
from cae.steps import result_of


def zipped(run: Run) -> Callable[[], bytes]:
    """Packs the run as a zip, when it is asked for."""

    def pack() -> bytes:
        from cae.exports.zip import pack

        return pack(run)

    return pack


def lab(run: Run) -> Callable[[], bytes]:
    """Makes the laboratory in one file, when it is asked for."""

    def make() -> bytes:
        from cae.exports import lab

        return lab.html(run)

    return make


def report(run: Run) -> Callable[[], bytes]:
    """Makes the report, when it is asked for."""

    def make() -> bytes:
        from cae.exports import report

        return report.html(result_of(report.gather(run))).encode(errors="replace")

    return make
