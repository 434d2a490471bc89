"""A latent code in an address: written, read back, and everything that somebody may have typed there instead."""

import sys
import time

import numpy as np
import pytest
from helpers import PROJECT

sys.path.append(str(PROJECT / "dashboard"))

from cae.errors import CaeError
from shared.links import UnreadableLink, read_code, read_start


@pytest.mark.parametrize("dimensions", [1, 2, 32, 256])
def test_a_code_to_four_decimals_is_read_as_it_was_written(dimensions):
    code = np.random.default_rng(dimensions).normal(0, 20, dimensions).round(4)
    assert read_code(",".join(map(str, code)), dimensions) == tuple(code)


def test_the_largest_codes_fit_into_the_length_that_is_read():
    code = [-9999.9999] * 256
    assert read_code(",".join(map(str, code)), 256) == tuple(code)


@pytest.mark.parametrize(("text", "start"), [
    ("digit-0", ("digit", 0)), ("mean-9", ("mean", 9)), ("random-2147483648", ("random", 2**31)),
    ("zero-0", ("zero", 0)), ("digit", None), ("digit--1", None), ("digit-1 ", None), ("digit-1\n", None),
    ("digit-1e3", None), ("digit-٣", None), ("drawing-5", None), ("digit-" + "9" * 5000, None),
    ("", None), ("<b>-1", None),
])  # fmt: skip
def test_a_start_is_a_known_kind_and_a_number(text, start):
    assert read_start(text) == start


def test_numbers_may_be_written_as_people_write_them():
    assert read_code("1, -2 ,+3.50,4e-1", 4) == (1, -2, 3.5, 0.4)


@pytest.mark.parametrize(("text", "count"), [("1,2", 2), ("1,2,3,4", 4), ("1,2,3,", 4), ("a,b", 2), (",", 2)])
def test_another_number_of_numbers_is_said_with_both_numbers(text, count):
    with pytest.raises(UnreadableLink, match=rf"has {count} numbers and this network has 3\b"):
        read_code(text, 3)


@pytest.mark.parametrize(
    "text", ["a,b,c", "1,2,x", ",,", "1,,3", "1,2,0x10", "1,2,<b>", "1,2,1+2j", "None,1,2", "1,2,½", "1_0,2,3"]
)
def test_something_that_is_not_a_number_is_called_so(text):
    with pytest.raises(UnreadableLink, match="not a number"):
        read_code(text, 3)


@pytest.mark.parametrize("value", ["inf", "-Infinity", "nan", "1e400", "10001", "-1e5"])
def test_numbers_that_no_digit_has_are_refused(value):
    with pytest.raises(UnreadableLink, match="too large"):
        read_code(f"1,{value},3", 3)


def test_ten_thousand_is_the_farthest():
    assert read_code("10000,-10000", 2) == (10000, -10000)


@pytest.mark.parametrize("text", ["1," * 5_000_000, "9" * 10_000_000, "é" * 10_000_000, "," * 10_000_000])
def test_ten_megabytes_are_refused_at_once_and_in_one_short_sentence(text):
    began = time.perf_counter()
    with pytest.raises(UnreadableLink) as caught:
        read_code(text, 32)
    assert time.perf_counter() - began < 0.5
    assert len(str(caught.value)) < 200


def test_the_right_count_of_endless_numbers_is_not_blamed_on_their_count():
    with pytest.raises(UnreadableLink) as caught:
        read_code("1." + "0" * 500 + ",2", 2)
    assert "has 2 numbers and this network has 2" not in str(caught.value)


def test_an_empty_address_is_refused():
    for dimensions in (1, 3):
        with pytest.raises(UnreadableLink):
            read_code("", dimensions)


def test_the_pages_can_say_it():
    assert issubclass(UnreadableLink, CaeError)
