"""A laboratory with everything in it that is read from a file, and what the pages and the commands make of each."""

import base64
import contextlib
import dataclasses
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import mutations
import numpy as np
import pytest
from helpers import PROJECT, options, trained

from cae.classroom import wall
from cae.config import MapConfig, ModelConfig, TrainConfig
from cae.data import baselines, catalogue
from cae.data.images import load
from cae.evaluation import classifier, errors, probes
from cae.imports import dataset
from cae.jobs import queue, sweep
from cae.latent import evaluate, explore, film, mapfiles, maps, sampling
from cae.runs.info import RunInfo
from cae.runs.listing import names, summaries
from cae.runs.owners import owner
from cae.runs.run import Run
from cae.steps import result_of

NAME = "six"
SMALL = ModelConfig(latent_dim=6, width=4)


@dataclass(frozen=True)
class Format:
    """A kind of file: where it lies (a pattern), what reads it, and what it says by our reader."""

    name: str
    place: str
    use: Callable
    says: Callable
    is_slow: bool = False  # to compute again

    @property
    def kind(self) -> str:
        suffix = Path(self.place).suffix[1:]
        return "lines" if suffix == "jsonl" else suffix if suffix in ("json", "npy", "safetensors") else "idx"

    @property
    def is_kept(self) -> bool:
        """Whether a damaged file is left out or computed again in silence."""
        return self.place.startswith("cache") or "/posts/" in self.place

    def file(self, folder: Path) -> Path:
        (path,) = folder.glob(self.place)
        return path


def build(folder: Path) -> None:
    """Trains two runs on small data, measures one, sweeps, and makes a data set; some 5 s."""
    run = trained(NAME, SMALL, validation_images=20)
    trained("other", SMALL, seed=1)
    shutil.copy(PROJECT / "checkpoints" / "judge-mnist.safetensors", folder / "checkpoints")
    result_of(evaluate.judge(run)), result_of(sampling.fit(run)), explore.latent_space(run), list(film.compute(run))
    baselines.components("mnist"), errors.errors_per_image(run), maps.flat_scores(run, points())
    changes = {**options(epochs=1, train_images=64).to_json(), "width": 4}
    del changes["dataset"]
    list(sweep.train(sweep.plan("latent_dim", [2, 4], changes=changes, name="small")))
    pictures = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)
    np.savez(folder / "pictures.npz", images=pictures, labels=np.arange(60) % 3)
    dataset.import_data(folder / "pictures.npz", "shapes")
    ada = owner("a secret", "Ada")
    wall.start("6b", ada)
    wall.post_drawing("6b", ada, run, pictures[0], pictures[1])
    with queue.changing_jobs():
        queue.take(folder / "cache" / "result", ("map", NAME), ada)
    for place in (folder / "cache").rglob("*.lock"):
        place.unlink()


def run() -> Run:
    return Run.open(NAME)


def points() -> mapfiles.Points:
    return maps.points(run(), load("mnist", "test"), MapConfig())


def in_folder(folder: Path) -> dict[str, str]:
    return {f"CAE_{name}": str(folder / place) for name, place in
            (("CHECKPOINTS", "checkpoints"), ("CACHE", "cache"), ("DATA", "data"))}  # fmt: skip


@pytest.fixture(scope="session")
def built(tmp_path_factory, small_data_folder):
    folder = tmp_path_factory.mktemp("world")
    for name in ("MNIST", "KMNIST"):  # the first is replaced by what is shipped where it is damaged
        shutil.copytree(small_data_folder / "MNIST", folder / "data" / name)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in in_folder(folder).items():
            patch.setenv(name, value)
        build(folder)
    return folder


@pytest.fixture
def world(built, own_folders, monkeypatch):
    """A copy of it that the test may spoil."""
    folder = own_folders / "world"
    shutil.copytree(built, folder)
    for name, value in in_folder(folder).items():
        monkeypatch.setenv(name, value)
    return folder


