import csv
import errno
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers import PROJECT, TINY, environment, trained
from PIL import Image

from cae.commands import cli
from cae.config import ACTIVATIONS, ModelConfig
from cae.data.images import load, to_model, to_pixels
from cae.errors import CaeError
from cae.exports import onnx as exports_onnx
from cae.exports import tensorboard
from cae.exports.kinds import KINDS, export
from cae.imports.run import import_file
from cae.network.model import ConvAutoencoder
from cae.runs.run import Run

NAMES = ("encoder.onnx", "decoder.onnx", "autoencoder.onnx")


@pytest.fixture
def out(own_folders, monkeypatch):
    """The test works in a folder of its own, where everything it finds was exported."""
    folder = own_folders / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def fresh(config, seed=3):
    return ConvAutoencoder(config, torch.Generator().manual_seed(seed)).eval().requires_grad_(False)


def weights(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def noise(count, seed=0):
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def answers(content, given):
    """What ONNX Runtime makes of one array."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: given.numpy()})[0]


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def refused(capsys, *arguments):
    """The one sentence that the command line refuses with."""
    assert cli.main(["export", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.startswith("cae: ") and said.err.count("\n") == 1
    return said.err


# -- ONNX


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("latent_dim", "width"), [(1, 1), (5, 3), (32, 16)])
def test_onnx_runtime_computes_what_pytorch_does_for_any_number_of_images(activation, latent_dim, width):
    model = fresh(ModelConfig(latent_dim=latent_dim, width=width, activation=activation))
    files = exports_onnx.files(weights(model), model.config, {})
    assert tuple(files) == NAMES
    for count in (1, 7):
        images = noise(count)
        codes = model.encode(images)
        wanted = (codes, model.decode(codes), model(images))
        for name, given, expected in zip(NAMES, (images, codes, images), wanted, strict=True):
            found = answers(files[name], given)
            assert found.shape == tuple(expected.shape)
            assert np.abs(found - expected.numpy()).max() < 1e-5


@pytest.mark.parametrize("name", ["original", "best"])
def test_a_shipped_run_reconstructs_test_digits_in_onnx_runtime(name, out):
    export(Run.open(name), ["onnx"], out / "x")
    images = to_model(load("mnist", "test").pixels[100:130])
    folder = out / "x" / "onnx"
    copies = answers((folder / "autoencoder.onnx").read_bytes(), images)
    assert np.abs(copies - Run.open(name).model()(images).numpy()).max() < 1e-4
    codes = torch.from_numpy(answers((folder / "encoder.onnx").read_bytes(), images))
    assert np.abs(answers((folder / "decoder.onnx").read_bytes(), codes) - copies).max() < 1e-4


def test_the_onnx_files_say_what_they_are(tiny, out):
    export(tiny, ["onnx"], out / "x")
    ends = {
        "encoder": ("images", "codes"),
        "decoder": ("codes", "images"),
        "autoencoder": ("images", "reconstructions"),
    }
    shapes = {"codes": ["N", 2], "images": ["N", 1, 28, 28], "reconstructions": ["N", 1, 28, 28]}
    for name, (given, result) in ends.items():
        model = onnx.load(out / "x" / "onnx" / f"{name}.onnx")
        for end, wanted in ((model.graph.input, given), (model.graph.output, result)):
            assert [each.name for each in end] == [wanted]
            dims = [dim.dim_param or dim.dim_value for dim in end[0].type.tensor_type.shape.dim]
            assert dims == shapes[wanted]
        words = {each.key: each.value for each in model.metadata_props}
        assert (words["run"], words["data_set"], words["activation"]) == ("tiny", "mnist", "relu")
        assert words["weights_sha256"] == tiny.weights_hash()
        assert "pixels / 127.5 - 1" in words["normalisation"]
        assert [(each.domain, each.version) for each in model.opset_import] == [("", exports_onnx.OPSET)]


def test_files_that_compute_something_else_are_noticed():
    model, other = fresh(TINY), fresh(TINY, seed=4)
    files = exports_onnx.files(weights(model), TINY, {})
    assert exports_onnx.largest_difference(files, model, noise(3)) < 1e-5
    with pytest.raises(CaeError, match=r"encoder\.onnx differs"):
        exports_onnx.largest_difference(files, other, noise(3))
    changed = {**weights(model), "decoder.5.bias": weights(model)["decoder.5.bias"] + 0.001}
    with pytest.raises(CaeError, match=r"decoder\.onnx differs from what PyTorch computes by 0\.001"):
        exports_onnx.largest_difference(exports_onnx.files(changed, TINY, {}), model, noise(3))
    broken = {**weights(model), "encoder.5.bias": np.full(2, np.nan, np.float32)}
    with pytest.raises(CaeError, match=r"encoder\.onnx"):
        exports_onnx.largest_difference(exports_onnx.files(broken, TINY, {}), model, noise(3))


# -- PyTorch without this project


def standalone(folder):
    """The module of an export, from its file."""
    spec = importlib.util.spec_from_file_location("exported", folder / "autoencoder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_single_file_of_python_defines_the_same_network(small_data, out, activation):
    run = trained("other", ModelConfig(latent_dim=3, width=5, activation=activation), epochs=1)
    export(run, ["torch"], out / "x")
    model, own = standalone(out / "x" / "torch").load(), run.model()
    images = noise(7)
    codes = own.encode(images)
    assert (model.encode(images) - codes).abs().max() < 1e-5
    for copies in (model(images), model.decode(codes)):
        assert (copies - own(images)).abs().max() < 1e-5
    assert not model.training


@pytest.mark.slow
def test_a_python_with_torch_alone_loads_it(tiny, out):
    export(tiny, ["torch"], out / "x")
    images = noise(4)
    torch.save(images, out / "images.pt")
    code = (
        "import sys\nmodel = load()\ntorch.save(model(torch.load('images.pt')), 'copies.pt')\n"
        "from autoencoder import load as again\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(  # as the command says that it is used
        [sys.executable, "-i", "x/torch/autoencoder.py"],
        input=code, cwd=out, env=alone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "Error" not in done.stderr, done.stderr
    assert "'autoencoder'" in done.stdout and "'cae'" not in done.stdout and "'safetensors'" not in done.stdout
    assert (torch.load(out / "copies.pt") - tiny.model()(images)).abs().max() < 1e-5


def test_its_state_dict_holds_arrays_only_and_comes_back_as_a_run(tiny, out):
    export(tiny, ["torch"], out / "x")
    content = (out / "x" / "torch" / "model.pt").read_bytes()
    found = torch.load(io.BytesIO(content), weights_only=True)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        name: value.shape for name, value in tiny.weights().items()
    }
    again = import_file(content, "again")
    assert all(np.array_equal(value, tiny.weights()[name]) for name, value in again.weights().items())


# -- the Embedding Projector


def table(path):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


def test_the_projector_gets_codes_classes_errors_and_pictures_in_the_same_order(tiny, out, monkeypatch):
    monkeypatch.setattr(tensorboard, "POINTS", 30)
    export(tiny, ["projector"], out / "x")
    folder = out / "x" / "projector"
    title, *rows = table(folder / "metadata.tsv")
    assert title == ["index", "class", "error"] and len(rows) == 30
    indices = [int(row[0]) for row in rows]
    assert len(set(indices)) == 30 and max(indices) > 50  # some of all, and not the first ones
    test, model = load("mnist", "test"), tiny.model()
    assert [row[1] for row in rows] == [str(int(test.labels[index])) for index in indices]
    images = to_model(test.pixels[indices])
    vectors = np.array(table(folder / "vectors.tsv"), float)
    np.testing.assert_allclose(vectors, model.encode(images).numpy(), rtol=1e-5, atol=1e-6)
    errors = [float(((model(image[None]) - image) ** 2).mean()) for image in images]
    np.testing.assert_allclose([float(row[2]) for row in rows], errors, atol=1e-5)
    sprite = np.array(Image.open(folder / "sprite.png"))
    assert sprite.shape == (6 * 28, 6 * 28)
    for place, index in enumerate(indices):
        top, left = divmod(place, 6)
        tile = sprite[28 * top : 28 * top + 28, 28 * left : 28 * left + 28]
        assert np.array_equal(tile, test.pixels[index].numpy())
    assert not sprite[5 * 28 :].any()


def test_no_sprite_is_larger_than_the_projector_takes():
    assert tensorboard.sprite(np.zeros((tensorboard.POINTS, 28, 28), np.uint8)).shape == (71 * 28, 71 * 28)


def test_both_projectors_find_their_files(tiny, out):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    export(tiny, ["projector"], out / "x")
    folder = out / "x" / "projector"
    found = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    assert len(found) == 1 and found[0].tensor_name == "tiny"
    assert list(found[0].sprite.single_image_dim) == [28, 28]
    (web,) = json.loads((folder / "projector_config.json").read_text())["embeddings"]
    assert web["tensorShape"] == list(np.array(table(folder / "vectors.tsv")).shape) == [100, 2]
    assert web["sprite"]["singleImageDim"] == [28, 28]
    files = [web["tensorPath"], web["metadataPath"], web["sprite"]["imagePath"]]
    assert files == [found[0].tensor_path, found[0].metadata_path, found[0].sprite.image_path]
    assert all((folder / file).is_file() for file in files)


# -- TensorBoard


def test_tensorboard_reads_the_history_and_the_pictures_of_every_kept_epoch(tiny, out):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    export(tiny, ["tensorboard"], out / "x")
    found = EventAccumulator(str(out / "x" / "tensorboard"), {"scalars": 0, "images": 0})
    found.Reload()
    history = tiny.history()
    assert len(history) == 2
    for name in ("train", "validation", "test"):
        read = [(event.step, event.value) for event in found.Scalars(f"mse/{name}")]
        assert read == [(each.epoch, pytest.approx(getattr(each, f"{name}_mse"), rel=1e-6)) for each in history]
    read = [(event.step, event.value) for event in found.Scalars("progress/mse")]
    assert read == [(each.step, pytest.approx(each.train_mse, rel=1e-6)) for each in tiny.progress()]
    last = found.Scalars("mse/test")
    assert last[1].wall_time - last[0].wall_time == pytest.approx(history[1].seconds - history[0].seconds, abs=1e-3)
    shown = found.Images("reconstructions")
    assert [event.step for event in shown] == tiny.epochs() == [0, 1, 2]
    test = load("mnist", "test")
    digits = [int((test.labels == label).nonzero()[0]) for label in range(10)]
    for event in shown:
        sheet = np.array(Image.open(io.BytesIO(event.encoded_image_string)))
        assert sheet.shape == (event.height, event.width)
        tiles = [
            sheet[2 + row * 114 : 114 + row * 114 : 4, 2 + column * 114 : 114 + column * 114 : 4]
            for row in range(2) for column in range(10)
        ]  # fmt: skip
        assert np.array_equal(tiles[:10], test.pixels[digits].numpy())
        copies = to_pixels(tiny.model(event.step)(to_model(test.pixels[digits]))).numpy()
        assert np.abs(np.array(tiles[10:], int) - copies).max() <= 1


def test_tensorboard_gets_the_codes_as_the_projector_does(tiny, out):
    export(tiny, ["projector", "tensorboard"], out / "x")
    for name in ("vectors.tsv", "metadata.tsv", "sprite.png", "projector_config.pbtxt"):
        assert (out / "x" / "tensorboard" / name).read_bytes() == (out / "x" / "projector" / name).read_bytes()


def test_of_very_many_epochs_tensorboard_gets_some_with_the_first_and_the_last(tiny, monkeypatch):
    monkeypatch.setattr(Run, "epochs", lambda _: list(range(0, 1000, 2)))
    shown = tensorboard.frames(tiny)
    assert len(shown) <= tensorboard.FRAMES and shown[0] == 0 and shown[-1] == 998 and len(set(shown)) == len(shown)


# -- the command, and where it writes


def test_the_command_writes_every_kind_and_says_how_to_use_it(tiny, out, capsys):
    assert cli.main(["export", "tiny", *(f"--{kind}" for kind in KINDS)]) == 0
    said = capsys.readouterr().out
    assert everything(out) >= {f"tiny-export/{kind}/{name}" for kind in KINDS for name in ("export.json", "README.txt")}
    assert {path.name for path in out.iterdir()} == {"tiny-export"}
    for word in ("tensorboard --logdir", "projector.tensorflow.org", "onnxruntime.InferenceSession", "load()"):
        assert word in said
    for line in said.splitlines():
        if not line.startswith(" "):
            folder, files = line.split(": ")
            assert all((out / folder / name).is_file() for name in files.split(" (")[0].split(", "))
    about = json.loads((out / "tiny-export" / "onnx" / "export.json").read_text())
    assert (about["run"], about["kind"], about["epoch"]) == ("tiny", "onnx", "2")


def test_an_earlier_epoch_can_be_exported(tiny, out):
    assert cli.main(["export", "tiny", "--onnx", "--torch", "--epoch", "1"]) == 0
    images, wanted = noise(2), tiny.model(1)(noise(2))
    assert (standalone(out / "tiny-export" / "torch").load()(images) - wanted).abs().max() < 1e-5
    content = (out / "tiny-export" / "onnx" / "autoencoder.onnx").read_bytes()
    assert np.abs(answers(content, images) - wanted.numpy()).max() < 1e-5
    assert json.loads((out / "tiny-export" / "torch" / "export.json").read_text())["epoch"] == "1"


def test_weights_whose_training_is_not_known_are_exported_too(tiny, out):
    other = import_file((tiny.path / "model.safetensors").read_bytes(), "other")
    export(other, KINDS, out / "x")
    about = json.loads((out / "x" / "torch" / "export.json").read_text())
    assert about["data_set"] == "not known" and "epoch" not in about


def test_what_is_there_stays_unless_it_was_exported_and_force_is_asked(tiny, out, capsys):
    assert cli.main(["export", "tiny", "--torch", "--out", "x"]) == 0
    (out / "x" / "torch" / "stale.txt").write_text("of before")
    before = everything(out)
    capsys.readouterr()
    said = refused(capsys, "tiny", "--onnx", "--torch", "--out", "x")
    assert str(Path("x/torch")) in said and "--force" in said
    assert everything(out) == before
    assert cli.main(["export", "tiny", "--onnx", "--torch", "--out", "x", "--force"]) == 0
    assert not (out / "x" / "torch" / "stale.txt").exists()
    assert {path.name for path in (out / "x").iterdir()} == {"onnx", "torch"}


def test_another_kind_joins_what_was_exported_before(tiny, out):
    export(tiny, ["torch"], out / "x")
    before = (out / "x" / "torch" / "model.pt").stat()
    export(tiny, ["onnx"], out / "x")
    assert (out / "x" / "torch" / "model.pt").stat() == before
    assert {path.name for path in (out / "x").iterdir()} == {"onnx", "torch"}


def test_not_even_force_replaces_what_no_export_has_written(tiny, out, capsys):
    (out / "x" / "torch").mkdir(parents=True)
    (out / "x" / "torch" / "thesis.txt").write_text("years of work")
    assert "No export wrote" in refused(capsys, "tiny", "--torch", "--out", "x", "--force")
    assert everything(out) == {"x", "x/torch", "x/torch/thesis.txt"}


def test_a_kind_has_to_be_asked_for(tiny, out, capsys):
    said = refused(capsys, "tiny")
    assert all(f"--{kind}" in said for kind in KINDS)
    assert not everything(out)


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "tensorboard"])
def test_a_missing_library_is_named_with_the_line_that_installs_it(tiny, out, capsys, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    said = refused(capsys, "tiny", "--torch", f"--{library.removesuffix('runtime')}")
    assert f"needs {library}," in said and "pip install -r requirements-extra.txt" in said
    assert not everything(out)
    assert cli.main(["export", "tiny", "--torch", "--projector"]) == 0


@pytest.mark.parametrize("place", ["no/such/folder", "file", "file/x"])
def test_a_place_that_cannot_be_written_is_named(tiny, out, capsys, place):
    (out / "file").write_text("of mine")
    assert str(Path(place)) in refused(capsys, "tiny", "--torch", "--out", place)
    assert everything(out) == {"file"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write into")
def test_a_closed_folder_is_named(tiny, capsys):
    assert "/proc/x cannot be written" in refused(capsys, "tiny", "--torch", "--out", "/proc/x")


@pytest.mark.parametrize("is_there", [False, True])
def test_a_disk_that_is_full_at_any_write_leaves_nothing_new(tiny, out, capsys, monkeypatch, is_there):
    if is_there:
        export(tiny, ["onnx"], out / "x")
    kept = {path: (out / path).read_bytes() for path in everything(out) if (out / path).is_file()}
    paths, writes = everything(out), 9
    for last in range(1, writes + 1):
        left, sync = iter(range(last - 1)), os.fsync

        def fill(file, left=left, sync=sync):
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(file)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fill)
            said = refused(capsys, "tiny", "--onnx", "--torch", "--out", "x", "--force")
        assert said == "cae: x cannot be written: No space left on device.\n"
        assert everything(out) == paths
        assert {path: (out / path).read_bytes() for path in kept} == kept
    assert cli.main(["export", "tiny", "--onnx", "--torch", "--out", "x", "--force"]) == 0
    assert len([path for path in everything(out) if (out / path).is_file()]) == writes


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_file_that_the_system_refuses_to_grow_leaves_nothing(tiny, out):
    code = (
        "import resource, sys\nfrom cae.commands.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "sys.exit(main(['export', 'tiny', '--tensorboard', '--torch']))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "cae: tiny-export cannot be written: File too large.\n"
    assert not everything(out)


# -- runs that cannot be exported


def test_a_run_without_weights_says_so(small_data, out, capsys):
    from cae.config import TrainConfig

    Run.create("unborn", TINY, TrainConfig())
    for kind in KINDS:
        assert "There are no weights in unborn" in refused(capsys, "unborn", f"--{kind}")
    assert "no run called" in refused(capsys, "nobody", "--onnx")
    assert not everything(out)


@pytest.mark.parametrize("file", ["model.safetensors", "run.json", "history.jsonl"])
def test_a_damaged_run_names_its_file(tiny, out, capsys, file):
    (tiny.path / file).write_bytes(b"no such thing\n" + (tiny.path / file).read_bytes()[100:])
    for kind in KINDS:
        assert file in refused(capsys, "tiny", f"--{kind}")
    assert not everything(out)


def test_without_its_data_set_a_run_goes_to_pytorch_alone(tiny, out, capsys, monkeypatch, no_network):
    from dataclasses import replace

    tiny.update(train=replace(tiny.info.train, dataset="kmnist"))
    monkeypatch.setenv("CAE_DATA", str(out.parent / "empty"))
    for kind in ("onnx", "projector", "tensorboard"):
        assert "kmnist is not here" in refused(capsys, "tiny", "--torch", f"--{kind}")
        assert not everything(out)
    assert cli.main(["export", "tiny", "--torch"]) == 0


def test_the_network_of_the_single_file_is_the_one_in_the_library():
    from cae.exports.standalone import Autoencoder

    own, other = fresh(ModelConfig()), Autoencoder()
    other.load_state_dict(own.state_dict())
    assert (other(noise(2)) - own(noise(2))).abs().max() < 1e-5
    assert (PROJECT / "cae" / "exports" / "standalone.py").read_text(encoding="utf-8").count("\n") < 70
