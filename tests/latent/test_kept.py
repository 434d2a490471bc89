"""Whatever is measured of a run: computed once and kept, and computed anew where the file is of no use."""

import dataclasses
import shutil

import pytest
from helpers import TINY, options, told

from cae.disk.files import cache_folder
from cae.errors import RunNotFound
from cae.evaluation import errors, probes
from cae.latent import evaluate, explore, maps, sampling
from cae.runs.run import Run

MEASURES = {
    "errors": (errors, errors.evaluate),
    "codes": (probes, probes.probe),
    "latent space": (explore, explore.measuring),
    "priors": (sampling, sampling.fit),
}


def headed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def harmed(content: bytes) -> list[bytes]:
    """What may stand in a file instead of its content."""
    cut = [content[: int(share * len(content))] for share in (1e-5, 0.001, 0.02, 0.5, 0.999)]
    words = [b"", b"[]", b"{", b'"x"', b"3", b"{}", b'{"format": 1}', b'{"format": 99}', b"\xff" * 1000, b"\0" * 1000]
    long = [b"nonsense " * 99, b"[" * 100_000, headed(b"{" * 2000), headed(b"[" * 900_000), headed(b"{}")]
    names = ("space", "priors", "judge")
    metadata = [headed(b'{"__metadata__": {"%s": %s}}' % (name.encode(), said)) for name in names
                for said in (b'"[]"', b'"{}"', b'"x"')]  # fmt: skip
    return [*cut, *words, *long, headed(b"[]"), *metadata]


@pytest.fixture(scope="module", params=MEASURES.values(), ids=MEASURES)
def measured(request, trained_folder, small_data_folder, tmp_path_factory):
    """What measures "tiny", the cache after it did, what came out as bytes, and the steps it told of."""
    module, compute = request.param
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_DATA", str(small_data_folder))
        patch.setenv("CAE_CHECKPOINTS", str(trained_folder))
        patch.setenv("CAE_CACHE", str(folder))
        assert module.kept(Run.open("tiny")) is None
        result, steps = told(compute(Run.open("tiny")))
    return module, compute, folder, module.to_bytes(result), steps


@pytest.fixture
def kept(measured, tiny):
    """The same, with a copy of the cache and the file in it."""
    module, compute, folder, content, _ = measured
    shutil.copytree(folder, cache_folder())
    return module, compute, content, cache_folder() / tiny.weights_hash() / module.FILE


def test_it_is_computed_once_and_tells_how_far_it_is(measured, kept, tiny):
    module, compute, content, path = kept
    assert measured[-1] and path.read_bytes() == content == module.to_bytes(module.kept(tiny))
    again, steps = told(compute(Run.open("tiny")))
    assert steps == [] and module.to_bytes(again) == content


@pytest.mark.slow
def test_other_weights_are_measured_anew(kept, tiny):
    module, compute, content, _ = kept
    (tiny.path / "model.safetensors").write_bytes((tiny.path / "epochs" / "0000.safetensors").read_bytes())
    other, steps = told(compute(Run.open("tiny")))
    assert steps and module.to_bytes(other) != content


def test_a_damaged_file_costs_time_and_not_the_result(kept, tiny):
    module, compute, content, path = kept
    for spoiled in harmed(content):
        path.write_bytes(spoiled)
        assert module.kept(tiny) is None, spoiled[:50]
    path.unlink()
    path.mkdir()
    assert module.kept(tiny) is None
    path.rmdir()
    for file in (each for each in cache_folder().rglob("*") if each.is_file()):
        file.write_bytes(b"nonsense")
    again, steps = told(compute(tiny))
    assert steps and module.to_bytes(again) == content == path.read_bytes()


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_time_and_not_the_result(measured, tiny, tmp_path, monkeypatch):
    module, compute, _, content, _ = measured
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "file" / "cache"))
    assert module.to_bytes(told(compute(tiny))[0]) == content and module.kept(tiny) is None


def test_a_file_of_other_weights_is_not_taken_and_one_beside_the_weights_is_where_runs_are_shipped_with_it(kept, tiny):
    module, _, content, path = kept
    if module is not sampling:
        path.rename(tiny.path / module.FILE)
        assert module.to_bytes(module.kept(tiny)) == content
        path = tiny.path / module.FILE
    path.write_bytes(module.to_bytes(dataclasses.replace(module.from_bytes(content), weights="0" * 64)))
    assert module.kept(tiny) is None


@pytest.mark.usefixtures("small_data")
def test_a_run_without_weights_cannot_be_measured():
    run = Run.create("young", TINY, options())
    asking = [errors.errors_per_image, explore.latent_space, sampling.job, evaluate.kept, evaluate.job]
    asking += [module.kept for module, _ in MEASURES.values()]
    asking += [lambda run, compute=compute: told(compute(run)) for _, compute in MEASURES.values()]
    asking += [lambda run: told(evaluate.judge(run)), lambda run: told(maps.compute(run, maps.MapConfig()))]
    for ask in asking:
        with pytest.raises(RunNotFound, match="not finished an epoch"):
            ask(run)
