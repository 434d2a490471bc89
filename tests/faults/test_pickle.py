"""Nothing that anybody can put before us is unpickled or run as a program."""

import ast
import io
import pickle
import random
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import torch
from helpers import PROJECT, TINY
from world import FORMATS, spoiled

from cae.disk.files import data_folder, runs_folder
from cae.errors import CaeError
from cae.imports import dataset
from cae.imports.run import import_file
from cae.network.model import ConvAutoencoder

SOURCES = [path for folder in ("cae", "dashboard") for path in sorted((PROJECT / folder).rglob("*.py"))]
MODULES = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "tarfile", "yaml",
    "jsonpickle",
}  # fmt: skip
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "torch.jit.load", "yaml.load",
    "torch.hub.load", "pd.read_pickle", "np.lib.format.read_array", "torch.package.PackageImporter",
    "torch.compiler.load",
}  # fmt: skip
METHODS = {"extractall", "extract", "unpack_archive", "tofile_pickle"}


def told(call: ast.Call, name: str):
    """The value of a keyword of a call; None where it is not said."""
    return next(
        (word.value.value for word in call.keywords if word.arg == name and isinstance(word.value, ast.Constant)), None
    )


def dangers(tree: ast.AST) -> list[str]:
    """What in a program could run what somebody else has written, or open more than it says."""
    found = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"{node.lineno}: {name}" for name in names if name.split(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = name.rsplit(".", 1)[-1]
        is_wrong = (
            name in CALLS
            or (isinstance(node.func, ast.Attribute) and last in METHODS)
            or (name in ("np.load", "numpy.load") and told(node, "allow_pickle") is not False)
            or (name == "torch.load" and told(node, "weights_only") is not True)
            or told(node, "shell") is True
            or (last in ("cache_data", "cache_resource") and any(word.arg == "persist" for word in node.keywords))
        )
        found += [f"{node.lineno}: {name}"] * is_wrong
    return found


def test_no_program_of_ours_can_be_made_to_run_what_is_in_a_file():
    for path in (*SOURCES, PROJECT / "start.py"):
        assert not dangers(ast.parse(path.read_text(encoding="utf-8"))), path


def test_this_search_finds_what_it_looks_for():
    for line in (
        "import pickle", "from pickle import loads", "import joblib as j", "np.load(path)", "os.system(x)",
        "np.load(path, allow_pickle=True)", "torch.load(f)", "torch.load(f, weights_only=False)", "eval(text)",
        "subprocess.run(line, shell=True)", "archive.extractall()", "tempfile.mktemp()", "import tarfile",
        "st.cache_data(persist='disk')", "def f():\n    import shelve",
    ):  # fmt: skip
        assert dangers(ast.parse(line)), line


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def saved(value, save=torch.save, **how) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(value, file, **how)
    return file.getvalue()


def zipped(**files) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_pkl", ".pkl"), content)
    return packed.getvalue()


def npy(value) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([value], object), allow_pickle=True)
    return file.getvalue()


def tarred(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def payloads(sprung) -> dict[str, bytes]:
    """Files that would make the file `sprung` if they were unpickled, and others that hold programs."""
    trap, model, old = Trap(sprung), ConvAutoencoder(TINY), {"_use_new_zipfile_serialization": False}
    weights = model.state_dict()
    plain = [pickle.dumps(trap, protocol) for protocol in range(6)]
    return {
        **{f"pickle {protocol}": content for protocol, content in enumerate(plain)},
        "in a table": pickle.dumps({"state_dict": trap}),
        "torch": saved(trap), "torch, old": saved(trap, **old),
        "among weights": saved({**weights, "encoder.0.bias": trap}),
        "beside weights": saved({"state_dict": weights, "more": trap}),
        "among weights, old": saved({**weights, "encoder.0.bias": trap}, **old),
        "as a key": zipped(archive__data_pkl=b"\x80\x02}" + plain[2][2:-1] + b"K\x01s."),
        "as attributes": zipped(archive__data_pkl=b"\x80\x02}" + plain[2][2:-1] + b"b."),
        "in a zip": zipped(archive__data_pkl=plain[2]),
        "in a zip, and constants": zipped(data_pkl=plain[2], constants_pkl=plain[2]),
        "npy": npy(trap), "npz": zipped(**{"images.npy": npy(trap)}),
        "labels": zipped(**{"images.npy": npy(trap), "labels.npy": npy(trap)}),
        "a module": saved(model), "a module, old": saved(model, **old),
        "a safetensors lookalike": len(plain[2]).to_bytes(8, "little") + b"{" + plain[2], "a tar": tarred(plain[2]),
        "a script": saved(torch.jit.script(torch.nn.Linear(2, 2)), torch.jit.save),
        "a safetensors header": (8).to_bytes(8, "little") + b"{}      " + plain[2],
        "a proxy": saved({**weights, "encoder.0.bias": torch.nn.Parameter(torch.zeros(4))}, pickle_protocol=4)[:-1],
    }  # fmt: skip


NAMES = list(payloads("x"))


@pytest.fixture
def sprung(tmp_path):
    """The file that a payload would make; that it would is shown in a test of its own."""
    path = tmp_path / "sprung"
    yield path
    assert not path.exists()


def test_the_trap_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung"))).close()
    assert (tmp_path / "sprung").exists()


def test_a_payload_that_is_imported_is_refused_and_leaves_nothing(sprung):
    runs_folder().mkdir(parents=True)
    for name, content in payloads(sprung).items():
        with pytest.raises(CaeError) as caught:
            import_file(content, "new")
        assert "\n" not in str(caught.value), name
        assert {path.name for path in runs_folder().iterdir()} <= {".names.lock"}, name


def test_a_payload_for_a_data_set_is_refused_and_leaves_nothing(sprung, tmp_path, monkeypatch):
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    for name, content in payloads(sprung).items():
        for suffix in (".npz", ".npy", ".pt"):
            (tmp_path / f"a{suffix}").write_bytes(content)
            with pytest.raises(CaeError):
                dataset.import_data(tmp_path / f"a{suffix}", "new")
            assert {path.name for path in (data_folder() / "own").iterdir()} <= {".lock"}, (name, suffix)


def test_payloads_among_pictures_are_skipped(sprung, tmp_path, monkeypatch):
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    (tmp_path / "pictures").mkdir()
    for number, content in enumerate(payloads(sprung).values()):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(content)
    with pytest.raises(CaeError, match="holds 0 pictures"):
        dataset.import_data(tmp_path / "pictures", "new")


def test_a_payload_in_the_place_of_any_file_is_not_run(world, sprung, no_network, rounds, survived):
    chosen, count = payloads(sprung), 0
    for form in FORMATS:
        file = form.file(world)
        for name in random.Random(form.name).sample(NAMES, rounds(1, len(NAMES))):
            with spoiled(file):
                file.write_bytes(chosen[name])
                count += 1
                try:
                    found = form.use()
                except CaeError as error:
                    assert not form.is_kept and "\n" not in str(error)
                else:
                    assert form.is_kept or not len(found), (form.name, name)
    survived(f"{len(NAMES)} kinds of programs, {count} times put in the place of a file: none was run")
