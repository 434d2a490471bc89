"""Data sets of one's own pictures: what becomes of a picture, of a folder and of arrays, and what is refused."""

import errno
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from apps import opened
from filelock import FileLock
from helpers import options, to_the_end, trained
from PIL import Image

from cae.commands import cli
from cae.config import MapConfig, ModelConfig, TrainConfig, from_json
from cae.data import baselines, catalogue
from cae.data.images import load
from cae.errors import (
    CaeError,
    Damaged,
    DatasetExists,
    DataUnavailable,
    InvalidName,
    InvalidOption,
    NotResumable,
    ReadOnly,
    RunBusy,
    UnreadablePicture,
    UnusableData,
    Unwritable,
)
from cae.evaluation import errors, probes
from cae.imports import dataset, folders, sources
from cae.imports.dataset import delete_data, import_data
from cae.jobs import process, sweep
from cae.jobs.trainer import train_run
from cae.latent import maps, sampling
from cae.latent.explore import latent_space
from cae.runs.run import Run
from cae.steps import result_of

RNG = np.random.default_rng(0)
DARK = np.pad(RNG.integers(0, 256, (24, 26, 26), np.uint8), ((0, 0), (1, 1), (1, 1)))  # 24 pictures, their border is 0
SLOPE = np.add.outer(np.arange(28) * 6, np.arange(28) * 3).astype(np.uint8)  # 0 to 243, no symmetry


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def encoded(picture, kind="PNG", **how) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def write(folder: Path, files: dict) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else encoded(content))
    return folder


@pytest.fixture
def pictures(tmp_path):
    """A folder of 24 dark pictures of 28 x 28, eight of each of three classes."""
    names = [f"{name}/{number}.png" for name in ("cat", "dog", "bird") for number in range(8)]
    return write(tmp_path / "pictures", dict(zip(names, DARK, strict=True)))


def npz(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def all_of(name: str) -> tuple[list[bytes], list[str]]:
    """The pictures of a data set, sorted, and the class of each."""
    found = []
    for part in ("train", "test"):
        images = load(name, part)
        found += zip(map(bytes, images.pixels.numpy()), (images.class_names[i] for i in images.labels), strict=True)
    return tuple(zip(*sorted(found), strict=True))


def left_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "own").iterdir()} - {".lock"}


# -- one picture


def test_a_picture_of_28_pixels_is_kept_value_by_value():
    pixels, is_resized, is_animated = sources.read(encoded(SLOPE))
    np.testing.assert_array_equal(pixels, SLOPE)
    assert not is_resized and not is_animated


@pytest.mark.parametrize(("side", "repeat", "mean"), [(56, 1, 2), (42, 2, 3), (7, 4, 1), (21, 4, 3), (140, 1, 5)])
def test_other_sizes_become_an_average_per_pixel(side, repeat, mean):
    large = np.random.default_rng(side).integers(0, 256, (side, side), np.uint8)
    fine = large.repeat(repeat, axis=0).repeat(repeat, axis=1).reshape(28, mean, 28, mean).astype(float)
    expected = fine.mean(axis=(1, 3))
    pixels, is_resized, _ = sources.read(encoded(large))
    assert is_resized and np.abs(pixels - expected).max() <= 0.5 + 1e-9


def test_a_large_picture_is_about_its_average_too():
    large = np.random.default_rng(1).integers(0, 256, (1120, 1120), np.uint8)
    pixels, _, _ = sources.read(encoded(large))
    assert np.abs(pixels - large.reshape(28, 40, 28, 40).mean(axis=(1, 3))).max() < 4


def test_a_tall_picture_keeps_its_shape_in_the_middle_of_what_its_border_is_like():
    tall = np.full((56, 28), 9, np.uint8)
    tall[10:20, 10:20] = 200
    pixels, _, _ = sources.read(encoded(tall))
    expected = np.full((28, 28), 9, np.uint8)
    expected[5:10, 12:17] = 200
    np.testing.assert_array_equal(pixels, expected)


def test_colour_becomes_grey_by_luminance():
    pixels, _, _ = sources.read(encoded(np.full((28, 28, 3), (200, 30, 90), np.uint8)))
    assert abs(int(pixels[0, 0]) - (0.299 * 200 + 0.587 * 30 + 0.114 * 90)) <= 1  # ITU-R BT.601


def test_sixteen_bits_are_scaled_and_not_clipped():
    sixteen = Image.fromarray(SLOPE.astype(np.uint16) * 257)
    assert sixteen.mode == "I;16"
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(sources.read(encoded(sixteen, kind))[0], SLOPE)


@pytest.mark.parametrize("most", [1.0, 255.0])
def test_a_picture_of_fractions_is_read_on_its_scale(most):
    values = SLOPE.astype(np.float32) / 243 * most
    pixels = sources.read(encoded(Image.fromarray(values), "TIFF"))[0]
    assert np.abs(pixels - values * 255 / most).max() <= 0.51


