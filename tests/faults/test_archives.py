"""Archives made to do harm: refused with the reason, in bounded time and memory, with nothing left behind."""

import io
import json
import os
import random
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from apps import opened
from helpers import TINY, cae, environment
from safetensors.numpy import load, save
from safetensors.torch import save as save_tensors

from cae.config import ModelConfig
from cae.disk.files import data_folder, runs_folder
from cae.errors import CaeError
from cae.exports.zip import pack
from cae.imports import dataset
from cae.imports.run import LARGEST_FILE, import_file
from cae.network.model import ConvAutoencoder

PATIENCE = 15.0  # seconds for one archive, on a machine that has other things to do
NAMES = [
    "../x", "../../x", "run/../../x", "/etc/x", "//server/share/x", "\\x", "..\\x", "run\\..\\..\\x", "C:\\x", "C:x",
    "c:/x",
    "run/epochs/../../../run.json", "./../x", "run/./../../x", "x/../../run.json", "run//../../x", "run/epochs/..",
    "\\\\?\\C:\\x", "\\\\.\\pipe\\x", "file:///x",
]  # fmt: skip
LEFT_OUT = [
    "run/..%2f..%2fx", "run/\u2025/x", "run/\uff0e\uff0e/x", "run/\u2024\u2024/x", "run/%2e%2e/x", "~/x", "$HOME/x",
    "run/...",
    "run/epochs/0001.safetensors/x", "run/RUN.JSON", "run/Model.safetensors", "run/model.safetensors ",
    "run/model.safetensors.",
    "run/e\u0301pochs/0001.safetensors", "run/\xe9pochs/0001.safetensors", "run/" + "a" * 300,
    "run/" + "a/" * 500 + "x", "run/con",
    "run/run.json:stream", "run/resume.safetensors\u202etxt", "run/epochs/\u0661\u0661\u0661\u0661.safetensors",
    "run/train.lock",
    "run/stop", "run/starting", "run/.run.json.1.part",
]  # fmt: skip


def tree(*folders) -> dict:
    """Everything in the folders, with what it holds."""
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.name not in (".names.lock", ".lock")
    }


class Watch:
    """Which files are opened for writing, made or renamed in this process, as the interpreter itself reports it."""

    def __init__(self):
        self.on, self.seen = False, set()
        sys.addaudithook(self._heard)

    def _heard(self, event, arguments):
        if not self.on:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+") or (flags or 0) & (
                os.O_WRONLY | os.O_RDWR | os.O_CREAT
            )
            if writes and isinstance(path, str | bytes):
                self.seen.add(os.fsdecode(path))
        elif event in ("os.mkdir", "os.symlink", "os.link", "os.rename"):
            self.seen.update(os.fsdecode(each) for each in arguments[:2] if isinstance(each, str | bytes))

    def outside(self, *folders) -> list[str]:
        allowed = [str(folder.resolve()) for folder in folders]
        return [path for path in self.seen if not path.startswith((*allowed, "/dev/", "/proc/"))]


WATCH = Watch()


def refused(content: bytes, *words: str, name: str = "new") -> str:
    """The sentence with which an import is refused; nothing is left, nothing was written elsewhere, and soon."""
    before, began = tree(runs_folder()), time.monotonic()
    WATCH.seen.clear()
    WATCH.on = True
    try:
        with pytest.raises(CaeError) as caught:
            import_file(content, name)
    finally:
        WATCH.on = False
    text = str(caught.value)
    assert time.monotonic() - began < PATIENCE, text
    assert "\n" not in text and len(text) < 400, text
    assert all(word in text for word in words), text
    assert tree(runs_folder()) == before, text
    assert not WATCH.outside(runs_folder()), WATCH.outside(runs_folder())
    return text


@pytest.fixture
def files(tiny) -> dict[str, bytes]:
    """The files of a run's zip, in the folder "run"."""
    with zipfile.ZipFile(io.BytesIO(pack(tiny))) as archive:
        return {f"run/{name.split('/', 1)[1]}": archive.read(name) for name in archive.namelist()}


def zipped(files, method=zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method, compresslevel=1) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(zipfile.ZipInfo(name) if isinstance(name, str) else name, content, method)
    return packed.getvalue()


# -- paths and links


@pytest.mark.parametrize("name", NAMES)
def test_a_path_that_climbs_is_refused(files, name, own_folders):
    refused(zipped({**files, name: b"climbed"}), "outside the run's folder")
    assert b"climbed" not in tree(own_folders).values()


