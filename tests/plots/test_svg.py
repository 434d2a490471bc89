"""Drawings as SVG text, read back as XML."""

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from cae.plots import svg

WORDS = {"title": "Loss", "description": "How it fell", "x_label": "epoch", "y_label": "MSE"}


def drawn(*lines, levels=(), **options):
    return ElementTree.fromstring(svg.chart(lines, levels, **{**WORDS, **options}))


def corners(picture):
    """The points of every curve, in the picture's units."""
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()] for line in picture.iter("polyline")
    ]


def texts(picture, kind):
    return [each for each in picture.iter("text") if kind in each.get("class").split()]


def test_equal_factors_are_equal_distances_and_equal_steps_too():
    (points,) = corners(drawn(svg.Line("test", [(0, 0.8), (1, 0.4), (2, 0.2), (3, 0.1)], "red")))
    (x, y) = zip(*points, strict=True)
    steps = [b - a for a, b in pairwise(y)]
    assert all(step == pytest.approx(steps[0], abs=0.11) and step > 10 for step in steps)  # rounded to a tenth
    assert [b - a for a, b in pairwise(x)] == pytest.approx([x[1] - x[0]] * 3, abs=0.11)


def test_a_tick_stands_where_a_curve_with_its_value_is():
    picture = drawn(svg.Line("test", [(0, 0.5), (10, 0.05)], "red"))
    ((left, top), (right, bottom)) = corners(picture)[0]
    at = {float(each.text): each for each in texts(picture, "tick") if each.get("text-anchor") == "end"}
    assert float(at[0.5].get("y")) == top and float(at[0.05].get("y")) == bottom
    below = {float(each.text): float(each.get("x")) for each in texts(picture, "tick") if each not in at.values()}
    assert below[0] == left and below[10] == right and all(number == int(number) for number in below)


def test_ticks_are_round_start_at_zero_and_end_near_the_highest():
    for highest in (0.3, 1, 2, 7, 20, 20.4, 99, 10_000, 123_456):
        marks = svg.ticks(highest, 10)
        step = marks[1]
        assert marks[0] == 0 and len(marks) <= 11 and highest - step < marks[-1] <= highest * (1 + 1e-9)
        assert f"{step:.0e}"[0] in "125" and marks == pytest.approx([step * number for number in range(len(marks))])


def test_powers_reach_from_below_the_lowest_to_above_the_highest():
    for lowest, highest in ((0.0169, 0.27), (0.1, 0.1), (0.01, 1), (1e-7, 3e4), (0.24, 0.27), (1e-15, 1e15)):
        marks = svg.powers(lowest, highest)
        assert marks[0] <= lowest * (1 + 1e-9) and 2 <= len(marks) <= 10 and marks == sorted(marks)
        assert {f"{mark:.0e}"[0] for mark in marks} <= set("125")
        if highest / lowest < 1e3:
            assert marks[-1] >= highest * (1 - 1e-9) and marks[0] > lowest / 2.6


def test_losses_of_zero_and_enormous_ones_stay_inside_the_picture_and_a_single_one_is_a_dot():
    picture = drawn(svg.Line("test", [(0, 1e14), (1, 0.02), (2, 0)], "red"), levels=[svg.Level("mean", 0.27)])
    _, _, width, height = map(float, picture.get("viewBox").split())
    assert all(0 <= x <= width and 0 <= y <= height for x, y in corners(picture)[0])
    picture = drawn(svg.Line("test", [(1, 0.3)], "red", dots=True))
    assert len(list(picture.iter("circle"))) == 2  # and one in the legend


def test_names_of_levels_that_nearly_coincide_do_not_cover_each_other():
    levels = [svg.Level("PCA-1", 0.243), svg.Level("mean image", 0.27)]
    picture = drawn(svg.Line("test", [(0, 0.3), (5, 0.02)], "red"), levels=levels)
    at = [
        float(each.get("y")) + float(each.get("dy"))
        for each in texts(picture, "label")
        if each.get("dy") in ("-5", "14")
    ]
    assert len(at) == 2 and abs(at[0] - at[1]) > 12


def test_words_are_text_whatever_is_in_them():
    evil = '"><script>alert(1)</script>'
    picture = drawn(
        svg.Line(evil, [(0, 1), (1, 0.5)], evil), levels=[svg.Level(evil, 0.7)], title=evil, description=evil,
        x_label=evil, y_label=evil,
    )  # fmt: skip
    assert not list(picture.iter("script"))
    assert picture.find("title").text == picture.find("desc").text == evil
    assert [each.text for each in texts(picture, "label")].count(evil) == 4


BLOCKS = [
    svg.Block((1, 28, 28), "Image"), svg.Block((16, 14, 14), "Conv"), svg.Block((3,), "Linear"),
    svg.Block((16, 14, 14), "ConvT"), svg.Block((1, 28, 28), "ConvT"),
]  # fmt: skip


def hourglass(blocks=BLOCKS, **options):
    return ElementTree.fromstring(svg.hourglass(blocks, title="network", description="an hourglass", **options))


def test_blocks_are_as_high_as_their_pictures_and_cells_as_strong_as_their_numbers():
    picture = hourglass(code=[1.0, -0.5, 0.0], faces=("data:a", "data:b"))
    fronts = [each for each in picture.iter("polygon") if each.get("fill-opacity") == "0.16"]
    sides = [
        max(y) - min(y) for each in fronts for y in [[float(pair.split(",")[1]) for pair in each.get("points").split()]]
    ]
    assert sides == pytest.approx([sides[0], sides[0] / 2, sides[0] / 2, sides[0]])
    cells = list(picture.iter("rect"))
    assert [each.get("class") for each in cells] == ["cell more", "cell less", "cell more"]
    strengths = [float(each.get("fill-opacity")) for each in cells]
    assert strengths[0] == 1 and strengths[0] > strengths[1] > strengths[2] > 0
    assert [each.get("href") for each in picture.iter("image")] == ["data:a", "data:b"]


@pytest.mark.parametrize("count", [1, 2, 32, 33, 256])
def test_as_many_cells_as_numbers_fit_between_the_blocks(count):
    picture = hourglass([BLOCKS[0], svg.Block((count,), "Linear"), BLOCKS[4]])
    cells = list(picture.iter("rect"))
    assert len(cells) == count
    _, _, width, height = map(float, picture.get("viewBox").split())
    for cell in cells:
        x, y = float(cell.get("x")), float(cell.get("y"))
        assert width / 3 < x < x + float(cell.get("width")) < 2 * width / 3
        assert 0 <= y < y + float(cell.get("height")) < height and math.isfinite(x)
