"""The chosen run in the page's address."""

from __future__ import annotations

from components._widget import register

_address = register("address")


def keep_in_address(run: str | None, *, page: str) -> None:
    """Puts the run into the address (`?run=`), so that a link leads back to it.

    Streamlit's own way would add a step to the browser's history each time, and the way back would lead nowhere.
    """
    _address(key="address", data={"run": run, "page": page})
