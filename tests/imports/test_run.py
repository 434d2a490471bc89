import io
import pickle
import random
import stat
import struct
import zipfile

import numpy as np
import pytest
import torch
from helpers import TINY, film_of, left_behind, losses_of, options, state_of, weights_of
from safetensors.numpy import load_file, save
from torch import nn

from cae.config import ModelConfig
from cae.data.images import load, to_model
from cae.errors import CaeError, Damaged, DoesNotFit, InvalidName, RunExists
from cae.exports import zip
from cae.exports.zip import pack
from cae.imports import run as imports_run
from cae.imports.run import LARGEST_FILE, import_file
from cae.network.model import ConvAutoencoder
from cae.runs.run import Run


def fresh(config=TINY, seed=5):
    return ConvAutoencoder(config, torch.Generator().manual_seed(seed))


def saved(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def foreign(config=TINY):
    """The same layers under other names, as somebody else would have written them, and their own forward pass."""
    flat = 2 * config.width * 49
    model = nn.ModuleDict({
        "conv1": nn.Conv2d(1, config.width, 3, 2, 1),
        "conv2": nn.Conv2d(config.width, 2 * config.width, 3, 2, 1),
        "squeeze": nn.Linear(flat, config.latent_dim),
        "expand": nn.Linear(config.latent_dim, flat),
        "up1": nn.ConvTranspose2d(2 * config.width, config.width, 3, 2, 1, 1),
        "up2": nn.ConvTranspose2d(config.width, 1, 3, 2, 1, 1),
    })  # fmt: skip

    def forward(images):
        code = model["squeeze"](model["conv2"](model["conv1"](images).relu()).relu().flatten(1))
        wide = model["expand"](code).relu().view(-1, 2 * config.width, 7, 7)
        return model["up2"](model["up1"](wide).relu()).tanh()

    return model, forward


def assert_refused(content, *words, kind=CaeError, name="new"):
    """The import gives one sentence with these words in it, and leaves nothing behind."""
    before = left_behind()
    with pytest.raises(kind) as caught:
        import_file(content, name)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    assert left_behind() == before


# -- a run's zip


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_a_run_survives_being_packed_and_imported(tiny, state):
    tiny.update(state=state, note="a note")
    other = import_file(pack(tiny), "other")
    assert other.name == "other"
    assert weights_of(other) == weights_of(tiny)
    assert film_of(other) == film_of(tiny)
    assert losses_of(other) == losses_of(tiny)
    assert other.progress() == tiny.progress()
    assert (other.info.model, other.info.train, other.info.note) == (tiny.info.model, tiny.info.train, "a note")
    assert (other.state, other.info.created) == (state, tiny.info.created)
    assert left_behind() == {"tiny", "other"}


def test_an_imported_run_can_be_trained_on_to_the_very_same_weights(tiny):
    from cae.jobs import process
    from cae.jobs.trainer import train_run

    other = import_file(pack(tiny), "other")
    for run in (tiny, other):
        process.prepare_resume(run, 3)
        list(train_run(run))
    assert weights_of(other) == weights_of(tiny)


def test_a_run_packed_while_it_was_training_arrives_stopped(tiny):
    tiny.update(state="running")
    assert import_file(pack(tiny), "other").state == "stopped"


def test_a_shipped_run_arrives_as_ones_own(tiny):
    tiny.update(shipped=True)
    other = import_file(pack(tiny), "other")
    assert not other.info.shipped
    other.delete()


def test_a_zip_holds_neither_locks_nor_strangers(tiny):
    (tiny.path / "secrets.txt").write_text("x")
    names = zipfile.ZipFile(io.BytesIO(pack(tiny))).namelist()
    assert not [name for name in names if name.endswith((".lock", "secrets.txt", "stop"))]
    assert {name.split("/")[0] for name in names} == {"tiny"}


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def zipped(files, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("prefix", ["", "any folder/", "a/b/c/"])
def test_the_folder_inside_the_zip_may_have_any_name_or_none(tiny, prefix):
    files = {prefix + name.removeprefix("tiny/"): content for name, content in members(pack(tiny)).items()}
    assert weights_of(import_file(zipped(files), "other")) == weights_of(tiny)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_the_zip_may_be_compressed_in_any_way(tiny, method):
    assert weights_of(import_file(zipped(members(pack(tiny)), method), "other")) == weights_of(tiny)


def test_files_that_are_no_part_of_a_run_are_not_unpacked(tiny):
    files = {**members(pack(tiny)), "tiny/evil.py": b"x", "tiny/epochs/../x": b"", "README": b"x"}
    del files["tiny/epochs/../x"]
    other = import_file(zipped(files), "other")
    assert not (other.path / "evil.py").exists()
    assert not (other.path / "README").exists()


@pytest.mark.parametrize(
    "path",
    ["../x", "tiny/../../x", "..\\x", "/etc/x", "\\x", "C:/x", "C:\\x", "tiny/epochs/../../../run.json", "./../x"],
)
def test_a_path_that_climbs_out_is_refused(tiny, path, own_folders):
    assert_refused(zipped({**members(pack(tiny)), path: b"climbed"}), "outside the run's folder", kind=DoesNotFit)
    assert not [found for found in own_folders.rglob("*") if found.is_file() and found.read_bytes() == b"climbed"]


def test_a_symbolic_link_is_refused(tiny):
    link = zipfile.ZipInfo("tiny/log.txt")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed = io.BytesIO(pack(tiny))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert_refused(packed.getvalue(), "tiny/log.txt", kind=DoesNotFit)


def test_a_zip_without_run_json_is_no_run(tiny):
    files = {name: content for name, content in members(pack(tiny)).items() if not name.endswith("run.json")}
    assert_refused(zipped(files), "run.json", kind=DoesNotFit)
    assert_refused(zipped({}), kind=DoesNotFit)


def test_a_zip_without_its_weights_is_refused(tiny):
    files = {name: content for name, content in members(pack(tiny)).items() if not name.endswith("model.safetensors")}
    assert_refused(zipped(files), "model.safetensors")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_truncated_zip_is_refused(tiny, share):
    content = pack(tiny)
    assert_refused(content[: int(len(content) * share)])


@pytest.mark.slow
def test_a_zip_with_any_byte_changed_is_imported_or_refused_with_a_sentence(tiny):
    content, rng = pack(tiny), random.Random(0)
    refused = 0
    for _ in range(150):
        spoiled = bytearray(content)
        spoiled[rng.randrange(len(content))] ^= rng.randrange(1, 256)
        try:
            import_file(bytes(spoiled), "other").delete()
        except CaeError as error:
            assert "\n" not in str(error)
            refused += 1
        assert left_behind() == {"tiny"}
    assert refused > 100


def test_a_declared_size_beyond_reason_is_refused_before_anything_is_unpacked(tiny):
    content = bytearray(pack(tiny))
    at = content.rindex(b"PK\x01\x02")  # the last entry of the directory; its size stands 24 bytes further
    content[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
    assert_refused(bytes(content), "MB", kind=DoesNotFit)


def test_a_file_larger_than_any_run_is_refused():
    assert_refused(bytes(LARGEST_FILE + 1), "MB", kind=DoesNotFit)


def spoiled_weights(run, file):
    arrays = load_file(run.path / file)
    arrays["encoder.0.bias"][0] = np.nan
    return save(arrays)


@pytest.mark.parametrize("file", ["model.safetensors", "epochs/0001.safetensors"])
def test_a_zip_with_weights_that_are_no_numbers_is_refused(tiny, file):
    files = {**members(pack(tiny)), f"tiny/{file}": spoiled_weights(tiny, file)}
    assert_refused(zipped(files), "not finite", kind=Damaged)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", b"{}"), ("run.json", b"\xff\xfe"), ("run.json", b'{"format": 99}'),
        ("history.jsonl", b"nonsense\n"), ("progress.jsonl", b"[]\n"),
        ("model.safetensors", b""), ("model.safetensors", b"x" * 100), ("epochs/0001.safetensors", b"x" * 100),
    ],
)  # fmt: skip
def test_a_zip_with_a_damaged_file_is_refused_and_the_file_named(tiny, file, content):
    assert_refused(zipped({**members(pack(tiny)), f"tiny/{file}": content}), file.split("/")[-1], kind=Damaged)


def test_a_zip_whose_weights_have_another_shape_than_its_run_json_says_is_refused(tiny):
    other = save({name: value.numpy() for name, value in fresh(ModelConfig(3, 4)).state_dict().items()})
    assert_refused(zipped({**members(pack(tiny)), "tiny/model.safetensors": other}), "different shape")


# -- weights alone


def test_a_model_safetensors_is_enough_to_make_a_run(tiny):
    other = import_file(weights_of(tiny), "other")
    assert (other.info.model, other.info.train) == (TINY, None)
    assert other.state == "finished"
    assert not other.summary().resumable
    for name, value in tiny.weights().items():
        assert np.array_equal(other.weights()[name], value)


def test_its_header_decides_on_the_activation(tmp_path):
    from cae.runs.weights import write_weights

    config = ModelConfig(2, 4, "silu")
    weights = {name: value.numpy() for name, value in fresh(config).state_dict().items()}
    write_weights(tmp_path / "model.safetensors", weights, config)
    run = import_file((tmp_path / "model.safetensors").read_bytes(), "silu", activation="relu")
    assert run.info.model == config


@pytest.mark.parametrize("config", [TINY, ModelConfig(), ModelConfig(1, 16), ModelConfig(256, 4), ModelConfig(5, 64)])
def test_a_plain_state_dict_with_other_names_gives_the_same_pictures(config):
    model, forward = foreign(config)
    run = import_file(saved(model.state_dict()), "foreign")
    assert run.info.model == config
    images = to_model(load("mnist", "test").pixels[:20])
    with torch.no_grad():
        torch.testing.assert_close(run.model()(images), forward(images), atol=1e-5, rtol=1e-5)


def test_a_plain_safetensors_with_other_names_in_order_is_taken_too():
    arrays = {f"{number:02d}": value.numpy() for number, value in enumerate(fresh().state_dict().values())}
    run = import_file(save(arrays), "numbered")
    assert torch.equal(run.model().decoder[0].weight, fresh().decoder[0].weight)


def test_our_own_names_may_stand_in_any_order():
    shuffled = dict(reversed(fresh().state_dict().items()))
    run = import_file(saved(shuffled), "shuffled")
    assert torch.equal(run.model().encoder[2].weight, fresh().encoder[2].weight)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_the_weights_of_a_checkpoint_with_more_in_it_are_found(key):
    run = import_file(saved({"epoch": 3, key: fresh().state_dict()}), "wrapped")
    assert torch.equal(run.model().encoder[0].weight, fresh().encoder[0].weight)


def test_the_old_format_of_torch_save_is_read():
    file = io.BytesIO()
    torch.save(fresh().state_dict(), file, _use_new_zipfile_serialization=False)
    assert import_file(file.getvalue(), "old").info.model == TINY


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_another_precision_become_single(dtype):
    state = {name: value.to(dtype) for name, value in fresh().state_dict().items()}
    run = import_file(saved(state), "precise")
    assert run.weights()["encoder.0.weight"].dtype == np.float32
    assert np.array_equal(run.weights()["encoder.0.weight"], state["encoder.0.weight"].float().numpy())


def test_named_parameters_are_as_good_as_a_state_dict():
    run = import_file(saved(dict(fresh().named_parameters())), "parameters")
    assert torch.equal(run.model().encoder[0].weight, fresh().encoder[0].weight)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_the_activation_can_be_said_where_the_file_does_not(activation):
    assert import_file(saved(fresh().state_dict()), "said", activation=activation).info.model.activation == activation


def test_a_pickled_module_is_refused():
    assert_refused(saved(fresh()), "pickled module is refused", kind=DoesNotFit)
    assert_refused(saved({"model": fresh()}), kind=DoesNotFit)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("wrap", [lambda trap: trap, lambda trap: {"weight": trap}, lambda trap: [trap]])
def test_a_pickle_is_never_executed(tmp_path, wrap):
    sprung = tmp_path / "sprung"
    for content in (pickle.dumps(wrap(Trap(sprung))), saved(wrap(Trap(sprung)))):
        assert_refused(content, kind=DoesNotFit)
        assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung))).close()
    assert sprung.exists(), "the trap itself does not work"


