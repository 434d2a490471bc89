"""What stands for a run in a cache, and what is loaded, checked and forgotten before a page is shown."""

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

Key = tuple[str, int | None]  # what stands for a run in a cache: its folder, and after which epoch it is


def key_of(run: Run) -> Key:
    """What stands for the run in a cache."""
    return str(run.path), run.epoch


def run_of(key: Key) -> Run:
    """The run that it stands for."""
    return Run(Path(key[0]), key[1])


def stamp_of(path: Path) -> int:
    """What changes when the file does, also where another with its time and length takes its place."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return hash((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino))


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Begins to import torch and Plotly in the background, so that the first page's title need not wait for it."""
    threading.Thread(target=import_slowly, daemon=True).start()


def import_slowly() -> None:
    """Imports torch, for as few threads as suit a server, and Plotly: some 3 s the first time."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)  # the script threads of the sessions share the cores already
    importlib.import_module("plotly.graph_objects")
    spare_collector()


_spared = {"modules": 0}


def spare_collector() -> None:
    """Takes what has been imported since the last time, and stays, from what Python searches for garbage.

    With torch and Plotly among it a whole search takes 0.2 s, in which no page moves.
    """
    if len(sys.modules) != _spared["modules"]:
        gc.collect()
        gc.freeze()
        _spared["modules"] = len(sys.modules)


def troubles() -> list[str]:
    """What cannot be trusted about the folders here, a sentence each."""
    return _troubles(str(runs_folder()), str(cache_folder()))


@st.cache_data(max_entries=8, show_spinner=False)
def _troubles(*folders: str) -> list[str]:
    return trial.troubles()


_data_sets: dict[str, int] = {}  # what the data sets of one's own held when they were last looked at


def forget_old_data() -> None:
    """Empties every cache where a data set of one's own has been replaced or deleted since the last page."""
    now = {name: stamp_of(catalogue.folder(name) / catalogue.ABOUT) for name in catalogue.own()}
    if any(now.get(name) != stamp for name, stamp in _data_sets.items()):
        st.cache_data.clear()
        st.cache_resource.clear()
    _data_sets.clear()
    _data_sets.update(now)
