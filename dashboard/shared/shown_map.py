"""Which map the pages show: the one with the chosen options, or that of an earlier epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cae.config import MapConfig
from cae.latent.film import CONFIG
from cae.latent.mapfiles import TSNE
from cae.runs.run import Run
from resources.maps import map_film, map_if_ready, tsne
from state import pages

if TYPE_CHECKING:
    from resources.maps import MapAddresses


def config_of(run: Run) -> MapConfig:
    """The options of the map shown: those of the film of maps, at an epoch on it."""
    return pages.map_config() if on_film(run) is None else CONFIG


def tsne_of(run: Run, config: MapConfig) -> TSNE | None:
    """The t-SNE shown: the film's, at an epoch on it."""
    return on_film(run) or tsne(run, config)


def small_map(run: Run) -> MapAddresses | None:
    """The files of the map shown, once its digits are encoded."""
    return map_if_ready(run, config_of(run), on_film(run))


def on_film(run: Run) -> TSNE | None:
    """The map on the film for the epoch shown, unless that is the last."""
    film = None if run.epoch is None else map_film(run)
    return None if film is None or run.epoch is None else film.nearest(run.epoch)