def test_a_transposed_array_is_named_with_both_shapes():
    state = fresh(ModelConfig(3, 4)).state_dict()
    state["decoder.0.weight"] = state["decoder.0.weight"].T.contiguous()
    assert_refused(saved(state), "array 7 of 12", "decoder.0.weight", "(3, 392)", "(392, 3)", kind=DoesNotFit)
    arrays = save({name: value.numpy() for name, value in state.items()})
    assert_refused(arrays, "array 7 of 12", "decoder.0.weight", "(3, 392)", "(392, 3)", kind=DoesNotFit)


@pytest.mark.parametrize("number", range(12))
def test_whichever_array_has_another_shape_is_refused(number):
    state = fresh().state_dict()
    name = list(state)[number]
    state[name] = torch.zeros(7, 7, 7)
    assert_refused(saved(state), "shape" if number not in (0, 4) else "fit", kind=DoesNotFit)


@pytest.mark.parametrize(
    "state",
    [
        {}, {"a": torch.zeros(3)}, {f"{n}": torch.tensor(1.0) for n in range(12)},
        {f"{n}": torch.zeros(0) for n in range(12)}, nn.Linear(3, 4).state_dict(),
        dict(list(fresh().state_dict().items())[:11]), {**fresh().state_dict(), "extra": torch.zeros(1)},
    ],
    ids=["nothing", "one", "twelve numbers", "twelve nothings", "another model", "eleven", "thirteen"],
)  # fmt: skip
def test_weights_of_another_architecture_are_refused_with_a_reason(state):
    assert_refused(saved(state), "another architecture", kind=DoesNotFit)


