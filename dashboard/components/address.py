"""The chosen run, epoch and mission in the page's address."""

from __future__ import annotations

from components._widget import register

_address = register("address")


def keep_in_address(run: str | None, epoch: int | None, *, page: str, mission: str | None = None) -> None:
    """Puts the run into the address (`?run=`), the epoch where it is not the last (`&epoch=`), and the mission, if one
    is on it (`&mission=`): links lead back.

    Streamlit's own way would add a step to the browser's history each time, and the way back would lead nowhere.
    """
    _address(key="address", data={"run": run, "epoch": epoch, "page": page, "mission": mission})
