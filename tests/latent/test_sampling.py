"""The priors of a run: fitted once and kept, what is drawn from them, and how good the digits are."""

import dataclasses
import io
import shutil

import numpy as np
import pytest
import torch
from helpers import SMALL_TEST, options, rewritten, told
from PIL import Image
from scipy.stats import multivariate_normal
from sklearn.neighbors import NearestNeighbors

from cae.config import PRIORS, SampleConfig
from cae.data import images
from cae.disk.files import cache_folder
from cae.errors import CaeError, CannotFit, Damaged, InvalidOption
from cae.evaluation import classifier
from cae.latent import sampling
from cae.latent.explore import latent_space
from cae.latent.space import off_manifold, off_manifolds
from cae.network.model import embed
from cae.plots import pictures
from cae.runs.run import Run
from cae.runs.weights import write_weights
from cae.steps import result_of


def codes_of(run, split="train"):
    return embed(run.model(), images.to_model(images.load("mnist", split).pixels)).numpy()


def same(one: sampling.Fitted, other: sampling.Fitted):
    def rest(of):
        return of.weights, of.dimensions, of.class_names, of.problems, of.qualities, of.judge

    assert rest(one) == rest(other)
    assert list(one.priors) == list(other.priors)
    for key, prior in one.priors.items():
        for name in ("weights", "means", "factors"):
            np.testing.assert_array_equal(getattr(prior, name), getattr(other.priors[key], name))
        assert prior.likelihoods == other.priors[key].likelihoods


@pytest.fixture(scope="module")
def cache_of_tiny(trained_folder, small_data_folder, tmp_path_factory):
    """The cache after the priors of "tiny" were fitted, once for all tests."""
    folder = tmp_path_factory.mktemp("fitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_DATA", str(small_data_folder))
        patch.setenv("CAE_CHECKPOINTS", str(trained_folder))
        patch.setenv("CAE_CACHE", str(folder))
        result_of(sampling.fit(Run.open("tiny")))
    return folder


@pytest.fixture
def fitted(tiny, cache_of_tiny):
    """The priors of "tiny", which are kept."""
    shutil.copytree(cache_of_tiny, cache_folder())
    return sampling.kept(tiny)


def test_there_is_every_prior_of_all_classes_and_of_each(fitted):
    assert set(fitted.priors) | set(fitted.problems) == {
        (kind, label) for kind in PRIORS for label in (None, *range(10))
    }
    assert fitted.problems == {} and fitted.dimensions == 2 and fitted.class_names == tuple("0123456789")


def test_gaussian_and_normal_priors_of_a_class_are_those_of_the_codes_of_its_training_digits(tiny, fitted):
    codes, labels = codes_of(tiny), images.load("mnist", "train").labels.numpy()

    def assert_prior(kind, label, expected):
        likelihood = fitted.prior(kind, label).log_likelihood(codes)
        np.testing.assert_allclose(likelihood, expected.logpdf(codes), rtol=1e-3)

    for label in (None, 0, 7):
        mine = codes[labels == label] if label is not None else codes
        assert_prior("gaussian", label, multivariate_normal(mine.mean(axis=0), np.cov(mine.T)))
    assert_prior("normal", 4, multivariate_normal(codes[labels == 4].mean(axis=0), np.eye(2)))
    assert_prior("normal", None, multivariate_normal(np.zeros(2)))


def test_the_mixture_of_all_classes_has_each_class_as_often_as_there_are_digits_of_it(tiny, fitted):
    codes, labels = codes_of(tiny), images.load("mnist", "train").labels.numpy()
    expected = sum(
        (labels == label).mean() * np.exp(fitted.prior("mixture", label).log_likelihood(codes)) for label in range(10)
    )
    np.testing.assert_allclose(np.exp(fitted.prior("mixture").log_likelihood(codes)), expected, rtol=1e-4)


def test_what_there_can_be_none_of_is_an_invalid_option_and_what_is_not_fitted_says_so(tiny, fitted):
    for kind, label, option in (("cake", None, "prior"), ("normal", 10, "class"), ("gaussian", -1, "class")):
        with pytest.raises(InvalidOption) as raised:
            fitted.prior(kind, label)
        assert raised.value.option == option
    unfitted = sampling.unfitted(tiny, tuple("0123456789"))
    assert unfitted.prior("normal").means.shape == (1, 2)
    with pytest.raises(CannotFit, match="not fitted"):
        unfitted.prior("mixture")