def test_cmyk_is_converted():
    ink = np.zeros((28, 28, 4), np.uint8)
    ink[..., 3] = 255 - SLOPE  # black alone
    picture = Image.fromarray(ink, "CMYK")
    assert np.abs(sources.read(encoded(picture, "TIFF"))[0].astype(int) - SLOPE).max() <= 1
    assert np.abs(sources.read(encoded(picture, "JPEG", quality=95))[0].astype(int) - SLOPE).max() <= 6


@pytest.mark.parametrize(
    ("orientation", "turned"), [(3, np.rot90(SLOPE, 2)), (6, np.rot90(SLOPE)), (2, SLOPE[:, ::-1])]
)
def test_the_orientation_of_the_camera_is_followed(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(sources.read(encoded(np.ascontiguousarray(turned), exif=exif))[0], SLOPE)


@pytest.mark.parametrize(("ink", "expected"), [(0, 255 - SLOPE), (255, SLOPE)])
def test_what_is_transparent_is_paper_that_shows_the_ink(ink, expected):
    picture = Image.new("L", (28, 28), ink)
    picture.putalpha(Image.fromarray(SLOPE))
    assert np.abs(sources.read(encoded(picture))[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read_and_said(kind):
    first, second = Image.fromarray(SLOPE), Image.fromarray(255 - SLOPE)
    how = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(first, kind, save_all=True, append_images=[second], **how)
    pixels, _, is_animated = sources.read(content)
    assert is_animated and np.abs(pixels.astype(int) - SLOPE).max() <= 1


def test_a_photo_with_a_second_picture_behind_it_is_no_animation():
    content = encoded(Image.fromarray(SLOPE), "MPO", save_all=True, append_images=[Image.fromarray(255 - SLOPE)])
    pixels, _, is_animated = sources.read(content)
    assert not is_animated and np.abs(pixels.astype(int) - SLOPE).max() < 12


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow, on damaged tags
def test_a_damaged_picture_is_refused_or_read_and_nothing_else():
    rng, content, refused = np.random.default_rng(0), encoded(SLOPE, "TIFF"), 0
    for good in (content, encoded(SLOPE, "GIF"), encoded(SLOPE, "BMP"), encoded(SLOPE, "PPM"), encoded(SLOPE)):
        for _ in range(40):
            broken = bytearray(good)
            for place in rng.integers(0, min(200, len(broken)), 3):
                broken[place] = rng.integers(256)
            try:
                assert sources.read(bytes(broken))[0].shape == (28, 28)
            except UnreadablePicture as error:
                assert error.reason and str(error).endswith(".")
                refused += 1
    assert refused


# -- a folder


def test_a_folder_becomes_a_data_set_class_by_class(pictures):
    about = import_data(pictures, "pets")
    assert about.class_names == ("bird", "cat", "dog")
    assert (about.train, about.test) == ((7, 7, 7), (1, 1, 1))
    assert (about.source, about.inverted, about.resized, about.skipped) == ("pictures", False, 0, ())
    found, classes = all_of("pets")
    names = ["cat"] * 8 + ["dog"] * 8 + ["bird"] * 8
    assert list(zip(found, classes, strict=True)) == sorted(zip(map(bytes, DARK), names, strict=True))
    assert catalogue.about("pets") == about
    assert (catalogue.names()[3:], catalogue.train_images("pets")) == (("pets",), 21)


@pytest.mark.parametrize(("invert", "is_inverted"), [("auto", True), ("yes", True), ("no", False)])
def test_bright_paper_becomes_dark_unless_told_otherwise(tmp_path, invert, is_inverted):
    folder = write(tmp_path / "bright", {f"{number}.png": 255 - each for number, each in enumerate(DARK)})
    assert import_data(folder, "paper", invert=invert).inverted is is_inverted
    assert all_of("paper")[0] == tuple(sorted(map(bytes, DARK if is_inverted else 255 - DARK)))


def test_dark_paper_stays_dark_though_one_picture_is_bright(pictures):
    (pictures / "cat" / "white.png").write_bytes(encoded(np.full((28, 28), 255, np.uint8)))
    assert not import_data(pictures, "pets").inverted
    assert import_data(pictures, "turned", invert="yes").inverted


def test_pictures_without_folders_are_of_one_class(tmp_path):
    folder = write(tmp_path / "flat", {f"{number}.png": each for number, each in enumerate(DARK)})
    about = import_data(folder, "flat")
    assert (about.class_names, about.train, about.test) == (("image",), (21,), (3,))


@pytest.mark.parametrize("classes", [("cat/", "dog/"), ("", "")])
def test_folders_called_train_and_test_are_the_parts(tmp_path, classes):
    files = {
        f"{'test' if number < 6 else 'train'}/{classes[number % 2]}{number}.png": each
        for number, each in enumerate(DARK)
    }
    about = import_data(write(tmp_path / "parted", files), "parted")
    assert about.class_names == (("cat", "dog") if classes[0] else ("image",))
    assert sum(about.test) == 6
    assert set(map(bytes, load("parted", "test").pixels.numpy())) == set(map(bytes, DARK[:6]))


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("digit.png", encoded(SLOPE))
    return buffer.getvalue()


def test_what_is_no_picture_is_skipped_and_said_reason_by_reason(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(sources.opening, "LARGEST_FILE", 50_000)
    write(tmp_path, {"secret.png": SLOPE})
    write(pictures, {
        ".DS_Store": b"x", ".git/x.png": SLOPE, "__MACOSX/cat/1.png": SLOPE, "notes.txt": b"x",
        "cat/digit.png": archive(), "cat/empty.png": b"",
        "cat/half.png": encoded(DARK[0])[:300], "dog/large.bmp": bytes(50_001),
        "dog/bomb.png": encoded(Image.new("1", (9000, 9000))), "bird/deep/in/it/0.gif": encoded(SLOPE, "GIF"),
    })  # fmt: skip
    (pictures / "cat" / "out.png").symlink_to(tmp_path / "secret.png")
    (pictures / "dog" / "in.png").symlink_to(pictures / "cat" / "0.png")
    (pictures / "dog" / "elsewhere").symlink_to(tmp_path)
    (pictures / "dog" / "loop.png").symlink_to("loop.png")
    os.mkfifo(pictures / "cat" / "pipe.png")
    seen = []
    about = import_data(pictures, "pets", report=lambda done, total: seen.append((done, total)))
    assert {each.reason: (each.count, each.names) for each in about.skipped} == {
        "hidden": (3, (".DS_Store", ".git", "__MACOSX")),
        "beside the folders of the classes": (1, ("notes.txt",)),
        "not a picture that can be read": (2, ("cat/digit.png", "cat/empty.png")),
        "damaged or incomplete": (1, ("cat/half.png",)),
        "too large a file": (1, ("dog/large.bmp",)),
        "too many pixels": (1, ("dog/bomb.png",)),
        "a link that leads out of the folder": (1, ("cat/out.png",)),
        "a link to a folder": (1, ("dog/elsewhere",)),
        "no ordinary file": (2, ("cat/pipe.png", "dog/loop.png")),
    }
    assert np.add(about.train, about.test).tolist() == [9, 8, 9]
    assert seen[-1][0] == seen[-1][1] == len(seen) == 26 + 13
    assert bytes(SLOPE) in all_of("pets")[0]


@pytest.mark.parametrize("count", [0, 3, 19])
def test_a_folder_of_few_pictures_is_refused_with_the_least_number(tmp_path, data_folder, count):
    folder = write(tmp_path / "few", {f"{number}.png": DARK[number] for number in range(count)} | {"x.txt": b"x"})
    with pytest.raises(UnusableData, match="at least 20; 1 skipped: not a picture that can be read") as refusal:
        import_data(folder, "few")
    assert str(folder) in str(refusal.value) and f"holds {count} picture" in str(refusal.value)
    assert left_in(data_folder) == set() and catalogue.own() == ()


def test_pictures_of_which_none_could_be_held_out_are_refused(tmp_path):
    folder = write(tmp_path / "lone", {f"{number}/x.png": each for number, each in enumerate(DARK)})
    with pytest.raises(UnusableData, match="two pictures"):
        import_data(folder, "lone")


def test_more_classes_or_files_than_there_can_be_are_refused_before_any_is_read(tmp_path, monkeypatch):
    folder = write(tmp_path / "many", {f"{number}/x.png": b"x" for number in range(257)})
    monkeypatch.setattr(sources, "read", lambda _: pytest.fail("it was read"))
    with pytest.raises(UnusableData, match=r"257 folders .* 256 classes"):
        import_data(folder, "many")
    monkeypatch.setattr(folders, "MOST_IMAGES", 200)
    with pytest.raises(UnusableData, match="more than 200 files"):
        import_data(folder, "many")


@pytest.mark.parametrize("what", ["nothing", "file.txt", "file.npz", "file.zip"])
def test_what_is_neither_a_folder_nor_arrays_is_refused(tmp_path, what):
    if what != "nothing":
        (tmp_path / what).write_bytes(b"x")
    with pytest.raises((UnusableData, Damaged), match=what):
        import_data(tmp_path / what, "x")


# -- arrays

HALF = np.pad(RNG.integers(0, 2, (24, 26, 26), np.uint8) * 255, ((0, 0), (1, 1), (1, 1)))
COLOURS = np.repeat(DARK[..., None], 3, axis=3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (DARK, DARK),
        (DARK.reshape(24, 784), DARK),
        (DARK[..., None], DARK),
        (DARK[:, None], DARK),
        (DARK / 255, DARK),
        ((DARK / 255).astype(np.float16), DARK),
        (DARK.astype(np.float32), DARK),
        (DARK.astype(np.int64), DARK),
        (DARK.astype(">i2"), DARK),
        (DARK.astype(np.uint16) * 257, DARK),
        (HALF > 0, HALF),
        (HALF // 255, HALF),
        (COLOURS, DARK),
        (COLOURS / 255, DARK),
        (COLOURS.transpose(0, 3, 1, 2), DARK),
        (np.concatenate([COLOURS, np.full((24, 28, 28, 1), 255, np.uint8)], axis=3), DARK),
        (DARK.repeat(2, axis=1).repeat(2, axis=2), DARK),
    ],
    ids=lambda values: f"{values.dtype}{values.shape[1:]}",
)
def test_arrays_of_any_shape_and_scale_become_the_same_pictures(tmp_path, values, expected):
    about = import_data(npz(tmp_path / "x.npz", images=np.ascontiguousarray(values)), "x")
    found = np.sort(np.array([np.frombuffer(each, np.uint8) for each in all_of("x")[0]]), axis=0)
    wanted = np.sort(expected.reshape(24, 784), axis=0)
    is_colour = values.ndim == 4 and 1 not in values.shape
    assert np.abs(found.astype(int) - wanted).max() <= is_colour + (values.dtype == np.float16)
    assert (about.class_names, about.resized, about.source) == (("image",), 24 * (values.shape[1] == 56), "x.npz")


def test_transparency_in_arrays_is_paper(tmp_path):
    ink = np.zeros((24, 28, 28, 4), np.uint8)
    ink[..., 3] = DARK
    about = import_data(npz(tmp_path / "x.npz", x=ink), "x")
    assert about.inverted and all_of("x")[0] == tuple(sorted(map(bytes, DARK)))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["cat", "dog", "Bird"])[np.arange(24) % 3], ("Bird", "cat", "dog")),
        (np.array([b"cat", b"d\xff"])[np.arange(24) % 2], ("cat", "d\N{REPLACEMENT CHARACTER}")),
        (np.arange(24) % 12, tuple(map(str, range(12)))),
        ((np.arange(24) % 3 - 1)[:, None].astype(np.int8), ("-1", "0", "1")),
        (np.arange(24) % 2 * 10.0, ("0", "10")),
        (np.arange(24) % 2 > 0, ("False", "True")),
    ],
    ids=["words", "bytes", "numbers", "a column", "whole floats", "bool"],
)
def test_labels_are_words_or_numbers_and_keep_to_their_pictures(tmp_path, labels, names):
    about = import_data(npz(tmp_path / "x.npz", x=DARK, y=labels), "x")
    assert about.class_names == names
    raw = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in labels.ravel()]
    said = [each.removesuffix(".0") for each in raw]
    assert list(zip(*all_of("x"), strict=True)) == sorted(zip(map(bytes, DARK), said, strict=True))


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"),
                                   ("train_images", "train_labels", "test_images", "test_labels")])  # fmt: skip
