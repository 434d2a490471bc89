"""Every kind of file that is read, made wrong: a sentence, or computed anew; no traceback and no wrong result."""

import random
import time

import mutations
import pytest
import streamlit as st
import world as places
from apps import opened
from world import FORMATS, others_are_well, same, spoiled

from cae.data.images import load
from cae.errors import CaeError

ENDS: list[str] = []  # how each use of a changed file ended, of all formats
PATIENCE = 20.0  # seconds, for one file, on a machine that has other things to do


def is_sentence(error: CaeError, *names: str) -> bool:
    text = str(error)
    return "\n" not in text and 10 < len(text) < 600 and any(name in text for name in names)


def tried(form, file, content, truth):
    """How the use of a changed file ended: refused, computed anew (None), or as the file says."""
    began = time.monotonic()
    try:
        found = form.use()
    except CaeError as error:
        assert not form.is_kept, f"said aloud, where it could be computed anew: {error}"
        assert is_sentence(error, file.name, "in six", "kmnist", "shapes", "6b"), (
            f"no sentence that names {file.name}: {error}"
        )
        return "refused"
    finally:
        assert time.monotonic() - began < PATIENCE
    if found is None or same(found, truth):
        return "as before"
    if content is None and len(found) == 0:
        return "as where there is none"  # of a link to nothing
    assert content is not None, "what is no file was read"
    assert same(found, form.says(content)), f"{found} is not what the file says"
    return "as it says"


@pytest.mark.quick
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_file_made_wrong_is_refused_by_name_or_computed_anew_or_read_as_what_it_says(form, world, rounds, no_network):
    file, ends = form.file(world), []
    truth = places.plain(form.use())
    count = rounds(3, 25, 1) if form.is_slow else rounds(8, 100, 1)
    for number in range(count):
        seed = f"{form.name}-{number}"
        rng = random.Random(seed)
        with spoiled(file):
            how, changed = mutations.made_wrong(form.kind, file, rng, is_file=number % 12 != 3)
            try:
                ends.append(tried(form, file, changed, truth))
                assert others_are_well(world)
            except Exception as error:
                raise AssertionError(f"{form.name}, seed {seed!r}, {how}: {type(error).__name__}: {error}") from error
        assert form.use() is not None
    ENDS.extend(ends)


def test_what_became_of_all_of_them(survived):
    if not ENDS:
        pytest.skip("no format was tried")
    counts = {end: ENDS.count(end) for end in sorted(set(ENDS))}
    assert counts["refused"] and counts["as before"] and counts["as it says"]
    survived(f"{len(ENDS)} files of {len(FORMATS)} kinds made wrong: {counts}; no traceback, and no other run hidden")


PAGES = ["home", "train", "reconstruct", "steer", "draw", "map", "judge", "generate", "compare"]


@pytest.mark.filterwarnings("ignore")
def test_no_file_made_wrong_gives_a_traceback_on_a_page(world, rounds, no_network, own_static_folder, survived):
    """Every format in turn, each time another page; in the full form every format on every page, and twice."""
    formats = [form for form in FORMATS if not form.place.startswith("data/KMNIST")]
    pairs = [(form, PAGES[number % len(PAGES)]) for number, form in enumerate(formats)]
    pairs = rounds(pairs[:22:3], [(form, page) for form in formats for page in PAGES for _ in range(2)])
    files = {form: form.file(world) for form in formats}
    for number, (form, page) in enumerate(pairs):
        seed = f"{page}-{form.name}-{number}"
        rng, file = random.Random(seed), files[form]
        st.cache_data.clear(), st.cache_resource.clear()
        with spoiled(file):
            how, _ = mutations.made_wrong(form.kind, file, rng, is_file=number % 9 != 4)
            try:
                opened(page, run=places.NAME)
            except AssertionError as error:
                raise AssertionError(f"{page} with {form.name}, seed {seed!r}, {how}: {error}") from error
    st.cache_data.clear(), st.cache_resource.clear()
    survived(f"{len(pairs)} pages opened on runs with a file made wrong: no traceback")


@pytest.mark.parametrize("what", ["bomb", "text", "pipe", "socket", "endless", "loop", "folder"])
def test_an_archive_of_a_data_set_that_is_none_is_named_and_never_unpacked(world, no_network, what):
    """What is unpacked must be what torchvision knows, by its MD5 sum."""
    file = world / "data" / "KMNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    if what in mutations.NO_FILES:
        mutations.NO_FILES[what](file)
    else:
        file.write_bytes(mutations.gzipped_zeros(2**29) if what == "bomb" else b"no archive")
    began = time.monotonic()
    with pytest.raises(CaeError) as caught:
        load("kmnist", "test")
    assert is_sentence(caught.value, "kmnist") and time.monotonic() - began < PATIENCE
    assert sum(each.stat().st_size for each in file.parent.iterdir() if each.is_file() and each != file) < 2**21
