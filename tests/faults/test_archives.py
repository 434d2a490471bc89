"""Archives made to do harm: refused with the reason, in bounded time and memory, with nothing left behind."""

import io
import json
import random
import stat
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from apps import opened
from helpers import TINY, cae
from hostile_pictures import read_within
from mutations import joined
from safetensors.numpy import load, save
from safetensors.torch import save as save_tensors
from watching import files_touched, outside

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
    "c:/x", "run/epochs/../../../run.json", "./../x", "run/./../../x", "x/../../run.json", "run//../../x",
    "run/epochs/..", "\\\\?\\C:\\x", "\\\\.\\pipe\\x", "file:///x",
]  # fmt: skip
LEFT_OUT = [
    "run/..%2f..%2fx", "run/\u2025/x", "run/\uff0e\uff0e/x", "run/\u2024\u2024/x", "run/%2e%2e/x", "~/x", "$HOME/x",
    "run/...", "run/epochs/0001.safetensors/x", "run/RUN.JSON", "run/Model.safetensors", "run/model.safetensors ",
    "run/model.safetensors.", "run/e\u0301pochs/0001.safetensors", "run/\xe9pochs/0001.safetensors", "run/" + "a" * 300,
    "run/" + "a/" * 500 + "x", "run/con", "run/run.json:stream", "run/resume.safetensors\u202etxt", "run/train.lock",
    "run/epochs/\u0661\u0661\u0661\u0661.safetensors", "run/stop", "run/starting", "run/.run.json.1.part",
]  # fmt: skip


def tree(*folders) -> dict:
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.name not in (".names.lock", ".lock")
    }


def taken(content: bytes) -> bool:
    """Whether an import takes it; either way nothing is left, and what is said is a sentence."""
    before = tree(runs_folder())
    try:
        run = import_file(content, "new")
        assert all(np.isfinite(value).all() for value in run.weights().values())
        run.delete()
        is_taken = True
    except CaeError as error:
        assert "\n" not in str(error) and len(str(error)) < 600, error
        is_taken = False
    assert tree(runs_folder()) == before
    return is_taken


def refused(content: bytes, *words: str) -> None:
    """An import is refused with these words; nothing is left, nothing was written elsewhere, and soon."""
    before, began = tree(runs_folder()), time.monotonic()
    with files_touched(only_made=True) as made, pytest.raises(CaeError) as caught:
        import_file(content, "new")
    text = str(caught.value)
    assert time.monotonic() - began < PATIENCE, text
    assert "\n" not in text and len(text) < 400, text
    assert all(word in text for word in words), text
    assert tree(runs_folder()) == before, text
    assert not outside(made, runs_folder(), Path("/dev"), Path("/proc")), text


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


@pytest.mark.quick
def test_a_path_that_climbs_is_refused(files, own_folders):
    for name in NAMES:
        refused(zipped({**files, name: b"climbed"}), "outside the run's folder")
    assert b"climbed" not in tree(own_folders).values()


def test_names_that_only_look_like_a_way_out_or_like_a_file_of_a_run_are_left_out(files, own_folders):
    run = import_file(zipped({**files, **dict.fromkeys(LEFT_OUT, b"strange")}), "new")
    assert b"strange" not in tree(own_folders).values()
    assert {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()} - {"run.lock"} == {
        name.removeprefix("run/") for name in files
    }