def plain(value):
    """Dataclasses, tuples and arrays as dictionaries, lists and arrays."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple | list) else value


def same(one, two) -> bool:
    if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
        return np.shape(one) == np.shape(two) and np.array_equal(one, np.asarray(two, np.asarray(one).dtype))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two or (isinstance(one, float) and isinstance(two, float) and np.isnan([one, two]).all())


def info():
    return json.loads(run().info.to_json())


def info_says(content):
    values = json.loads(content)
    defaults = {field.name: field.default for field in dataclasses.fields(RunInfo)}
    found = {**{name: value for name, value in defaults.items() if name not in values}, **values}
    found["model"] = {**ModelConfig().to_json(), **values["model"]}
    found["train"] = values["train"] and {**TrainConfig().to_json(), **values["train"]}
    return {name: value for name, value in found.items() if value or name not in ("by", "resumed_by")}


def lines_say(content):
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def weights_say(content):
    return {name: value.astype(np.float32) for name, value in mutations.arrays_of(content).items()}


def resumed():
    """Trains it one epoch further, on a copy, and says how that ended."""
    from cae.jobs import process
    from cae.jobs.trainer import train_run

    other = run().path.with_name("resumed")
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(run().path, other, symlinks=True, ignore=shutil.ignore_patterns("*.lock", "resume.safetensors"))
    state = run().path / "resume.safetensors"
    if state.is_file() and not state.is_symlink() and state.stat().st_size < 2**30:
        shutil.copy(state, other)
    else:  # the caller puts it back
        state.rename(other / state.name)
    try:
        process.prepare_resume(Run(other), 3)
        list(train_run(Run(other)))
        found = Run(other)
        assert all(np.isfinite(value).all() for value in found.weights().values())
        return [found.state, [record.epoch for record in found.history()]]
    finally:
        shutil.rmtree(other)


def document_says(content):
    values = json.loads(content)
    values.pop("format", None)
    return values


def map_says(content):
    words = document_says(json.dumps(mutations.words_of(content, "map")))
    return {
        **words,
        "config": {**MapConfig().to_json(), **words["config"]},
        "positions": mutations.arrays_of(content)["positions"],
    }


def film_says(content):
    words, arrays = mutations.words_of(content, "map"), mutations.arrays_of(content)
    each = zip(words["maps"], arrays["positions"], strict=True)
    return {"epochs": words["epochs"], "indices": arrays["indices"], "maps": [
        {**said, "config": {**MapConfig().to_json(), **said["config"]}, "positions": positions} for said,
        positions in each
    ]}  # fmt: skip


def points_arrays(found):
    return {**mapfiles._arrays(found), "neighbours": found.neighbours}


def space_arrays(found):
    return found and mutations.arrays_of(explore.to_bytes(found))


def arrays_of_priors(parts) -> dict:
    """The arrays of priors, each given by its kind, its label and a function from the name of a part to the part."""
    return {
        f"{kind}.{'all' if label is None else label}.{part}": of(part)
        for kind, label, of in parts
        for part in ("weights", "means", "factors")
    }


def priors():
    found = sampling.kept(run())
    return found and {
        "arrays": arrays_of_priors((*key, partial(getattr, prior)) for key, prior in found.priors.items()),
        "qualities": plain(found.qualities), "problems": plain(list(found.problems.values())),
    }  # fmt: skip


def priors_say(content):
    words, arrays = mutations.words_of(content, "priors"), mutations.arrays_of(content)
    return {
        "arrays": arrays_of_priors(
            (kind, label, lambda part, name=name: arrays[f"{name}.{part}"]) for kind, label, name, _ in words["priors"]
        ),
        "qualities": words["qualities"], "problems": [text for *_, text in words["problems"]],
    }  # fmt: skip


def pictures_of(name, split):
    found = load(name, split)
    return [found.pixels.numpy(), found.labels.numpy()]


def own_pictures_say(content):
    arrays = mutations.arrays_of(content)
    return [arrays[f"{part}_{kind}"] for part in ("train", "test") for kind in ("pixels", "labels")]


def npy(content):
    return np.load(io.BytesIO(content), allow_pickle=False)


def re_inked_says(content):
    kept = npy(content)
    found = np.zeros_like(kept)
    found[np.concatenate(explore.chosen(len(kept)))] = kept
    return found


def idx_says(content):
    rank = content[3]
    shape = [int.from_bytes(content[4 + 4 * side : 8 + 4 * side], "big") for side in range(rank)]
    return np.frombuffer(content[4 + 4 * rank :], np.uint8).reshape(shape)


def component_rows():
    found = baselines.components("mnist")
    return np.vstack([found.mean, found.axes])


def post():
    found = wall.posts("6b")
    return plain(found[0]) if found else None


def post_says(content):
    values = json.loads(content)
    for picture in ("pixels", "copy"):
        values[picture] = np.frombuffer(base64.b64decode(values[picture]), np.uint8).reshape(28, 28)
    return values


def ticket():
    found = queue.waiting_jobs()
    values = plain(found[0]) if found else None
    if values:
        del values["path"]
        values["result"] = str(values["result"])
    return values


def none(_content):
    """What cannot be compared: only that nothing breaks, and that it is the truth where there is a result."""
    raise ValueError


FORMATS = [
    Format("run.json", f"checkpoints/{NAME}/run.json", info, info_says),
    Format("history.jsonl", f"checkpoints/{NAME}/history.jsonl", lambda: plain(run().history()), lines_say),
    Format("progress.jsonl", f"checkpoints/{NAME}/progress.jsonl", lambda: plain(run().progress()), lines_say),
    Format("model.safetensors", f"checkpoints/{NAME}/model.safetensors", lambda: run().weights(), weights_say),
    Format("a frame", f"checkpoints/{NAME}/epochs/0001.safetensors", lambda: run().weights(1), weights_say),
    Format("resume.safetensors", f"checkpoints/{NAME}/resume.safetensors", resumed, none),
    Format("evaluation.json", "cache/*/evaluation.json", lambda: plain(errors.kept(run())), document_says),
    Format("errors of the images", "cache/*/test-mse.npy", lambda: errors.errors_per_image(run()), npy),
    Format("baselines", "cache/baselines-*.json", lambda: plain(baselines.baselines("mnist")), document_says, True),
    Format("components", "cache/pca-*.npy", component_rows, npy, True),
    Format("re-inked digits", "cache/re-inked-*.npy",
           lambda: result_of(explore.re_inked("mnist", load("mnist", "train"))), re_inked_says, True),
    Format("probing.json", "cache/*/probing.json", lambda: plain(probes.kept(run())), document_says),
    Format("latent space", "cache/*/space.safetensors", lambda: space_arrays(explore.kept(run())), mutations.arrays_of),
    Format("points of a map", "cache/*/points-*.safetensors", lambda: points_arrays(points()), mutations.arrays_of),
    Format("scores of a map", "cache/*/flat-scores-*.json",
           lambda: {str(key): asdict(value) for key, value in maps.flat_scores(run(), points()).items()},
           document_says),
    Format("map", "cache/*/map-all-*.safetensors", lambda: plain((maps.found(run(), MapConfig()) or (None,))[0]),
           map_says),
    Format("film of maps", "cache/*/map-film-*.safetensors", lambda: plain(film.kept(run())), film_says),
    Format("priors", "cache/*/priors.safetensors", priors, priors_say),
    Format("judge", "checkpoints/judge-mnist.safetensors",
           lambda: {name: value.numpy() for name, value in classifier.judge_of("mnist").net.state_dict().items()},
           weights_say),
    Format("results of a sweep", "checkpoints/small.sweep.json", lambda: sweep.read(sweep.path("small")).to_json(),
           json.loads),
    Format("pictures of one's own", "data/own/shapes/images.safetensors",
           lambda: [*pictures_of("shapes", "train"), *pictures_of("shapes", "test")], own_pictures_say),
    Format("about.json", "data/own/shapes/about.json", lambda: json.loads(catalogue.about("shapes").to_text()),
           json.loads),
    Format("idx images", "data/KMNIST/raw/t10k-images-idx3-ubyte", lambda: pictures_of("kmnist", "test")[0], idx_says),
    Format("idx labels", "data/KMNIST/raw/t10k-labels-idx1-ubyte", lambda: pictures_of("kmnist", "test")[1], idx_says),
    Format("class.json", "checkpoints/.classes/*/class.json", lambda: plain(wall.find("6b")),
           lambda content: {**document_says(content), "slug": "6b"}),
    Format("a post on the wall", "checkpoints/.classes/*/posts/*.json", post, post_says),
    Format("a ticket", "cache/.jobs/*.json", ticket, document_says),
]  # fmt: skip


def others_are_well(folder: Path) -> bool:
    """Whether every other run is listed, and in the state that it was in."""
    found = {each.name: each.state for each in summaries()}
    return NAME in found and "other" in names() and (found["other"], found["small-2"]) == ("finished", "finished")


@contextlib.contextmanager
def spoiled(path: Path):
    """Whatever becomes of a file in the block, it is as it was afterwards."""
    content = path.read_bytes()
    try:
        yield content
    finally:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(content)
