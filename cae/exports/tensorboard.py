"""Files for TensorBoard and the Embedding Projector: a run's codes with their pictures, and its history."""

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

POINTS = 5000  # test images in the projector, which is slow with more
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
    """The codes of at most POINTS random test images, under this name, as files of the Embedding Projector.

    vectors.tsv: a code a line. metadata.tsv: below a line of titles, the index of the test image, its class, and its
    reconstruction error on [-1, 1]. sprite.png: the pictures. projector_config lists the files: .pbtxt for TensorBoard;
    .json for the projector on the web, once it names their addresses there. Raises CannotProject for codes that are not
    finite.
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

    The projector reads at most 8192 x 8192 pixels: 292 x 292 pictures.
    """
    side = int(np.ceil(np.sqrt(len(pixels))))
    full = np.concatenate([pixels, np.zeros((side**2 - len(pixels), 28, 28), np.uint8)])
    return pictures.sheet(full, side, scale=1, gap=0)


def frames(run: Run) -> list[int]:
    """The epochs whose reconstructions TensorBoard shows: those with kept weights, or FRAMES of them."""
    epochs = run.epochs()
    return [epochs[number] for number in picks.film(len(epochs) - 1, FRAMES)]


def event_file(run: Run, images: Images) -> tuple[str, bytes]:
    """The name and the content of a run's event file: losses, and a test image of each class above its reconstruction.

    Events count in epochs, those under progress/ in steps; their times are those of the training.
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
        sheet = _reconstructions(run.model(epoch), images, digits)
        height, width = sheet.shape
        image = Summary.Image(height=height, width=width, colorspace=1, encoded_image_string=pictures.png(sheet))
        yield event("reconstructions", epoch, seconds.get(epoch, 0.0), image=image)


def _reconstructions(model: ConvAutoencoder, images: Images, digits: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Test images in one row, and below each its reconstruction."""
    compared = compare(model, images, digits)
    return pictures.sheet(np.concatenate([compared.originals, compared.reconstructions]), len(digits))