def test_a_name_that_ends_at_a_zero_is_the_name_before_it(files):
    taken(zipped({**files, "run/log.txt?.exe": b"strange"}).replace(b"run/log.txt?", b"run/log.txt\0"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_are_refused_and_pipes_and_devices_become_files_at_most(files, kind):
    for name in ("run/log.txt", "run/epochs", "run/epochs/0003.safetensors", "run"):
        entry = zipfile.ZipInfo(name)
        entry.create_system = 3
        entry.external_attr = (kind | 0o777) << 16
        content = zipped([*((key, value) for key, value in files.items() if key != name), (entry, b"/etc/passwd")])
        refused(content, name) if kind == stat.S_IFLNK else taken(content)


def test_the_same_file_twice_is_refused(files, recwarn):
    for name in ("run/run.json", "run/model.safetensors", "run/epochs/0001.safetensors"):
        refused(zipped([*files.items(), (name, files[name])]), "twice", name.removeprefix("run/"))


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


def test_a_thousand_times_as_much_as_there_seems_is_refused_before_it_is_unpacked(files):
    sizes = {"run.json": 2, "history.jsonl": 17, "progress.jsonl": 17, "model.safetensors": 65, "log.txt": 17,
             "evaluation.json": 2, "epochs/0001.safetensors": 65, "resume.safetensors": 257}  # fmt: skip
    for name, megabytes in sizes.items():
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
        taken(bytes(lying))


def test_entries_that_share_their_data_are_unpacked_once_each_or_refused(files):
    content = bytearray(zipped(files))
    first, *others = entries(content)
    for at in others:
        content[at + 42 : at + 46] = content[first + 42 : first + 46]
    taken(bytes(content))


def test_four_gigabytes_that_are_claimed_are_refused(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    large = bytearray(packed.getvalue())
    for at in entries(large):
        extra = large.find(b"\1\0", at + 46)
        large[extra + 4 : extra + 12] = struct.pack("<Q", 2**40)
    taken(bytes(large))


def test_a_locked_zip_and_an_unknown_method_are_refused(files):
    locked, other = bytearray(zipped(files)), bytearray(zipped(files))
    for at in entries(locked):
        locked[at + 8] |= 1
        other[at + 10 : at + 12] = struct.pack("<H", 97)
    refused(bytes(locked), "password")
    refused(bytes(other), "damaged")


def changed_at_random(content: bytes, rng: random.Random, place) -> bytes:
    """Some bytes of it are others; `place` says at which of them."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 20))):
        changed[place()] = rng.randrange(256)
    return bytes(changed)


def test_a_zip_at_random_is_refused_or_taken_and_nothing_is_left(files, rounds, survived):
    content, count, ends = zipped(files), rounds(60, 600), 0
    for seed in range(count):
        rng = random.Random(seed)
        ends += taken(changed_at_random(content, rng, lambda rng=rng: rng.choice(
            (rng.randrange(len(content)), rng.choice(entries(content)) + rng.randrange(46), -rng.randrange(1, 23))
        )))  # fmt: skip
    survived(f"{count} zips of a run with bytes changed: {count - ends} refused, {ends} taken")


def test_a_run_json_that_claims_what_cannot_be_is_refused(files):
    for changes in (
        {"format": 2}, {"format": 0}, {"format": True}, {"model": {"latent_dim": 10**9, "width": 4}},
        {"threads": 10**6}, {"model": {"latent_dim": 256, "width": 10**6}}, {"train": {"epochs": 10**12}},
        {"model": {"latent_dim": 256, "width": 256}}, {"state": "damaged"}, {"created": "0001-01-01T00:00:00"},
        {"note": "x" * 10**5}, {"model": []}, {"threads": -1}, {"versions": {"torch": {"a": "b"}}},
        {"device": ["cuda"]}, {"started": 5}, {"more": 1}, {"recipe": "\ud800"},
    ):  # fmt: skip
        values = json.loads(files["run/run.json"]) | changes
        refused(zipped({**files, "run/run.json": json.dumps(values).encode()}))


WRONG_WEIGHTS = {
    "NaN": lambda arrays: arrays["encoder.0.bias"].fill(np.nan),
    "infinite": lambda arrays: arrays["decoder.5.bias"].fill(-np.inf),
    "too large together": lambda arrays: [value.fill(6e4) for value in arrays.values()],
    "one less": lambda arrays: arrays.pop("encoder.0.bias"),
    "one more": lambda arrays: arrays.update(more=np.zeros(3, np.float32)),
    "whole numbers": lambda arrays: arrays.update({"encoder.0.bias": np.zeros(4, np.int32)}),
    "another shape": lambda arrays: arrays.update({"encoder.0.bias": np.zeros((4, 1), np.float32)}),
    "too large for a single": lambda arrays: arrays.update({"encoder.0.bias": np.full(4, 1e300)}),
}


@pytest.mark.parametrize("name", ["run/model.safetensors", "run/epochs/0001.safetensors"])
def test_weights_that_are_none_are_refused(files, name):
    for change in WRONG_WEIGHTS.values():
        arrays = {key: value.copy() for key, value in load(files[name]).items()}
        change(arrays)
        refused(zipped({**files, name: save(arrays)}), "safetensors")


def state(**changes):
    return {**ConvAutoencoder(TINY, torch.Generator().manual_seed(5)).state_dict(), **changes}


def saved(value, *, is_zip=True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=is_zip)
    return file.getvalue()


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_arrays_in_a_state_dict_that_are_none_are_refused(is_zip):
    for value in (
        torch.zeros(1).expand(2**40), torch.zeros(1, dtype=torch.float16).expand(2**20, 2**20),
        torch.zeros(3).to_sparse(), torch.empty(2**50, device="meta"), torch.zeros(4, dtype=torch.complex64),
        torch.zeros(4, dtype=torch.int64), torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8),
    ):  # fmt: skip
        refused(saved(state(**{"encoder.0.bias": value}), is_zip=is_zip))


def test_a_state_dict_at_random_is_refused_or_taken_and_nothing_is_left(own_folders, rounds, survived):
    contents, count, ends = [saved(state()), saved(state(), is_zip=False), save_tensors(state())], rounds(90, 900), 0
    for seed in range(count):
        rng, content = random.Random(seed), contents[seed % 3]
        reach = rng.choice((600, len(content)))
        ends += taken(changed_at_random(content, rng, lambda rng=rng, reach=reach: rng.randrange(reach)))
    survived(f"{count} files of weights with bytes changed: {count - ends} refused, {ends} taken")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no system that says how much memory was taken")
def test_bombs_cost_little_memory_and_time(files, own_folders, survived):
    runs_folder().mkdir(parents=True, exist_ok=True)
    before = tree(runs_folder())
    deep = b'{"a":' * 10**6
    many = {f"{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(400_000)}
    bombs = {
        "history": with_zeros(files, "run/history.jsonl", 500 * 2**20),
        "run.json": zipped({**files, "run/run.json": b"[" * 10**7}),
        "header": struct.pack("<Q", 60 * 2**20) + b'{"a":' + b" " * (60 * 2**20),
        "tensors": joined(many, b""),
        "pickle": pickled(b"(" * 10**7),
        "lists": pickled(b"(" + b"]" * 400_000 + b"l."),
        "tuples": pickled(b"\x80\x02}K\x01" + b"\x85q\x00h\x00h\x00\x86q\x00" * 60 + b"K\x01s."),
        "numbers": pickled(b"\x8b" + struct.pack("<i", 2**31 - 1)),
        "bytes": pickled(b"\x80\x02c__builtin__\nbytearray\n\x8a\x06\0\0\0\0\0\x10\x85R."),
        "deep": struct.pack("<Q", len(deep)) + deep,
        "file": with_zeros({}, "archive/data.pkl", 64 * 2**20),
    }
    assert max(map(len, bombs.values())) <= LARGEST_FILE
    costs = read_within(2000, "run", bombs, own_folders / "bombs")
    for each in costs:
        assert not each["outcome"].startswith(("!", "read")), each
        assert each["seconds"] < PATIENCE and each["grown"] < 400, each
    assert tree(runs_folder()) == before
    most = max(each["grown"] for each in costs)
    survived(f"{len(bombs)} archives and files made to fill the memory: refused, {most:.0f} MB taken at most")


def pickled(words: bytes) -> bytes:
    return zipped({"archive/data.pkl": words, "archive/version": b"3\n"}, zipfile.ZIP_STORED)


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


def npy(descr="'|u1'", shape="(60, 28, 28)", data=b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


def npz(*array, **others) -> bytes:
    return zipped({"images.npy": npy(*array), **others})


def test_arrays_for_a_data_set_that_are_none_are_refused_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    shapes = (
        "(1000000, 28, 28)", "(1099511627776, 28, 28)", "(-5, 28, 28)", "-" * 9000 + "1", "(" * 3000,
        "(9223372036854775807, 9223372036854775807, 2)", "(60, 28, 28), 7: 3, 'a': (", "(60.0, 28, 28)",
        "(60, 28, 28), 7: 3", "(0, 28, 28)", "(60, 0, 0)",
    )  # fmt: skip
    right = ("'|u1'", "(60, 28, 28)", bytes(47040))
    contents = [
        *(npz("'|u1'", shape) for shape in shapes),
        *(npz(descr) for descr in ("'<U2000000000'", "[('a', '<f4')]", "{1: 2}", "'\\x00u1'")),
        npz("'|O'", "(60, 28, 28)", bytes(99)), npz("'|u1'", "(True, 28, 28)", bytes(784)),
        npz("'<f8'", "(60, 28, 28)", b"\xff" * 376320), npz(*right, **{"../labels.npy": b"x", "labels.npy": b""}),
        npz(*right, **{"labels.npy": npy("'<U500000000'", "(60,)")}),
        *(zipped({"images.npy": member}) for member in (b"\x93NUMPY\2\0\xff\xff\xff\xff", b"", b"\x80\x04.")),
        b"PK\5\6" + bytes(18), b"PK\3\4" * 100, zlib.compress(bytes(10**6)),
    ]  # fmt: skip
    for content in contents:
        (tmp_path / "a.npz").write_bytes(content)
        began = time.monotonic()
        with pytest.raises(CaeError) as caught:
            dataset.import_data(tmp_path / "a.npz", "new")
        assert "\n" not in str(caught.value) and "a.npz" in str(caught.value) and time.monotonic() - began < PATIENCE
        assert {path.name for path in (data_folder() / "own").iterdir()} <= {".lock"}
        assert not list(tmp_path.rglob("*.npy"))


def test_a_large_model_is_taken_from_a_zip_and_from_torch(rounds):
    """What is refused as too large is larger than what there can be."""
    config = rounds(ModelConfig(latent_dim=64, width=64), ModelConfig(latent_dim=256, width=240))
    weights = ConvAutoencoder(config).state_dict()
    assert import_file(saved(weights), "large").info.model == config
    assert import_file(pack(import_file(save_tensors(weights), "other")), "again").info.model == config