def test_names_that_only_look_like_a_way_out_or_like_a_file_of_a_run_are_left_out(files, own_folders):
    run = import_file(zipped({**files, **dict.fromkeys(LEFT_OUT, b"strange")}), "new")
    assert b"strange" not in tree(own_folders).values()
    assert {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()} - {"run.lock"} == {
        name.removeprefix("run/") for name in files
    }


def test_a_name_that_ends_at_a_zero_is_the_name_before_it(files):
    spoiled = zipped({**files, "run/log.txt?.exe": b"strange"}).replace(b"run/log.txt?", b"run/log.txt\0")
    assert_taken_or_refused(spoiled)


def assert_taken_or_refused(content):
    before = tree(runs_folder())
    try:
        import_file(content, "new").delete()
    except CaeError as error:
        assert "\n" not in str(error)
    assert tree(runs_folder()) == before


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
@pytest.mark.parametrize("name", ["run/log.txt", "run/epochs", "run/epochs/0003.safetensors", "run"])
def test_links_are_refused_and_pipes_and_devices_become_files_at_most(files, kind, name):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    content = zipped([*((key, value) for key, value in files.items() if key != name), (entry, b"/etc/passwd")])
    if kind == stat.S_IFLNK:
        refused(content, name)
    else:
        assert_taken_or_refused(content)


def test_the_same_file_twice_is_refused(files, recwarn):
    for name in ("run/run.json", "run/model.safetensors", "run/epochs/0001.safetensors"):
        refused(zipped([*files.items(), (name, files[name])]), "twice", name.removeprefix("run/"))


# -- too much