def test_asked_to_stop_it_ends_with_a_sentence_and_the_next_one_fits(tiny):
    work = sampling.job(tiny)
    with pytest.raises(CaeError, match="tiny was stopped"):
        result_of(sampling.fit(tiny), lambda step: work.ask_to_stop() if step.share > 0.2 else None)
    assert sampling.kept(tiny) is None and work.told() is None and not work.is_live()
    assert result_of(sampling.fit(tiny)).priors


def test_others_are_told_how_far_it_is(tiny):
    work, heard = sampling.job(tiny), []
    assert result_of(sampling.fit(tiny), lambda step: heard.append((work.told(), (step.text, step.share))))
    assert all(told == said for told, said in heard) and "encoding" in heard[0][0][0]
    shares = [share for (_, share), _ in heard]
    assert shares[0] == 0 and shares == sorted(shares) and shares[1] > 0 and shares[-1] < 1
    assert work.told() is None


def test_a_class_without_or_with_too_few_examples_is_named_and_what_can_be_fitted_is():
    codes = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    labels = np.random.default_rng(1).choice([0, 2], 300)  # none of class 1
    priors, problems = result_of(sampling.fit_all(codes, labels, ("cat", "dog", "owl")))
    assert set(problems) == {(kind, 1) for kind in PRIORS}
    assert all("dog" in why and why.endswith(".") for why in problems.values())
    assert {("mixture", None), ("mixture", 0), ("gaussian", 2)} <= set(priors)
    codes = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    labels = (np.arange(300) < 5).astype(np.int64)
    priors, problems = result_of(sampling.fit_all(codes, labels, ("many", "few")))
    assert set(problems) == {("gaussian", 1), ("mixture", 1)}
    assert "there are 5" in problems["gaussian", 1]
    assert {("normal", 1), ("mixture", None), ("mixture", 0)} <= set(priors)


@pytest.fixture
def half_dead(copy_tiny):
    """A run whose network says the same number at z1 whatever it sees."""
    run = copy_tiny("dead")
    weights = run.weights()
    weights["encoder.5.weight"][1] = 0
    write_weights(run.path / "model.safetensors", weights, run.info.model)
    return Run.open("dead")


def test_a_dead_dimension_is_named_and_the_normal_prior_stays(half_dead):
    fitted = result_of(sampling.fit(half_dead))
    assert set(fitted.priors) == {("normal", label) for label in (None, *range(10))}
    for kind in ("gaussian", "mixture"):
        with pytest.raises(CannotFit, match="at z1:"):
            fitted.prior(kind)
    assert set(fitted.qualities) == {"real", "copies", "normal"}
    same(sampling.kept(half_dead), fitted)
    assert len(sampling.draw(half_dead, fitted, SampleConfig(prior="normal", count=3)).codes) == 3


def test_the_same_seed_draws_the_same_digits_and_another_others(tiny, fitted):
    first = sampling.draw(tiny, fitted, SampleConfig(count=20, seed=3))
    again = sampling.draw(tiny, fitted, SampleConfig(count=20, seed=3))
    np.testing.assert_array_equal(first.codes, again.codes)
    np.testing.assert_array_equal(first.pictures, again.pictures)
    other = sampling.draw(tiny, fitted, SampleConfig(count=20, seed=4))
    assert not np.isclose(other.codes, first.codes).all(axis=1).any()


def decoded_here(run, codes):
    with torch.no_grad():
        shown = run.model().decode(torch.from_numpy(codes))[:, 0].numpy()
    return (np.clip(shown, -1, 1) + 1) * 127.5


@pytest.mark.parametrize("prior", PRIORS)
def test_the_pictures_are_what_the_codes_decode_to(tiny, fitted, prior):
    drawn = sampling.draw(tiny, fitted, SampleConfig(prior=prior, count=15))
    assert drawn.pictures.shape == (15, 28, 28) and drawn.pictures.dtype == np.uint8
    assert np.abs(drawn.pictures - decoded_here(tiny, drawn.codes)).max() <= 0.51


def test_digits_of_one_class_come_from_its_prior(tiny, fitted):
    drawn = sampling.draw(tiny, fitted, SampleConfig(prior="gaussian", of_class=1, count=2000))
    mine = codes_of(tiny)[images.load("mnist", "train").labels.numpy() == 1]
    np.testing.assert_allclose(drawn.codes.mean(axis=0), mine.mean(axis=0), atol=0.1 * mine.std())


