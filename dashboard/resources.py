"""Every cache of the app. What the pages show is fetched here, and computed at most once."""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

import serving
from cae import browser, classroom, datasets, evaluation, judging, latent, locks, mapfilm, maps, picks, runs
from cae.classroom import Post
from cae.config import MapConfig, ModelConfig
from cae.errors import CaeError, Damaged, DataUnavailable
from cae.evaluation import Comparison
from cae.files import cache_folder, runs_folder
from cae.jobs import Job
from cae.latent import LatentSpace
from cae.mapfilm import MapFilm
from cae.maps import TSNE, Points, Scores
from cae.metrics import Baselines
from cae.records import EpochRecord, Progress
from cae.runs import Run, Summary

if TYPE_CHECKING:
    from cae.config import SampleConfig
    from cae.data import Images
    from cae.figures import Curve
    from cae.judge import Judge
    from cae.judging import Judgement
    from cae.missions import Mission
    from cae.model import ConvAutoencoder, Layer
    from cae.photo import Photo
    from cae.quality import Quality
    from cae.sampling import Fitted, Seen
    from cae.verdicts import Found, Guess, Strip


Key = tuple[str, int | None]  # what stands for a run in a cache: its folder, and after which epoch it is


def _key(run: Run) -> Key:
    return str(run.path), run.epoch


def _run(key: Key) -> Run:
    return Run(Path(key[0]), key[1])


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Begins to import torch and Plotly in the background, so that the first page's title need not wait for it."""
    threading.Thread(target=_import_slowly, daemon=True).start()


def troubles() -> list[str]:
    """What cannot be trusted about the folders here, a sentence each."""
    return _troubles(str(runs_folder()), str(cache_folder()))


@st.cache_data(max_entries=8, show_spinner=False)
def _troubles(*folders: str) -> list[str]:
    return locks.troubles()


_data_sets: dict[str, int] = {}  # what the data sets of one's own held when they were last looked at


def forget_old_data() -> None:
    """Empties every cache where a data set of one's own has been replaced or deleted since the last page."""
    now = {name: _stamp(datasets.folder(name) / datasets.ABOUT) for name in datasets.own()}
    if any(now.get(name) != stamp for name, stamp in _data_sets.items()):
        st.cache_data.clear()
        st.cache_resource.clear()
    _data_sets.clear()
    _data_sets.update(now)


def _import_slowly() -> None:
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


def plotly_address() -> str:
    """Where the browser finds Plotly's script."""
    return serving.address(f"plotly-{metadata.version('plotly')}.min.js", browser.plotly_script)


@dataclass(frozen=True)
class Addresses:
    """Where the browser finds what it computes with: a run's network, its latent space, the digits of its data set."""

    network: str
    space: str
    pictures: str


def addresses(run: Run) -> Addresses:
    """The files of a run for the browser; measures the latent space where that has not been done."""
    space = latent_space(run)
    dataset = evaluation.dataset_of(run)
    space_file = f"{space.weights}-space-{latent.FORMAT}-{space.real.points.dtype}.safetensors"
    return Addresses(
        network=network_address(run),
        space=serving.address(space_file, lambda: latent.to_bytes(space, space.weights)),
        pictures=_pictures(dataset, space.digits),
    )


def network_address(run: Run) -> str:
    """Where the browser finds the weights of a run."""
    name, content = _network(_key(run), _stamp(run.weights_file()))
    return serving.address(f"{name}.safetensors", lambda: content)


@st.cache_resource(max_entries=8, show_spinner=False)
def _network(key: Key, stamp: int) -> tuple[str, bytes]:
    """The hash of the weights, and the very bytes that have it: a training may replace the file at any time."""
    content = _run(key).weights_content()
    return hashlib.sha256(content).hexdigest(), content


def sheet(tiles: NDArray[np.uint8]) -> str:
    """Where the browser finds pictures, uint8 (T, 28, 28): once for all who look, and kept there."""
    content = tiles.tobytes()
    return serving.address(f"{hashlib.sha256(content).hexdigest()}.tiles", lambda: content)


MOST_FRAMES = 100  # of a film


@dataclass(frozen=True)
class Frame:
    """One epoch of a run's film: where the browser finds the weights of then, and the test MSE, if it was measured."""

    epoch: int
    network: str
    test_mse: float | None


