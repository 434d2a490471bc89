import math

import numpy as np
import pytest
import torch
from torch import nn

from cae.config import ACTIVATIONS, ModelConfig
from cae.data.images import load, to_model
from cae.network.model import ConvAutoencoder, embed, layers, reconstruct

SHAPES = [(1, 16), (2, 4), (32, 16), (256, 16), (32, 64), (3, 1)]
shaped = pytest.mark.parametrize(("latent_dim", "width"), SHAPES)


@pytest.fixture(scope="module")
def digits():
    return to_model(load("mnist", "test").pixels[:5])


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_the_default_model_has_111521_parameters_in_its_encoder_and_its_decoder():
    state = ConvAutoencoder().state_dict()
    assert sum(value.numel() for value in state.values()) == 111_521
    assert len(state) == 12 and {name.split(".")[0] for name in state} == {"encoder", "decoder"}


@shaped
def test_codes_and_pictures_have_their_shapes_and_stay_within_the_range_whatever_the_code(latent_dim, width, digits):
    model = ConvAutoencoder(ModelConfig(latent_dim, width))
    codes = model.encode(digits)
    assert codes.shape == (5, latent_dim)
    assert model.decode(codes).shape == model(digits).shape == digits.shape == (5, 1, 28, 28)
    assert model.decode(torch.randn(20, latent_dim, generator=seeded(1)) * 1e4).abs().max() <= 1


def convolve(signal, kernel, bias):
    """A 3 x 3 convolution with stride 2 and padding 1, of (I, H, W) with (O, I, 3, 3), written out."""
    padded = np.pad(signal, ((0, 0), (1, 1), (1, 1)))
    size = signal.shape[1] // 2
    out = np.empty((len(kernel), size, size))
    for row in range(size):
        for column in range(size):
            patch = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            out[:, row, column] = np.tensordot(kernel, patch, 3) + bias
    return out


def spread(signal, kernel, bias):
    """Its transpose with output padding 1, of (I, H, W) with (I, O, 3, 3): each value paints a patch."""
    size = 2 * signal.shape[1]
    canvas = np.zeros((kernel.shape[1], size + 2, size + 2))
    for row in range(signal.shape[1]):
        for column in range(signal.shape[2]):
            patch = np.tensordot(signal[:, row, column], kernel, 1)
            canvas[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += patch
    return canvas[:, 1:-1, 1:-1] + bias[:, None, None]


ORACLE = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_encode_and_decode_agree_with_the_layers_written_out_in_numpy(activation, digits):
    model, bend = ConvAutoencoder(ModelConfig(5, 4, activation), seeded(3)), ORACLE[activation]
    weight, before = {name: value.double().numpy() for name, value in model.state_dict().items()}, digits.clone()

    def both(name):
        return weight[f"{name}.weight"], weight[f"{name}.bias"]

    signal = bend(convolve(digits[0].double().numpy(), *both("encoder.0")))
    signal = bend(convolve(signal, *both("encoder.2")))
    kernel, bias = both("encoder.5")
    code = kernel @ signal.ravel() + bias
    kernel, bias = both("decoder.0")
    signal = bend(kernel @ code + bias).reshape(8, 7, 7)
    signal = bend(spread(signal, *both("decoder.3")))
    picture = np.tanh(spread(signal, *both("decoder.5")))
    with torch.inference_mode():
        codes = model.encode(digits)
        np.testing.assert_allclose(codes[0], code, atol=1e-5)
        np.testing.assert_allclose(model.decode(codes)[0], picture, atol=1e-5)
    assert torch.equal(digits, before), "the images are left as they were"


@shaped
def test_the_initial_weights_are_pytorchs_own_defaults(latent_dim, width):
    """The same layers, made the usual way after torch.manual_seed, begin with the very same numbers."""
    flat = 2 * width * 49
    with torch.random.fork_rng():
        torch.manual_seed(7)
        usual = [
            nn.Conv2d(1, width, 3), nn.Conv2d(width, 2 * width, 3), nn.Linear(flat, latent_dim),
            nn.Linear(latent_dim, flat), nn.ConvTranspose2d(2 * width, width, 3), nn.ConvTranspose2d(width, 1, 3),
        ]  # fmt: skip
    expected = [tensor for layer in usual for tensor in (layer.weight, layer.bias)]
    ours = list(ConvAutoencoder(ModelConfig(latent_dim, width), seeded(7)).parameters())
    assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_same_generator_seed_gives_the_same_weights_and_another_gives_others():
    before = torch.get_rng_state()
    assert same_weights(ConvAutoencoder(generator=seeded(5)), ConvAutoencoder(generator=seeded(5)))
    assert not same_weights(ConvAutoencoder(generator=seeded(5)), ConvAutoencoder(generator=seeded(6)))
    assert same_weights(ConvAutoencoder(), ConvAutoencoder(generator=seeded(0)))
    assert torch.equal(torch.get_rng_state(), before), "the global random state is left alone"


def test_layers_are_those_of_the_design():
    assert [(layer.part, layer.shape, layer.parameters) for layer in layers(ModelConfig())] == [
        ("input", (1, 28, 28), 0),
        ("encoder", (16, 14, 14), 160),
        ("encoder", (32, 7, 7), 4640),
        ("encoder", (32,), 50_208),
        ("decoder", (32, 7, 7), 51_744),
        ("decoder", (16, 14, 14), 4624),
        ("decoder", (1, 28, 28), 145),
    ]
    names = [layer.name for layer in layers(ModelConfig())]
    assert names == ["Image", "Conv2d", "Conv2d", "Linear", "Linear", "ConvTranspose2d", "ConvTranspose2d"]


@shaped
def test_layers_follow_the_configuration(latent_dim, width):
    config = ModelConfig(latent_dim, width)
    found = layers(config)
    assert [layer.shape for layer in found] == [
        (1, 28, 28), (width, 14, 14), (2 * width, 7, 7), (latent_dim,),
        (2 * width, 7, 7), (width, 14, 14), (1, 28, 28),
    ]  # fmt: skip
    total = sum(parameter.numel() for parameter in ConvAutoencoder(config).parameters())
    assert sum(layer.parameters for layer in found) == total


@pytest.mark.parametrize("batch", [1, 2, 5, 1000])
def test_working_in_batches_changes_nothing(batch, digits):
    model = ConvAutoencoder(generator=seeded(1))
    with torch.no_grad():
        torch.testing.assert_close(reconstruct(model, digits, batch), model(digits))
        torch.testing.assert_close(embed(model, digits, batch), model.encode(digits))
    assert reconstruct(model, digits[:0], batch).shape == (0, 1, 28, 28)