def test_looking_says_what_the_judge_reads_and_how_far_off_codes_are(tiny):
    codes, space, reader = codes_of(tiny, "test")[:30], latent_space(tiny), classifier.judge_of("mnist")
    seen = sampling.look(tiny.model(), space, reader, codes)
    assert np.abs(seen.pictures - decoded_here(tiny, codes)).max() <= 0.51
    shown = torch.from_numpy(seen.pictures[:, None]).float() * 2 / 255 - 1
    with torch.no_grad():
        probabilities = reader.net(shown).softmax(dim=1).numpy()
    np.testing.assert_array_equal(seen.classes, probabilities.argmax(axis=1))
    np.testing.assert_allclose(seen.confidence, probabilities.max(axis=1), rtol=1e-4)
    away, _ = NearestNeighbors(n_neighbors=10).fit(space.real.codes()).kneighbors(codes)
    np.testing.assert_allclose(seen.distances, away.mean(axis=1), rtol=1e-4)
    assert seen.says(3, "abcdefghij") == f"{'abcdefghij'[seen.classes[3]]}, {100 * seen.confidence[3]:.0f} %"
    unread = sampling.look(tiny.model(), space, None, codes)
    np.testing.assert_array_equal(unread.distances, seen.distances)
    assert len(unread.classes) == len(unread.confidence) == 0 and unread.says(0, "0123456789") == ""


def test_distances_of_many_codes_are_those_of_each_and_to_all_references_where_they_are_fewer_than_ten(tiny):
    real, codes = latent_space(tiny).real, codes_of(tiny, "test")
    expected = [off_manifold(real, code)[0] for code in codes]
    np.testing.assert_allclose(off_manifolds(real, codes), expected, rtol=1e-5)
    few = dataclasses.replace(real, points=real.points[:3], labels=real.labels[:3])
    expected = np.linalg.norm(few.codes() - codes[:1], axis=1).mean()
    assert off_manifolds(few, codes[:1]) == pytest.approx([expected])


def test_a_data_set_without_a_judge_has_no_qualities(tiny, small_data):
    if not (small_data / "FashionMNIST").exists():
        (small_data / "FashionMNIST").symlink_to(small_data / "MNIST")
    tiny.update(train=options(dataset="fashion-mnist"))
    fitted = result_of(sampling.fit(Run.open("tiny")))
    assert fitted.qualities == {} and fitted.class_names[9] == "boot" and ("mixture", 9) in fitted.priors


