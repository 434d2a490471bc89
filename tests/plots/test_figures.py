"""Records and arrays into Plotly figures."""

import json

import numpy as np
import pytest

from cae.config import ModelConfig
from cae.data.baselines import Baselines
from cae.network.model import layers
from cae.network.records import EpochRecord, Progress
from cae.plots import curves, figures, hourglass
from cae.plots.curves import Curve

BASELINES = Baselines(0.27, tuple(0.2 / k for k in range(1, 785)))  # with 2 components: 0.1


def curve(name: str, losses: list[float], *, validation: list[float] | None = None, steps: int = 50) -> Curve:
    history = [
        EpochRecord(number, number * 10, loss, loss, validation[number - 1] if validation else None, number, 1000)
        for number, loss in enumerate(losses, start=1)
    ]
    progress = [Progress(step, step / steps * len(losses), 1 / step, step, 1000) for step in range(1, steps + 1)]
    return Curve(name, history, progress, len(losses), validation is not None)


def named(figure, part: str):
    return next(trace for trace in figure.data if part in trace.name)


def test_the_held_out_loss_is_the_test_loss_unless_images_were_held_out():
    plain = curves.loss_curves([curve("a", [0.3, 0.2])])
    held_out = curves.loss_curves([curve("a", [0.3, 0.2], validation=[0.4, 0.25])])
    assert list(named(plain, "test").y) == [0.3, 0.2]
    assert list(named(held_out, "validation").y) == [0.4, 0.25]
    assert not [trace for trace in held_out.data if "test" in trace.name]


def test_on_the_other_scale_every_loss_and_every_baseline_is_a_quarter():
    one = curves.loss_curves([curve("a", [0.3, 0.08])], baselines=BASELINES, latent_dim=2)
    other = curves.loss_curves([curve("a", [0.3, 0.08])], baselines=BASELINES, latent_dim=2, on_unit=True)
    for mine, theirs in zip(one.data, other.data, strict=True):
        assert np.allclose(np.array(mine.y) / 4, theirs.y, rtol=1e-3)
    assert [shape.y0 for shape in other.layout.shapes] == [0.27 / 4, 0.1 / 4]
    assert "[0, 1]" in other.layout.yaxis.title.text and "[-1, 1]" in one.layout.yaxis.title.text
    assert list(named(one, "test").customdata) == list(named(other, "test").y)  # the hover says the other scale


def test_the_star_is_at_the_first_epoch_below_pca_and_nowhere_before():
    passes = curves.loss_curves([curve("a", [0.3, 0.09, 0.05])], baselines=BASELINES, latent_dim=2)
    never = curves.loss_curves([curve("a", [0.3, 0.2])], baselines=BASELINES, latent_dim=2)
    assert list(named(passes, "passes PCA-2").x) == [2]
    assert not [trace for trace in never.data if "passes" in trace.name]


@pytest.mark.parametrize("logarithmic", [True, False])
def test_the_name_of_a_baseline_stands_at_its_line(logarithmic):
    figure = curves.loss_curves([curve("a", [0.3])], baselines=BASELINES, latent_dim=2, logarithmic=logarithmic)
    heights = [note.y for note in figure.layout.annotations]
    assert np.allclose(heights, np.log10([0.27, 0.1]) if logarithmic else [0.27, 0.1])


def test_other_runs_bear_their_names_and_only_the_first_shows_its_training_loss():
    figure = curves.loss_curves([curve("mine", [0.3]), curve("theirs", [0.2]), curve("old", [0.1])])
    assert [trace.name for trace in figure.data] == ["training", "test", "theirs: test", "old: test"]
    assert len({trace.line.color for trace in figure.data}) == 4


def test_a_long_training_is_drawn_with_few_points_and_no_invented_ones_and_none_with_none():
    figure = curves.loss_curves([curve("a", [0.3] * 1000, steps=2000)])
    training = named(figure, "training")
    assert len(training.x) <= 400 and training.x[-1] == 1000
    assert min(training.y) >= 1 / 2000 and len(figure.to_json()) < 200_000
    figure = curves.loss_curves([Curve("new", [], [], 5, False)], baselines=BASELINES)
    assert all(len(trace.x) == 0 for trace in figure.data)
    assert tuple(figure.layout.xaxis.range) == (0, 5.1)


def test_the_boxes_are_the_percentiles_of_each_class_and_the_histogram_counts_every_image_and_marks_some():
    generator = np.random.default_rng(0)
    errors, labels = generator.gamma(2, 0.01, 600), np.repeat([0, 2], 300)
    box = figures.error_by_class(errors, labels, ("a", "b", "c")).data[0]
    assert list(box.x) == ["a", "c"]
    assert np.allclose(box.median, [np.median(errors[:300]), np.median(errors[300:])], rtol=1e-3)
    assert np.allclose(box.q1, [np.quantile(errors[:300], 0.25), np.quantile(errors[300:], 0.25)], rtol=1e-3)
    bars, marks = figures.error_histogram(errors, np.array([3, 14])).data
    assert sum(bars.y) == 600
    assert np.allclose(marks.x, errors[[3, 14]], rtol=1e-3) and list(marks.customdata) == [3, 14]


def test_the_hourglass_has_a_cell_for_every_number_and_the_shape_of_every_layer():
    for latent_dim in (1, 32, 256):
        code, model = np.linspace(-1, 1, latent_dim), ModelConfig(latent_dim=latent_dim)
        figure = hourglass.hourglass(layers(model), code=code)
        assert sum(shape.type == "rect" for shape in figure.layout.shapes) == latent_dim
        texts = " ".join(note.text for note in figure.layout.annotations)
        for part in ("28 × 28", "14 × 14", "7 × 7", f"{latent_dim}<br>numbers", "4,640"):
            assert part in texts
    models = (ModelConfig(), ModelConfig(latent_dim=8), ModelConfig(width=4))
    drawn = {json.dumps(json.loads(hourglass.hourglass(layers(each)).to_json()), sort_keys=True) for each in models}
    assert len(drawn) == 3
