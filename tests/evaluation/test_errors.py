import json

import numpy as np
import pytest
import torch
from helpers import SMALL_TEST, options
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.decomposition import PCA

from cae.data.images import load
from cae.disk.files import cache_folder
from cae.errors import CaeError, Damaged
from cae.evaluation.errors import errors_per_image, evaluate
from cae.steps import result_of


def both(run):
    """The test digits and their reconstructions in float64 on [0, 1], and the labels."""
    images = load("mnist", "test")
    originals = images.pixels.numpy() / 255
    with torch.no_grad():
        reconstructions = run.model()(torch.from_numpy(originals[:, None] * 2 - 1).float())
    return originals, (reconstructions[:, 0].double().numpy() + 1) / 2, images.labels.numpy()


def test_every_figure_is_what_the_libraries_say_when_asked_directly(tiny):
    evaluation = result_of(evaluate(tiny))
    originals, reconstructions, labels = both(tiny)
    mse = np.square(originals - reconstructions).mean(axis=(1, 2)) * 4
    pairs = list(zip(originals, reconstructions, strict=True))
    psnr = np.array([peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs])
    ssim = np.array([structural_similarity(a, b, data_range=1) for a, b in pairs])
    of_all, of_classes = evaluation.overall, evaluation.per_class
    for chosen, scores in [(labels >= 0, of_all), *((labels == of.label, of) for of in of_classes)]:
        assert scores.count == chosen.sum()
        assert scores.mse == pytest.approx(mse[chosen].mean(), rel=1e-4)
        assert scores.psnr == pytest.approx(psnr[chosen].mean(), rel=1e-4)
        assert scores.ssim == pytest.approx(ssim[chosen].mean(), abs=1e-4)
    assert [(of.label, of.name) for of in of_classes] == list(enumerate("0123456789"))
    assert sum(of.count for of in of_classes) == of_all.count == SMALL_TEST
    assert of_all.mse == pytest.approx(tiny.history()[-1].test_mse, rel=1e-5)


def test_the_baselines_are_those_of_the_runs_data_set_and_of_its_latent_dimensions(tiny):
    found = result_of(evaluate(tiny))
    train, test = (load("mnist", split).pixels.numpy().reshape(-1, 784) / 127.5 - 1 for split in ("train", "test"))
    pca = PCA(n_components=2, svd_solver="full").fit(train)
    assert found.mean_image_mse == pytest.approx(np.square(test - train.mean(axis=0)).mean(), rel=1e-5)
    expected = np.square(pca.inverse_transform(pca.transform(test)) - test).mean()
    assert found.pca_mse == pytest.approx(expected, rel=1e-4)


def test_to_json_has_what_is_promised(tiny):
    evaluation = result_of(evaluate(tiny))
    values = json.loads(json.dumps(evaluation.to_json()))
    assert (values["test_mse"], values["test_mse_unit"]) == (evaluation.overall.mse, evaluation.overall.mse / 4)
    assert set(values) >= {"psnr", "ssim"} and len(values["per_class"]) == 10
    assert all(set(each) >= {"class", "count", "mse", "psnr", "ssim"} for each in values["per_class"])
    assert values["baselines"] == {"mean_image": evaluation.mean_image_mse, "pca": evaluation.pca_mse}


def test_the_errors_are_those_of_each_test_image_in_order_whatever_is_in_the_cache(tiny, tmp_path, monkeypatch):
    originals, reconstructions, _ = both(tiny)
    expected = np.square(originals - reconstructions).mean(axis=(1, 2)) * 4
    first = errors_per_image(tiny)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first, expected, rtol=1e-4)
    (path,) = cache_folder().rglob("test-mse.npy")
    for content in (path.read_bytes(), b"", b"nonsense", b"\x93NUMPY"):
        path.write_bytes(content)
        np.testing.assert_array_equal(errors_per_image(tiny), first)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "file"))
    np.testing.assert_array_equal(errors_per_image(tiny), first)


def test_weights_whose_training_is_not_known_are_measured_on_mnist(tiny):
    from cae.imports.run import import_file

    alone = import_file((tiny.path / "model.safetensors").read_bytes(), "alone")
    assert alone.dataset == "mnist"
    assert result_of(evaluate(alone)).overall == result_of(evaluate(tiny)).overall


def test_damaged_weights_and_missing_data_are_named_and_nothing_is_kept(tiny, no_network):
    path = tiny.path / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(Damaged, match=r"tiny/model\.safetensors"):
        result_of(evaluate(tiny))
    path.write_bytes(whole)
    tiny.update(train=options(dataset="kmnist"))
    with pytest.raises(CaeError, match="kmnist"):
        result_of(evaluate(tiny))
    assert not list(cache_folder().rglob("evaluation.json"))
