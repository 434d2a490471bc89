import gzip
import hashlib
import shutil

import numpy as np
import pytest
import torch
from helpers import PROJECT, SMALL_TEST, SMALL_TRAIN, write_idx

from cae.data.images import load, to_model, to_pixels
from cae.errors import DataUnavailable, InvalidOption

RAW = PROJECT / "data" / "MNIST" / "raw"
MD5 = {  # as torchvision has them
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A data folder of the test's own: where the project's MNIST is copied to on first use."""
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "MNIST" / "raw"


@pytest.mark.parametrize("file", MD5)
def test_the_shipped_files_are_the_originals_byte_for_byte(file):
    assert hashlib.md5((RAW / file).read_bytes()).hexdigest() == MD5[file]


@pytest.mark.parametrize(("split", "prefix", "count"), [("train", "train", 60_000), ("test", "t10k", 10_000)])
def test_mnist_is_what_its_archives_hold(split, prefix, count):
    images = load("mnist", split)
    with gzip.open(RAW / f"{prefix}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(RAW / f"{prefix}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    assert len(images) == count
    assert (images.pixels.dtype, images.labels.dtype) == (torch.uint8, torch.int64)
    assert np.array_equal(images.pixels.numpy(), pixels)
    assert np.array_equal(images.labels.numpy(), labels)
    assert images.class_names == tuple("0123456789")


def test_every_grey_value_survives_the_way_to_the_model_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).repeat(784).view(256, 28, 28)
    images = to_model(pixels)
    assert (images.shape, images.dtype) == ((256, 1, 28, 28), torch.float32)
    assert torch.equal(to_pixels(images), pixels)


def test_to_model_is_torchvisions_normalisation():
    from torchvision.transforms import v2

    pixels = load("mnist", "test").pixels[:50]
    usual = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.5,), (0.5,))])
    assert torch.allclose(to_model(pixels), usual(pixels[:, None]), atol=1e-6)
    assert to_model(torch.tensor([[[0, 255]]], dtype=torch.uint8)).flatten().tolist() == [-1.0, 1.0]


def test_neither_direction_changes_its_argument():
    pixels = torch.full((1, 28, 28), 9, dtype=torch.uint8)
    images = torch.full((1, 1, 28, 28), 0.3)
    to_model(pixels), to_pixels(images)
    assert (pixels == 9).all()
    assert (images == 0.3).all()


def test_what_lies_outside_the_range_is_clipped_and_not_wrapped():
    images = torch.tensor([-9.0, -1.001, -1, 0, 1, 1.001, 9]).view(7, 1, 1, 1)
    assert to_pixels(images).flatten().tolist() == [0, 0, 0, 128, 255, 255, 255]


@pytest.mark.parametrize("name", ["", "MNIST", "own/cats", "../mnist"])
def test_an_unknown_data_set_is_refused(name):
    with pytest.raises(InvalidOption, match="choose one of mnist"):
        load(name, "test")


def test_an_empty_data_folder_gets_the_shipped_mnist(own_data, no_network):
    assert len(load("mnist", "test")) == 10_000
    assert {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in own_data.glob("*.gz")} == MD5


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip_one_byte(path):
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def lie_about_the_length(path):
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip_one_byte, empty, lie_about_the_length])
def test_an_unpacked_file_that_is_damaged_is_unpacked_again(own_data, no_network, damage):
    own_data.mkdir(parents=True)
    for path in RAW.glob("*.gz"):
        shutil.copy(path, own_data)
    load("mnist", "test")
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        damage(own_data / name)
    images = load("mnist", "test")
    with gzip.open(RAW / "t10k-images-idx3-ubyte.gz") as file:
        assert (own_data / "t10k-images-idx3-ubyte").read_bytes() == file.read()
    assert images.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert len(images.labels) == 10_000


@pytest.mark.parametrize("damage", [truncate, flip_one_byte, empty])
def test_a_damaged_archive_without_a_network_is_named_with_its_folder(own_data, no_network, damage):
    own_data.mkdir(parents=True)
    for path in RAW.glob("*.gz"):
        shutil.copy(path, own_data)
    damage(own_data / "t10k-images-idx3-ubyte.gz")
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", "test")
    assert "t10k-images-idx3-ubyte.gz" in str(caught.value)
    assert str(own_data) in str(caught.value)
    assert "train-images" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "folder"), [("kmnist", "KMNIST"), ("fashion-mnist", "FashionMNIST")])
def test_a_missing_data_set_without_a_network_names_itself_its_folder_and_its_files(
    own_data, tmp_path, no_network, name, folder
):
    with pytest.raises(DataUnavailable) as caught:
        load(name, "train")
    text = str(caught.value)
    assert name in text
    assert str(tmp_path / "data" / folder / "raw") in text
    assert all(file in text for file in MD5)
    assert "\n" not in text


def test_a_data_set_that_lacks_one_file_asks_for_that_file_alone(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("CAE_DATA", str(tmp_path))
    raw = put_by_hand(tmp_path / "KMNIST" / "raw")
    for path in list(raw.iterdir()):
        with gzip.open(f"{path}.gz", "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataUnavailable) as caught:
        load("kmnist", "train")
    assert str(raw) in str(caught.value)


def put_by_hand(raw, images=7):
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for prefix in ("train", "t10k"):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", rng.integers(0, 256, (images, 28, 28)))
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", rng.integers(0, 10, images))
    return raw


@pytest.mark.parametrize(("name", "folder"), [("kmnist", "KMNIST"), ("fashion-mnist", "FashionMNIST")])
def test_files_put_there_by_hand_are_taken(tmp_path, monkeypatch, no_network, name, folder):
    monkeypatch.setenv("CAE_DATA", str(tmp_path))
    raw = put_by_hand(tmp_path / folder / "raw")
    images = load(name, "train")
    assert np.array_equal(images.pixels.numpy().ravel(), np.fromfile(raw / "train-images-idx3-ubyte", np.uint8)[16:])
    assert len(images.class_names) == 10


def test_labels_in_the_place_of_images_are_refused(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("CAE_DATA", str(tmp_path))
    raw = put_by_hand(tmp_path / "KMNIST" / "raw")
    shutil.copy(raw / "train-labels-idx1-ubyte", raw / "train-images-idx3-ubyte")
    with pytest.raises(DataUnavailable, match="train-images-idx3-ubyte"):
        load("kmnist", "train")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "file"))
    with pytest.raises(DataUnavailable, match="CAE_DATA") as caught:
        load("mnist", "test")
    assert str(tmp_path / "file") in str(caught.value)


def test_the_small_data_of_these_tests_are_the_first_digits(small_data):
    small = load("mnist", "train"), load("mnist", "test")
    assert [len(images) for images in small] == [SMALL_TRAIN, SMALL_TEST]
    assert small[0].labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert set(small[1].labels.tolist()) == set(range(10))
