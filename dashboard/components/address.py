"""The chosen run and epoch in the page's address."""

from __future__ import annotations

from components._widget import register

_address = register("address")


def keep_in_address(run: str | None, epoch: int | None, *, page: str) -> None:
    """Puts the run into the address (`?run=`), and the epoch where it is not the last (`&epoch=`): links lead back.

    Streamlit's own way would add a step to the browser's history each time, and the way back would lead nowhere.
    """
    _address(key="address", data={"run": run, "epoch": epoch, "page": page})
