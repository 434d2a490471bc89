"""The page Judge: what it says of a run, beside what is computed here by other means."""

import json

import numpy as np
import pytest
import torch
from apps import button, opened, pictures_sent, sent, settled, words
from playwright.sync_api import expect
from sklearn.decomposition import PCA
from visitors import PATIENCE

from cae.data import picks
from cae.data.baselines import baselines, pca_copies
from cae.data.images import load, to_model, to_pixels
from cae.evaluation import probes
from cae.evaluation.errors import errors_per_image
from cae.latent import evaluate
from cae.plots import figures
from cae.runs.run import Run
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("own_static_folder")


@pytest.fixture
def judged(small):
    """The tiny run, with all that can be measured of it."""
    result_of(evaluate.judge(small))
    return small


def test_before_it_is_measured_there_are_the_comparisons_and_the_button(small):
    app = opened("judge", run="tiny")
    assert button(app, "Judge this run") and not app.metric
    assert "Compared with what?" in [header.value for header in app.header]


def test_the_headline_is_what_was_measured(judged):
    found = evaluate.kept(judged)
    shown = {metric.label: metric.value for metric in opened("judge", run="tiny").metric}
    assert float(shown["Test MSE"]) == pytest.approx(found.evaluation.overall.mse, rel=6e-3)
    assert shown["10-NN"] == f"{100 * found.probing.knn_accuracy:.1f} %"
    assert shown["Linear probe"] == f"{100 * found.probing.probe_accuracy:.1f} %"


def test_the_copies_of_pca_are_those_of_scikit_learn(judged):
    app = opened("judge", run="tiny")
    train, test = load("mnist", "train"), load("mnist", "test")
    indices = picks.one_per_class(test.labels.numpy(), 10)
    rows = [images.pixels.numpy().reshape(len(images), -1) / 127.5 - 1 for images in (train, test)]
    pca = PCA(2, svd_solver="full").fit(rows[0])  # the default guesses, with this few digits
    copies = pca.inverse_transform(pca.transform(rows[1][indices]))
    shown = pictures_sent(app, "beside-pca").reshape(3, len(indices), -1)
    np.testing.assert_array_equal(shown[0], test.pixels[indices].reshape(len(indices), -1))
    assert np.abs(shown[2] - np.clip((copies + 1) * 127.5, 0, 255)).max() <= 0.51
    said = sent(app, "beside-pca")["cards"][2]["caption"][1]
    mse = np.square(copies - rows[1][indices]).mean()
    assert float(said.removeprefix("MSE ")) == pytest.approx(mse, rel=6e-3)


def test_the_errors_of_the_pictures_are_those_of_the_curve_of_pca(small):
    pixels = load("mnist", "test").pixels.numpy()
    for count in (1, 5, 32):
        _, errors = pca_copies("mnist", pixels, count)
        assert errors.mean() == pytest.approx(baselines("mnist").pca[count - 1], rel=1e-4)


def test_another_dimension_shows_the_digits_that_it_hurts_without_it(judged):
    app = opened("judge", run="tiny")
    box = next(box for box in app.selectbox if box.label == "Dimension")
    settled(box.select(1).run())
    images, model = load("mnist", "test"), judged.model()
    hurt = list(probes.kept(judged).dimensions[1].hurt)
    with torch.inference_mode():
        every = model.encode(to_model(images.pixels))
        codes = every[hurt].clone()
        codes[:, 1] = every[:, 1].mean()
        copies = to_pixels(model.decode(codes)).numpy()
    shown = pictures_sent(app, "without").reshape(3, len(hurt), 28, 28)
    np.testing.assert_array_equal(shown[0], images.pixels[hurt])
    assert np.abs(shown[2].astype(int) - copies).max() <= 1


def test_the_hardest_are_in_the_order_of_their_errors_and_bear_them(judged):
    errors = errors_per_image(judged)
    cards = sent(opened("judge", run="tiny"), "hardest")["cards"]
    found = [(int(card["caption"][1].removeprefix("#")), float(card["caption"][2])) for card in cards]
    assert [index for index, _ in found] == np.argsort(-errors)[:10].tolist()
    np.testing.assert_allclose([mse for _, mse in found], np.sort(errors)[::-1][:10], rtol=6e-3)


def test_the_figures_show_the_dimensions_in_the_order_that_is_asked_for(judged):
    found = probes.kept(judged)
    costs = [each.zeroed_mse for each in found.dimensions]
    (bars,) = figures.zeroing(found.dimensions, [1, 0], ()).data
    np.testing.assert_allclose(bars.y, [costs[1], costs[0]], rtol=1e-3)
    (squares,) = figures.correlation(found.correlation).data
    np.testing.assert_allclose(np.array(squares.z, float), found.correlation, atol=1e-3)


def test_a_run_without_weights_has_nothing_to_be_judged(small):
    (small.path / "model.safetensors").unlink()
    app = opened("judge", run="tiny")
    assert "nothing to judge" in words(app) and not app.error


@pytest.mark.parametrize("harm", ["probing.json", "evaluation.json"])
def test_what_was_kept_and_is_damaged_is_measured_again_and_not_believed(judged, harm, own_folders):
    for path in (own_folders / "cache").rglob(harm):
        path.write_text("{")
    app = opened("judge", run="tiny")
    assert button(app, "Judge this run") and not app.error


def test_in_the_browser_a_click_measures_and_the_file_is_what_the_command_prints(guest, small_server, monkeypatch):
    page = guest.opens("/judge?run=tiny")
    page.get_by_role("button", name="Judge this run").click()
    expect(page.get_by_test_id("stMetric").get_by_text("10-NN")).to_be_visible(timeout=PATIENCE)
    guest.settles()
    page.get_by_text("As JSON").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    monkeypatch.setenv("CAE_CACHE", str(small_server.folder / "cache"))
    monkeypatch.setenv("CAE_DATA", small_server.settings["CAE_DATA"])
    expected = evaluate.kept(Run(small_server.folder / "checkpoints" / "tiny"))
    with open(download.value.path()) as file:
        assert json.load(file) == json.loads(json.dumps({"run": "tiny", **expected.to_json()}))
    guest.is_content()
