"""Pictures as a network encodes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from cae.network.model import ConvAutoencoder


def codes_of(model: ConvAutoencoder, pixels: Tensor | NDArray[np.uint8]) -> NDArray[np.float32]:
    """The codes (N, D) of any number of pictures, uint8 (N, 28, 28)."""
    import torch

    from cae.data.images import to_model
    from cae.network.model import embed

    codes: NDArray[np.float32] = embed(model, to_model(torch.as_tensor(pixels))).numpy()
    return codes
