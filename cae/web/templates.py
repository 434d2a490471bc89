"""Pages from Jinja templates, which lie in the folders `templates` of the packages that make them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from cae.web.bundle import WEB

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """The page that a template makes of these values. It escapes all of them except where it says `safe`."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders = sorted(WEB.parent.glob("*/templates"))
    found = Environment(
        loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters["number"] = format
    return found
