"""Reads the arrays in a file of torch.save without unpickling: calls and imports nothing that the file names.

A pickle is a program. This module reads it as a list of words (pickletools), understands only those that write a
table of arrays, and compares the names of functions with the few that stand for an array. torch.load with
weights_only=True imports nothing either, but calls bytearray with any number: a file of 933 bytes made it take 4 GB.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_MOST_WORDS = 500_000  # of a pickle
_LARGEST_PICKLE = 2**22  # bytes
_MAGIC = 0x1950A86A20F9469CFC6C  # the start of files that are not zips
_MARK = object()
_KINDS = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1", "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}  # fmt: skip


@dataclass(frozen=True)
class _Name:
    """The name of a function or a class in a file."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """Where the numbers of an array lie: their key, their type, and how many they are."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True)
class View:
    """An array that is not read yet: a part of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Saved:
    """The content of a file: tables, lists, words, numbers and Views, of which `array` reads one at a time."""

    content: Any
    _numbers_of: Callable[[_Storage], bytes]

    def array(self, view: View) -> Array:
        """The array of a view. Raises one of reading.UNREADABLE or zipfile.BadZipFile if it is not there."""
        return _array(view, self._numbers_of(view.storage))


def read(content: bytes, largest: int) -> Saved:
    """The content of such a file, which may unpack to `largest` bytes.

    Raises one of reading.UNREADABLE or zipfile.BadZipFile for any other file or content.
    """
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _from_zip(content, largest)
    return _from_stream(io.BytesIO(content))


def _from_zip(content: bytes, largest: int) -> Saved:
    def member(name: str) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(name)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist()}
        if len(sizes) < len(archive.infolist()) or sum(sizes.values()) > largest:
            raise ValueError("unpacks to too much, or holds a name twice")
    (words,) = (name for name in sizes if name.rsplit("/", 1)[-1] == "data.pkl")
    top = words.removesuffix("data.pkl")
    if sizes[words] > _LARGEST_PICKLE or sizes.get(f"{top}byteorder", 0) > 10:
        raise ValueError("too many words")
    if f"{top}byteorder" in sizes and member(f"{top}byteorder") != b"little":
        raise ValueError("of another kind of machine")
    return Saved(_parsed(io.BytesIO(member(words)), {}), lambda storage: member(f"{top}data/{storage.key}"))


def _from_stream(file: io.BytesIO) -> Saved:
    """Reads four pickles (kind of file, version, machine, content), and then keys and numbers."""
    storages: dict[str, _Storage] = {}
    if _parsed(file, {}) != _MAGIC:
        raise ValueError("not a file of torch.save")
    _, machine, table, keys = (_parsed(file, storages) for _ in range(4))
    if not machine["little_endian"]:
        raise ValueError("of another kind of machine")
    places = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        size = count * _size_of(storages[key].kind)
        if not 0 <= size <= len(file.getbuffer()) - file.tell():
            raise ValueError("cut short")
        places[key] = (file.tell(), size)
        file.seek(size, io.SEEK_CUR)
    whole = file.getvalue()
    return Saved(table, lambda storage: _part(whole, *places[storage.key]))


def _part(content: bytes, start: int, size: int) -> bytes:
    return content[start : start + size]


# -- the words of a pickle


def _parsed(file: io.BytesIO, storages: dict[str, _Storage]) -> Any:
    """The content of the pickle that begins here; adds the storages that it names to `storages`."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for number, (word, argument, _) in enumerate(pickletools.genops(file)):
        if number > _MOST_WORDS:
            raise ValueError("too many words")
        name = word.name
        if name == "STOP":
            (content,) = stack
            return content
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _VALUES:
            stack.append(argument)
        elif name == "GLOBAL":
            stack.append(_Name(argument.replace(" ", ".", 1)))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[argument])
        elif name == "BINPERSID":
            stack.append(_storage(*_last(stack, 1)[0]))
            storages[stack[-1].key] = stack[-1]
        elif name in _ACTIONS:
            _ACTIONS[name](stack)
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"{name} is not understood")
    raise ValueError("cut short")


