"""The convolutional autoencoder: 1 x 28 x 28 -> latent_dim numbers -> 1 x 28 x 28."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cae.config import ModelConfig
from cae.network.last_layer import ConvTranspose2d

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "gelu": nn.GELU,
    "silu": lambda: nn.SiLU(inplace=True),
}


class ConvAutoencoder(nn.Module):
    """Encoder, bottleneck and mirrored decoder.

    Images are float tensors (N, 1, 28, 28) in [-1, 1]; codes are (N, D), D = `config.latent_dim`, unbounded.
    The initial weights are PyTorch's defaults, drawn from `generator` (seed 0 where none is given), which leaves
    the global random state untouched.
    """

    def __init__(self, config: ModelConfig | None = None, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        width, activation = self.config.width, _ACTIVATIONS[self.config.activation]
        flat = 2 * width * 7 * 7
        with torch.random.fork_rng(devices=[]):  # PyTorch's own initialisation draws from the global state
            self.encoder = nn.Sequential(
                nn.Conv2d(1, width, 3, stride=2, padding=1),  # (B, width, 14, 14)
                activation(),
                nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),  # (B, 2 width, 7, 7)
                nn.Flatten(),  # before the activation, which it commutes with: a twentieth faster
                activation(),
                nn.Linear(flat, self.config.latent_dim),  # (B, D)
            )
            self.decoder = nn.Sequential(
                nn.Linear(self.config.latent_dim, flat),
                activation(),
                nn.Unflatten(1, (2 * width, 7, 7)),  # (B, 2 width, 7, 7)
                nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),  # (B, width, 14, 14)
                activation(),
                ConvTranspose2d(width),  # (B, 1, 28, 28)
                nn.Tanh(),
            )
        _initialise(self, generator or torch.Generator().manual_seed(0))

    def encode(self, images: Tensor) -> Tensor:
        """The latent codes (N, D) of `images` (N, 1, 28, 28) in [-1, 1]."""
        return self.encoder(images)  # type: ignore[no-any-return]

    def decode(self, codes: Tensor) -> Tensor:
        """The images (N, 1, 28, 28) in [-1, 1] decoded from `codes` (N, D)."""
        return self.decoder(codes)  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """The reconstruction of `images`, both (N, 1, 28, 28) in [-1, 1]."""
        return self.decode(self.encode(images))


def _initialise(model: nn.Module, generator: torch.Generator) -> None:
    """PyTorch's own default for these layers (uniform, bound 1/sqrt(fan in)), from our own generator."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            fan_in = layer.weight[0].numel()
            assert layer.bias is not None
            nn.init.uniform_(layer.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)


@torch.inference_mode()
def reconstruct(model: ConvAutoencoder, images: Tensor, batch: int = 1000) -> Tensor:
    """The reconstructions of any number of `images` (N, 1, 28, 28) in [-1, 1], computed in batches."""
    return torch.cat([model(part) for part in images.split(batch)]) if len(images) else images


@torch.inference_mode()
def embed(model: ConvAutoencoder, images: Tensor, batch: int = 1000) -> Tensor:
    """The codes (N, D) of any number of `images` (N, 1, 28, 28) in [-1, 1], computed in batches."""
    return torch.cat([model.encode(part) for part in images.split(batch)])


@dataclass(frozen=True)
class Layer:
    """A layer of the network: its name, the shape of its output, its number of parameters."""

    name: str
    part: str  # "input", "encoder" or "decoder"
    shape: tuple[int, ...]
    parameters: int


def layers(config: ModelConfig) -> list[Layer]:
    """The layers of a model of this configuration, the input first.

    Measured by a real forward pass; activations and reshapes belong to the layer before them.
    """
    model = ConvAutoencoder(config)
    table = [Layer("Image", "input", (1, 28, 28), 0)]
    signal = torch.zeros(1, 1, 28, 28)
    with torch.inference_mode():
        for part in ("encoder", "decoder"):
            for module in getattr(model, part):
                signal = module(signal)
                count = sum(parameter.numel() for parameter in module.parameters())
                name, shape = type(module).__name__, tuple(signal.shape[1:])
                if count:
                    table.append(Layer(name, part, shape, count))
                elif len(shape) > 1:  # an activation keeps the shape, Unflatten gives the layer before it its own
                    table[-1] = replace(table[-1], shape=shape)
    return table
