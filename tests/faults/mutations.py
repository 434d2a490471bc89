"""Files made wrong in every way that we could think of, by a seed; and readers of our own that say what they hold."""

import contextlib
import json
import os
import random
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
from hostile_values import value

DEEP = 100_000
RAW = {  # what json.dumps does not write
    "nan": "NaN", "infinity": "Infinity", "minus infinity": "-Infinity", "beyond a double": "1e400",
    "a number of 5,000 digits": "9" * 5000, "a number of 4,000 digits": "9" * 4000, "deep": "[" * DEEP + "]" * DEEP,
    "900 deep": "[" * 900 + "]" * 900, "half a character": '"\\ud800"', "the other half": '"a\\udc00b"',
    "minus zero": "-0.0",
}  # fmt: skip
WEIRD = [
    None, True, False, 0, 1, -1, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**30), 0.5, -0.5, 1e300, -1e300, 1e-320, "",
    "a",
    "\0", "\n", "../../x", "<img src=x onerror=alert(1)>", "x" * 20_000, [], {}, [[]], [None], {"a": 1}, [0] * 3000,
    *(f"@{name}@" for name in RAW),
]  # fmt: skip
HUGE = [2**31, 2**40, 2**60, 2**62, 2**63 - 1]


def of_bytes(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """What a disk, a network or an editor does to a file."""
    size = max(1, len(content))
    start = rng.randrange(size)
    end = min(size, start + rng.choice((1, 4, 8, 64, 1000)))
    ways = "flip flips cut zeros doubled removed moved appended empty noise text"
    way = rng.choice(ways.split())
    if way in ("flip", "flips"):
        changed = bytearray(content)
        for _ in range(1 if way == "flip" else rng.randrange(2, 40)):
            if changed:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return way, bytes(changed)
    part = content[start:end]
    return way, {
        "cut": content[:start],
        "zeros": content[:start] + bytes(len(part)) + content[end:],
        "doubled": content[:end] + part + content[end:],
        "removed": content[:start] + content[end:],
        "moved": content[end:] + content[:end],
        "appended": content + rng.randbytes(rng.choice((1, 8, 500))),
        "empty": b"",
        "noise": rng.randbytes(rng.choice((1, 9, 300))),
        "text": b"\xff\xfe" + "nothing of ours \n".encode("utf-16"),
    }[way]


def of_json(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Another value, field or order somewhere in a document; or other bytes."""
    if rng.random() < 0.2 or not content.startswith((b"{", b"[")):
        return of_bytes(content, rng)
    values = json.loads(content)
    how, values = _other(values, rng)
    text = json.dumps(values)
    for name, raw in RAW.items():
        text = text.replace(f'"@{name}@"', raw)
    if how == "a field twice" and text.startswith("{"):
        name = rng.choice(list(values)) if values else "a"
        text = text[:-1] + f", {json.dumps(name)}: {rng.choice(['null', '7', '[]'])}}}"
    return how, text.encode()


def _other(values, rng):
    way = rng.choice(["value"] * 3 + ["number", "missing", "extra", "a field twice", "order", "whole", "wrapped"])
    places = list(_places(values))
    if way == "whole":
        value = rng.choice(WEIRD)
        return f"all is {str(value)[:30]}", value
    if way == "wrapped":
        return way, [values]
    if way == "a field twice" or not places:
        return "a field twice", values
    inner, key = rng.choice(places)
    if way == "number":
        numbers = [(of, at) for of, at in places if type(of[at]) in (int, float)]
        if numbers:
            inner, key = rng.choice(numbers)
            factor = rng.choice((-1, 2, 0, 1.0001, 10, 1e6, 1e20, 1e-9))
            inner[key] = type(inner[key])(inner[key] * factor) + rng.choice((0, 0, 1))
            return f"{key} times {factor}", values
    if way == "missing":
        del inner[key]
        return f"{key} missing", values
    if way == "extra":
        if isinstance(inner, dict):
            inner["another field"] = rng.choice(WEIRD)
        else:
            inner.insert(key, rng.choice(WEIRD))
        return f"more beside {key}", values
    if way == "order" and isinstance(inner, list):
        rng.shuffle(inner)
        return "order", values
    inner[key] = rng.choice(WEIRD)
    return f"{key} is {str(inner[key])[:30]}", values


def _places(values, depth=0):
    """Every value in a document, by what it is in and its key there; of long lists the first few."""
    if isinstance(values, dict | list) and depth < 8:
        for key in list(values) if isinstance(values, dict) else range(min(len(values), 6)):
            yield values, key
            yield from _places(values[key], depth + 1)


def of_lines(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A document a line: one of them changed, gone, doubled or elsewhere."""
    lines = content.splitlines(keepends=True)
    if not lines or rng.random() < 0.2:
        return of_bytes(content, rng)
    at, way = rng.randrange(len(lines)), rng.choice(["line"] * 3 + ["gone", "doubled", "order", "torn", "joined"])
    if way == "line":
        how, line = of_json(lines[at], rng)
        lines[at] = line.replace(b"\n", b" ") + b"\n"
        return f"line {at + 1}: {how}", b"".join(lines)
    if way == "gone":
        del lines[at]
    elif way == "doubled":
        lines.insert(at, lines[at])
    elif way == "order":
        rng.shuffle(lines)
    elif way == "torn":
        lines[at] = lines[at][: len(lines[at]) // 2]
    else:
        lines[at] = lines[at].rstrip(b"\n")
    return f"line {at + 1} {way}", b"".join(lines)


def of_safetensors(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Headers that lie, values that are none, words that are others."""
    way = rng.choice(("bytes", "lie", "lie", "values", "values", "values", "words", "words", "header"))
    if way == "bytes":
        return of_bytes(content, rng)
    header, data = parted(content)
    names = [name for name in header if name != "__metadata__"]
    name = rng.choice(names)
    if way == "words" and header.get("__metadata__"):
        key = rng.choice(list(header["__metadata__"]))
        how, words = of_json(header["__metadata__"][key].encode(), rng)
        header["__metadata__"][key] = words.decode(errors="replace")
        return f"words: {how}", joined(header, data)
    if way == "values":
        how, changed = _values(header[name], data, rng)
        return f"{name}: {how}", joined(header, changed)
    if way == "header":
        how, text = of_json(json.dumps(header).encode(), rng)
        return f"header: {how}", struct.pack("<Q", len(text)) + text + data
    return _lie(header, data, name, rng)


def _lie(header, data, name, rng):
    of = header[name]
    lies = {
        "beyond the end": {"data_offsets": [of["data_offsets"][0], of["data_offsets"][1] + 2**40]},
        "overlapping": {"data_offsets": [0, of["data_offsets"][1] - of["data_offsets"][0]]},
        "backwards": {"data_offsets": of["data_offsets"][::-1]},
        "negative": {"data_offsets": [-8, 8]},
        "a product that overflows": {"shape": [2**32, 2**32, 4]},
        "a huge side": {"shape": [rng.choice(HUGE)]},
        "a huge side of nothing": {"shape": [2**60, 0], "data_offsets": [of["data_offsets"][0]] * 2},
        "another type": {
            "dtype": rng.choice(["I32", "U8", "F64", "BF16", "F8_E4M3", "BOOL", "C64", "F16", "U32", "X"])
        },
        "another shape": {"shape": of["shape"][::-1]} if len(set(of["shape"])) > 1 else {"shape": [1, *of["shape"]]},
    }
    how = rng.choice((*lies, "a long header", "no length", "a huge length", "many arrays", "another name"))
    if how in lies:
        return f"{name} {how}", joined({**header, name: {**of, **lies[how]}}, data)
    if how == "a long header":
        text = json.dumps(header).encode() + b" " * 2_000_000
        return how, struct.pack("<Q", len(text)) + text + data
    if how == "many arrays":
        more = {f"a{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(20_000)}
        return how, joined({**header, **more}, data)
    if how == "another name":
        return how, joined({("x" + key if key == name else key): value for key, value in header.items()}, data)
    return how, (struct.pack("<Q", rng.choice(HUGE)) if how == "a huge length" else bytes(8)) + joined(header, data)[8:]


def _values(of, data, rng):
    """Some values of an array replaced by what cannot be, or by what could."""
    start, end = of["data_offsets"]
    kind = KINDS.get(of["dtype"])
    if kind is None or start == end:
        return "left", data
    array = np.frombuffer(data[start:end], kind).copy()
    at = np.array([rng.randrange(len(array)) for _ in range(rng.choice((1, 1, 5, len(array))))])
    is_float = array.dtype.kind == "f"
    value = rng.choice(
        [np.nan, np.inf, -np.inf, -1.0, 3e38, -3e38, 1e20, 0.0] if is_float else [0, 255, -1, 2**31 - 1, 7]
    )
    with np.errstate(all="ignore"):
        array[at] = np.array(value).astype(array.dtype)
    return f"{value} in {len(at)} places", data[:start] + array.tobytes() + data[end:]


def of_npy(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Headers that claim what is not there, values that are none."""
    way = rng.choice(("bytes", "claim", "claim", "values", "values"))
    if way == "bytes":
        return of_bytes(content, rng)
    length = int.from_bytes(content[8:10], "little")
    words, data = content[10 : 10 + length].decode(), content[10 + length :]
    if way == "values":
        kind = "<f4" if "<f4" in words else "|u1"
        array = np.frombuffer(data, kind).copy()
        value = rng.choice([np.nan, np.inf, -1.0, 3e38, 0.0]) if kind == "<f4" else 255
        array[[rng.randrange(len(array)) for _ in range(rng.choice((1, 7)))]] = value
        return f"{value}", content[: 10 + length] + array.tobytes()
    shape = rng.choice(["(1099511627776,)", "(9223372036854775807, 9223372036854775807)", "(-1,)", "(3,)", "()", "None",
                        "(" * 300, "-" * 5000 + "1", "(4611686018427387904, 0)"])  # fmt: skip
    descr = rng.choice(["'<f4'", "'|O'", "'<f8'", "'<U1000000'", "[('a', '<f4')]", "7", "'|V4'"])
    order = rng.choice(["False", "True", "3"])
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    padded = text + " " * (-(len(text) + 11) % 64) + "\n"
    return f"{descr} {shape[:30]}", content[:8] + struct.pack("<H", len(padded)) + padded.encode() + data


def of_idx(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Other counts, sides, types; labels of classes that there are not."""
    way = rng.choice(("bytes", "count", "type", "labels", "none"))
    if way == "bytes":
        return of_bytes(content, rng)
    changed = bytearray(content)
    if way == "count":
        at = 4 + 4 * rng.randrange(content[3])
        changed[at : at + 4] = struct.pack(">I", rng.choice((0, 1, 27, 2**16, 2**31, 2**32 - 1)))
    elif way == "type":
        changed[rng.randrange(4)] = rng.choice((0, 9, 11, 13, 2, 255))
    elif way == "none":
        changed[4:8] = bytes(4)
        del changed[4 + 4 * content[3] :]
    else:
        changed[-1] = 10
    return way, bytes(changed)


WAYS = {"json": of_json, "lines": of_lines, "safetensors": of_safetensors, "npy": of_npy, "idx": of_idx}


def mutated(kind: str, content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """How it was changed, and what it is then: never what it was."""
    while True:
        if rng.random() < 0.15:
            how, changed = "anything at all", rng.choice((rng.randbytes(800), json.dumps(value(rng)).encode()))
        else:
            how, changed = WAYS[kind](content, rng)
        if changed != content:
            return how, changed


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):  # its name may not be long
        made.bind(path.name)


def huge(path: Path) -> None:
    """A terabyte that takes no room on the disk."""
    with open(path, "wb") as file:
        file.truncate(2**40)


NO_FILES = {
    "pipe": os.mkfifo, "socket": socket_at, "endless": lambda path: path.symlink_to("/dev/zero"), "huge": huge,
    "loop": lambda path: path.symlink_to(path.name), "folder": Path.mkdir,
    "dangling": lambda path: path.symlink_to("not-there"),
}  # fmt: skip


def made_wrong(kind: str, path: Path, rng: random.Random, *, is_file: bool) -> tuple[str, bytes | None]:
    """Puts something wrong, or what is no ordinary file, in the place of a file: how, and its new content."""
    if is_file:
        how, changed = mutated(kind, path.read_bytes(), rng)
        path.write_bytes(changed)
        return how, changed
    path.unlink()
    how = rng.choice(list(NO_FILES))
    NO_FILES[how](path)
    return how, None


KINDS = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "U8": "|u1", "U16": "<u2", "I32": "<i4", "I64": "<i8"}


def parted(content: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: dict, data: bytes) -> bytes:
    text = json.dumps(header)
    for name, raw in RAW.items():
        text = text.replace(f'"@{name}@"', raw)
    return struct.pack("<Q", len(text.encode())) + text.encode() + data


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    header, data = parted(content)
    return {
        name: np.frombuffer(data[slice(*of["data_offsets"])], KINDS[of["dtype"]]).reshape(of["shape"])
        for name, of in header.items()
        if name != "__metadata__"
    }


def words_of(content: bytes, key: str):
    return json.loads(parted(content)[0]["__metadata__"][key])


def gzipped_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(bytes(2**20)) for _ in range(size // 2**20)]
    return b"".join((*parts, packer.flush()))