def _since_mark(stack: list[Any]) -> list[Any]:
    at = next((place for place in range(len(stack) - 1, -1, -1) if stack[place] is _MARK), None)
    if at is None:
        raise ValueError("no beginning")
    values = stack[at + 1 :]
    del stack[at:]
    return values


def _last(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise ValueError("too few values")
    values = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return values


def _put(table: Any, pairs: list[Any]) -> None:
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        if not isinstance(table, dict) or not isinstance(key, str | int):
            raise ValueError("no table")
        table[key] = value


def _extend(values: Any, more: list[Any]) -> None:
    if not isinstance(values, list):
        raise ValueError("no list")
    values += more


def _joined(stack: list[Any]) -> None:
    module, name = _last(stack, 2)
    stack.append(_Name(f"{module}.{name}"))


def _set_items(stack: list[Any]) -> None:
    pairs = _since_mark(stack)
    _put(stack[-1], pairs)


def _append_items(stack: list[Any]) -> None:
    values = _since_mark(stack)
    _extend(stack[-1], values)


def _set_item(stack: list[Any]) -> None:
    pair = _last(stack, 2)
    _put(stack[-1], pair)


def _append_item(stack: list[Any]) -> None:
    value = _last(stack, 1)
    _extend(stack[-1], value)


def _build(stack: list[Any]) -> None:
    """Drops the attributes of a table, such as the versions of a state_dict."""
    _last(stack, 1)
    if not isinstance(stack[-1], dict):
        raise ValueError("no table")


def _storage(said: Any, name: Any, key: Any, _: Any, count: Any, part: Any = None) -> _Storage:
    if said != "storage" or not isinstance(name, _Name) or part is not None:
        raise ValueError("no storage")
    if not isinstance(key, str) or type(count) is not int or count < 0:
        raise ValueError("no storage")
    return _Storage(key, _KINDS[name.text.removeprefix("torch.").removeprefix("cuda.")], count)


def _reduce(stack: list[Any]) -> None:
    """Makes what a function would return, for the functions that stand for an array or a table."""
    function, arguments = _last(stack, 2)
    name = function.text if isinstance(function, _Name) else ""
    if name == "collections.OrderedDict" and arguments == ():
        stack.append({})
    elif name in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"):
        if not isinstance(arguments[0], View):
            raise ValueError("no parameter")
        stack.append(arguments[0])
    elif name == "torch._utils._rebuild_tensor_v2":
        storage, offset, shape, strides = arguments[:4]
        if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise ValueError("no array")
        stack.append(View(storage, offset, shape, strides))
    else:
        raise ValueError(f"a call of {name or 'something'}")


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "MARK": lambda: _MARK,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "INT", "LONG", "FLOAT",
    "UNICODE",
}  # fmt: skip
_ACTIONS: dict[str, Callable[[list[Any]], None]] = {
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": lambda stack: stack.append(tuple(_last(stack, 1))),
    "TUPLE2": lambda stack: stack.append(tuple(_last(stack, 2))),
    "TUPLE3": lambda stack: stack.append(tuple(_last(stack, 3))),
    "STACK_GLOBAL": _joined, "SETITEMS": _set_items, "SETITEM": _set_item, "APPENDS": _append_items,
    "APPEND": _append_item, "BUILD": _build, "REDUCE": _reduce,
}  # fmt: skip


# -- arrays


def _size_of(kind: str) -> int:
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


def _array(view: View, content: bytes) -> Array:
    storage, size = view.storage, _size_of(view.storage.kind)
    numbers = (view.offset, *view.shape, *view.strides)
    if not all(type(each) is int and 0 <= each < 2**40 for each in numbers) or len(view.shape) != len(view.strides):
        raise ValueError("no array")
    count = math.prod(view.shape)
    reach = view.offset + sum((length - 1) * stride for length, stride in zip(view.shape, view.strides, strict=True))
    if len(content) != storage.count * size or count > storage.count or (count and reach >= storage.count):
        raise ValueError("an array that reaches beyond its numbers")
    if storage.kind == "bfloat16":  # the upper half of a single
        flat: Array = (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        flat = np.frombuffer(content, storage.kind)
    steps = tuple(stride * flat.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, steps, writeable=False).copy()
