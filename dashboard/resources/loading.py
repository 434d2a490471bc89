"""Keys of the caches, and what is loaded, checked and forgotten before a page is shown."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from pathlib import Path

import streamlit as st

from cae.data import catalogue
from cae.disk import trial
from cae.disk.files import cache_folder, runs_folder
from cae.runs.run import Run

Key = tuple[str, int | None]  # the folder of a run, and the epoch after which it is shown


def key_of(run: Run) -> Key:
    """The key that stands for a run in a cache."""
    return str(run.path), run.epoch


def run_of(key: Key) -> Run:
    """The run that a key stands for."""
    return Run(Path(key[0]), key[1])


def stamp_of(path: Path) -> int:
    """A number that changes with the file, even when another of the same time and length replaces it."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return hash((status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Starts importing torch and Plotly in the background, so that the first page shows its title at once."""
    threading.Thread(target=import_slowly, daemon=True).start()


def import_slowly() -> None:
    """Imports torch, for one thread, and Plotly: some 3 s the first time."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)  # the sessions' script threads already share the cores
    importlib.import_module("plotly.graph_objects")
    spare_collector()


_spared = {"modules": 0}


def spare_collector() -> None:
    """Exempts newly imported modules from garbage collection.

    With torch and Plotly a full collection takes 0.2 s, during which no page moves.
    """
    if len(sys.modules) != _spared["modules"]:
        gc.collect()
        gc.freeze()
        _spared["modules"] = len(sys.modules)


def troubles() -> list[str]:
    """What is wrong with the folders, a sentence each."""
    return _troubles(str(runs_folder()), str(cache_folder()))


@st.cache_data(max_entries=8, show_spinner=False)
def _troubles(*folders: str) -> list[str]:
    return trial.troubles()


_data_sets: dict[str, int] = {}  # the stamps of the imported data sets at the last page


def forget_old_data() -> None:
    """Empties all caches if an imported data set has been replaced or deleted since the last page."""
    now = {name: stamp_of(catalogue.folder(name) / catalogue.ABOUT) for name in catalogue.own()}
    if any(now.get(name) != stamp for name, stamp in _data_sets.items()):
        st.cache_data.clear()
        st.cache_resource.clear()
    _data_sets.clear()
    _data_sets.update(now)
