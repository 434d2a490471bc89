"""The optimizers: PyTorch's own, without waiting for its compiler; Muon; and the learning-rate schedules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from cae.config import TrainConfig

WARM_UP = 0.02  # of all updates


def optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that `config` names; call its `step` under `torch.no_grad()`."""
    extra: dict[str, Any] = {} if config.optimizer == "muon" else {"fused": True}
    if config.optimizer == "sgd":
        extra["momentum"] = 0.9
    if config.weight_decay is not None:
        extra["weight_decay"] = config.weight_decay
    return _bare(_KINDS[config.optimizer])(parameters, lr=config.learning_rate, **extra)  # type: ignore[no-any-return]


def rate(config: TrainConfig, step: int, steps: int) -> float:
    """The learning rate of the update that follows `step` of `steps` updates.

    "constant", or "linear": it rises to the peak over the first WARM_UP of all updates, then falls to zero, in
    straight lines.
    """
    if config.schedule == "constant":
        return config.learning_rate
    return config.learning_rate * min((step + 1) / (WARM_UP * steps), (steps - step) / steps, 1)


class Muon(torch.optim.Optimizer):
    """Muon for weights, convolution kernels flattened to (rows, everything else); Adam for biases, at twice its rate.

    The update of a weight is its momentum made orthogonal, which moves it as far in every direction, times the square
    root of rows / columns where there are more rows. Weights also shrink by `lr * weight_decay` a step, biases do not.
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). PyTorch's own takes matrices
    only, one after the other and in bfloat16, which most processors do not have.
    """

    MOMENTUM = 0.95

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0) -> None:
        parameters = list(parameters)
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self._weights: list[Tensor] = [parameter for parameter in parameters if parameter.ndim > 1]
        biases = [parameter for parameter in parameters if parameter.ndim == 1]
        self._adam = _bare(torch.optim.Adam)(biases, lr=2 * lr, betas=(0.9, 0.99), fused=True)
        self._adam.state = self.state  # one place, whatever the parameter

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update, from the gradients that the parameters hold."""
        lr, decay = self.param_groups[0]["lr"], self.param_groups[0]["weight_decay"]
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        momenta = [self.state[weight].setdefault("momentum", torch.zeros_like(weight)) for weight in self._weights]
        torch._foreach_lerp_(momenta, gradients, 1 - self.MOMENTUM)
        ahead = [matrix.flatten(1) for matrix in torch._foreach_lerp(gradients, momenta, self.MOMENTUM)]  # Nesterov's
        torch._foreach_mul_(self._weights, 1 - lr * decay)
        for weight, update in zip(self._weights, orthogonal(ahead), strict=True):
            rows, columns = update.shape
            weight.sub_(update.view(weight.shape), alpha=lr * max(1, rows / columns) ** 0.5)
        self._adam.param_groups[0]["lr"] = 2 * lr
        self._adam.step()


def orthogonal(matrices: list[Tensor]) -> list[Tensor]:
    """The matrices with all their singular values brought to about 1 (0.7 to 1.2), from any size down to 1/1000.

    Five steps X <- (a + b XX' + c (XX')^2) X of Jordan's quintic Newton-Schulz iteration. They are taken on the smaller
    of the two Gram matrices, all of one size together, so that a matrix itself is multiplied twice, not ten times.
    """
    sizes = defaultdict(list)
    norms = torch._foreach_add(torch._foreach_norm(matrices), 1e-7)
    wide = [matrix.T if len(matrix) > matrix.shape[1] else matrix for matrix in torch._foreach_div(matrices, norms)]
    for index, matrix in enumerate(wide):
        sizes[len(matrix)].append(index)
    found: dict[int, Tensor] = {}
    for chosen in sizes.values():
        gram = torch.stack([wide[index].mm(wide[index].T) for index in chosen])  # (K, size, size)
        product = None
        for _ in range(5):
            step = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
            step.diagonal(dim1=1, dim2=2).add_(3.4445)
            product = step if product is None else step.bmm(product)
            gram = step.bmm(gram).bmm(step)
        assert product is not None
        for index, factor in zip(chosen, product, strict=True):
            found[index] = factor.mm(wide[index])
    return [found[index].T if len(matrix) > matrix.shape[1] else found[index] for index, matrix in enumerate(matrices)]


_KINDS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "muon": Muon}


def _bare(kind: Any) -> Any:
    """`kind` without the decorators that import torch's compiler, which takes longer than a first epoch's first loss.

    They keep `step` out of a compiled graph and switch gradients off; the arithmetic below them is the library's own.
    """
    methods = {name: getattr(kind, name) for name in ("step", "add_param_group")}
    return type(kind.__name__, (kind,), {name: getattr(of, "__wrapped__", of) for name, of in methods.items()})