def test_without_a_judge_nothing_is_measured_and_once_there_is_one_the_digits_are_judged(tiny, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(classifier, "SHIPPED_RUNS", tmp_path / "nothing-shipped")
        first = result_of(sampling.fit(tiny))
        assert first.qualities == {} and first.judge == "" and first.priors
        assert told(sampling.fit(tiny))[1] == []
    assert sampling.kept(tiny) is None
    again, said = told(sampling.fit(tiny))
    assert said and set(again.qualities) == {"real", "copies", *PRIORS}
    assert again.judge == classifier.judge_of("mnist").fingerprint


def test_real_digits_are_as_good_as_can_be(fitted):
    real = fitted.qualities["real"]
    assert real.count == SMALL_TEST
    assert real.sure > 0.95 and (real.precision, real.recall) == (1, 1)  # the same digits are the yardstick here
    assert 0.95 < real.evenness <= 1 and sum(real.balance) == pytest.approx(1)
    assert fitted.qualities["copies"].sure < real.sure
    assert fitted.qualities["normal"].off_manifold > 0


def test_every_measure_is_what_one_counts(tiny, fitted):
    reader, space, test = classifier.judge_of("mnist"), latent_space(tiny), images.load("mnist", "test")
    by = sampling.yardstick(reader, space, test)
    codes = fitted.prior("gaussian").sample(60, seed=1)
    shown = images.to_model(torch.from_numpy(sampling.decoded(tiny.model(), codes).pictures))
    quality = by.measure(shown, codes)
    with torch.no_grad():
        probabilities = reader.net(shown).softmax(dim=1).numpy()
    assert quality.count == 60
    assert quality.sure == pytest.approx((probabilities.max(axis=1) > 0.9).sum() / 60)
    away, _ = NearestNeighbors(n_neighbors=10).fit(space.real.codes()).kneighbors(codes)
    distances = away.mean(axis=1)
    assert quality.off_manifold == pytest.approx(np.median(distances), rel=1e-5)
    assert quality.beyond == pytest.approx((distances > space.real.usual[95]).sum() / 60)
    expected = [(probabilities.argmax(axis=1) == label).mean() for label in range(10)]
    assert quality.balance == pytest.approx(expected)
    far_out = by.measure(shown, np.full((60, 2), 1000, np.float32))
    assert far_out.beyond == 1 and far_out.off_manifold > 900


def test_the_yardstick_of_a_class_is_its_test_digits_alone(tiny):
    reader, test = classifier.judge_of("mnist"), images.load("mnist", "test")
    by = sampling.yardstick(reader, latent_space(tiny), test, label=7)
    features = reader.read(images.to_model(test.pixels[test.labels == 7])).features
    np.testing.assert_allclose(by.reference, features, rtol=1e-5, atol=1e-5)


def test_priors_survive_their_file_even_if_none_could_be_fitted(fitted):
    nothing = sampling.Fitted("w", 2, ("a",), {}, {("gaussian", None): "Too few."}, {})
    for priors in (fitted, nothing):
        same(sampling.from_bytes(sampling.to_bytes(priors)), priors)


@pytest.fixture(scope="module")
def content(cache_of_tiny):
    (path,) = cache_of_tiny.rglob(sampling.FILE)
    return path.read_bytes()


def test_a_file_that_does_not_fit_together_is_damaged(content):
    same(sampling.from_bytes(rewritten(content, "priors")), sampling.from_bytes(content))  # which does no harm itself
    words = [
        {"format": 99}, {"dimensions": 3}, {"class_names": None}, {"priors": [["normal", None]]},
        {"priors": [["normal", None, "absent", []]]}, {"priors": [["normal", [], "normal.all", []]]},
        {"problems": None}, {"qualities": {"real": {"count": 3}}}, {"qualities": []},
    ]  # fmt: skip
    arrays = {
        "gaussian.all.means": [np.zeros((1, 3), np.float32), np.full((1, 2), np.nan, np.float32)],
        "gaussian.all.factors": [np.zeros((1, 2), np.float32)],
        "gaussian.all.weights": [np.ones(2, np.float32), np.ones(1, np.float64)],
        "mixture.2.weights": [np.full(1, np.inf, np.float32)],
    }
    changes = [{"words": each} for each in words] + [{"without": "gaussian.3.means"}]
    for change in changes + [{"arrays": {name: each}} for name, several in arrays.items() for each in several]:
        with pytest.raises(Damaged):
            sampling.from_bytes(rewritten(content, "priors", **change))


@pytest.fixture
def drawn(tiny, fitted):
    return sampling.draw(tiny, fitted, SampleConfig(count=7))


def test_an_npz_gives_back_codes_and_pictures(drawn):
    found = np.load(io.BytesIO(sampling.as_file(drawn, ".npz")), allow_pickle=False)
    assert set(found.files) == {"codes", "pictures"}
    np.testing.assert_array_equal(found["codes"], drawn.codes)
    np.testing.assert_array_equal(found["pictures"], drawn.pictures)


def test_a_png_shows_every_digit_at_its_place(drawn):
    picture = np.asarray(Image.open(io.BytesIO(sampling.as_file(drawn, ".png"))))
    assert picture.shape == (3 * 114 + 2, 3 * 114 + 2)  # 7 digits, 3 in a row, 28 * 4 + 2 apart
    for number, digit in enumerate(drawn.pictures):
        top, left = number // 3 * 114 + 2, number % 3 * 114 + 2
        np.testing.assert_array_equal(picture[top : top + 112 : 4, left : left + 112 : 4], digit)
    np.testing.assert_array_equal(picture[2 * 114 + 2 :, 114 + 2 :], 40)  # where no digit is left


def test_a_sheet_has_as_many_rows_as_it_needs_and_each_pixel_is_a_square():
    for count, columns, size in (
        (1, 5, (12, 12)), (5, 5, (12, 52)), (6, 5, (22, 52)), (3, 0, (32, 12)), (4, 2, (22, 22)),
    ):  # fmt: skip
        sheet = pictures.sheet(np.full((count, 4, 4), 200, np.uint8), columns, scale=2, gap=2)
        assert sheet.shape == size and sheet.dtype == np.uint8
        assert (sheet == 200).sum() == count * 64 and (sheet == 40).sum() == sheet.size - count * 64
    tile = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    sheet = pictures.sheet(tile, 1, scale=3, gap=1)
    np.testing.assert_array_equal(sheet[1:-1, 1:-1], np.kron(tile[0], np.ones((3, 3))))


def test_a_png_is_the_picture_bit_by_bit():
    for shape in ((5, 7), (5, 7, 3)):
        picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(pictures.png(picture)))), picture)


def test_options_that_cannot_be_used_are_named():
    wrong = {"count": (0, 10_001, 2.5, None), "seed": (-1, 2**32), "prior": ("cake",), "of_class": (256, -1, 1.5)}
    for option, value in ((option, value) for option, values in wrong.items() for value in values):
        with pytest.raises(InvalidOption) as raised:
            SampleConfig(**{option: value})
        assert raised.value.option == option