def with_zeros(files, name, size):
    """A zip in which one file is so many zeros, packed a part at a time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key, value in files.items():
            if key != name:
                archive.writestr(key, value)
        with archive.open(name, "w", force_zip64=size > 2**31) as file:
            for _ in range(size // 2**20):
                file.write(bytes(2**20))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [("run.json", 2), ("history.jsonl", 17), ("progress.jsonl", 17), ("model.safetensors", 65), ("log.txt", 17),
     ("evaluation.json", 2), ("epochs/0001.safetensors", 65), ("resume.safetensors", 257)],
)  # fmt: skip
def test_a_thousand_times_as_much_as_there_seems_is_refused_before_it_is_unpacked(files, name, megabytes):
    refused(with_zeros(files, f"run/{name}", megabytes * 2**20), "MB")


def test_a_history_of_a_million_lines_is_refused(files):
    content = zipped({**files, "run/history.jsonl": b'{"epoch":1,"step":3}\n' * 1_000_000})
    assert len(content) < LARGEST_FILE
    refused(content, "history.jsonl", "MB")


def test_a_hundred_thousand_entries_are_refused_at_once(files):
    refused(of_empty_files(100_000), "files")
    refused(of_empty_files(12_001), "files")
    refused(of_empty_files(10_000), "run.json")


def of_empty_files(count: int) -> bytes:
    """A zip of so many empty files, written by hand."""
    names = [f"run/{number:06d}".encode() for number in range(count)]
    local = b"".join(struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 10, 0) + name for name in names)
    listed = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 40 * number) + name
        for number, name in enumerate(names)
    )
    size = min(count, 2**16 - 1)
    return local + listed + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, size, size, len(listed), len(local), 0)


def test_zips_in_zips_are_not_opened(files):
    inner = zipped(files)
    for _ in range(6):
        inner = zipped({f"run/{number}.zip": inner for number in range(3)}, zipfile.ZIP_STORED)
    refused(inner[: LARGEST_FILE - 1] if len(inner) > LARGEST_FILE else inner, "run.json")


def entries(content) -> list[int]:
    """Where the entries of the list of a zip begin."""
    found, at = [], content.find(b"PK\1\2")
    while at >= 0:
        found.append(at)
        at = content.find(b"PK\1\2", at + 4)
    return found


@pytest.mark.parametrize(
    ("field", "size"), [(16, 4), (20, 4), (24, 4), (42, 4), (8, 2), (10, 2), (28, 2), (30, 2), (34, 2)]
)
def test_a_list_that_lies_about_an_entry_is_refused_or_has_not_mattered(files, field, size, rounds):
    """The checksum, both lengths, the place, the flags, the method, the lengths of name and extras, the disk."""
    content = zipped(files)
    lies = [(at, value) for at in entries(content) for value in (0, 1, 9, 99, 2**15, 2 ** (8 * size) - 2)]
    for at, value in random.Random(field).sample(lies, rounds(6, len(lies))):
        lying = bytearray(content)
        lying[at + field : at + field + size] = value.to_bytes(size, "little")
        assert_taken_or_refused(bytes(lying))


def test_entries_that_share_their_data_are_unpacked_once_each_or_refused(files):
    content = bytearray(zipped(files))
    first, *others = entries(content)
    for at in others:
        content[at + 42 : at + 46] = content[first + 42 : first + 46]
    assert_taken_or_refused(bytes(content))


def test_four_gigabytes_that_are_claimed_are_refused(files):
    for name in ("run/history.jsonl", "run/model.safetensors"):
        content = bytearray(zipped(files))
        for at in entries(content):
            if content[at + 46 :].startswith(name.encode()):
                content[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
        refused(bytes(content), "MB")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    large = bytearray(packed.getvalue())
    for at in entries(large):
        extra = large.find(b"\1\0", at + 46)
        large[extra + 4 : extra + 12] = struct.pack("<Q", 2**40)
    assert_taken_or_refused(bytes(large))


def test_a_locked_zip_and_an_unknown_method_are_refused(files):
    locked, other = bytearray(zipped(files)), bytearray(zipped(files))
    for at in entries(locked):
        locked[at + 8] |= 1
        other[at + 10 : at + 12] = struct.pack("<H", 97)
    refused(bytes(locked), "password")
    refused(bytes(other), "damaged")


def test_a_zip_at_random_is_refused_or_taken_and_nothing_is_left(files, rounds, survived):
    content, count, ends = zipped(files), rounds(60, 600), []
    for seed in range(count):
        rng, spoiled = random.Random(seed), bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 20))):
            at = rng.choice(
                (rng.randrange(len(content)), rng.choice(entries(content)) + rng.randrange(46), -rng.randrange(1, 23))
            )
            spoiled[at] = rng.randrange(256)
        before = tree(runs_folder())
        try:
            import_file(bytes(spoiled), "new").delete()
            ends.append("taken")
        except CaeError as error:
            assert "\n" not in str(error), (seed, error)
            ends.append("refused")
        assert tree(runs_folder()) == before, seed
    survived(
        f"{count} zips of a run with bytes changed: {ends.count('refused')} refused with a sentence, "
        f"{ends.count('taken')} taken, nothing left behind"
    )


# -- what is in it


def other_config(files, **changes):
    values = json.loads(files["run/run.json"])
    return json.dumps({**values, **changes}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2}, {"format": 0}, {"format": True}, {"model": {"latent_dim": 10**9, "width": 4}},
        {"threads": 10**6},
        {"model": {"latent_dim": 256, "width": 10**6}}, {"model": {"latent_dim": 256, "width": 256}},
        {"train": {"epochs": 10**12}},
        {"state": "damaged"}, {"created": "0001-01-01T00:00:00"}, {"note": "x" * 10**5}, {"model": []}, {"threads": -1},
        {"versions": {"torch": {"a": "b"}}}, {"device": ["cuda"]}, {"started": 5}, {"more": 1}, {"recipe": "\ud800"},
    ],
)  # fmt: skip
def test_a_run_json_that_claims_what_cannot_be_is_refused(files, changes):
    refused(zipped({**files, "run/run.json": other_config(files, **changes)}))


def weights_with(files, change, name="run/model.safetensors"):
    arrays = {key: value.copy() for key, value in load(files[name]).items()}
    change(arrays)
    return zipped({**files, name: save(arrays)})


@pytest.mark.parametrize("name", ["run/model.safetensors", "run/epochs/0001.safetensors"])
@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays["encoder.0.bias"].fill(np.nan), lambda arrays: arrays["decoder.5.bias"].fill(-np.inf),
        lambda arrays: [value.fill(6e4) for value in arrays.values()], lambda arrays: arrays.pop("encoder.0.bias"),
        lambda arrays: arrays.update(more=np.zeros(3, np.float32)),
        lambda arrays: arrays.update({"encoder.0.bias": np.zeros(4, np.int32)}),
        lambda arrays: arrays.update({"encoder.0.bias": np.zeros((4, 1), np.float32)}),
        lambda arrays: arrays.update({"encoder.0.bias": np.full(4, 1e300)}),
    ],
    ids=["NaN", "infinite", "too large together", "one less", "one more", "whole numbers", "another shape",
    "too large for a single"],
)  # fmt: skip
def test_weights_that_are_none_are_refused(files, change, name):
    refused(weights_with(files, change, name), "safetensors")


def state(**changes):
    return {**ConvAutoencoder(TINY, torch.Generator().manual_seed(5)).state_dict(), **changes}


def saved(value, *, is_zip=True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=is_zip)
    return file.getvalue()


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(1).expand(2**40), torch.zeros(1, dtype=torch.float16).expand(2**20, 2**20),
        torch.zeros(3).to_sparse(),
        torch.empty(2**50, device="meta"), torch.zeros(4, dtype=torch.complex64), torch.zeros(4, dtype=torch.int64),
        torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8),
    ],
    ids=["without end", "halves without end", "sparse", "of nothing", "complex", "whole", "quantised"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_arrays_in_a_state_dict_that_are_none_are_refused(value, is_zip):
    refused(saved(state(**{"encoder.0.bias": value}), is_zip=is_zip))


def test_a_state_dict_at_random_is_refused_or_taken_and_nothing_is_left(own_folders, rounds, survived):
    contents, count, ends = [saved(state()), saved(state(), is_zip=False), save_tensors(state())], rounds(90, 900), []
    runs_folder().mkdir(parents=True)
    for seed in range(count):
        rng, spoiled = random.Random(seed), bytearray(contents[seed % 3])
        reach = rng.choice((600, len(spoiled)))
        for _ in range(rng.choice((1, 1, 2, 20))):
            spoiled[rng.randrange(reach)] = rng.randrange(256)
        try:
            run = import_file(bytes(spoiled), "new")
            assert all(np.isfinite(value).all() for value in run.weights().values())
            run.delete()
            ends.append("taken")
        except CaeError as error:
            assert "\n" not in str(error) and len(str(error)) < 600, (seed, error)
            ends.append("refused")
        assert not tree(runs_folder()), seed
    survived(
        f"{count} files of weights with bytes changed, of safetensors and of both formats of torch.save: "
        f"{ends.count('refused')} refused with a sentence, {ends.count('taken')} taken with finite weights"
    )


# -- memory, in a process that has little


_HUNGRY = """
import sys, time
from pathlib import Path
import numpy, safetensors.numpy
from cae.imports.run import import_file
from cae.errors import CaeError

