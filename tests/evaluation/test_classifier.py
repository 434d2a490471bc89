"""The independent judge: it learns, it is kept, and the shipped one is as good as it says."""

import hashlib
import json

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


# -- training


def test_a_judge_learns_digits_that_it_was_not_trained_on(learnt, small_data):
    net, epochs, before = learnt
    test = data_images.load("mnist", "test")
    untrained = classifier.JudgeNet()
    untrained.load_state_dict(before)
    assert classifier.accuracy(untrained, test) < 0.3
    assert classifier.accuracy(net, test) > 0.6
    assert epochs[-1].loss < 0.7 * epochs[0].loss
    assert [each.epoch for each in epochs] == list(range(1, 21)) and {each.epochs for each in epochs} == {20}


def test_what_is_said_of_an_epoch_is_the_accuracy_on_what_was_held_out(learnt, small_data):
    net, epochs, _ = learnt
    train = data_images.load("mnist", "train")
    with torch.no_grad():
        right = net(train.pixels[180:, None].float() / 127.5 - 1).argmax(dim=1) == train.labels[180:]
    assert epochs[-1].held_out_accuracy == pytest.approx(right.sum().item() / 20)


def test_the_last_images_are_held_out(small_data):
    _, images, held_out = classifier.new("mnist")
    every = data_images.load("mnist", "train")
    assert (len(images), len(held_out)) == (180, 20)
    assert torch.equal(torch.cat([images.pixels, held_out.pixels]), every.pixels)
    assert torch.equal(torch.cat([images.labels, held_out.labels]), every.labels)


def test_of_the_whole_mnist_5000_are_held_out():
    _, images, held_out = classifier.new("mnist")
    assert (len(images), len(held_out)) == (55_000, 5_000)


def test_a_seed_gives_the_same_judge_again_and_another_seed_another(small_data):
    first, said, _ = trained()
    torch.manual_seed(5)  # the global state has nothing to do with it
    again, said_again, _ = trained()
    assert same_weights(first, again) and said == said_again
    assert not same_weights(first, trained(seed=1)[0])


def test_training_leaves_the_global_random_state_as_it_was(small_data):
    before = torch.get_rng_state()
    trained()
    assert torch.equal(torch.get_rng_state(), before)


def test_accuracy_is_a_share_of_right_answers(learnt, small_data):
    net, _, _ = learnt
    test = data_images.load("mnist", "test")
    wrong = data_images.Images(test.pixels, (test.labels + 1) % 10, test.class_names)
    with torch.no_grad():
        named = net(data_images.to_model(test.pixels)).argmax(dim=1)
    assert classifier.accuracy(net, test) == pytest.approx(
        np.mean([a == b for a, b in zip(named.tolist(), test.labels.tolist(), strict=True)])
    )
    assert classifier.accuracy(net, wrong) + classifier.accuracy(net, test) <= 1


# -- reading


def test_probabilities_sum_to_one_and_the_class_is_the_most_probable(learnt, small_data):
    net, _, _ = learnt
    pictures = data_images.to_model(data_images.load("mnist", "test").pixels)
    found = classifier.Judge(net, "mnist", 0.0, "").read(pictures)
    assert found.probabilities.shape == (100, 10) and found.features.shape == (100, 64)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    for index, row in enumerate(found.probabilities):
        assert row[found.classes[index]] == found.confidence[index] == max(row)


def test_probabilities_are_the_softmax_of_a_linear_map_of_the_features(learnt, small_data):
    net, _, _ = learnt
    found = classifier.Judge(net, "mnist", 0.0, "").read(data_images.to_model(data_images.load("mnist", "test").pixels))
    weight, bias = (value.detach().double().numpy() for value in (net.classify.weight, net.classify.bias))
    powers = np.exp(found.features.astype(np.float64) @ weight.T + bias)
    np.testing.assert_allclose(found.probabilities, powers / powers.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6)
    assert (found.features >= 0).all()


def test_more_pictures_than_are_read_at_a_time_stay_in_order(learnt, small_data):
    judged = classifier.Judge(learnt[0], "mnist", 0.0, "")
    pictures = data_images.to_model(data_images.load("mnist", "test").pixels)
    many = judged.read(pictures.repeat(11, 1, 1, 1))
    np.testing.assert_allclose(many.features[1030:1040], judged.read(pictures[30:40]).features, rtol=1e-4, atol=1e-5)