def film(run: Run, wanted: int | None = None) -> list[Frame]:
    """The epochs of a run to travel through, in order. Raises Damaged.

    All that are kept; of more than MOST_FRAMES so many, close together where a network learns fastest, and `wanted`.
    """
    kept, planned = run.epochs(), run.info.train.epochs if run.info.train else 0
    places = picks.film(max(planned, len(kept) - 1), MOST_FRAMES)  # they stay where they are while epochs are added
    some = (
        {kept[place] for place in places if place < len(kept)}
        | {*kept[-1:]}
        | {epoch for epoch in kept if epoch == wanted}
    )
    past = _film(str(run.path), tuple(sorted(some)), *_stamps_of_film(run))
    frames = [
        Frame(epoch, serving.address(f"{weights}.safetensors", run.at(epoch).weights_content), mse)
        for epoch, weights, mse in past[:-1]
    ]
    return [*frames, *(Frame(epoch, network_address(run.at(None)), mse) for epoch, _, mse in past[-1:])]


def _stamps_of_film(run: Run) -> list[int]:
    """What changes when an epoch is added to what is kept, or taken from it."""
    return [_stamp(run.path / name) for name in ("history.jsonl", "model.safetensors", "epochs")]


@st.cache_resource(max_entries=32, show_spinner=False)
def _film(path: str, epochs: tuple[int, ...], *stamps: int) -> list[tuple[int, str, float | None]]:
    """The epochs with the hashes of their weights and the test MSE, if it was measured."""
    run = Run(Path(path))
    measured = {record.epoch: record.test_mse for record in run.history()}
    return [(epoch, _hash((path, epoch), _stamp(run.weights_file(epoch))), measured.get(epoch)) for epoch in epochs]


@st.cache_resource(max_entries=20_000, show_spinner=False)  # of a frame once: every epoch changes the film
def _hash(key: Key, stamp: int) -> str:
    return Run(Path(key[0])).at(key[1]).weights_hash()


@dataclass(frozen=True)
class MapAddresses:
    """Where the browser finds the map of a run: its network, the digits with their codes, their pictures, and where
    t-SNE has put them; empty where it has not.
    """

    network: str
    points: str
    pictures: str
    tsne: str


def map_addresses(run: Run, of: Points, found: TSNE | None) -> MapAddresses:
    """The files of a map for the browser."""
    images = test_set(evaluation.dataset_of(run))
    tsne = found and serving.address(
        f"{of.weights}-map-{hashlib.sha256(found.positions.tobytes()).hexdigest()[:16]}-{of.digits}.safetensors",
        lambda: maps.tsne_for_browser(of, found),
    )
    return MapAddresses(
        network=network_address(run),
        points=serving.address(
            f"{of.weights}-points-{of.digits}-{maps.FORMAT}.safetensors", lambda: maps.for_browser(of)
        ),
        pictures=serving.address(f"test-{of.digits}.gz", lambda: browser.pictures_at(images, of.indices)),
        tsne=tsne or "",
    )


def map_if_ready(run: Run, config: MapConfig, found: TSNE | None = None) -> MapAddresses | None:
    """The files of a map for the browser, if its digits have been encoded: nobody waits for that pen in hand.

    `found` is where t-SNE has put them, if not where it has with these options.
    """
    if _which_points(run, config) not in _encoded():
        return None
    return map_addresses(run, points(run, config), found or tsne(run, config))


def points(run: Run, config: MapConfig) -> Points:
    """The digits of a map of the run."""
    which = _which_points(run, config)
    found = _points(*which)
    _encoded().add(which)
    return found


def _which_points(run: Run, config: MapConfig) -> tuple[Key, int | None, int, int]:
    return _key(run), config.points, config.seed if config.points else 0, _stamp(run.weights_file())


@st.cache_resource(show_spinner=False)
def _encoded() -> set[tuple[Key, int | None, int, int]]:
    """The digits that are known to be encoded."""
    return set()


@st.cache_resource(max_entries=8, show_spinner="Encoding the test digits ...")
def _points(key: Key, count: int | None, seed: int, stamp: int) -> Points:
    _import_slowly()
    run = _run(key)
    return maps.points(run, test_set(evaluation.dataset_of(run)), MapConfig(points=count, seed=seed))