def most():  # kB that this process has had at once
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

before = most()
for path in sys.argv[1:]:
    began = time.monotonic()
    try:
        import_file(Path(path).read_bytes(), "new")
        said = "taken"
    except CaeError as error:
        said = f"refused: {error}"
    grown = (most() - before) / 1024
    print(f"{grown:.0f} {time.monotonic() - began:.1f} {said}")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no system that says how much memory was taken")
def test_bombs_cost_little_memory_and_time(files, own_folders, survived):
    runs_folder().mkdir(parents=True, exist_ok=True)
    before = tree(runs_folder())
    deep = b'{"a":' * 10**6
    bombs = {
        "history": with_zeros(files, "run/history.jsonl", 500 * 2**20),
        "run.json": zipped({**files, "run/run.json": b"[" * 10**7}),
        "header": struct.pack("<Q", 60 * 2**20) + b'{"a":' + b" " * (60 * 2**20),
        "tensors": safetensors_of_many(400_000),
        "pickle": pickled(b"(" * 10**7),
        "lists": pickled(b"(" + b"]" * 400_000 + b"l."),
        "tuples": pickled(b"\x80\x02}K\x01" + b"\x85q\x00h\x00h\x00\x86q\x00" * 60 + b"K\x01s."),
        "numbers": pickled(b"\x8b" + struct.pack("<i", 2**31 - 1)),
        "bytes": pickled(b"\x80\x02c__builtin__\nbytearray\n\x8a\x06\0\0\0\0\0\x10\x85R."),
        "deep": struct.pack("<Q", len(deep)) + deep,
        "file": with_zeros({}, "archive/data.pkl", 64 * 2**20),
    }
    paths = []
    for name, content in bombs.items():
        assert len(content) <= LARGEST_FILE, name
        paths.append(own_folders / name)
        paths[-1].write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-c", _HUNGRY, *map(str, paths)], capture_output=True, text=True, timeout=300,
        env=environment(), cwd=own_folders, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    for name, line in zip(bombs, lines, strict=True):
        grown, seconds, said = line.split(" ", 2)
        assert said.startswith("refused"), (name, line)
        assert float(seconds) < PATIENCE, (name, line)
        assert int(grown) < 400, (name, line)
    assert tree(runs_folder()) == before
    survived(
        f"{len(bombs)} archives and files made to fill the memory, of up to {max(map(len, bombs.values())) / 1e6:.0f} "
        f"MB and up to 500 MB unpacked: refused, with at most {max(int(line.split()[0]) for line in lines)} MB taken "
        f"and {max(float(line.split()[1]) for line in lines):.1f} s"
    )


