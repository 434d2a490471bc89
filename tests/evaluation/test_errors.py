import json

import numpy as np
import pytest
import torch
from helpers import SMALL_TEST, TINY, options
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.decomposition import PCA

from cae.data.images import load
from cae.disk.files import cache_folder
from cae.errors import CaeError, Damaged, RunNotFound
from cae.evaluation.errors import errors_per_image, evaluate
from cae.runs.run import Run
from cae.steps import result_of


def both(run):
    """The test digits and their reconstructions in float64 on [0, 1], and the labels."""
    images = load("mnist", "test")
    originals = images.pixels.numpy() / 255
    with torch.no_grad():
        reconstructions = run.model()(torch.from_numpy(originals[:, None] * 2 - 1).float())
    return originals, (reconstructions[:, 0].double().numpy() + 1) / 2, images.labels.numpy()


def test_every_figure_is_what_the_libraries_say_when_asked_directly(tiny):
    found = result_of(evaluate(tiny))
    originals, reconstructions, labels = both(tiny)
    mse = np.square(originals - reconstructions).mean(axis=(1, 2)) * 4
    pairs = list(zip(originals, reconstructions, strict=True))
    psnr = np.array([peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs])
    ssim = np.array([structural_similarity(a, b, data_range=1) for a, b in pairs])
    for chosen, scores in [(labels >= 0, found.overall), *((labels == of.label, of) for of in found.per_class)]:
        assert scores.count == chosen.sum()
        assert scores.mse == pytest.approx(mse[chosen].mean(), rel=1e-4)
        assert scores.psnr == pytest.approx(psnr[chosen].mean(), rel=1e-4)
        assert scores.ssim == pytest.approx(ssim[chosen].mean(), abs=1e-4)
    assert [of.label for of in found.per_class] == list(range(10))
    assert [of.name for of in found.per_class] == list("0123456789")
    assert sum(of.count for of in found.per_class) == found.overall.count == SMALL_TEST


def test_the_test_loss_agrees_with_the_last_line_of_the_history(tiny):
    assert result_of(evaluate(tiny)).overall.mse == pytest.approx(tiny.history()[-1].test_mse, rel=1e-5)


def test_the_baselines_are_those_of_the_runs_data_set_and_of_its_latent_dimensions(tiny):
    found = result_of(evaluate(tiny))
    train, test = (load("mnist", split).pixels.numpy().reshape(-1, 784) / 127.5 - 1 for split in ("train", "test"))
    pca = PCA(n_components=2, svd_solver="full").fit(train)
    assert found.mean_image_mse == pytest.approx(np.square(test - train.mean(axis=0)).mean(), rel=1e-5)
    expected = np.square(pca.inverse_transform(pca.transform(test)) - test).mean()
    assert found.pca_mse == pytest.approx(expected, rel=1e-4)


def test_to_json_has_what_is_promised(tiny):
    found = result_of(evaluate(tiny))
    values = json.loads(json.dumps(found.to_json()))
    assert values["test_mse"] == found.overall.mse
    assert values["test_mse_unit"] == found.overall.mse / 4
    assert set(values) >= {"test_mse", "test_mse_unit", "psnr", "ssim", "per_class", "baselines"}
    assert len(values["per_class"]) == 10
    assert all(set(each) >= {"class", "count", "mse", "psnr", "ssim"} for each in values["per_class"])
    assert values["baselines"] == {"mean_image": found.mean_image_mse, "pca": found.pca_mse}


def told(run):
    said = []
    return result_of(evaluate(run), said.append), said


def test_an_evaluation_is_computed_once(tiny):
    first, said = told(tiny)
    assert said
    again, said = told(Run.open("tiny"))
    assert said == []
    assert again == first


def test_other_weights_are_evaluated_anew(tiny):
    first = result_of(evaluate(tiny))
    (tiny.path / "model.safetensors").write_bytes((tiny.path / "epochs" / "0000.safetensors").read_bytes())
    second, said = told(Run.open("tiny"))
    assert said
    assert second.overall.mse > first.overall.mse


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"x"', b"{}", b'{"format": 1}', b'{"format": 99}', b"\xff"])
def test_a_damaged_cache_costs_time_and_not_the_result(tiny, content):
    first = result_of(evaluate(tiny))
    files = [path for path in cache_folder().rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in files:
        path.write_bytes(content)
    again, said = told(tiny)
    assert said
    assert again.overall == first.overall
    assert again.pca_mse == pytest.approx(first.pca_mse)


def test_a_cache_that_cannot_be_written_costs_time_and_not_the_result(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "file"))
    first, again = result_of(evaluate(tiny)), result_of(evaluate(tiny))
    assert first == again
    assert errors_per_image(tiny).shape == (SMALL_TEST,)


def test_the_errors_are_those_of_each_test_image_in_order(tiny):
    originals, reconstructions, _ = both(tiny)
    expected = np.square(originals - reconstructions).mean(axis=(1, 2)) * 4
    for _ in range(2):
        found = errors_per_image(tiny)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY"])
def test_damaged_errors_in_the_cache_are_computed_again(tiny, content):
    first = errors_per_image(tiny)
    (path,) = cache_folder().rglob("test-mse.npy")
    path.write_bytes(content)
    np.testing.assert_array_equal(errors_per_image(tiny), first)


def test_weights_whose_training_is_not_known_are_measured_on_mnist(tiny):
    from cae.imports.run import import_file

    alone = import_file((tiny.path / "model.safetensors").read_bytes(), "alone")
    assert alone.dataset == "mnist"
    assert result_of(evaluate(alone)).overall == result_of(evaluate(tiny)).overall


def test_a_run_without_weights_cannot_be_evaluated(small_data):
    run = Run.create("young", TINY, options())
    for measure in (told, errors_per_image):
        with pytest.raises(RunNotFound, match="not finished an epoch"):
            measure(run)


def test_damaged_weights_are_named_and_nothing_is_kept(tiny):
    path = tiny.path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(Damaged, match=r"tiny/model\.safetensors"):
        result_of(evaluate(tiny))
    assert not list(cache_folder().rglob("evaluation.json"))


def test_missing_data_are_named(tiny, no_network):
    tiny.update(train=options(dataset="kmnist"))
    with pytest.raises(CaeError, match="kmnist"):
        result_of(evaluate(tiny))
