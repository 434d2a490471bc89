import json

import pytest

from cae.network.records import EpochRecord, Progress, from_line, to_line

PROGRESS = Progress(step=12, epoch=0.25, train_mse=0.125, seconds=1.5, images_per_second=4000.0)
EPOCH = EpochRecord(3, 300, 0.02, 0.019, None, 12.5, 8000.0)


@pytest.mark.parametrize("record", [PROGRESS, EPOCH, EpochRecord(1, 10, 0.5, 0.25, 0.75, 1.0, 2.0)])
def test_a_record_survives_its_line(record):
    line = to_line(record)
    assert "\n" not in line
    assert from_line(type(record), line) == record


def test_a_line_is_plain_json_with_the_fields_by_name_and_seven_digits():
    assert json.loads(to_line(EPOCH)) == {
        "epoch": 3, "step": 300, "train_mse": 0.02, "test_mse": 0.019, "validation_mse": None,
        "seconds": 12.5, "images_per_second": 8000.0,
    }  # fmt: skip
    values = json.loads(to_line(Progress(1, 0.1, 0.123456789, 1e-9, 1.0)))
    assert (values["train_mse"], values["seconds"]) == (0.1234568, 1e-9)


def line_with(**changes):
    return json.dumps({**json.loads(to_line(PROGRESS)), **changes})


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "null", "[]", "3", '"step"', "{}", to_line(PROGRESS)[:-1], to_line(EPOCH),
        line_with(extra=1), line_with(train_mse=None), line_with(train_mse="0.1"), line_with(train_mse=True),
        line_with(train_mse=-0.1), line_with(step=1.5), line_with(train_mse=float("nan")),
        line_with(train_mse=float("inf")), line_with(seconds=[1]), line_with(seconds=10**400),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_line_that_is_no_record_is_refused(line):
    with pytest.raises(ValueError):
        from_line(Progress, line)


def test_only_the_validation_loss_may_be_empty():
    values = json.loads(to_line(EPOCH))
    for name in values:
        line = json.dumps({**values, name: None})
        if name == "validation_mse":
            assert from_line(EpochRecord, line).validation_mse is None
        else:
            with pytest.raises(ValueError):
                from_line(EpochRecord, line)


def test_the_held_out_loss_is_validation_where_there_is_one_and_test_otherwise():
    assert EPOCH.held_out_mse == 0.019
    assert EpochRecord(1, 1, 0.5, 0.25, 0.75, 1.0, 2.0).held_out_mse == 0.75
    assert EpochRecord(1, 1, 0.5, 0.25, 0.0, 1.0, 2.0).held_out_mse == 0.0
