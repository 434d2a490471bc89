"""The files of cae/web as the browser gets them: each widget one script and one style sheet, its imports put in."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

WEB = Path(__file__).resolve().parent
_FOLDERS = (WEB / "lib", WEB / "widgets")
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\.(?:\./lib)?/([a-z]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_STYLE_IMPORT = re.compile(r'^@import "\.(?:\./lib)?/([a-z]+)\.css";\n', re.MULTILINE)


def script(name: str) -> str:
    """The widget `name` and the modules that it imports, as the text of one ES module that exports what it exports.

    A module that is imported becomes a constant that holds what it exports, so that its other names stay its own.
    """
    modules: dict[str, str] = {}
    body = _imported(_read(f"{name}.js"), modules)
    return "".join(modules.values()) + body


def _imported(text: str, modules: dict[str, str]) -> str:
    """The text with its imports taken from constants; the modules they stand for are added, each after its own."""
    for _, name in _IMPORT.findall(text):
        if name not in modules:
            source = _read(f"{name}.js")
            body = _EXPORT.sub("", _imported(source, modules))
            exports = ", ".join(_EXPORT.findall(source))
            modules[name] = f"const web_{name} = (() => {{\n{body}\nreturn {{{exports}}};\n}})();\n"
    return _IMPORT.sub(lambda found: f"const {found[1].replace(' as ', ': ')} = web_{found[2]};\n", text)


def style(name: str) -> str:
    """The style sheet of a widget, with those that it imports; empty where it has none."""
    if not any((folder / f"{name}.css").exists() for folder in _FOLDERS):
        return ""
    return _STYLE_IMPORT.sub(lambda found: style(found[1]), _read(f"{name}.css"))


def _read(file: str) -> str:
    folder = next((folder for folder in _FOLDERS if (folder / file).exists()), _FOLDERS[-1])
    return (folder / file).read_text(encoding="utf-8")


def plotly_script() -> bytes:
    """Plotly's script, which the widgets with charts need beside their own."""
    found = pkgutil.get_data("plotly", "package_data/plotly.min.js")
    assert found is not None  # it is part of the package
    return found
