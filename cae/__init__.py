"""A laboratory for one convolutional autoencoder: train it, watch it learn, and look inside it.

import cae
run = cae.Run.open("original")
model, digits = run.model(), cae.to_model(cae.load("mnist", "test").pixels[:10])
codes = model.encode(digits)
pictures = cae.to_pixels(model.decode(codes))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cae.config import RECIPES as RECIPES
    from cae.config import ModelConfig as ModelConfig
    from cae.config import TrainConfig as TrainConfig
    from cae.data.images import load as load
    from cae.data.images import to_model as to_model
    from cae.data.images import to_pixels as to_pixels
    from cae.errors import CaeError as CaeError
    from cae.network.model import ConvAutoencoder as ConvAutoencoder
    from cae.network.records import EpochRecord as EpochRecord
    from cae.network.records import Progress as Progress
    from cae.network.training import train as train
    from cae.runs.run import Run as Run

# Found when first asked for, so that `import cae` and the quick commands do not wait for torch.
_HOME = {
    "RECIPES": "config", "ModelConfig": "config", "TrainConfig": "config",
    "load": "data.images", "to_model": "data.images", "to_pixels": "data.images",
    "CaeError": "errors", "ConvAutoencoder": "network.model", "EpochRecord": "network.records",
    "Progress": "network.records", "Run": "runs.run", "train": "network.training",
}  # fmt: skip
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cae' has no attribute {name!r}")
    return getattr(importlib.import_module(f"cae.{_HOME[name]}"), name)