def test_a_test_part_that_comes_along_is_kept(tmp_path, names):
    parts = (DARK[:20], np.arange(20) % 2, DARK[20:], np.array([0, 1, 1, 2]))
    about = import_data(npz(tmp_path / "keras.npz", **dict(zip(names, parts, strict=True))), "keras")
    assert (about.class_names, about.train, about.test) == (("0", "1", "2"), (10, 10, 0), (1, 2, 1))
    test = load("keras", "test")
    assert set(map(bytes, test.pixels.numpy())) == set(map(bytes, DARK[20:]))


def forged(shape, dtype="|u1") -> bytes:
    """An .npy that claims this shape and holds next to nothing."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(100)


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_pickled_arrays_are_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    for arrays in ({"x": np.array([Trap()] * 24, object)}, {"x": DARK, "y": np.array([Trap()] * 24, object)}):
        with pytest.raises(UnusableData, match=r"trap\.npz.*pickled"):
            import_data(npz(tmp_path / "trap.npz", **arrays), "trap")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"pixels": DARK}, "no pictures under x_train, train_images, images or x; its arrays: pixels"),
        ({"x": DARK, "y": np.arange(23)}, r"\(23,\)"),
        ({"x": DARK, "y": np.eye(24)}, r"\(24, 24\)"),
        ({"x": DARK, "y": np.arange(24) / 2}, "fractions"),
        ({"x": DARK, "y": np.full(24, np.nan)}, "fractions"),
        ({"x": DARK, "y": np.arange(24) + 1j}, "complex"),
        ({"x": DARK.reshape(24, 2, 14, 28)}, "shape"),
        ({"x": DARK.ravel()}, "shape"),
        ({"x": np.array(["a"] * 784 * 24).reshape(24, 784)}, "not brightnesses"),
        ({"x": DARK / 255 - 0.5}, "from -0.5 to"),
        ({"x": DARK * 1000.0}, "between 0 and 1, 255"),
        ({"x": DARK.astype(np.int64) * 1000}, "between 0 and 1, 255"),
        ({"x": np.where(DARK > 250, np.nan, DARK)}, "not numbers"),
        ({"x": np.where(DARK > 250, np.inf, DARK)}, "not numbers"),
        ({"x": np.asfortranarray(DARK)}, "column by column"),
        ({"x": DARK[:, :0]}, "28 × 0 pixels"),
        ({"x": DARK[:3]}, "at least 20"),
        ({"x_train": DARK, "y_train": np.arange(24), "x_test": DARK}, "labels for one of its parts only"),
        ({"x_train": DARK, "x_test": DARK[:1]}, "1 test images, but a data set needs at least 2"),
        ({"x": np.zeros((300, 28, 28), np.uint8), "y": np.arange(300)}, "300 classes: the most is 256"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_pictures_are_refused_in_a_sentence(tmp_path, data_folder, arrays, sentence):
    with pytest.raises(UnusableData, match=sentence) as refusal:
        import_data(npz(tmp_path / "x.npz", **arrays), "x")
    assert "x.npz" in str(refusal.value) and str(refusal.value).endswith(".") and "\n" not in str(refusal.value)
    assert left_in(data_folder) == set()


@pytest.mark.parametrize(
    ("member", "error", "sentence"),
    [
        (forged((10**12, 28, 28)), UnusableData, "more than 1,000,000"),
        (forged((30, 10**6, 10**6)), UnusableData, "pixels"),
        (forged((30, 28, 28)), Damaged, "x.npz"),
        (forged((30, 28, 28))[:20], Damaged, "x.npz"),
        (b"", Damaged, "x.npz"),
    ],
)
def test_arrays_that_claim_what_they_do_not_hold_are_refused_at_once(tmp_path, member, error, sentence):
    with pytest.raises(error, match=sentence):
        import_data(zipped(tmp_path / "x.npz", x=member), "x")


# -- classes and parts


def test_a_seventh_of_every_class_is_held_out_and_at_least_one():
    labels = np.repeat([0, 1, 2, 3], [70, 13, 3, 1])
    train, test = dataset.split(labels, seed=0)
    assert np.bincount(labels[test], minlength=4).tolist() == [10, 1, 1, 0]
    assert sorted([*train, *test]) == list(range(87))
    again = dataset.split(labels, seed=0)
    assert np.array_equal(train, again[0]) and np.array_equal(test, again[1])
    assert not np.array_equal(test, dataset.split(labels, seed=1)[1])
    assert set(labels[train][:20]) >= {0, 1}, "the first ones are of all classes"


@pytest.mark.parametrize("sizes", [[200_000, 50], [1000] * 250, [3] * 256])
def test_of_very_many_at_most_ten_thousand_are_held_out(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(np.uint8)
    held_out = np.bincount(labels[dataset.split(labels, seed=0)[1]], minlength=len(sizes))
    assert held_out.min() >= 1 and min(9_000, sum(sizes) // 7) <= held_out.sum() <= 10_000


def test_class_names_are_cleaned_and_stay_apart():
    raw = ["a\x00b", "a\x07b", " \u202e ", "x" * 60, "x" * 50, "caf\u0065\u0301", "\udcff"]
    order, names = dataset.class_names(raw)
    by_raw = {raw[position]: name for position, name in zip(order, names, strict=True)}
    assert {by_raw["a\x00b"], by_raw["a\x07b"]} == {"a b", "a b 2"}
    assert by_raw["caf\u0065\u0301"] == "caf\u00e9"
    assert {by_raw[" \u202e "], by_raw["\udcff"]} == {"class", "class 2"}
    assert len(set(names)) == 7 and max(map(len, names)) <= 40


def test_classes_that_are_numbers_are_in_their_order():
    assert dataset.class_names(["10", "9", "-1", "007"])[1] == ("-1", "007", "9", "10")
    assert dataset.class_names(["10", "9", "b"])[1] == ("10", "9", "b")


def test_brightness_of_the_borders_is_their_median():
    assert dataset.is_bright(np.full((3, 28, 28), 200, np.uint8))
    framed = np.pad(np.full((3, 26, 26), 200, np.uint8), ((0, 0), (1, 1), (1, 1)))
    assert not dataset.is_bright(framed) and dataset.is_bright(255 - framed)


# -- names, replacing, deleting


@pytest.mark.parametrize("name", ["mnist", "kmnist", "Cats", "", "../x", "a/b", "con", "x" * 65])
def test_names_that_cannot_be_are_refused(pictures, data_folder, name):
    with pytest.raises(InvalidName) as refusal:
        import_data(pictures, name)
    assert "run" not in str(refusal.value)
    assert not data_folder.exists()


@pytest.mark.parametrize("how", [{"invert": "maybe"}, {"seed": -1}])
def test_options_that_cannot_be_are_refused(pictures, how):
    with pytest.raises(InvalidOption) as refusal:
        import_data(pictures, "pets", **how)
    assert refusal.value.option == next(iter(how))


def test_a_name_that_is_taken_is_refused_and_can_be_replaced(pictures, data_folder):
    import_data(pictures, "pets")
    shutil.rmtree(pictures / "bird")
    with pytest.raises(DatasetExists, match="--replace"):
        import_data(pictures, "pets")
    assert catalogue.about("pets").class_names == ("bird", "cat", "dog")
    with pytest.raises(UnusableData):  # too few are left
        import_data(pictures, "pets", replace=True)
    assert len(load("pets", "train")) == 21
    write(pictures, {f"fish/{number}.png": each for number, each in enumerate(DARK[:8])})
    import_data(pictures, "pets", replace=True)
    assert catalogue.about("pets").class_names == ("cat", "dog", "fish")
    assert left_in(data_folder) == {"pets"}


def test_a_data_set_can_be_deleted_and_the_three_cannot(pictures, data_folder):
    import_data(pictures, "pets")
    delete_data("pets")
    assert catalogue.own() == () and left_in(data_folder) == set()
    for name in ("pets", "../own", ""):
        with pytest.raises(DataUnavailable, match="no data set of your own"):
            delete_data(name)
    with pytest.raises(InvalidName):
        delete_data("mnist")


def test_a_read_only_laboratory_makes_and_deletes_nothing(pictures, monkeypatch):
    import_data(pictures, "pets")
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    for change in (lambda: import_data(pictures, "more"), lambda: delete_data("pets")):
        with pytest.raises(ReadOnly):
            change()
    assert catalogue.own() == ("pets",)
    assert len(load("pets", "test")) == 3


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.rename"])
@pytest.mark.parametrize("replace", [False, True])
def test_on_a_full_disk_nothing_is_left_behind_and_what_was_there_stays(
    pictures, data_folder, monkeypatch, place, replace
):
    if replace:
        import_data(pictures, "pets")
    before = all_of("pets") if replace else None
    real, calls = Path.rename, []

    def full(*arguments):
        calls.append(arguments)
        if place == "os.fsync" or ".new-" in str(arguments[0]):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(Unwritable, match="No space left on device") as refusal:
            import_data(pictures, "pets", invert="yes", replace=replace)
    assert calls and str(data_folder / "own") in str(refusal.value)
    assert left_in(data_folder) == ({"pets"} if replace else set())
    assert not replace or all_of("pets") == before


def test_stopped_in_the_middle_nothing_is_left_behind(pictures, data_folder):
    def stop(done, total):
        assert left_in(data_folder) == set()
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_data(pictures, "pets", report=stop)
    assert left_in(data_folder) == set()


def test_what_a_killed_process_left_is_swept_away_and_two_at_once_are_refused(pictures, data_folder):
    write(data_folder / "own", {".new-1/images.safetensors": b"half", ".deleted-1/about.json": b"x"})
    with FileLock(data_folder / "own" / ".lock"), pytest.raises(RunBusy, match="Another data set"):
        import_data(pictures, "pets")
    assert catalogue.own() == ()
    import_data(pictures, "pets")
    assert left_in(data_folder) == {"pets"}


# -- damage


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [flip, halve, os.remove, lambda path: path.write_bytes(b"")])
def test_damaged_pictures_are_named(pictures, data_folder, harm):
    import_data(pictures, "pets")
    harm(data_folder / "own" / "pets" / "images.safetensors")
    with pytest.raises(Damaged, match=r"own/pets/images\.safetensors .*--replace"):
        load("pets", "train"), load("pets", "test")


@pytest.mark.parametrize("changes", [
    None, [], {"format": 9}, {"train": [7, 7]}, {"train": [10**12, 7, 7]}, {"train": [7, 7, -1]}, {"test": [0, 0, 0]},
    {"class_names": ["a", "a", "b"]}, {"class_names": ["a", "b", "c\x1b"]}, {"class_names": ["a", "b", "x" * 300]},
    {"class_names": ["a", "b", ""]}, {"checksums": [1]}, {"inverted": 1}, {"created": "x"}, {"more": 1},
    {"skipped": [1]}, {"source": 3},
], ids=str)  # fmt: skip
def test_a_damaged_about_json_is_named_and_the_others_are_listed(pictures, data_folder, changes):
    import_data(pictures, "pets")
    path = data_folder / "own" / "pets" / "about.json"
    values = {**json.loads(path.read_text()), **changes} if isinstance(changes, dict) else changes
    path.write_text(json.dumps(values) if values is not None else "{half")
    for look in (lambda: load("pets", "test"), lambda: catalogue.train_images("pets")):
        with pytest.raises(Damaged, match=r"own/pets/about\.json"):
            look()
    with pytest.raises(InvalidOption, match=r"own/pets/about\.json"):
        TrainConfig(dataset="pets")
    entry = catalogue.entries()[-1]
    assert (entry.name, entry.is_here) == ("pets", False) and "about.json" in entry.problem
    import_data(pictures, "pets", replace=True)
    assert len(load("pets", "test")) == 3


def test_counts_that_the_pictures_do_not_have_are_refused(pictures, data_folder):
    import_data(pictures, "pets")
    path = data_folder / "own" / "pets" / "about.json"
    for counts in ([7, 6, 8], [7, 7, 900_000]):
        path.write_text(json.dumps({**json.loads(path.read_text()), "train": counts}))
        with pytest.raises(Damaged, match=r"images\.safetensors"):
            load("pets", "train")


# -- what is trained on it


@pytest.fixture
def pets(tmp_path):
    """A data set of 90 pictures in three classes that can be told apart."""
    rows, columns = np.mgrid[:28, :28]
    kinds = [(rows - 14) ** 2 + (columns - 14) ** 2 < 60, abs(rows - 14) < 4, abs(columns - 14) < 4]
    shifts = RNG.integers(-3, 4, (90, 2))
    images = np.stack([np.roll(kinds[number % 3], shift, (0, 1)) for number, shift in enumerate(shifts)])
    names = np.array(["dot", "bar", "pole"])[np.arange(90) % 3]
    import_data(npz(tmp_path / "pets.npz", images=images, labels=names), "pets")
    return "pets"


@pytest.fixture
def run(pets):
    return trained("first", dataset=pets, train_images=None, epochs=1)


def test_a_run_is_trained_on_it_and_everything_is_measured_or_refused_in_a_sentence(run):
    found = result_of(errors.evaluate(run))
    assert (found.dataset, found.overall.count) == ("pets", 12)
    assert [(each.name, each.count) for each in found.per_class] == [("bar", 4), ("dot", 4), ("pole", 4)]
    assert len(errors.errors_per_image(run)) == 12
    assert 0 <= result_of(probes.probe(run)).knn_accuracy <= 1
    space = latent_space(run)
    assert (space.class_names, space.class_means.shape) == (("bar", "dot", "pole"), (3, 2))
    points = maps.points(run, load("pets", "test"), MapConfig())
    assert len(points.indices) == 12 and maps.why_not(points, MapConfig()).endswith(".")
    fitted = result_of(sampling.fit(run))
    assert fitted.class_names == ("bar", "dot", "pole")
    assert fitted.prior("mixture", 2).sample(5, seed=0).shape == (5, 2)
    with pytest.raises(InvalidOption, match="0 to 2"):
        fitted.prior("mixture", 3)


def test_a_map_with_too_high_a_perplexity_says_what_there_is(pets):
    run = trained("three", ModelConfig(latent_dim=3, width=2), dataset=pets, train_images=None, epochs=1)
    with pytest.raises(InvalidOption, match="there are 12"):
        list(maps.compute(run, MapConfig()))
    assert result_of(maps.compute(run, MapConfig(perplexity=3.0))).positions.shape == (12, 2)


def test_its_baselines_are_not_those_of_what_had_its_name_before(run, tmp_path):
    first = baselines.baselines("pets")
    result_of(errors.evaluate(run))
    import_data(npz(tmp_path / "dark.npz", x=DARK), "pets", replace=True)
    assert baselines.baselines("pets") != first
    assert errors.kept(run) is None, "measured on the pictures before"
    assert result_of(errors.evaluate(run)).overall.count == 3
    assert [each.name for each in dataset.trained_on("pets")] == ["first"]


def test_pictures_of_a_live_training_are_neither_replaced_nor_deleted(run, pictures):
    run.update(state="queued")
    with run.lock():
        for change in (lambda: import_data(pictures, "pets", replace=True), lambda: delete_data("pets")):
            with pytest.raises(RunBusy, match="first is training on pets"):
                change()
    assert len(load("pets", "test")) == 12


def test_a_run_whose_pictures_are_gone_is_still_a_run(run, pets):
    before = run.summary()
    swept = sweep.plan("latent_dim", [2, 3], changes={"dataset": pets, "epochs": 1}, name="swept")
    sweep._written(swept)
    delete_data(pets)
    again = Run.open("first")
    assert again.summary() == before and again.info.train.dataset == "pets"
    again.annotate("kept")
    assert Run.open("first").info.note == "kept" and again.weights()
    assert [each.name for each in sweep.all_sweeps() if each.dataset == pets] == ["swept"]
    for look in (errors.errors_per_image, latent_space, lambda run: result_of(sampling.fit(run))):
        with pytest.raises(DataUnavailable, match="import-data FOLDER --name pets"):
            look(again)


def test_a_run_without_its_pictures_is_not_resumed(run, pets, capsys):
    delete_data(pets)
    assert cli.main(["train", "--resume", "first", "--epochs", "3"]) == 2
    assert "The data set pets is not on this machine" in capsys.readouterr().err
    assert Run.open("first").state == "finished"


def test_a_run_is_not_resumed_on_other_pictures_that_have_the_name_of_its_own(run, pets, pictures, tmp_path, capsys):
    shutil.copytree(catalogue.folder(pets), tmp_path / "before")
    weights = (run.path / "model.safetensors").read_bytes()
    import_data(pictures, pets, replace=True)
    with pytest.raises(NotResumable, match="the images of the data set pets have changed"):
        process.resume_training(run.again(), 3)
    assert cli.main(["train", "--resume", "first", "--epochs", "3"]) == 2
    assert "first cannot be continued" in capsys.readouterr().err
    assert (Run.open("first").state, (run.path / "model.safetensors").read_bytes()) == ("finished", weights)
    run.update(state="queued", train=options(dataset=pets, train_images=None, epochs=3))
    with pytest.raises(NotResumable):  # they may be replaced when it has been asked for already
        list(train_run(Run.open("first")))
    assert "have changed" in Run.open("first").summary().reason
    shutil.rmtree(catalogue.folder(pets))
    (tmp_path / "before").rename(catalogue.folder(pets))
    process.prepare_resume(Run.open("first"), 3)
    to_the_end(Run.open("first"))
    at_once = trained("at-once", dataset=pets, train_images=None, epochs=3)
    assert Run.open("first").weights_hash() == at_once.weights_hash()


def test_a_run_of_before_its_pictures_were_noted_goes_on_and_notes_them_then(run, pets, pictures):
    values = json.loads((run.path / "run.json").read_text())
    del values["data"]
    (run.path / "run.json").write_text(json.dumps(values))
    assert Run.open("first").info.data is None
    process.prepare_resume(Run.open("first"), 2)
    to_the_end(Run.open("first"))
    assert Run.open("first").info.data == catalogue.key(pets)
    import_data(pictures, pets, replace=True)
    with pytest.raises(NotResumable):
        process.prepare_resume(Run.open("first"), 3)


def test_a_run_that_has_not_begun_takes_the_pictures_that_there_are(pets, pictures):
    run = Run.create("waiting", ModelConfig(2, 4), options(dataset=pets, train_images=None, epochs=1))
    import_data(pictures, pets, replace=True)
    to_the_end(run)
    assert Run.open("waiting").info.data == catalogue.key(pets)


def test_what_is_stored_may_name_any_data_set_and_what_is_asked_for_only_those_here(pets):
    for name in ("elsewhere", "mnist"):
        assert from_json(TrainConfig, {"dataset": name}).dataset == name
    assert from_json(TrainConfig, {"dataset": "elsewhere", "train_images": 900_000}).train_images == 900_000
    for name in ("../elsewhere", "", "Elsewhere", None, ["mnist"], 3):
        with pytest.raises(InvalidOption):
            from_json(TrainConfig, {"dataset": name})
    with pytest.raises(InvalidOption, match=r"one of mnist, fashion-mnist, kmnist, pets, not 'nonsense'"):
        TrainConfig(dataset="nonsense")
    with pytest.raises(InvalidOption, match="at most 78: pets has 78"):
        options(dataset=pets, train_images=79)
    with pytest.raises(InvalidOption):
        from_json(TrainConfig, {"dataset": "mnist", "train_images": 60_001})
    with pytest.raises(DataUnavailable, match="elsewhere"):
        load("elsewhere", "train")


# -- the command line and the page


def test_the_command_line_makes_lists_and_deletes(pictures, capsys):
    (pictures / "notes.txt").write_text("x")
    assert cli.main(["import-data", str(pictures), "--name", "pets"]) == 0
    said = capsys.readouterr().out
    for words in ("24 pictures, 21 to train on and 3 to test on", "bird 8, cat 8, dog 8", "is dark", "notes.txt"):
        assert words in said
    assert cli.main(["data", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == ["mnist", "fashion-mnist", "kmnist", "pets"]
    assert (listed[0]["is_here"], listed[1]["is_here"]) == (True, False)
    assert (listed[3]["train"], listed[3]["class_names"], listed[3]["is_own"]) == (21, ["bird", "cat", "dog"], True)
    assert cli.main(["data"]) == 0
    assert "3: bird, cat, dog" in capsys.readouterr().out
    assert cli.main(["import-data", str(pictures), "--name", "pets"]) == 2
    assert capsys.readouterr().err.startswith("cae: There is already a data set called pets")
    assert cli.main(["train", "--name", "x", "--dataset", "nonsense"]) == 2
    assert "kmnist, pets, not 'nonsense'" in capsys.readouterr().err
    trained("first", dataset="pets", train_images=None, epochs=1)
    assert cli.main(["delete-data", "pets"]) == 0
    assert "still here: first" in capsys.readouterr().out
    assert catalogue.own() == ()


def test_the_form_offers_it_and_keeps_the_name_of_one_that_is_gone(own_static_folder, pets, run):
    app = opened("train", run="first")
    choice = next(each for each in app.selectbox if each.label == "Data set")
    assert choice.options == ["mnist", "fashion-mnist", "kmnist", "pets"]
    delete_data(pets)
    next(each for each in app.button if each.label == "Same settings again").click()
    app.run()
    assert not app.exception
    choice = next(each for each in app.selectbox if each.label == "Data set")
    assert choice.value == "pets"
    assert any("not 'pets'" in each.value for each in app.markdown)


def test_every_refusal_is_of_the_family():
    assert issubclass(UnusableData, CaeError) and issubclass(DatasetExists, CaeError)
