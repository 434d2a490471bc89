"""The priors of a run: fitted once and kept, what is drawn from them, and how good the digits are."""

import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import torch
from helpers import SMALL_TEST, SMALL_TRAIN, options
from PIL import Image
from safetensors.numpy import load, save
from scipy.stats import multivariate_normal
from sklearn.neighbors import NearestNeighbors

from cae.config import PRIORS, SampleConfig
from cae.data import images
from cae.disk.files import cache_folder
from cae.errors import CaeError, CannotFit, Damaged, InvalidOption, RunNotFound, Unwritable
from cae.evaluation import classifier
from cae.latent import sampling
from cae.latent.space import latent_space, off_manifold, off_manifolds
from cae.network.model import embed
from cae.plots import pictures
from cae.runs.run import Run
from cae.runs.weights import write_weights
from cae.steps import result_of


def told(run):
    said = []
    return result_of(sampling.fit(run), said.append), said


def kept_file(run):
    return cache_folder() / run.weights_hash() / sampling.FILE


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


@pytest.fixture
def no_judge(monkeypatch, tmp_path):
    """There is no shipped judge here."""
    monkeypatch.setattr(classifier, "SHIPPED_RUNS", tmp_path / "nothing-shipped")


# -- fitting


def test_priors_are_fitted_once_and_kept(tiny):
    assert sampling.kept(tiny) is None
    first, said = told(tiny)
    assert said
    same(sampling.kept(tiny), first)
    again, said = told(Run.open("tiny"))
    assert said == []
    same(again, first)


def test_there_is_every_prior_of_all_classes_and_of_each(fitted):
    assert set(fitted.priors) | set(fitted.problems) == {
        (kind, label) for kind in PRIORS for label in (None, *range(10))
    }
    assert fitted.problems == {} and fitted.dimensions == 2 and fitted.class_names == tuple("0123456789")


def test_the_share_of_the_work_only_grows(tiny):
    shares = [step.share for step in told(tiny)[1]]
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] < 1


def test_the_gaussian_of_a_class_is_that_of_the_codes_of_its_training_digits(tiny, fitted):
    codes, labels = codes_of(tiny), images.load("mnist", "train").labels.numpy()
    for label in (None, 0, 7):
        mine = codes[labels == label] if label is not None else codes
        expected = multivariate_normal(mine.mean(axis=0), np.cov(mine.T)).logpdf(codes)
        np.testing.assert_allclose(fitted.prior("gaussian", label).log_likelihood(codes), expected, rtol=1e-3)


def test_the_normal_prior_of_a_class_stands_around_its_mean(tiny, fitted):
    codes, labels = codes_of(tiny), images.load("mnist", "train").labels.numpy()
    expected = multivariate_normal(codes[labels == 4].mean(axis=0), np.eye(2)).logpdf(codes)
    np.testing.assert_allclose(fitted.prior("normal", 4).log_likelihood(codes), expected, rtol=1e-4)
    np.testing.assert_allclose(
        fitted.prior("normal").log_likelihood(codes), multivariate_normal(np.zeros(2)).logpdf(codes), rtol=1e-4
    )


def test_the_mixture_of_all_classes_has_each_class_as_often_as_there_are_digits_of_it(tiny, fitted):
    codes, labels = codes_of(tiny), images.load("mnist", "train").labels.numpy()
    expected = sum(
        (labels == label).mean() * np.exp(fitted.prior("mixture", label).log_likelihood(codes)) for label in range(10)
    )
    np.testing.assert_allclose(np.exp(fitted.prior("mixture").log_likelihood(codes)), expected, rtol=1e-4)


def test_other_weights_have_other_priors(tiny, fitted):
    (tiny.path / "model.safetensors").write_bytes((tiny.path / "epochs" / "0000.safetensors").read_bytes())
    other, said = told(Run.open("tiny"))
    assert said and other.weights != fitted.weights
    assert not np.allclose(other.prior("gaussian").means, fitted.prior("gaussian").means)


