import numpy as np
import pytest
from sklearn.decomposition import PCA

from cae.data import baselines
from cae.data.images import load


@pytest.fixture(scope="module")
def mnist():
    return [load("mnist", split).pixels.numpy() for split in ("train", "test")]


def test_the_baselines_are_those_of_scikit_learn_asked_directly(mnist):
    train, test = mnist[0][:1000], mnist[1][:200]
    measured = baselines.measured(train, test)
    x, y = (part.reshape(len(part), -1).astype(np.float64) / 127.5 - 1 for part in (train, test))
    assert measured.mean_image == pytest.approx(np.square(y - x.mean(axis=0)).mean(), rel=1e-5)
    pca = PCA(n_components=256, svd_solver="full").fit(x)
    codes = pca.transform(y)
    for k in (1, 2, 32, 256):
        error = np.square(codes[:, :k] @ pca.components_[:k] + pca.mean_ - y).mean()
        assert measured.pca_with(k) == pytest.approx(error, rel=1e-4), k


def test_more_components_are_never_worse_and_all_of_them_leave_nothing(mnist):
    measured = baselines.measured(mnist[0][:2000], mnist[1][:100])
    assert len(measured.pca) == 784
    assert (np.diff(measured.pca) <= 1e-9).all()
    assert measured.mean_image > measured.pca[0]
    assert measured.pca[-1] == pytest.approx(0, abs=1e-5)
    few = baselines.measured(mnist[0][:20], mnist[1][:10])
    assert few.pca_with(256) == few.pca[-1] >= 0


@pytest.mark.slow
def test_the_known_figures_of_mnist(mnist):
    measured = baselines.measured(*mnist)
    assert f"{measured.mean_image:.3f}" == "0.270"
    assert f"{measured.pca_with(32):.4f}" == "0.0673"