# -- kept


def copied(net) -> classifier.JudgeNet:
    found = classifier.JudgeNet()
    found.load_state_dict(net.state_dict())
    return found


def test_a_judge_is_kept_with_its_weights_in_half_the_size(learnt, small_data, no_shipped):
    original = learnt[0]
    kept = classifier.save(copied(original), "mnist")
    assert kept.dataset == "mnist" and not kept.net.training
    for name, value in original.state_dict().items():
        np.testing.assert_allclose(kept.net.state_dict()[name], value, rtol=1e-3, atol=1e-7)
    assert kept.accuracy == classifier.accuracy(kept.net, data_images.load("mnist", "test"))
    assert {value.dtype for value in load(classifier.path("mnist").read_bytes()).values()} == {np.dtype(np.float16)}
    again = classifier.judge_of("mnist")
    assert same_weights(again.net, kept.net) and (again.accuracy, again.fingerprint) == (
        kept.accuracy,
        kept.fingerprint,
    )
    assert kept.fingerprint == hashlib.sha256(classifier.path("mnist").read_bytes()).hexdigest()[:16]


def test_other_weights_have_another_fingerprint(learnt, small_data):
    first, net = classifier.save(copied(learnt[0]), "mnist"), copied(learnt[0])
    assert classifier.save(net, "mnist").fingerprint == first.fingerprint
    with torch.no_grad():
        net.classify.bias[0] += 1
    assert classifier.save(net, "mnist").fingerprint != first.fingerprint


def test_ones_own_judge_comes_before_the_shipped_one(learnt, small_data):
    shipped = classifier.judge_of("mnist")
    own = classifier.save(copied(learnt[0]), "mnist")
    assert classifier.judge_of("mnist").fingerprint == own.fingerprint != shipped.fingerprint


def test_a_data_set_without_a_judge_says_how_to_train_one():
    with pytest.raises(NoJudge, match=r"train-judge --dataset kmnist"):
        classifier.judge_of("kmnist")


def test_a_read_only_laboratory_keeps_no_judge(learnt, small_data, monkeypatch):
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    with pytest.raises(ReadOnly):
        classifier.save(copied(learnt[0]), "mnist")
    assert not classifier.path("mnist").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(learnt, small_data, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "file"))
    with pytest.raises(CaeError):
        classifier.save(copied(learnt[0]), "mnist")


def rewritten(content: bytes, words: dict, arrays: dict | None = None, without: str = "") -> bytes:
    """The file with other words and arrays in it."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    said = json.loads(header["__metadata__"]["judge"]) | words
    every = {name: value for name, value in (load(content) | (arrays or {})).items() if name != without}
    return save(every, {"judge": json.dumps(said)})


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


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_damaged_judge_is_named(harm):
    shipped = (SHIPPED_RUNS / "judge-mnist.safetensors").read_bytes()
    classifier.path("mnist").parent.mkdir(parents=True)
    classifier.path("mnist").write_bytes(harm(shipped))
    with pytest.raises(Damaged, match=r"judge-mnist\.safetensors is damaged"):
        classifier.judge_of("mnist")


def test_the_way_these_tests_rewrite_a_file_does_no_harm_itself():
    shipped = (SHIPPED_RUNS / "judge-mnist.safetensors").read_bytes()
    classifier.path("mnist").parent.mkdir(parents=True)
    first = classifier.judge_of("mnist")
    classifier.path("mnist").write_bytes(rewritten(shipped, {}))
    assert same_weights(classifier.judge_of("mnist").net, first.net)


# -- the shipped one


def test_the_shipped_judge_reads_99_of_100_test_digits_and_as_many_as_it_says():
    found, test = classifier.judge_of("mnist"), data_images.load("mnist", "test")
    reading = found.read(data_images.to_model(test.pixels))  # 4 s
    share = (reading.classes == test.labels.numpy()).mean()
    assert len(test) == 10_000 and share >= 0.99
    assert found.accuracy == pytest.approx(share, abs=1e-9)
    assert (reading.confidence > classifier.SURE).mean() > 0.95