def test_before_anything_is_fitted_there_is_the_normal_prior(tiny):
    found = sampling.unfitted(tiny, tuple("0123456789"))
    assert found.prior("normal").means.shape == (1, 2)
    with pytest.raises(CannotFit, match="not fitted"):
        found.prior("mixture")


@pytest.mark.parametrize(
    ("kind", "label", "option"), [("cake", None, "prior"), ("normal", 10, "class"), ("gaussian", -1, "class")]
)
def test_what_there_can_be_none_of_is_an_invalid_option(fitted, kind, label, option):
    with pytest.raises(InvalidOption) as raised:
        fitted.prior(kind, label)
    assert raised.value.option == option


def test_a_run_without_weights_has_no_priors(tiny):
    (tiny.path / "model.safetensors").unlink()
    for ask in (told, sampling.kept, sampling.job):
        with pytest.raises(RunNotFound, match="not finished an epoch"):
            ask(tiny)


def test_a_cache_that_cannot_be_written_costs_time_and_not_the_priors(tiny, tmp_path, monkeypatch):
    expected = result_of(sampling.fit(tiny))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "file"))
    found = result_of(sampling.fit(tiny))
    assert set(found.priors) == set(expected.priors) and sampling.kept(tiny) is None
    with pytest.raises(Unwritable, match="file"):
        sampling.job(tiny).start()


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
    assert all(0 < share < 1 for (_, share), _ in heard[1:])
    assert work.told() is None


# -- where there can be none


def test_a_class_without_examples_is_named_and_the_others_are_fitted():
    codes = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    labels = np.random.default_rng(1).choice([0, 2], 300)  # none of class 1
    found, problems = result_of(sampling.fit_all(codes, labels, ("cat", "dog", "owl")))
    assert set(problems) == {(kind, 1) for kind in PRIORS}
    assert all("dog" in why and why.endswith(".") for why in problems.values())
    assert {("mixture", None), ("mixture", 0), ("gaussian", 2)} <= set(found)


def test_a_class_with_too_few_examples_keeps_what_can_be_fitted():
    codes = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    labels = (np.arange(300) < 5).astype(np.int64)
    found, problems = result_of(sampling.fit_all(codes, labels, ("many", "few")))
    assert set(problems) == {("gaussian", 1), ("mixture", 1)}
    assert "there are 5" in problems["gaussian", 1]
    assert {("normal", 1), ("mixture", None), ("mixture", 0)} <= set(found)


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


# -- drawing


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


def test_without_a_judge_nothing_is_said(tiny):
    seen = sampling.look(tiny.model(), latent_space(tiny), None, codes_of(tiny)[:5])
    assert len(seen.classes) == len(seen.confidence) == 0 and len(seen.distances) == 5
    assert seen.says(0, "0123456789") == ""


def test_distances_of_many_codes_are_those_of_each(tiny):
    space, codes = latent_space(tiny), codes_of(tiny, "test")
    expected = [off_manifold(space.real, code)[0] for code in codes]
    np.testing.assert_allclose(off_manifolds(space.real, codes), expected, rtol=1e-5)


def test_distances_among_fewer_references_than_ten_are_to_all_of_them(tiny):
    real = latent_space(tiny).real
    few = dataclasses.replace(real, points=real.points[:3], labels=real.labels[:3])
    code = np.array([[1.0, 2.0]], np.float32)
    expected = np.linalg.norm(few.codes() - code, axis=1).mean()
    assert off_manifolds(few, code) == pytest.approx([expected])


# -- how good they are


def test_without_a_judge_priors_are_fitted_and_nothing_is_measured(tiny, no_judge):
    fitted = result_of(sampling.fit(tiny))
    assert fitted.qualities == {} and fitted.judge == "" and fitted.priors
    assert told(tiny)[1] == []


