"""What one takes home from a page, and from the command line: saved and opened again."""

import csv
import errno
import io
import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from helpers import cae
from PIL import Image
from visitors import Visitor

from cae.commands import cli
from cae.data.images import load
from cae.web.bundle import script


def saved(page, button) -> bytes:
    with page.expect_download() as caught:
        button.click()
    page.last_file = caught.value.suggested_filename
    return caught.value.path().read_bytes()


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_charts_strips_tables_and_films_are_saved_under_the_name_of_the_run(guest: Visitor):
    page = guest.opens("/train?run=tiny&epoch=1")
    chart = page.locator(".chart").first
    png = Image.open(io.BytesIO(saved(page, page.get_by_role("button", name="PNG").first)))
    assert page.last_file == "tiny-epoch-1-loss.png"
    width = chart.evaluate("(chart) => chart.clientWidth")
    assert png.format == "PNG" and png.width == 2 * width and len(png.convert("RGB").getcolors(2**24)) > 20
    svg = ET.fromstring(saved(page, page.get_by_role("button", name="SVG").first))
    assert svg.tag.endswith("svg") and "epoch" in "".join(svg.itertext())
    strip = Image.open(io.BytesIO(saved(page, page.get_by_role("button", name="PNG").nth(1))))
    assert page.last_file == "tiny-epoch-1-film.png" and strip.format == "PNG" and strip.width > 1000
    rows = rows_of(saved(page, page.get_by_role("button", name="CSV").last))
    assert rows[0][0] == "run" and "tiny" in [row[0] for row in rows[1:]]
    assert len({len(row) for row in rows}) == 1
    film = Image.open(io.BytesIO(saved(page, page.get_by_role("button", name="GIF"))))
    assert film.format == "GIF" and film.n_frames == 3
    guest.is_content()


def test_a_saved_strip_holds_the_digits_as_they_are(guest: Visitor):
    page = guest.opens("/reconstruct?run=tiny")
    first = page.locator(".digits canvas").first
    shown = first.evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, at) => at % 4 === 0)"
    )
    place = first.evaluate(
        "(c) => { const [a, b] = [c.getBoundingClientRect(), c.closest('.digits').getBoundingClientRect()];"
        " return [a.left - b.left, a.top - b.top, a.width]; }"
    )
    button = page.locator(".digits").first.get_by_role("button", name="PNG")
    picture = np.asarray(Image.open(io.BytesIO(saved(page, button))).convert("L"))
    left, top, side = (3 * (each + margin) for each, margin in zip(place, (12, 12, 0), strict=True))
    middles = (np.arange(28) + 0.5) * side / 28
    read = picture[np.round(top + middles).astype(int)][:, np.round(left + middles).astype(int)]
    assert np.abs(read.astype(int) - np.array(shown).reshape(28, 28)).max() <= 1


def test_a_table_of_the_page_becomes_a_table_for_a_spreadsheet(guest: Visitor):
    page = guest.opens("/map?run=tiny")
    rows = rows_of(saved(page, page.get_by_role("button", name="CSV")))
    assert page.last_file == "tiny-trust.csv"
    assert rows[0] == ["where", "10-NN accuracy (%)", "trustworthiness"] and len(rows) == 3
    assert all(0 <= float(value) <= 100 for row in rows[1:] for value in row[1:])


def as_csv(chromium, rows: list[list[str]]) -> list[list[str]]:
    """Rows as a table of a page saves them, read again."""
    page = chromium.new_page()
    page.add_script_tag(type="module", content=f"{script('save')}\nglobalThis.saved = csv;")
    page.wait_for_function("() => Boolean(globalThis.saved)")
    text = page.evaluate("(rows) => saved(rows).text()", rows)
    page.close()
    return rows_of(text.encode())


def test_what_a_spreadsheet_would_take_for_a_formula_is_marked_as_text(chromium):
    found = as_csv(chromium, [["=1+1", "+2", "-0.5", "@x", 'say "hi", twice', "1 %"]])
    assert found == [["'=1+1", "'+2", "-0.5", "'@x", 'say "hi", twice', "1 %"]]


def test_numbers_are_saved_as_numbers_with_their_unit_in_the_header(chromium):
    found = as_csv(chromium, [["a", "n", "p", "mixed"], ["x", "1,135", "29.3 dB", "1"], ["y", "-2", "30 dB", "-"]])
    assert found == [["a", "n", "p (dB)", "mixed"], ["x", "1135", "29.3", "1"], ["y", "-2", "30", "-"]]


# -- the command line


@pytest.fixture
def here(own_folders, monkeypatch):
    """The test's own folder, as the one that commands are given in."""
    monkeypatch.chdir(own_folders)
    return own_folders


@pytest.mark.parametrize(
    ("command", "ending"),
    [("film tiny", "film.gif"), ("traverse tiny --digit 3", "traversal.gif"), ("interpolate tiny 3 5", "between.gif")],
)
def test_what_moves_is_written_once_and_replaced_only_when_asked(tiny, here, command, ending):
    assert cli.main(command.split()) == 0
    file = here / f"tiny-{ending}"
    with Image.open(file) as film:
        assert film.format == "GIF" and film.n_frames > 1
    file.write_bytes(b"mine")
    assert cli.main(command.split()) == 2 and file.read_bytes() == b"mine"
    assert cli.main([*command.split(), "--force"]) == 0 and file.read_bytes() != b"mine"


def test_a_traversal_of_all_dimensions_is_a_sheet(tiny, own_folders, capsys):
    path = own_folders / "all.png"
    assert cli.main(["traverse", "tiny", "--out", str(path), "--epoch", "0"]) == 0
    assert "tiny after epoch 0, test digit 0, 2 dimensions" in capsys.readouterr().out
    with Image.open(path) as sheet:
        assert sheet.height < sheet.width


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("traverse tiny --digit 100", "There is no test digit 100: the last is 99."),
        ("traverse tiny --dimension 2", "There is no dimension 2: the last is 1."),
        ("interpolate tiny 0 -1", "There is no test digit -1: the last is 99."),
        ("film tiny --out film.png", "--out film.png must end in .gif."),
        ("film tiny --out nowhere/film.gif", "nowhere/film.gif cannot be written: there is no folder nowhere."),
        ("traverse tiny --epoch 9", "tiny has not kept epoch 9; there are: 0, 1, 2."),
        ("traverse tiny --dimension 0 --out all.png", "A .png shows all dimensions"),
        ("interpolate tiny 4 4", "Both are the same digit"),
        ("film nobody", "There is no run called 'nobody'."),
    ],
)
def test_what_is_wrong_is_one_sentence(tiny, here, capsys, arguments, said):
    assert cli.main(arguments.split()) == 2
    assert capsys.readouterr().err.startswith(f"cae: {said}")
    assert not list(here.glob("*.gif"))


def test_a_full_disk_leaves_no_half_file(tiny, monkeypatch, own_folders, capsys):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    load("mnist", "test")
    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(["film", "tiny", "--out", str(own_folders / "film.gif")]) == 2
    assert "film.gif cannot be written: No space left on device." in capsys.readouterr().err
    assert not list(own_folders.glob("*film*"))


@pytest.mark.slow
def test_a_damaged_run_and_one_without_weights_are_one_sentence_each(tiny):
    (tiny.path / "model.safetensors").write_bytes(b"nonsense")
    for command in ("film", "traverse"):
        done = cae(command, "tiny")
        assert done.returncode == 2 and "model.safetensors is damaged" in done.stderr and "Traceback" not in done.stderr
