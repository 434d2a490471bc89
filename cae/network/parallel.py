"""Several processes that train one model together: each takes its share of every batch, and the gradients are averaged.

`torchrun --nproc-per-node K -m cae train ...` starts them; PyTorch's DistributedDataParallel does the averaging.
"""

from __future__ import annotations

import datetime
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cae.errors import InvalidOption


@dataclass(frozen=True)
class Group:
    """The processes of one training, seen from the one of this rank. Rank 0 alone writes; alone, it is all of them."""

    rank: int = 0
    size: int = 1

    def share(self, items: Tensor) -> Tensor:
        """This rank's part (n, ...) of `items` (N, ...), every `size`-th."""
        return items[self.rank :: self.size] if self.size > 1 else items

    def total(self, value: float) -> float:
        """The sum over all ranks."""
        if self.size == 1:
            return value
        summed = torch.tensor(value, dtype=torch.float64)
        torch.distributed.all_reduce(summed)
        return float(summed)

    def any(self, flag: bool) -> bool:
        """Whether one of the ranks says so."""
        return self.total(flag) > 0

    def from_first(self, value: Any) -> Any:
        """What rank 0 gave here, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        torch.distributed.broadcast_object_list(box, src=0)
        return box[0]

    def together(self, model: nn.Module) -> nn.Module:
        """The model to call instead of `model`: its gradients are the mean over all ranks."""
        return nn.parallel.DistributedDataParallel(model) if self.size > 1 else model


ALONE = Group()


def size() -> int:
    """How many processes torchrun started; 1 where it did not."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def group() -> Iterator[Group]:
    """The group that this process belongs to, connected inside the `with` block."""
    if size() == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend, timeout=datetime.timedelta(days=7))  # rank 0 may have to queue
    try:
        yield Group(torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        gc.collect()  # DistributedDataParallel lies in a circle, and its threads would outlive Python: an abort
        torch.distributed.destroy_process_group()


def device() -> torch.device:
    """The device to train on: this rank's graphics card if there is one; CAE_DEVICE ("cpu") overrides it.

    Raises InvalidOption if CAE_DEVICE names a device that does not exist here.
    """
    asked = os.environ.get("CAE_DEVICE")
    if asked:
        try:
            return torch.zeros(1, device=asked).device
        except (RuntimeError, AssertionError) as error:
            raise InvalidOption("CAE_DEVICE", f"CAE_DEVICE is {asked!r}: PyTorch finds no such device here.") from error
    if torch.cuda.is_available():
        card = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        torch.cuda.set_device(card)
        return card
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