@pytest.mark.parametrize("value", [torch.zeros(3), [1, 2], "words", 3, {"a": 1}, None])
def test_what_is_no_table_of_weights_is_refused(value):
    assert_refused(saved(value), kind=DoesNotFit)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_state_dict_with_values_that_are_no_numbers_is_refused(value):
    state = fresh().state_dict()
    state["decoder.3.bias"][1] = value
    assert_refused(saved(state), "not finite", kind=DoesNotFit)
    assert_refused(save({name: array.numpy() for name, array in state.items()}), "not finite")


@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_a_state_dict_with_a_sparse_array_is_taken_or_refused_with_a_sentence():
    state = fresh().state_dict()
    content = saved({**state, "encoder.5.weight": state["encoder.5.weight"].to_sparse()})
    try:
        run = import_file(content, "sparse")
    except DoesNotFit:
        assert left_behind() == set()
    else:
        assert np.array_equal(run.weights()["encoder.5.weight"], state["encoder.5.weight"].numpy())


NOTHING_OF_OURS = {
    "empty": b"", "a byte": b"x", "text": b"hello, this is a text file\n" * 50, "zeros": bytes(5000),
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(500), "a pickle": pickle.dumps({"a": 1}), "half a pickle": b"\x80\x04\x95",
    "a zip without an end": b"PK\x03\x04" + bytes(500), "only a zip's end": b"PK\x05\x06" + bytes(18),
    "a header beyond the file": struct.pack("<Q", 10**6) + b"{" + bytes(100),
    "a header that is no json": struct.pack("<Q", 20) + b"{" * 40,
    "a header of nothing": struct.pack("<Q", 2) + b"{}" + bytes(10),
    "a json": b'{"format": 1, "model": {}, "train": null}',
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", NOTHING_OF_OURS.values(), ids=NOTHING_OF_OURS)
def test_what_is_nothing_of_ours_is_refused(content):
    assert_refused(content)


@pytest.mark.parametrize("name", ["../x", "con", "", "x" * 200, "a/b"])
def test_an_import_needs_a_proper_name(tiny, name):
    assert_refused(pack(tiny), kind=InvalidName, name=name)


def test_an_import_does_not_replace_a_run(tiny):
    Run.create("taken", TINY, options())
    for content in (pack(tiny), weights_of(tiny), saved(fresh().state_dict())):
        assert_refused(content, "taken", kind=RunExists, name="taken")
    assert state_of(Run.open("taken")) == "stopped"


def test_a_long_film_is_thinned_so_that_the_zip_can_be_imported_again(tiny, monkeypatch):
    frame = (tiny.path / "epochs" / "0000.safetensors").read_bytes()
    for epoch in range(3, 60):
        (tiny.path / "epochs" / f"{epoch:04d}.safetensors").write_bytes(frame)
    for module in (imports_run, zip):
        monkeypatch.setattr(module, "LARGEST_FILE", 40 * len(frame))
    packed = zip.pack(tiny)
    assert len(packed) < imports_run.LARGEST_FILE
    copy = imports_run.import_file(packed, "copy")
    kept = sorted(int(path.stem) for path in (copy.path / "epochs").iterdir())
    assert kept[0] == 0 and kept[-1] == 59 and 10 < len(kept) <= 20
