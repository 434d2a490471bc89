import json
import struct

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import load_file

from cae.config import ModelConfig
from cae.disk.tensors import damage, read_tensors
from cae.errors import Damaged, DoesNotFit
from cae.network.model import ConvAutoencoder
from cae.runs.weights import header_config, read_weights, shapes, write_weights

CONFIG = ModelConfig(3, 2, "gelu")


def arrays(config=CONFIG, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes(config).items()}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some-run" / "model.safetensors"
    path.parent.mkdir()
    write_weights(path, arrays(), CONFIG)
    return path


@pytest.mark.parametrize("config", [ModelConfig(), ModelConfig(1, 1), ModelConfig(256, 4), ModelConfig(2, 64)])
def test_shapes_are_those_of_the_real_model_in_its_order(config):
    real = {name: tuple(value.shape) for name, value in ConvAutoencoder(config).state_dict().items()}
    assert list(shapes(config).items()) == list(real.items())


def test_weights_survive_the_file_even_if_they_are_not_contiguous(file):
    turned = {**arrays(seed=1), "encoder.5.weight": np.asfortranarray(arrays(seed=1)["encoder.5.weight"])}
    write_weights(file, turned, CONFIG)
    assert [path.name for path in file.parent.iterdir()] == ["model.safetensors"]
    weights = read_weights(file, CONFIG)
    assert list(weights) == list(shapes(CONFIG))
    for name, value in turned.items():
        assert weights[name].dtype == np.float32
        assert np.array_equal(weights[name], value)


def test_this_one_file_is_enough_to_load_the_model_without_this_library(file):
    with safe_open(file, "pt") as opened:
        config = json.loads(opened.metadata()["model"])
    assert config == {"latent_dim": 3, "width": 2, "activation": "gelu"}
    model = ConvAutoencoder(ModelConfig(**config))
    model.load_state_dict(load_file(file))
    assert torch.equal(model.encoder[0].weight, torch.from_numpy(arrays()["encoder.0.weight"]))


def test_the_header_says_the_configuration(file, tmp_path):
    assert header_config(file) == CONFIG
    save_file(arrays(), tmp_path / "foreign.safetensors")
    assert header_config(tmp_path / "foreign.safetensors") is None
    save_file(arrays(), tmp_path / "odd.safetensors", metadata={"model": '{"latent_dim": 0}'})
    assert header_config(tmp_path / "odd.safetensors") is None
    assert header_config(tmp_path / "absent.safetensors") is None


def test_half_precision_is_read_as_single(tmp_path):
    half = {name: value.astype(np.float16) for name, value in arrays().items()}
    path = tmp_path / "0001.safetensors"
    write_weights(path, half, CONFIG)
    for name, value in read_weights(path, CONFIG).items():
        assert value.dtype == np.float32
        assert np.array_equal(value, half[name].astype(np.float32))


def with_header(header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


BROKEN = {
    "empty": lambda content: b"",
    "three bytes": lambda content: content[:3],
    "half a header": lambda content: content[:50],
    "one byte short": lambda content: content[:-1],
    "one byte long": lambda content: content + b"\0",
    "text": lambda content: b"not weights at all, but long enough to be read",
    "a huge header": lambda content: struct.pack("<Q", 2**63) + content[8:],
    "a header that is a list": lambda content: with_header([1, 2]),
    "a header that is no json": lambda content: with_header(b"{" * 100),
    "a header nested without end": lambda content: with_header(b'{"a":' * 100_000),
    "an array without offsets": lambda content: with_header({"x": {"dtype": "F32", "shape": [1]}}),
    "an array that is a number": lambda content: with_header({"x": 3}),
    "offsets that are words": lambda content: with_header({"x": {"data_offsets": ["a", "b"]}}),
}


def test_a_damaged_file_is_seen_and_named_and_never_read(file):
    whole = file.read_bytes()
    assert damage(file) is None
    for break_it in BROKEN.values():
        file.write_bytes(break_it(whole))
        assert_unreadable(file, "model.safetensors is damaged")
    file.write_bytes(with_header({}))  # no arrays
    assert "model.safetensors is damaged" in damage(file)
    with pytest.raises(DoesNotFit):
        read_weights(file, CONFIG)
    file.unlink()
    assert_unreadable(file, "model.safetensors is missing.")
    file.mkdir()
    assert_unreadable(file, "model.safetensors")


def assert_unreadable(file, words):
    assert words in damage(file)
    for read in (read_tensors, lambda path: read_weights(path, CONFIG)):
        with pytest.raises(Damaged, match=r"some-run/model\.safetensors"):
            read(file)


def test_weights_that_are_no_numbers_are_damage_and_those_of_another_shape_do_not_fit(file):
    for other in (ModelConfig(4, 2), ModelConfig(3, 1), ModelConfig()):
        with pytest.raises(DoesNotFit, match="different shape"):
            read_weights(file, other)
    for value in (np.nan, np.inf, -np.inf):
        spoiled = arrays()
        spoiled["decoder.5.bias"][0] = value
        write_weights(file, spoiled, CONFIG)
        with pytest.raises(Damaged, match="not finite"):
            read_weights(file, CONFIG)


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_other(file):
    before = file.read_bytes()
    (file.parent / "taken.safetensors").mkdir()
    with pytest.raises(OSError):
        write_weights(file.parent / "taken.safetensors", arrays(), CONFIG)
    assert file.read_bytes() == before
    assert {path.name for path in file.parent.iterdir()} == {"model.safetensors", "taken.safetensors"}