def test_a_data_set_without_a_judge_has_no_qualities(tiny, small_data):
    if not (small_data / "FashionMNIST").exists():
        (small_data / "FashionMNIST").symlink_to(small_data / "MNIST")
    tiny.update(train=options(dataset="fashion-mnist"))
    fitted = result_of(sampling.fit(Run.open("tiny")))
    assert fitted.qualities == {} and fitted.class_names[9] == "boot" and ("mixture", 9) in fitted.priors


def test_once_there_is_a_judge_the_digits_are_judged(tiny, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(classifier, "SHIPPED_RUNS", tmp_path / "nothing-shipped")
        first = result_of(sampling.fit(tiny))
    assert sampling.kept(tiny) is None
    again, said = told(tiny)
    assert said and set(again.qualities) == {"real", "copies", *PRIORS}
    assert again.judge == classifier.judge_of("mnist").fingerprint != first.judge


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
    found = by.measure(shown, codes)
    with torch.no_grad():
        probabilities = reader.net(shown).softmax(dim=1).numpy()
    assert found.count == 60
    assert found.sure == pytest.approx((probabilities.max(axis=1) > 0.9).sum() / 60)
    away, _ = NearestNeighbors(n_neighbors=10).fit(space.real.codes()).kneighbors(codes)
    distances = away.mean(axis=1)
    assert found.off_manifold == pytest.approx(np.median(distances), rel=1e-5)
    assert found.beyond == pytest.approx((distances > space.real.usual[95]).sum() / 60)
    expected = [(probabilities.argmax(axis=1) == label).mean() for label in range(10)]
    assert found.balance == pytest.approx(expected)


def test_the_yardstick_of_a_class_is_its_test_digits_alone(tiny):
    reader, test = classifier.judge_of("mnist"), images.load("mnist", "test")
    by = sampling.yardstick(reader, latent_space(tiny), test, label=7)
    features = reader.read(images.to_model(test.pixels[test.labels == 7])).features
    np.testing.assert_allclose(by.reference, features, rtol=1e-5, atol=1e-5)


def test_digits_moved_far_out_are_beyond_all_real_ones(tiny):
    by = sampling.yardstick(classifier.judge_of("mnist"), latent_space(tiny), images.load("mnist", "test"))
    codes = np.full((20, 2), 1000, np.float32)
    found = by.measure(images.to_model(torch.zeros(20, 28, 28, dtype=torch.uint8)), codes)
    assert found.beyond == 1 and found.off_manifold > 900


# -- as a file


def test_priors_survive_their_file(fitted):
    same(sampling.from_bytes(sampling.to_bytes(fitted)), fitted)


def test_priors_none_of_which_could_be_fitted_survive_too():
    nothing = sampling.Fitted("w", 2, ("a",), {}, {("gaussian", None): "Too few."}, {})
    same(sampling.from_bytes(sampling.to_bytes(nothing)), nothing)


@pytest.fixture(scope="module")
def content(cache_of_tiny):
    (path,) = cache_of_tiny.rglob(sampling.FILE)
    return path.read_bytes()


def test_a_file_that_was_cut_off_is_damaged(content):
    for share in (0, 1e-5, 0.001, 0.02, 0.5, 0.999):
        with pytest.raises(Damaged):
            sampling.from_bytes(content[: int(share * len(content))])


def headed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize("nonsense", [
    b"nonsense" * 100, b"\0" * 1000, b"\xff" * 1000, headed(b"{}"), headed(b"[]"), headed(b"{" * 2000),
    headed(b"[" * 900_000), headed(b'{"__metadata__": {"priors": "[]"}}'),
    headed(b'{"__metadata__": {"priors": "x"}}'), headed(b'{"__metadata__": {"judge": "{}"}}'),
], ids=range(10))  # fmt: skip
def test_something_else_is_damaged(nonsense):
    with pytest.raises(Damaged):
        sampling.from_bytes(nonsense)


def rewritten(content: bytes, arrays: dict | None = None, words: dict | None = None, without: str = "") -> bytes:
    """The file with other arrays or words in it."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    changed = json.loads(header["__metadata__"]["priors"]) | (words or {})
    every = {name: value for name, value in (load(content) | (arrays or {})).items() if name != without}
    return save(every, {"priors": json.dumps(changed)})


def test_the_way_these_tests_rewrite_a_file_does_no_harm_itself(content):
    same(sampling.from_bytes(rewritten(content)), sampling.from_bytes(content))


@pytest.mark.parametrize("change", [
    {"words": {"format": 99}}, {"words": {"dimensions": 3}}, {"words": {"class_names": None}},
    {"words": {"priors": [["normal", None]]}}, {"words": {"priors": [["normal", None, "absent", []]]}},
    {"words": {"priors": [["normal", [], "normal.all", []]]}}, {"words": {"problems": None}},
    {"words": {"qualities": {"real": {"count": 3}}}}, {"without": "gaussian.3.means"},
    {"words": {"qualities": []}},
    {"arrays": {"gaussian.all.means": np.zeros((1, 3), np.float32)}},
    {"arrays": {"gaussian.all.factors": np.zeros((1, 2), np.float32)}},
    {"arrays": {"gaussian.all.weights": np.ones(2, np.float32)}},
    {"arrays": {"gaussian.all.weights": np.ones(1, np.float64)}},
    {"arrays": {"gaussian.all.means": np.full((1, 2), np.nan, np.float32)}},
    {"arrays": {"mixture.2.weights": np.full(1, np.inf, np.float32)}},
], ids=range(16))  # fmt: skip
def test_a_file_that_does_not_fit_together_is_damaged(content, change):
    with pytest.raises(Damaged):
        sampling.from_bytes(rewritten(content, **change))


@pytest.mark.parametrize("harm", ["cut off", "empty", "text", "other weights"])
def test_a_damaged_file_is_fitted_anew(tiny, fitted, harm):
    path = kept_file(tiny)
    content = path.read_bytes()
    other = sampling.to_bytes(dataclasses.replace(fitted, weights="0" * 64))
    path.write_bytes({"cut off": content[:-50], "empty": b"", "text": b"nonsense " * 99, "other weights": other}[harm])
    assert sampling.kept(tiny) is None
    again, said = told(tiny)
    assert said and path.read_bytes() == content
    same(again, fitted)


# -- for others


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


@pytest.mark.parametrize(("count", "columns", "size"), [
    (1, 5, (12, 12)), (5, 5, (12, 52)), (6, 5, (22, 52)), (3, 0, (32, 12)), (4, 2, (22, 22)),
])  # fmt: skip
def test_a_sheet_has_as_many_rows_as_it_needs(count, columns, size):
    tiles = np.full((count, 4, 4), 200, np.uint8)
    found = pictures.sheet(tiles, columns, scale=2, gap=2)
    assert found.shape == size and found.dtype == np.uint8
    assert (found == 200).sum() == count * 64 and (found == 40).sum() == found.size - count * 64


def test_each_pixel_of_a_sheet_is_a_square():
    tile = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    np.testing.assert_array_equal(
        pictures.sheet(tile, 1, scale=3, gap=1)[1:-1, 1:-1], np.kron(tile[0], np.ones((3, 3)))
    )


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_png_is_the_picture_bit_by_bit(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(pictures.png(picture)))), picture)


@pytest.mark.parametrize("changes", [
    {"count": 0}, {"count": 10_001}, {"count": 2.5}, {"seed": -1}, {"seed": 2**32}, {"prior": "cake"},
    {"of_class": 256}, {"of_class": -1}, {"of_class": 1.5}, {"count": None},
], ids=str)  # fmt: skip
def test_options_that_cannot_be_used_are_named(changes):
    with pytest.raises(InvalidOption) as raised:
        SampleConfig(**changes)
    assert raised.value.option == next(iter(changes))


def test_the_small_data_are_what_these_tests_count_on(small_data):
    assert len(images.load("mnist", "train")) == SMALL_TRAIN
