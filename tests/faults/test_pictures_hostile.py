"""Pictures of every kind that somebody may send: what is odd is read rightly, and everything else is a sentence."""

import os
import stat
from pathlib import Path

import hostile_pictures as made
import numpy as np
import pytest
import streamlit as st
from apps import opened, sent, settled
from PIL import Image

from cae.data import photo
from cae.data.bombs import MOST_SCANS, has_few_parts
from cae.data.opening import LARGEST_FILE
from cae.errors import CaeError, UnreadablePicture
from cae.imports import sources
from cae.imports.dataset import import_data

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
MEMORY = 1000  # megabytes that a picture may take while it is read
PATIENCE = 12  # seconds of computing
SMALL = made.grey().reshape(28, 6, 28, 6).mean(axis=(1, 3))  # what 28 x 28 pixels of the seven show


def overlap(ink: np.ndarray) -> float:
    """Intersection over union of the ink that was found and that of the seven."""
    drawn = np.asarray(Image.fromarray(made.SEVEN).resize(ink.shape[::-1]))
    return float(((ink > 0.5) & drawn).sum() / ((ink > 0.5) | drawn).sum())


def test_every_odd_picture_is_read_as_what_it_shows(rounds, survived):
    shown = made.odd()
    for number, (name, (content, tolerance)) in enumerate(shown.items()):
        pixels, _, _ = sources.read(content)
        assert np.abs(pixels - SMALL).max() <= tolerance + 1, name
        is_for_page = name.startswith(("png", "jpeg", "webp"))
        if is_for_page and number % rounds(3, 1) == 0:
            assert overlap(photo.read(content).ink) > 0.8, name
        if not is_for_page:
            with pytest.raises(UnreadablePicture, match="not a picture"):
                photo.read(content)
    survived(f"{len(shown)} odd pictures: all read rightly")


def test_what_is_cut_off_is_refused_or_was_read_whole_already(rounds):
    rng = np.random.default_rng(0)
    for name, (content, _) in made.odd().items():
        whole = sources.read(content)[0].astype(int)
        for share in rng.random(rounds(2, 40)):
            try:
                found = sources.read(content[: int(share * len(content))])[0].astype(int)
            except UnreadablePicture:
                continue
            assert np.abs(found - whole).max() <= 1, f"{name}, cut off at {share:.3f}"


def programs(folder: Path) -> Path:
    """A folder of programs that Pillow knows to start; each leaves a file where it was."""
    folder.mkdir()
    for name in ("gs", "gswin32c", "gswin64c", "djpeg", "ppmtogif"):
        (folder / name).write_text(f'#!/bin/sh\ntouch "{folder}/started-$(basename "$0")"\n')
        (folder / name).chmod(stat.S_IRWXU)
    return folder


def test_whatever_is_sent_is_read_or_refused_in_a_sentence_in_little_time_and_memory(tmp_path, rounds, survived):
    large, seed = rounds(False, True), 11
    sent_in = {**made.bombs(large), **made.others(), **made.broken(rounds(30, 1500), seed)}
    programs_folder = programs(tmp_path / "bin")
    path = f"{programs_folder}{os.pathsep}{os.environ['PATH']}"
    found = made.read_within(MEMORY, "page import", sent_in, tmp_path / "sent", PATH=path)
    for each in found:
        where = f"{each['name']} ({each['way']}, seed {seed}): {each['outcome']}"
        is_sentence = each["outcome"].startswith("UnreadablePicture: ") and each["outcome"].endswith(".")
        assert each["outcome"] == "read" or is_sentence, where
        assert each["seconds"] < PATIENCE, f"{each['seconds']:.1f} s for {where}"
    assert not [path.name for path in programs_folder.iterdir() if path.name.startswith("started")]
    for each in found:  # none of what is no picture of ours was taken for one
        is_ours = each["name"].startswith("png") or each["name"] not in made.others()
        assert each["outcome"] != "read" or is_ours, each["name"]
    read, slowest = sum(each["outcome"] == "read" for each in found), max(each["seconds"] for each in found)
    survived(f"{len(sent_in)} malformed pictures, read in two ways: {read} times read, in {slowest:.1f} s at most")


def test_values_that_are_no_brightnesses_are_not_taken_for_some():
    for name in ("tiff-nan", "tiff-below-zero", "tiff-beyond", "pfm-nan"):
        with pytest.raises(UnreadablePicture):
            sources.read(made.bombs(False)[name])


@pytest.mark.quick
def test_a_progressive_picture_may_have_as_many_scans_as_cameras_and_editors_make():
    assert has_few_parts(made.scans(64, 64, MOST_SCANS - 1)) and not has_few_parts(made.scans(64, 64, MOST_SCANS))
    for read in (photo.read, sources.read):
        with pytest.raises(UnreadablePicture):
            read(made.scans(64, 64, MOST_SCANS))


def test_an_import_takes_what_can_be_read_and_says_why_not_of_the_rest(tmp_path, monkeypatch, rounds, survived):
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    shown = made.odd()
    hostile = {**made.others(), **made.broken(rounds(60, 500), seed=12)}
    for name, content in {**{name: each[0] for name, each in shown.items()}, **hostile}.items():
        path = tmp_path / "pictures" / ("odd" if name in shown else "hostile") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    about = import_data(tmp_path / "pictures", "mixed", invert="no")
    taken = dict(zip(about.class_names, map(sum, zip(about.train, about.test, strict=True)), strict=True))
    skipped = sum(each.count for each in about.skipped)
    assert taken["odd"] == len(shown) and taken.get("hostile", 0) + skipped == len(hostile)
    assert all(each.reason for each in about.skipped)
    survived(f"A folder of {len(shown)} odd and {len(hostile)} hostile pictures: {skipped} of these skipped")


@pytest.mark.usefixtures("own_static_folder")
def test_the_page_reads_an_upload_or_says_why_not_and_goes_on(small, rounds, survived):
    everything = {**made.bombs(False), **made.others(), **made.broken(40, seed=13)}
    names = sorted(everything)[:: max(1, len(everything) // rounds(4, 100))]
    app, refused = opened("draw", run="tiny"), 0
    for name in names:
        settled(app.file_uploader[0].set_value(("../../<b>digit</b>.png", everything[name], "image/png")).run())
        assert len(app.error) <= 1 and sent(app, "draw"), name
        refused += len(app.error)
        assert app.error or [each for each in app.button if each.label == "Steer from this picture"], name
    good = made.odd()["png-l"][0]
    settled(app.file_uploader[0].set_value(("good.png", good, "image/png")).run())
    assert not app.error and [each for each in app.button if each.label == "Steer from this picture"]
    survived(f"{len(names)} hostile uploads to the page Draw: {refused} refused; a right one was then read")


def test_pictures_may_have_20_mb_and_archives_64_and_the_fields_say_so(small, own_static_folder):
    st.cache_data.clear()
    (picture,) = opened("draw", run="tiny").get("file_uploader")
    assert picture.proto.max_upload_size_mb == LARGEST_FILE / 10**6 == 20 and "20 MB" in picture.help
    train = opened("train", run="tiny")
    (archive,) = train.get("file_uploader")
    assert archive.proto.max_upload_size_mb == 64
    assert any("64 MB" in each.value for each in train.caption)
    with pytest.raises(CaeError, match="20 MB"):
        photo.read(b"\x89PNG\r\n\x1a\n" + bytes(20_000_001))