def tsne(run: Run, config: MapConfig) -> TSNE | None:
    """The t-SNE of the run with these options, where it has been computed."""
    of = points(run, config)
    kept = maps.kept(run, config, of.digits, len(of.indices))
    return kept[0] if kept else None


def map_film(run: Run) -> MapFilm | None:
    """The maps of a run after its kept epochs, if they have been computed."""
    try:
        result = map_film_job(run).result
    except CaeError:  # its history is damaged, which does not concern the map after the last epoch
        return None
    return _map_film(_key(run.at(None)), _stamp(result)) if result.exists() else None


def map_film_job(run: Run) -> Job:
    """The process that computes them. Raises Damaged or RunNotFound."""
    return _map_film_job(str(run.path), *_stamps_of_film(run))


@st.cache_resource(max_entries=32, show_spinner=False)
def _map_film_job(path: str, *stamps: int) -> Job:
    """It is named after the weights of all epochs, which are not to be read for every tick of a page."""
    return mapfilm.job(Run(Path(path)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _map_film(key: Key, stamp: int) -> MapFilm | None:
    return mapfilm.kept(_run(key))


def map_film_address(found: MapFilm) -> str:
    """Where the browser finds them."""
    content = mapfilm.for_browser(found)
    return serving.address(f"film-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", lambda: content)


def usual_tsne(run: Run) -> TSNE | None:
    """The t-SNE of all test digits with the usual options, where it has been computed; nothing is encoded for it."""
    dataset = evaluation.dataset_of(run)
    kept = maps.kept(run, MapConfig(), all_digits(dataset), len(test_set(dataset)))
    return kept[0] if kept else None


@st.cache_data(max_entries=4, show_spinner=False)
def all_digits(dataset: str) -> str:
    """The fingerprint of the test images of a data set."""
    images = test_set(dataset)
    return maps.fingerprint(images, np.arange(len(images)))


def places_address(dataset: str, positions: NDArray[np.float32]) -> str:
    """Where the browser finds a map of all test images, to be laid beside others."""
    content = maps.for_comparison(positions, test_set(dataset))
    return serving.address(f"places-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", lambda: content)


def test_pictures_address(dataset: str) -> str:
    """Where the browser finds all test images."""
    images = test_set(dataset)
    return serving.address(
        f"test-{all_digits(dataset)}.gz", lambda: browser.pictures_at(images, np.arange(len(images)))
    )


def map_scores(run: Run, config: MapConfig) -> tuple[float, dict[int, Scores]]:
    """The accuracy of the vote in the latent space, and the scores of PCA in two and three dimensions."""
    of = points(run, config)
    return _map_scores(of.weights, of.digits, run, of)


@st.cache_data(max_entries=16, show_spinner="Comparing neighbourhoods ...")
def _map_scores(weights: str, digits: str, _run: Run, _of: Points) -> tuple[float, dict[int, Scores]]:
    return maps.accuracy_of_codes(_of), maps.flat_scores(_run, _of)


@st.cache_resource(max_entries=4, show_spinner="Reading the pictures ...")
def test_set(dataset: str) -> Images:
    """The test images of a data set."""
    from cae import data

    return data.load(dataset, "test")


def _pictures(dataset: str, fingerprint: str) -> str:
    """Where the reference digits are; nowhere, if the training digits here are others: neighbours then go without."""
    try:
        return serving.address(f"{fingerprint}.gz", lambda: browser.pictures(_training_set(dataset), fingerprint))
    except DataUnavailable:
        return ""


@st.cache_resource(max_entries=2, show_spinner="Reading the pictures ...")
def _training_set(dataset: str) -> Images:
    from cae import data

    return data.load(dataset, "train")


@st.cache_resource(max_entries=2, show_spinner=False)
def _training_squares(dataset: str) -> NDArray[np.float32]:
    from cae import quality

    return quality.squares(_training_set(dataset).pixels.numpy())


@st.cache_data(max_entries=4, show_spinner="Working out the baselines ...")
def baselines(dataset: str) -> Baselines:
    """What the mean image and PCA reach on a data set."""
    return evaluation.baselines(dataset)


@st.cache_data(max_entries=16, show_spinner=False)
def layers(config: ModelConfig) -> list[Layer]:
    """The layers of a model of this shape."""
    from cae import model

    return model.layers(config)


def model(run: Run, epoch: int | None = None) -> ConvAutoencoder:
    """The network of a run, after its last epoch or a kept one."""
    return _model(_key(run), epoch, _stamp(run.weights_file(epoch)))


@st.cache_resource(max_entries=24, show_spinner="Loading the network ...")
def _model(key: Key, epoch: int | None, stamp: int) -> ConvAutoencoder:
    _import_slowly()
    return _run(key).model(epoch)


def errors(run: Run) -> NDArray[np.float32]:
    """The MSE on [-1, 1] of every test image, (N,)."""
    return _errors(_key(run), _stamp(run.weights_file()))


@st.cache_data(max_entries=16, show_spinner="Reconstructing the 10,000 test digits ...")
def _errors(key: Key, stamp: int) -> NDArray[np.float32]:
    return evaluation.errors_per_image(_run(key))


def references(run: Run) -> tuple[float, float]:
    """What the mean image reaches, and PCA with as many numbers as the run has; from its evaluation if there is one."""
    run = run.at(None)  # neither depends on the weights
    found = evaluation.kept(run) if run.weights_file().exists() else None
    if found is not None:
        return found.mean_image_mse, found.pca_mse
    reference = baselines(evaluation.dataset_of(run))
    return reference.mean_image, reference.pca_with(run.info.model.latent_dim)


def compare(run: Run, indices: NDArray[np.int64], epoch: int | None = None, *, with_ssim: bool = False) -> Comparison:
    """Test images beside what the run's network makes of them."""
    numbers = tuple(int(index) for index in indices)
    return _compare(_key(run), numbers, epoch, _stamp(run.weights_file(epoch)), with_ssim)


@st.cache_data(max_entries=200, show_spinner=False)
def _compare(key: Key, indices: tuple[int, ...], epoch: int | None, stamp: int, with_ssim: bool) -> Comparison:
    run = _run(key)
    images = test_set(evaluation.dataset_of(run))
    return evaluation.compare(model(run, epoch), images, np.array(indices, np.int64), with_ssim=with_ssim)


def code(run: Run, index: int) -> NDArray[np.float32]:
    """The latent code (D,) of one test image."""
    from cae.data import to_model

    images = test_set(evaluation.dataset_of(run))
    return model(run).encode(to_model(images.pixels[index : index + 1]))[0].numpy()  # type: ignore[no-any-return]


def copy_of(run: Run, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the network makes of a picture (28, 28)."""
    import torch

    from cae.data import to_pixels

    with torch.inference_mode():
        return to_pixels(model(run).decode(torch.from_numpy(encode(run, pixels))[None]))[0].numpy()  # type: ignore[no-any-return]


def decode(run: Run, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What codes (S, D) decode to, (S, 28, 28)."""
    from cae import sampling

    return sampling.decoded(model(run), codes).pictures


def wall(slug: str) -> list[Post]:
    """What is on the wall of a class, read once for all who look."""
    return _wall(slug, wall_stamp(slug))


def wall_stamp(slug: str) -> int:
    """What changes with the wall or the class."""
    place = classroom.folder() / slug
    return hash((_stamp(place / "posts"), _stamp(place / "class.json")))


@st.cache_resource(max_entries=16, show_spinner=False)
def _wall(slug: str, stamp: int) -> list[Post]:
    return classroom.posts(slug)


def encode(run: Run, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The latent code (D,) of a picture (28, 28)."""
    import torch

    from cae.data import to_model

    return model(run).encode(to_model(torch.from_numpy(pixels[None])))[0].numpy()  # type: ignore[no-any-return]


def latent_space(run: Run) -> LatentSpace:
    """What was measured of the run's latent space; measured now, and said so, where that has not been done."""
    key, stamp = _key(run), _stamp(run.weights_file())
    if (key, stamp) not in _measured() and run.weights_file().exists() and latent.kept(run) is None:
        place = st.empty()
        with place.status("Measuring the latent space, once for each network ...") as status:
            latent.latent_space(run, lambda doing: status.update(label=f"Measuring the latent space: {doing} ..."))
        place.empty()
    _measured().add((key, stamp))
    return _latent_space(key, stamp)


@st.cache_resource(show_spinner=False)
def _measured() -> set[tuple[Key, int]]:
    """The weights whose latent space is known to be measured."""
    return set()


@st.cache_resource(max_entries=8, show_spinner=False)
def _latent_space(key: Key, stamp: int) -> LatentSpace:
    return latent.latent_space(_run(key))


def fingerprint(run: Run) -> str:
    """The hash of the run's weights."""
    return _fingerprint(_key(run), _stamp(run.weights_file()))


@st.cache_data(max_entries=64, show_spinner=False)
def _fingerprint(key: Key, stamp: int) -> str:
    return _run(key).weights_hash()


@st.cache_data(max_entries=8, show_spinner="Looking for the digit ...")
def photo(content: bytes) -> Photo:
    """The ink in an uploaded picture. Raises UnreadablePicture."""
    from cae.photo import read

    return read(content)


def normalise_ink(ink: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The picture (28, 28) that the network is shown for ink of any size."""
    from cae.drawing import normalise_ink

    return normalise_ink(ink)


def test_mse(run: Run) -> float:
    """The error on the test set, on [-1, 1]: as the training measured it, or measured now."""
    record = run.record()
    return record.test_mse if record else float(errors(run).mean())


def summaries() -> list[Summary]:
    """One line a run, as `runs.summaries` gives them: read at most once in a second, for all who look."""
    return _summaries(str(runs_folder()))


def forget_summaries() -> None:
    """Has the next one who looks read them anew."""
    _summaries.clear()


_summary_of: dict[Path, tuple[list[int], Summary]] = {}  # a run in one line, and what its files were then
_FILES_OF_SUMMARY = ("run.json", "history.jsonl", "model.safetensors", "resume.safetensors")


@st.cache_resource(ttl=1.0, max_entries=2, show_spinner=False)
def _summaries(folder: str) -> list[Summary]:
    """Of a run that nobody trains, what was known of it holds while its files are the same."""
    found: dict[Path, tuple[list[int], Summary]] = {}
    for run in runs.all_runs():
        stamps = [_stamp(run.path / name) for name in _FILES_OF_SUMMARY]
        known = _summary_of.get(run.path)
        if known is None or known[0] != stamps or known[1].is_live:
            known = stamps, run.summary()
        found[run.path] = known
    _summary_of.clear()
    _summary_of.update(found)
    return runs.in_order(summary for _, summary in found.values())


def curve(run: Run) -> tuple[list[EpochRecord], list[Progress]]:
    """The history of a run and its progress between the epochs."""
    return _curve(_key(run), *_stamps_of_curve(run))


def _stamps_of_curve(run: Run) -> tuple[int, int, int]:
    """What changes with an epoch, with what is said of the run, and twice a second while it trains."""
    try:
        moment = int(2 * (run.path / "progress.jsonl").stat().st_mtime)
    except OSError:
        moment = 0
    return _stamp(run.path / "history.jsonl"), _stamp(run.path / "run.json"), moment


@st.cache_resource(max_entries=64, show_spinner=False)  # not copied at every tick: nobody changes a record
def _curve(key: Key, *stamps: int) -> tuple[list[EpochRecord], list[Progress]]:
    run = _run(key)
    return run.history(), run.progress()


def loss_curves(shown: Sequence[Run], *, logarithmic: bool, on_unit: bool) -> dict[str, Any]:
    """Plotly's JSON of the losses of runs, the first of which the page is about: drawn once for all who watch it."""
    of = tuple((_key(run), _stamps_of_curve(run)) for run in shown)
    dataset = evaluation.dataset_of(shown[0])
    try:
        baselines(dataset)
    except (DataUnavailable, Damaged):
        dataset = ""  # it is for what shows pictures to say that there are none
    return _loss_curves(of, logarithmic, on_unit, dataset)


@st.cache_resource(max_entries=64, show_spinner=False)
def _loss_curves(
    of: tuple[tuple[Key, tuple[int, ...]], ...], logarithmic: bool, on_unit: bool, dataset: str
) -> dict[str, Any]:
    from cae import figures

    shown = [_run(key) for key, *_ in of]
    figure = figures.loss_curves(
        [curve_of(run) for run in shown], logarithmic=logarithmic, on_unit=on_unit,
        baselines=baselines(dataset) if dataset else None, latent_dim=shown[0].info.model.latent_dim,
    )  # fmt: skip
    return json.loads(figure.to_json())  # type: ignore[no-any-return]


def curve_of(run: Run) -> Curve:
    """What a chart of losses needs of one run."""
    from cae.figures import Curve

    history, progress = curve(run)
    train = run.info.train
    return Curve(run.name, history, progress, train.epochs if train else None, bool(train and train.validation_images))


# -- what was measured


def judgement(run: Run) -> Judgement | None:
    """Everything that was measured of the run, if all of it was."""
    try:
        return _judgement(_key(run), _stamp(run.weights_file()))
    except LookupError:
        return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _judgement(key: Key, stamp: int) -> Judgement:
    """Raises LookupError, which is not remembered, where something is missing yet."""
    found = judging.kept(_run(key))
    if found is None:
        raise LookupError(key)
    return found


def pca_copies(run: Run, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """What PCA with as many numbers as the run has makes of test images, and its MSE on [-1, 1]."""
    numbers = tuple(int(index) for index in indices)
    return _pca_copies(evaluation.dataset_of(run), numbers, run.info.model.latent_dim)


@st.cache_data(max_entries=50, show_spinner="Fitting PCA ...")
def _pca_copies(dataset: str, indices: tuple[int, ...], count: int) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    return evaluation.pca_copies(dataset, test_set(dataset).pixels[list(indices)].numpy(), count)


def without(run: Run, indices: NDArray[np.int64], dimension: int) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """What the run makes of test images when a dimension holds its mean, and the MSE on [-1, 1]."""
    from cae import probing

    mean = float(points(run, MapConfig()).codes.codes()[:, dimension].mean())
    return probing.without(model(run), test_set(evaluation.dataset_of(run)), indices, dimension, mean)


# -- answers to missions


def is_measured(run: Run, needs: str) -> bool:
    """Whether what a mission needs, and what takes a process of its own, has been measured."""
    return {"judgement": judgement, "priors": fitted}.get(needs, lambda _: True)(run) is not None


def answer(
    run: Run, mission: Mission, guess: Guess, drawing: NDArray[np.uint8] | None
) -> tuple[Found, tuple[Strip, ...]]:
    """What the run's measurements answer, and pictures of it and of the guess. Raises CaeError."""
    from cae import missions, sampling

    latent_space(run)  # measured now, and said so, where it has not been
    if drawing is not None or mission.guess == "drawing":
        found = missions.find(mission, run, drawing)
        return found, missions.show(mission, run, found, guess, drawing)
    stamps = _stamp(run.weights_file()), _stamp(sampling.job(run).result)
    found = _found(_key(run), mission.measure, *stamps, mission)
    return found, _shown(_key(run), mission.measure, guess, *stamps, mission, found)


@st.cache_data(max_entries=100, show_spinner=False)
def _found(key: Key, measure: str, stamp: int, result: int, _mission: Mission) -> Found:
    from cae import missions

    return missions.find(_mission, _run(key))


@st.cache_data(max_entries=100, show_spinner=False)
def _shown(
    key: Key, measure: str, guess: Guess, stamp: int, result: int, _mission: Mission, _found: Found
) -> tuple[Strip, ...]:
    from cae import missions

    return missions.show(_mission, _run(key), _found, guess)


# -- generated digits


@st.cache_resource(max_entries=4, show_spinner=False)
def _judge(dataset: str, _stamp: int) -> Judge:
    from cae.judge import judge_of

    return judge_of(dataset)


def judge(dataset: str) -> Judge | None:
    """The independent judge of a data set, if there is one."""
    from cae.judge import path

    try:
        return _judge(dataset, _stamp(path(dataset)))
    except CaeError:
        return None


def fitted(run: Run) -> Fitted | None:
    """The priors of a run, if they have been fitted."""
    from cae import sampling

    return _fitted(_key(run), _stamp(run.weights_file()), _stamp(sampling.job(run).result))


@st.cache_resource(max_entries=4, show_spinner=False)
def _fitted(key: Key, stamp: int, result: int) -> Fitted | None:
    from cae import sampling

    return sampling.kept(_run(key))


@dataclass(frozen=True)
class Fresh:
    """New digits, and for each the training digit most like it: its index, class and picture, and their MSE (S,)."""

    seen: Seen
    nearest: NDArray[np.int64]
    labels: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    mse: NDArray[np.float64]


def fresh(run: Run, found: Fitted, config: SampleConfig) -> Fresh:
    """New digits of the run. Raises CannotFit."""
    return _fresh(_key(run), config, _stamp(run.weights_file()), len(found.priors), found)


@st.cache_data(max_entries=24, show_spinner=False)
def _fresh(key: Key, config: SampleConfig, stamp: int, priors: int, _found: Fitted) -> Fresh:
    codes = _found.prior(config.prior, config.of_class).sample(config.count, config.seed)
    return _beside_training(_run(key), look(_run(key), codes))


def look(run: Run, codes: NDArray[np.float32]) -> Seen:
    """What codes (S, D) decode to, and what can be said of it."""
    from cae import sampling

    return sampling.look(model(run), latent_space(run), judge(evaluation.dataset_of(run)), codes)


def beside_training(run: Run, codes: NDArray[np.float32]) -> Fresh:
    """The same, with the training digits most like them."""
    return _beside_training(run, look(run, codes))


def _beside_training(run: Run, seen: Seen) -> Fresh:
    from cae import quality

    dataset = evaluation.dataset_of(run)
    train = _training_set(dataset)
    nearest, mse = quality.nearest(seen.pictures, train.pixels.numpy(), _training_squares(dataset))
    return Fresh(seen, nearest, train.labels[nearest].numpy(), train.pixels[nearest].numpy(), mse)


def quality_of(run: Run, found: Fitted, prior: str, label: int) -> Quality | None:
    """How good the digits of one class are, by 1,000 of them; None where there is no judge."""
    return _quality(_key(run), prior, label, _stamp(run.weights_file()), len(found.priors), found)


@st.cache_data(max_entries=100, show_spinner="Judging 1,000 of them ...")
def _quality(key: Key, prior: str, label: int, stamp: int, priors: int, _found: Fitted) -> Quality | None:
    from cae import sampling
    from cae.data import to_model

    run = _run(key)
    dataset = evaluation.dataset_of(run)
    judging = judge(dataset)
    if judging is None:
        return None
    import torch

    codes = _found.prior(prior, label).sample(1000, 0)
    shown = to_model(torch.from_numpy(sampling.decoded(model(run), codes).pictures))
    return sampling.yardstick(judging, latent_space(run), test_set(dataset), label).measure(shown, codes)


def distances(run: Run, found: Fitted, prior: str, label: int | None = None) -> NDArray[np.float64]:
    """The percentiles 0 to 100 of the off-manifold distance of a prior's codes, (101,)."""
    return _distances(_key(run), prior, label, _stamp(run.weights_file()), len(found.priors), found)


@st.cache_data(max_entries=100, show_spinner=False)
def _distances(key: Key, prior: str, label: int | None, stamp: int, priors: int, _found: Fitted) -> NDArray[np.float64]:
    codes = _found.prior(prior, label).sample(1000, 0)
    found: NDArray[np.float64] = np.percentile(
        latent.off_manifolds(latent_space(_run(key)).real, codes), np.arange(101)
    )
    return found


def zipped(run: Run) -> Callable[[], bytes]:
    """Packs the run as a zip, when it is asked for."""

    def pack() -> bytes:
        from cae.exchange import pack

        return pack(run)

    return pack


def lab(run: Run) -> Callable[[], bytes]:
    """Makes the laboratory in one file, when it is asked for."""

    def make() -> bytes:
        from cae import lab

        return lab.html(run)

    return make


def report(run: Run) -> Callable[[], bytes]:
    """Makes the report, when it is asked for."""

    def make() -> bytes:
        from cae import report

        return report.html(report.gather(run)).encode(errors="replace")

    return make


def _stamp(path: Path) -> int:
    """What changes when the file does, also where another with its time and length takes its place."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return hash((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino))
