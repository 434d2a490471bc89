"""PyTorch's optimizers, without waiting for its compiler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from cae.config import TrainConfig

_KINDS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that `config` asks for; its `step` is to be called under `torch.no_grad()`."""
    extra: dict[str, Any] = {"momentum": 0.9} if config.optimizer == "sgd" else {}
    found: torch.optim.Optimizer = _bare(_KINDS[config.optimizer])(
        parameters, lr=config.learning_rate, fused=True, **extra
    )
    return found


def _bare(kind: Any) -> Any:
    """`kind` without the decorators that import torch's compiler, which takes longer than a first epoch's first loss.

    They keep `step` out of a compiled graph and switch gradients off; the arithmetic below them is the library's own.
    """
    methods = {name: getattr(kind, name) for name in ("step", "add_param_group")}
    return type(kind.__name__, (kind,), {name: getattr(of, "__wrapped__", of) for name, of in methods.items()})
