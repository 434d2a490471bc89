import numpy as np
import pytest
from sklearn.decomposition import PCA

from cae.data import baselines
from cae.data.images import load


@pytest.fixture(scope="module")
def mnist():
    return [load("mnist", split).pixels.numpy() for split in ("train", "test")]


def test_the_baselines_are_those_of_scikit_learn_asked_directly(mnist):
    train, test = mnist[0][:3000], mnist[1][:500]
    found = baselines.measured(train, test)
    x, y = (part.reshape(len(part), -1).astype(np.float64) / 127.5 - 1 for part in (train, test))
    assert found.mean_image == pytest.approx(np.square(y - x.mean(axis=0)).mean(), rel=1e-5)
    for k in (1, 2, 32, 256):
        pca = PCA(n_components=k, svd_solver="full").fit(x)
        error = np.square(pca.inverse_transform(pca.transform(y)) - y).mean()
        assert found.pca_with(k) == pytest.approx(error, rel=1e-4), k


def test_more_components_are_never_worse_and_all_of_them_leave_nothing(mnist):
    found = baselines.measured(mnist[0][:2000], mnist[1][:100])
    assert len(found.pca) == 784
    assert (np.diff(found.pca) <= 1e-9).all()
    assert found.mean_image > found.pca[0]
    assert found.pca[-1] == pytest.approx(0, abs=1e-5)


def test_fewer_images_than_components_give_what_there_is(mnist):
    found = baselines.measured(mnist[0][:20], mnist[1][:10])
    assert found.pca_with(256) == found.pca[-1] >= 0


def test_the_known_figures_of_mnist(mnist):
    found = baselines.measured(*mnist)
    assert f"{found.mean_image:.3f}" == "0.270"
    assert f"{found.pca_with(32):.4f}" == "0.0673"
