"""Long work as a generator: its steps, its result, and that whoever stops it has stopped it."""

import pytest

from cae.steps import Step, changed, result_of


def counting(ended: list):
    try:
        yield Step("one")
        yield Step("two", 0.5)
        return 3
    finally:
        ended.append("ended")


def test_the_result_comes_after_every_step_was_shown():
    shown, ended = [], []
    assert result_of(counting(ended)) == result_of(counting(ended), shown.append) == 3
    assert shown == [Step("one"), Step("two", 0.5)] and ended == ["ended"] * 2


def test_steps_put_otherwise_are_of_the_same_work():
    shown = []
    assert result_of(changed(counting([]), lambda step: Step(step.text.upper(), 1.0)), shown.append) == 3
    assert shown == [Step("ONE", 1.0), Step("TWO", 1.0)]


def test_where_a_step_is_the_last_one_wanted_the_work_ends_at_once():
    ended = []
    work = changed(counting(ended), lambda step: step)
    with pytest.raises(KeyboardInterrupt) as raised:
        result_of(work, lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert raised and ended == ["ended"]
