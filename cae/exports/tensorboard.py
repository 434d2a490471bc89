"""What TensorBoard and the Embedding Projector read: the codes of a run with their pictures, and its history."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.data import metrics, picks
from cae.evaluation.errors import compare
from cae.latent import maps, projection
from cae.plots import pictures
from cae.runs.run import Run

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

POINTS = 5000  # test images that the projector shows: with more it is slow
FRAMES = 100  # epochs whose reconstructions TensorBoard gets, at most
_PBTXT = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
  sprite {{
    image_path: "sprite.png"
    single_image_dim: 28
    single_image_dim: 28
  }}
}}
"""


def projector_files(name: str, model: ConvAutoencoder, images: Images) -> dict[str, bytes]:
    """The codes of test images, at most POINTS of them at random, under this name, as the Embedding Projector reads it.

    vectors.tsv: a code a line. metadata.tsv: under a line of titles, which test image it is, its class, and the MSE of
    its reconstruction on [-1, 1]. sprite.png: their pictures. projector_config says which file is what, as .pbtxt to
    TensorBoard, as .json to the projector on the web once it names the addresses that the files have there.
    Raises CannotProject for codes that are not numbers.
    """
    from cae.data.images import to_model
    from cae.network.model import embed, reconstruct

    indices = maps.chosen(len(images), MapConfig(points=POINTS))
    shown = images.pixels[indices]  # (N, 28, 28)
    signal = to_model(shown)
    codes = embed(model, signal).numpy()  # (N, D)
    projection.require_finite(codes)
    errors = metrics.mse(signal[:, 0].numpy(), reconstruct(model, signal)[:, 0].numpy())
    names = [images.class_names[label] for label in images.labels[indices].tolist()]
    rows = [f"{index}\t{label}\t{mse:.5f}\n" for index, label, mse in zip(indices, names, errors, strict=True)]
    vectors = io.BytesIO()
    np.savetxt(vectors, codes, fmt="%.6g", delimiter="\t")
    return {
        "vectors.tsv": vectors.getvalue(),
        "metadata.tsv": "".join(["index\tclass\terror\n", *rows]).encode(),
        "sprite.png": pictures.png(sprite(shown.numpy())),
        "projector_config.json": json.dumps(_config(name, codes.shape), indent=2).encode(),
        "projector_config.pbtxt": _PBTXT.format(name=name).encode(),
    }


def _config(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    sprite = {"imagePath": "sprite.png", "singleImageDim": [28, 28]}
    paths = {"tensorPath": "vectors.tsv", "metadataPath": "metadata.tsv", "sprite": sprite}
    return {"embeddings": [{"tensorName": name, "tensorShape": list(shape), **paths}]}


def sprite(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures (N, 28, 28) row by row in a square without gaps, which the projector cuts up again; the rest is black.

    The projector takes at most 8192 x 8192 pixels: 292 x 292 pictures.
    """
    side = int(np.ceil(np.sqrt(len(pixels))))
    full = np.concatenate([pixels, np.zeros((side**2 - len(pixels), 28, 28), np.uint8)])
    return pictures.sheet(full, side, scale=1, gap=0)


def frames(run: Run) -> list[int]:
    """The epochs after which TensorBoard shows reconstructions: those whose weights are kept, of very many some."""
    epochs = run.epochs()
    return [epochs[number] for number in picks.film(len(epochs) - 1, FRAMES)]


def event_file(run: Run, images: Images) -> tuple[str, bytes]:
    """The name and the content of TensorBoard's file on a run: losses, and a test image a class over its copy.

    Steps are epochs, and steps under progress/; times are those of the training, as if it had reported while it ran.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    began = datetime.fromisoformat(run.info.started or run.info.created).timestamp()
    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in _events(run, images, began):
        writer.write(event.SerializeToString())
    return f"events.out.tfevents.{began:.0f}.{run.name}", content.getvalue()


def _events(run: Run, images: Images, began: float) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    def event(tag: str, step: int, seconds: float, **value: Any) -> Any:
        return Event(wall_time=began + seconds, step=step, summary=Summary(value=[Summary.Value(tag=tag, **value)]))

    yield Event(wall_time=began, file_version="brain.Event:2")
    for each in run.progress():
        yield event("progress/mse", each.step, each.seconds, simple_value=each.train_mse)
        yield event("progress/images_per_second", each.step, each.seconds, simple_value=each.images_per_second)
    history = run.history()
    for record in history:
        for name in ("train", "validation", "test"):
            mse = getattr(record, f"{name}_mse")
            if mse is not None:
                yield event(f"mse/{name}", record.epoch, record.seconds, simple_value=mse)
    seconds = {record.epoch: record.seconds for record in history}
    digits = picks.one_per_class(images.labels.numpy(), len(images.class_names))
    for epoch in frames(run):
        sheet = _copies(run.model(epoch), images, digits)
        height, width = sheet.shape
        image = Summary.Image(height=height, width=width, colorspace=1, encoded_image_string=pictures.png(sheet))
        yield event("reconstructions", epoch, seconds.get(epoch, 0.0), image=image)


def _copies(model: ConvAutoencoder, images: Images, digits: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Test images in one row, and below each what the network makes of it."""
    found = compare(model, images, digits)
    return pictures.sheet(np.concatenate([found.originals, found.reconstructions]), len(digits))
