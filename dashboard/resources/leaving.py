"""The files that a run can be saved as, made when a button asks for them."""

from __future__ import annotations

from cae.runs.run import Run
from cae.steps import result_of


def zipped(run: Run) -> bytes:
    """The run as a zip."""
    from cae.exports.zip import pack

    return pack(run)


def lab(run: Run) -> bytes:
    """The laboratory as one HTML file."""
    from cae.exports import lab

    return lab.html(run)


def report(run: Run) -> bytes:
    """The report as one HTML file."""
    from cae.exports import report

    return report.html(result_of(report.gather(run))).encode(errors="replace")
