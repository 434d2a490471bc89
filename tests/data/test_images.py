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


def checksums(folder):
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.glob("*.gz")}


def test_the_shipped_files_are_the_originals_byte_for_byte_and_an_empty_data_folder_gets_them(own_data, no_network):
    assert checksums(RAW) == MD5
    assert len(load("mnist", "test")) == 10_000
    assert checksums(own_data) == MD5


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


def test_every_grey_value_survives_the_way_to_the_model_and_back_and_what_is_beyond_is_clipped():
    pixels = torch.arange(256, dtype=torch.uint8).repeat(784).view(256, 28, 28)
    images, before = to_model(pixels), pixels.clone()
    assert (images.shape, images.dtype) == ((256, 1, 28, 28), torch.float32)
    again = images.clone()
    assert torch.equal(to_pixels(images), pixels)
    assert torch.equal(images, again) and torch.equal(pixels, before), "the arguments stay as they are"
    images = torch.tensor([-9.0, -1.001, -1, 0, 1, 1.001, 9]).view(7, 1, 1, 1)
    assert to_pixels(images).flatten().tolist() == [0, 0, 0, 128, 255, 255, 255]


def test_to_model_is_torchvisions_normalisation():
    from torchvision.transforms import v2

    pixels = load("mnist", "test").pixels[:50]
    usual = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.5,), (0.5,))])
    assert torch.allclose(to_model(pixels), usual(pixels[:, None]), atol=1e-6)
    assert to_model(torch.tensor([[[0, 255]]], dtype=torch.uint8)).flatten().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("name", ["", "MNIST", "own/cats", "../mnist"])
def test_an_unknown_data_set_is_refused(name):
    with pytest.raises(InvalidOption, match="choose one of mnist"):
        load(name, "test")


def with_byte_flipped(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGE = {
    "cut short": lambda content: content[:-1000],
    "a byte flipped": lambda content: with_byte_flipped(content, 5000),
    "empty": lambda content: b"",
    "a lie about the length": lambda content: with_byte_flipped(content, 7),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_an_unpacked_file_that_is_damaged_is_unpacked_again(own_data, no_network, damage):
    whole = load("mnist", "test")
    files = [own_data / name for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    before = [path.read_bytes() for path in files]
    for path, content in zip(files, before, strict=True):
        path.write_bytes(damage(content))
    images = load("mnist", "test")
    assert [path.read_bytes() for path in files] == before
    assert torch.equal(images.labels, whole.labels)


@pytest.mark.parametrize("harm", ["cut short", "a byte flipped", "empty"])
def test_a_damaged_archive_without_a_network_is_named_with_its_folder(own_data, no_network, harm):
    shutil.copytree(RAW, own_data, ignore=shutil.ignore_patterns("*ubyte"))
    archive = own_data / "t10k-images-idx3-ubyte.gz"
    archive.write_bytes(DAMAGE[harm](archive.read_bytes()))
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", "test")
    text = str(caught.value)
    assert archive.name in text and str(own_data) in text and "train-images" not in text and "\n" not in text


@pytest.fixture
def by_hand(tmp_path, monkeypatch, no_network):
    """A function that puts seven pictures of a data set into the data folder, and gives their folder."""
    monkeypatch.setenv("CAE_DATA", str(tmp_path))

    def put(folder):
        raw, rng = tmp_path / folder / "raw", np.random.default_rng(0)
        raw.mkdir(parents=True, exist_ok=True)
        for prefix in ("train", "t10k"):
            write_idx(raw / f"{prefix}-images-idx3-ubyte", rng.integers(0, 256, (7, 28, 28)))
            write_idx(raw / f"{prefix}-labels-idx1-ubyte", rng.integers(0, 10, 7))
        return raw

    return put


def test_a_data_set_that_lacks_one_file_asks_for_that_file_alone(by_hand):
    raw = by_hand("KMNIST")
    for path in list(raw.iterdir()):
        with gzip.open(f"{path}.gz", "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataUnavailable) as caught:
        load("kmnist", "train")
    assert str(raw) in str(caught.value)


@pytest.mark.parametrize(("name", "folder"), [("kmnist", "KMNIST"), ("fashion-mnist", "FashionMNIST")])
def test_a_missing_data_set_is_named_with_its_folder_and_files_and_those_put_there_are_taken(by_hand, name, folder):
    with pytest.raises(DataUnavailable) as caught:
        load(name, "train")
    text = str(caught.value)
    raw = by_hand(folder)
    assert all(part in text for part in (name, str(raw), *MD5)) and "\n" not in text
    images = load(name, "train")
    assert np.array_equal(images.pixels.numpy().ravel(), np.fromfile(raw / "train-images-idx3-ubyte", np.uint8)[16:])
    assert len(images.class_names) == 10
    shutil.copy(raw / "train-labels-idx1-ubyte", raw / "train-images-idx3-ubyte")
    with pytest.raises(DataUnavailable, match="train-images-idx3-ubyte"):
        load(name, "train")


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
