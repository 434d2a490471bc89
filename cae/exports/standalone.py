"""The network in plain PyTorch: this file and model.pt beside it are all it takes.

from autoencoder import load
model = load()
codes = model.encode(images)  # images (N, 1, 28, 28) in [-1, 1]: pixels from 0 to 255 are pixels / 127.5 - 1
pictures = model.decode(codes)  # like images; (pictures + 1) * 127.5 are pixels again
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

LATENT_DIM, WIDTH, ACTIVATION = 32, 16, nn.ReLU
WEIGHTS = Path(__file__).with_name("model.pt")


class Autoencoder(nn.Module):
    """Images (N, 1, 28, 28) in [-1, 1] into codes (N, LATENT_DIM), and back."""

    def __init__(self) -> None:
        super().__init__()
        flat = 2 * WIDTH * 7 * 7
        self.encoder = nn.Sequential(
            nn.Conv2d(1, WIDTH, 3, stride=2, padding=1),  # (N, WIDTH, 14, 14)
            ACTIVATION(),
            nn.Conv2d(WIDTH, 2 * WIDTH, 3, stride=2, padding=1),  # (N, 2 WIDTH, 7, 7)
            nn.Flatten(),
            ACTIVATION(),
            nn.Linear(flat, LATENT_DIM),  # (N, LATENT_DIM)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM, flat),
            ACTIVATION(),
            nn.Unflatten(1, (2 * WIDTH, 7, 7)),  # (N, 2 WIDTH, 7, 7)
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 3, stride=2, padding=1, output_padding=1),  # (N, WIDTH, 14, 14)
            ACTIVATION(),
            nn.ConvTranspose2d(WIDTH, 1, 3, stride=2, padding=1, output_padding=1),  # (N, 1, 28, 28)
            nn.Tanh(),
        )

    def encode(self, images: Tensor) -> Tensor:
        """The codes of images."""
        return self.encoder(images)  # type: ignore[no-any-return]

    def decode(self, codes: Tensor) -> Tensor:
        """The images that codes decode to."""
        return self.decoder(codes)  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """The reconstructions of images."""
        return self.decode(self.encode(images))


def load(weights: str | Path = WEIGHTS) -> Autoencoder:
    """The trained network, on the CPU."""
    model = Autoencoder()
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval().requires_grad_(False)
