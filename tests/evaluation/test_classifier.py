"""The independent judge: it learns, it is kept, and the shipped one is as good as it says."""

import hashlib

import helpers
import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from cae.data import images as data_images
from cae.disk.files import SHIPPED_RUNS
from cae.errors import CaeError, Damaged, NoJudge, ReadOnly
from cae.evaluation import classifier


@pytest.fixture
def no_shipped(monkeypatch, tmp_path):
    """There is no shipped judge here."""
    monkeypatch.setattr(classifier, "SHIPPED_RUNS", tmp_path / "nothing-shipped")


@pytest.fixture(scope="module")
def learnt(small_data_folder):
    """A judge trained for twenty epochs on 180 digits, what was said of them, and the state it began in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_DATA", str(small_data_folder))
        return trained(epochs=20)


def trained(epochs: int = 1, seed: int = 0):
    net, images, held_out = classifier.new("mnist", seed)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    return net, list(classifier.train(net, images, held_out=held_out, epochs=epochs, seed=seed)), before


def same_weights(one, other) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_a_judge_learns_digits_it_was_not_trained_on_and_accuracy_is_the_share_of_right_answers(learnt, small_data):
    net, epochs, before = learnt
    train, test = data_images.load("mnist", "train"), data_images.load("mnist", "test")
    untrained = classifier.JudgeNet()
    untrained.load_state_dict(before)
    assert classifier.accuracy(untrained, test) < 0.3
    assert classifier.accuracy(net, test) == pytest.approx(right(net, test.pixels, test.labels))
    assert classifier.accuracy(net, test) > 0.6
    assert epochs[-1].held_out_accuracy == pytest.approx(right(net, train.pixels[180:], train.labels[180:]))
    assert epochs[-1].loss < 0.7 * epochs[0].loss
    assert [each.epoch for each in epochs] == list(range(1, 21)) and {each.epochs for each in epochs} == {20}
    wrong = data_images.Images(test.pixels, (test.labels + 1) % 10, test.class_names)
    assert classifier.accuracy(net, wrong) + classifier.accuracy(net, test) <= 1


def right(net, pixels, labels) -> float:
    with torch.no_grad():
        return (net(pixels[:, None].float() / 127.5 - 1).argmax(dim=1) == labels).double().mean().item()


def test_the_last_images_are_held_out_and_5000_of_the_whole_mnist(small_data, monkeypatch):
    _, images, held_out = classifier.new("mnist")
    every = data_images.load("mnist", "train")
    assert (len(images), len(held_out)) == (180, 20)
    assert torch.equal(torch.cat([images.pixels, held_out.pixels]), every.pixels)
    assert torch.equal(torch.cat([images.labels, held_out.labels]), every.labels)
    monkeypatch.delenv("CAE_DATA")
    assert [len(part) for part in classifier.new("mnist")[1:]] == [55_000, 5_000]


def test_a_seed_gives_the_same_judge_again_and_another_seed_another(small_data):
    before = torch.get_rng_state()
    first, said, _ = trained()
    assert torch.equal(torch.get_rng_state(), before), "the global state has nothing to do with it"
    torch.manual_seed(5)
    again, said_again, _ = trained()
    assert same_weights(first, again) and said == said_again
    assert not same_weights(first, trained(seed=1)[0])


def test_probabilities_are_the_softmax_of_a_map_of_the_features_and_the_class_the_most_probable(learnt, small_data):
    judge = classifier.Judge(learnt[0], "mnist", 0.0, "")
    pictures = data_images.to_model(data_images.load("mnist", "test").pixels)
    reading = judge.read(pictures)
    assert reading.probabilities.shape == (100, 10) and reading.features.shape == (100, 64)
    np.testing.assert_allclose(reading.probabilities.sum(axis=1), 1, rtol=1e-5)
    for index, row in enumerate(reading.probabilities):
        assert row[reading.classes[index]] == reading.confidence[index] == max(row)
    weight, bias = (value.detach().double().numpy() for value in (judge.net.classify.weight, judge.net.classify.bias))
    powers = np.exp(reading.features.astype(np.float64) @ weight.T + bias)
    np.testing.assert_allclose(reading.probabilities, powers / powers.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6)
    assert (reading.features >= 0).all()
    many = judge.read(pictures.repeat(11, 1, 1, 1))  # more than are read at a time
    np.testing.assert_allclose(many.features[1030:1040], judge.read(pictures[30:40]).features, rtol=1e-4, atol=1e-5)


def copied(net) -> classifier.JudgeNet:
    found = classifier.JudgeNet()
    found.load_state_dict(net.state_dict())
    return found


def test_a_judge_is_kept_with_its_weights_in_half_the_size_under_their_fingerprint(learnt, small_data, no_shipped):
    original = learnt[0]
    kept = classifier.save(copied(original), "mnist")
    content = classifier.path("mnist").read_bytes()
    assert kept.dataset == "mnist" and not kept.net.training
    for name, value in original.state_dict().items():
        np.testing.assert_allclose(kept.net.state_dict()[name], value, rtol=1e-3, atol=1e-7)
    assert kept.accuracy == classifier.accuracy(kept.net, data_images.load("mnist", "test"))
    assert {value.dtype for value in load(content).values()} == {np.dtype(np.float16)}
    assert kept.fingerprint == hashlib.sha256(content).hexdigest()[:16]
    for again in (classifier.judge_of("mnist"), classifier.save(copied(original), "mnist")):
        assert same_weights(again.net, kept.net)
        assert (again.accuracy, again.fingerprint) == (kept.accuracy, kept.fingerprint)
    other = copied(original)
    with torch.no_grad():
        other.classify.bias[0] += 1
    assert classifier.save(other, "mnist").fingerprint != kept.fingerprint


def test_ones_own_judge_comes_before_the_shipped_one_and_one_can_train_where_there_is_none(learnt, small_data):
    shipped = classifier.judge_of("mnist")
    own = classifier.save(copied(learnt[0]), "mnist")
    assert classifier.judge_of("mnist").fingerprint == own.fingerprint != shipped.fingerprint
    with pytest.raises(NoJudge, match=r"train-judge --dataset kmnist"):
        classifier.judge_of("kmnist")


def test_where_no_judge_can_be_kept_it_says_so(learnt, small_data, monkeypatch, tmp_path):
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    with pytest.raises(ReadOnly):
        classifier.save(copied(learnt[0]), "mnist")
    assert not classifier.path("mnist").exists()
    monkeypatch.delenv("CAE_READ_ONLY")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "file"))
    with pytest.raises(CaeError):
        classifier.save(copied(learnt[0]), "mnist")


def rewritten(content: bytes, words: dict, arrays: dict | None = None, without: str = "") -> bytes:
    return helpers.rewritten(content, "judge", arrays, words, without)


HARM = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[:-50],
    "cut off in its header": lambda content: content[:100],
    "text": lambda content: b"nonsense " * 99,
    "no header": lambda content: b"\xff" * 1000,
    "no words": lambda content: save(load(content)),
    "words of another kind": lambda content: save(load(content), {"judge": "[]"}),
    "another format": lambda content: rewritten(content, {"format": 99}),
    "another data set": lambda content: rewritten(content, {"dataset": "kmnist"}),
    "no accuracy": lambda content: rewritten(content, {"accuracy": None}),
    "NaN": lambda content: rewritten(content, {}, {"classify.bias": np.full(10, np.nan, np.float16)}),
    "infinite": lambda content: rewritten(content, {}, {"features.0.weight": np.full((16, 1, 3, 3), np.inf, "f2")}),
    "another shape": lambda content: rewritten(content, {}, {"features.0.bias": np.zeros(17, np.float16)}),
    "classes that differ": lambda content: rewritten(content, {}, {"classify.bias": np.zeros(9, np.float16)}),
    "an array missing": lambda content: rewritten(content, {}, without="features.3.bias"),
    "an array too many": lambda content: rewritten(content, {}, {"more": np.zeros(1, np.float16)}),
    "no classes": lambda content: rewritten(content, {}, without="classify.bias"),
    "a single number": lambda content: rewritten(content, {}, {"classify.bias": np.array(1, np.float16)}),
}  # fmt: skip


def test_a_damaged_judge_is_named():
    file, shipped = classifier.path("mnist"), (SHIPPED_RUNS / "judge-mnist.safetensors").read_bytes()
    first = classifier.judge_of("mnist")
    file.parent.mkdir(parents=True)
    file.write_bytes(rewritten(shipped, {}))  # which does no harm itself
    assert same_weights(classifier.judge_of("mnist").net, first.net)
    for harm in HARM.values():
        file.write_bytes(harm(shipped))
        with pytest.raises(Damaged, match=r"judge-mnist\.safetensors is damaged"):
            classifier.judge_of("mnist")


@pytest.mark.slow
def test_the_shipped_judge_reads_99_of_100_test_digits_and_as_many_as_it_says():
    found, test = classifier.judge_of("mnist"), data_images.load("mnist", "test")
    reading = found.read(data_images.to_model(test.pixels))  # 4 s
    share = (reading.classes == test.labels.numpy()).mean()
    assert len(test) == 10_000 and share >= 0.99
    assert found.accuracy == pytest.approx(share, abs=1e-9)
    assert (reading.confidence > classifier.SURE).mean() > 0.95
