"""The film of a map: the same digits after every kept epoch, each map starting from the next one's."""

import json

import numpy as np
import pytest
from helpers import cae, trained

from cae.config import MapConfig, ModelConfig
from cae.data.images import load, to_model
from cae.errors import CaeError, CannotProject, Damaged, RunNotFound
from cae.latent import film as latent_film
from cae.latent import mapfiles, maps, projection
from cae.network.model import embed
from cae.runs.run import Run

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture
def four():
    """A run with four latent dimensions and three frames."""
    return trained("four", ModelConfig(latent_dim=4, width=4))


def computed(run: Run) -> list[tuple[int, mapfiles.TSNE]]:
    return list(latent_film.compute(run))


def test_there_is_a_map_for_every_kept_epoch_from_the_last_to_the_first_and_all_show_the_same_digits(four):
    computed_maps = computed(four)
    assert [epoch for epoch, _ in computed_maps] == [2, 1, 0]
    film, labels = latent_film.kept(four), load("mnist", "test").labels.numpy()
    assert film is not None and film.epochs == (0, 1, 2)
    assert len({each.digits for each in film.maps}) == 1 and film.indices.tolist() == list(range(100))
    assert [each.weights for each in film.maps] == [four.at(epoch).weights_hash() for epoch in (0, 1, 2)]
    for (epoch, each), kept in zip(computed_maps, reversed(film.maps), strict=True):
        np.testing.assert_array_equal(each.positions, kept.positions)
        assert each.is_finished
        assert each.scores == maps.scores(codes_at(four, epoch), each.positions, labels, 10)


def codes_at(run: Run, epoch: int) -> np.ndarray:
    return embed(run.model(epoch), to_model(load("mnist", "test").pixels)).numpy()


@pytest.mark.slow
def test_a_map_lies_nearer_to_the_next_one_than_one_that_was_laid_out_by_itself(four):
    computed(four)
    film = latent_film.kept(four)
    *_, alone = projection.tsne(codes_at(four, 1), latent_film.CONFIG)
    last = film.nearest(2).positions
    apart = [np.square(each - last).mean() for each in (film.nearest(1).positions, alone.positions)]
    assert apart[0] < 0.5 * apart[1]
    assert film.nearest(7) is film.maps[-1] and film.nearest(1) is film.maps[1]


@pytest.mark.slow
def test_it_is_computed_once_and_again_when_it_is_damaged_or_there_are_other_epochs(four):
    computed(four)
    path = latent_film.job(four).result
    before, whole = path.stat().st_mtime_ns, path.read_bytes()
    computed(four)
    assert path.stat().st_mtime_ns == before
    good = latent_film.from_bytes(whole)
    short = latent_film.MapFilm(good.epochs[:2], good.maps, good.indices)
    for content in (b"", b"nonsense", mapfiles.to_bytes(good.maps[0]), latent_film.to_bytes(short)):
        path.write_bytes(content)
        with pytest.raises(Damaged):
            latent_film.from_bytes(content)
        assert latent_film.kept(four) is None
    path.write_bytes(whole)
    (four.path / "epochs" / "0001.safetensors").unlink()
    assert latent_film.kept(four) is None
    assert [epoch for epoch, _ in computed(four)] == [2, 0]


def test_many_epochs_are_thinned_and_the_first_and_the_last_stay(four):
    for epoch in range(3, 90):
        (four.path / "epochs" / f"{epoch:04d}.safetensors").write_bytes(b"")
    chosen = latent_film.epochs_of(four)
    assert len(chosen) <= latent_film.MOST and chosen[0] == 0 and chosen[-1] == 89


def test_asked_to_stop_it_keeps_nothing(four):
    steps = latent_film.compute(four)
    next(steps)
    latent_film.job(four).ask_to_stop()
    with pytest.raises(CaeError, match="was stopped"):
        list(steps)
    assert latent_film.kept(four) is None


def test_what_cannot_be_laid_out_is_said(tiny):
    with pytest.raises(CannotProject, match="point in the plane"):
        computed(tiny)  # two numbers
    (tiny.path / "model.safetensors").unlink()
    for frame in (tiny.path / "epochs").iterdir():
        frame.unlink()
    with pytest.raises(RunNotFound, match="no weights"):
        computed(tiny)


@pytest.mark.slow
def test_the_command_prints_every_epoch_and_takes_no_other_option(four):
    done = cae("map", "four", "--film", "--json")
    assert done.returncode == 0, done.stderr
    assert [each["epoch"] for each in json.loads(done.stdout)["maps"]] == [0, 1, 2]
    refused = cae("map", "four", "--film", "--points", "50")
    assert refused.returncode == 2 and "takes no other option" in refused.stderr


def test_the_maps_of_one_series_are_turned_onto_each_other():
    generator = np.random.default_rng(0)
    codes = generator.normal(0, 1, (120, 5)).astype(np.float32) + 6 * (np.arange(120) % 3)[:, None]
    first, second = (each.positions for each in projection.tsne_series([codes, codes], MapConfig(perplexity=10)))
    assert np.abs(first).max() <= 1
    assert np.square(first - second).mean() < 0.05 * np.square(first).mean()
    middles = [[each[np.arange(120) % 3 == label].mean(axis=0) for label in range(3)] for each in (first, second)]
    np.testing.assert_allclose(middles[0], middles[1], atol=0.2)
