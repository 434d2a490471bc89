"""What is said alike on the pages, by the commands and in what is exported."""

from datetime import UTC, datetime, timedelta

import pytest

from cae import words
from cae.runs.owners import COMMAND_LINE, owner
from cae.runs.run import Run


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.count(1, "number"), "1 number"), (words.count(0, "image"), "0 images"),
        (words.count(2524, "day"), "2,524 days"), (words.number(0.0171), "0.0171"), (words.number(0.27), "0.270"),
        (words.percent(0.97253, 2), "97.25 %"), (words.percent(float("nan")), "–"), (words.duration(7.4), "7 s"),
        (words.duration(125), "2 min 05 s"), (words.duration(59.6), "1 min 00 s"), (words.duration(4800), "1 h 20 min"),
        (words.listed([]), ""), (words.listed(["a"]), "a"), (words.listed(["a", "b", "c"]), "a, b and c"),
        (words.dimensions([]), "none"), (words.options([("epochs", 1000), ("rate", 1e-3)]), "epochs 1,000, rate 0.001"),
        (words.other_scale(0.4), "MSE on pixels in [-1, 1]. On [0, 1] it is 0.100."),
        (words.owner(COMMAND_LINE), "the command line"), (words.owner(owner("x", "Ada")), "“Ada”"),
        (words.owner(owner("x", "Ada"), owner("x")), "you"), (words.owner(owner("x")), "another visitor"),
    ],
)  # fmt: skip
def test_things_are_said_as_one_would_say_them(said, expected):
    assert said == expected


@pytest.mark.parametrize(("seconds", "said"), [(5, "just now"), (90, "1 minute ago"), (2e5, "2 days ago")])
def test_a_moment_is_said_by_how_long_ago_it_was(seconds, said):
    assert words.ago((datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()) == said


def test_a_run_is_called_by_its_name_and_an_epoch_that_is_not_its_last(tiny):
    assert [words.called(Run(tiny.path, epoch)) for epoch in (None, 0)] == ["tiny", "tiny after epoch 0"]
