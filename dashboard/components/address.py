"""The run, the epoch and the mission in the address."""

from __future__ import annotations

from components._widget import register

_address = register("address")


def keep_in_address(run: str | None, epoch: int | None, *, page: str, mission: str | None = None) -> None:
    """Puts the run (`?run=`), an epoch that is not the last (`&epoch=`) and the mission (`&mission=`) into the address.

    Streamlit's own way adds a step to the browser's history each time, which breaks the back button.
    """
    _address(key="address", data={"run": run, "epoch": epoch, "page": page, "mission": mission})