def safetensors_of_many(count):
    header = json.dumps(
        {f"{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(count)}
    ).encode()
    return struct.pack("<Q", len(header)) + header


def pickled(words: bytes) -> bytes:
    """A file of torch.save with this pickle in it."""
    return zipped({"archive/data.pkl": words, "archive/version": b"3\n"}, zipfile.ZIP_STORED)


# -- the other ways in


def test_the_command_line_refuses_and_leaves_nothing(files, own_folders):
    (own_folders / "bad.zip").write_bytes(zipped({**files, "../x": b"climbed"}))
    before = tree(own_folders)
    ended = cae("import", str(own_folders / "bad.zip"), "--name", "new")
    assert ended.returncode == 2 and "outside the run's folder" in ended.stderr and "Traceback" not in ended.stderr
    assert tree(own_folders) == before


@pytest.mark.filterwarnings("ignore")
def test_the_page_refuses_and_leaves_nothing(small, files, own_static_folder):
    app = opened("train")
    uploader = next(each for each in app.get("file_uploader") if "zip" in str(each.proto.type))
    before = tree(runs_folder())
    uploader.set_value(("bad.zip", zipped({**files, "../x": b"climbed"}), "application/zip"))
    app.run()
    assert not app.exception and tree(runs_folder()) == before


def npz(member: bytes, **others) -> bytes:
    return zipped({"images.npy": member, **others})


def npy(descr, shape, data=b"", version=b"\1\0"):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


@pytest.mark.parametrize(
    "content",
    [
        npz(npy("'|u1'", "(1000000, 28, 28)")), npz(npy("'|u1'", "(1099511627776, 28, 28)")), npz(npy("'|u1'",
        "(-5, 28, 28)")),
        npz(npy("'|u1'", "(9223372036854775807, 9223372036854775807, 2)")), npz(npy("'|O'", "(60, 28, 28)", bytes(99))),
        npz(npy("'<U2000000000'", "(60, 28, 28)")), npz(npy("[('a', '<f4')]", "(60, 28, 28)")), npz(npy("'|u1'",
        "-" * 9000 + "1")),
        npz(npy("'|u1'", "(" * 3000)), npz(npy("{1: 2}", "(60, 28, 28)")), npz(npy("'|u1'",
        "(60, 28, 28), 7: 3, 'a': (")),
        npz(npy("'|u1'", "(60.0, 28, 28)")), npz(npy("'|u1'", "(60, 28, 28), 7: 3")), npz(npy("'\\x00u1'",
        "(60, 28, 28)")),
        npz(npy("'|u1'", "(True, 28, 28)", bytes(784))), npz(b"\x93NUMPY\2\0\xff\xff\xff\xff"), npz(b""),
        npz(b"\x80\x04."),
        npz(npy("'|u1'", "(60, 28, 28)", bytes(47040)), **{"labels.npy": npy("'<U500000000'", "(60,)")}),
        npz(npy("'<f8'", "(60, 28, 28)", b"\xff" * 376320)), npz(npy("'|u1'", "(0, 28, 28)")), npz(npy("'|u1'",
        "(60, 0, 0)")),
        npz(npy("'|u1'", "(60, 28, 28)", bytes(47040)), **{"../labels.npy": b"x", "labels.npy": b""}),
        b"PK\5\6" + bytes(18),
        b"PK\3\4" * 100, zlib.compress(bytes(10**6)),
    ],
)  # fmt: skip
def test_arrays_for_a_data_set_that_are_none_are_refused_and_nothing_is_left(tmp_path, monkeypatch, content):
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    (tmp_path / "a.npz").write_bytes(content)
    began = time.monotonic()
    with pytest.raises(CaeError) as caught:
        dataset.import_data(tmp_path / "a.npz", "new")
    assert "\n" not in str(caught.value) and "a.npz" in str(caught.value) and time.monotonic() - began < PATIENCE
    assert {path.name for path in (data_folder() / "own").iterdir()} <= {".lock"}
    assert not list(Path(tmp_path).rglob("*.npy"))


def test_a_large_model_is_taken_from_a_zip_and_from_torch(rounds):
    """What is refused as too large is larger than what there can be."""
    config = rounds(ModelConfig(latent_dim=64, width=64), ModelConfig(latent_dim=256, width=240))
    weights = ConvAutoencoder(config).state_dict()
    assert import_file(saved(weights), "large").info.model == config
    assert import_file(pack(import_file(save_tensors(weights), "other")), "again").info.model == config
