"""What was measured, kept: beside the files of a run that carries it, or in the cache, under the hash of its weights.

Knows no run: it is told where a run's folder is, and the hash. A file that is damaged or of something else counts as
missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cae.disk import reading
from cae.disk.files import cache_folder, keep, write_whole
from cae.errors import Damaged

T = TypeVar("T")


@dataclass(frozen=True)
class Kept(Generic[T]):
    """A measurement on disk: where it may lie, how it becomes a file, and how such a file is read and checked.

    name: of the file in the cache. from_bytes: raises one of reading.UNREADABLE, or Damaged, for any other content.
    is_right: whether what was read is of these weights and these images. under: the folder in the cache, the hash of
    the weights; empty for what depends on none. shipped: the file of a run that may carry it. largest: in bytes.
    """

    name: str
    to_bytes: Callable[[T], bytes]
    from_bytes: Callable[[bytes], T]
    is_right: Callable[[T], bool] = lambda _: True
    under: str = ""
    shipped: Path | None = None
    largest: int = reading.LARGEST

    @property
    def path(self) -> Path:
        """The file in the cache."""
        return cache_folder() / self.under / self.name

    def with_file(self) -> tuple[T, Path] | None:
        """What was measured before, and the file that holds it."""
        for path in (self.shipped, self.path):
            if path is not None:
                try:
                    value = self.from_bytes(reading.content(path, self.largest))
                except (*reading.UNREADABLE, Damaged):
                    continue
                if self.is_right(value):
                    return value, path
        return None

    def read(self) -> T | None:
        """What was measured before."""
        kept = self.with_file()
        return kept and kept[0]

    def keep(self, value: T) -> T:
        """Puts it into the cache, and gives it back; a cache that cannot be written to costs time, not results."""
        keep(self.path, self.to_bytes(value))
        return value

    def get(self, measure: Callable[[], T]) -> T:
        """What was measured before, or `measure` gives now."""
        value = self.read()
        return self.keep(measure()) if value is None else value

    def ship(self, value: T) -> None:
        """Puts it beside the files of its run. Raises OSError."""
        assert self.shipped is not None
        write_whole(self.shipped, self.to_bytes(value))
