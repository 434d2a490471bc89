"""What one takes home: a run for other programs, as a page, a report, a film."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from cae import words
from cae.commands.arguments import Adder, add_epoch, add_out, number, run_of, stopping_on_signals, target, write
from cae.commands.terminal import print, say
from cae.errors import CaeError, InvalidOption
from cae.runs.run import Run
from cae.steps import Step, result_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_MOST_DIGITS = 10  # of a film
_STEPS = 61  # of the way between two digits


def add(command: Adder) -> None:
    """Adds these commands."""
    pack = command("pack", _pack, "Write a run as a zip, for import elsewhere.")
    export = command("export", _export, "Write a run for other programs, of one or several kinds.")
    lab = command("lab", _lab, "Write a run as one HTML file that needs no server and no network.")
    report = command("report", _report, "Write a run's report: one HTML file, for a screen, a phone and paper.")
    film = command("film", _film, "Write the film of a training as a GIF: ten digits, and their copies by epoch.")
    traverse = command(
        "traverse", _traverse, "Write what one number of the code does as a GIF, or what all do as a PNG."
    )
    between = command("interpolate", _interpolate, "Write the way from one test digit to another as a GIF.")
    for each in (pack, export, lab, report, film, traverse, between):
        each.add_argument("name")
    for each in (export, lab, report, traverse, between):
        add_epoch(each)
    add_out(pack, "the .zip to write (NAME.zip)")
    export.add_argument("--onnx", action="store_true", help="encoder, decoder and both, for ONNX Runtime and others")
    export.add_argument("--torch", action="store_true", help="one file of Python and its weights: needs torch alone")
    export.add_argument("--projector", action="store_true", help="codes and pictures for the Embedding Projector")
    export.add_argument("--tensorboard", action="store_true", help="losses, reconstructions and codes for TensorBoard")
    export.add_argument("--out", type=Path, help="where a folder of each kind is put (NAME-export)")
    export.add_argument("--force", action="store_true", help="replace what was exported there before")
    add_out(lab, "the .html to write (NAME-lab.html)")
    lab.add_argument("--digits", type=number, metavar="X", help="how many test digits are in it (5000)")
    add_out(report, "the .html to write (NAME-report.html)")
    report.add_argument("--full", action="store_true", help="compute what takes minutes too: the map and the priors")
    add_out(film, "the .gif to write (NAME-film.gif)")
    traverse.add_argument("--digit", type=int, default=0, metavar="I", help="the test digit to start from (0)")
    traverse.add_argument("--dimension", type=int, metavar="D", help="of the code (the one of most influence)")
    add_out(traverse, "a .gif of this dimension, or a .png of all (NAME-traversal.gif)")
    between.add_argument("start", type=int, help="a test digit, by its index")
    between.add_argument("end", type=int, help="another")
    between.add_argument("--spherical", action="store_true", help="along an arc about zero, not straight")
    add_out(between, "the .gif to write (NAME-between.gif)")


def _film(options: argparse.Namespace) -> int:
    from cae.data import picks
    from cae.exports import films

    run, path = Run.open(options.name), target(options, f"{options.name}-film.gif", ".gif")
    run.weights()
    images = run.test_images()
    digits = picks.one_per_class(images.labels.numpy(), len(images.class_names))
    film = films.training(run, images, digits[:_MOST_DIGITS])
    write(path, film.gif())
    print(f"{path}: {len(film.frames)} epochs")
    return 0


def _traverse(options: argparse.Namespace) -> int:
    import numpy as np

    from cae.exports import films
    from cae.latent.explore import latent_space
    from cae.plots import pictures

    run, path = run_of(options), target(options, f"{options.name}-traversal.gif", ".gif", ".png")
    model, space = run.model(), latent_space(run)
    order = [int(dimension) for dimension in np.argsort(-space.influence, kind="stable")]
    dimension = order[0] if options.dimension is None else options.dimension
    code = _codes(run, [options.digit])[0]
    if path.suffix == ".png" and options.dimension is not None:
        raise InvalidOption("dimension", "A .png shows all dimensions: --dimension is for a .gif.")
    if path.suffix == ".png":
        write(path, pictures.png(films.traversals(model, space, code, order)))
        print(f"{path}: {words.called(run)}, test digit {options.digit}, {len(order)} dimensions")
    else:
        write(path, films.traversal(model, space, code, dimension).gif())
        print(f"{path}: {words.called(run)}, test digit {options.digit}, z{dimension}")
    return 0


def _interpolate(options: argparse.Namespace) -> int:
    import numpy as np

    from cae.exports import films
    from cae.latent.sampling import decoded
    from cae.latent.space import interpolate

    run, path = run_of(options), target(options, f"{options.name}-between.gif", ".gif")
    if options.start == options.end:
        raise InvalidOption("end", "Both are the same digit: there is no way between them.")
    start, end = _codes(run, [options.start, options.end])
    shares = np.linspace(0, 1, _STEPS)
    codes = interpolate(start, end, shares, spherical=options.spherical)
    told = [words.percent(share, 0) for share in shares]
    write(path, films.between(decoded(run.model(), codes).pictures, told).gif())
    print(f"{path}: {words.called(run)}, from test digit {options.start} to {options.end}")
    return 0


def _codes(run: Run, indices: list[int]) -> NDArray[np.float32]:
    """The codes (N, D) of test images. Raises InvalidOption for one that there is not."""
    from cae.evaluation.codes import codes_of

    images = run.test_images()
    for index in indices:
        if not 0 <= index < len(images):
            raise InvalidOption("digit", f"There is no test digit {index}: the last is {len(images) - 1:,}.")
    return codes_of(run.model(), images.pixels[indices])


def _pack(options: argparse.Namespace) -> int:
    from cae.exports.zip import pack

    run, path = Run.open(options.name), target(options, f"{options.name}.zip", ".zip")
    write(path, pack(run))
    print(path)
    return 0


def _export(options: argparse.Namespace) -> int:
    from cae.exports import kinds as exports_kinds

    run = run_of(options)
    folder = options.out or Path(f"{run.name}-export")
    kinds = [kind for kind in exports_kinds.KINDS if getattr(options, kind)]
    for each in exports_kinds.export(run, kinds, folder, force=options.force):
        size = sum(map(len, each.files.values())) / 2**20
        print(f"{folder / each.kind}: {', '.join(each.files)} ({size:.1f} MB)")
        print(f"  {each.summary}")
        print(f"  {each.use.format(folder=folder / each.kind)}")
    return 0


def _report(options: argparse.Namespace) -> int:
    run, path = run_of(options), target(options, f"{options.name}-report.html", ".html")
    from cae.exports import report

    asked = threading.Event()

    def show(step: Step) -> None:
        say(f"{step.text} ...")
        if asked.is_set():
            raise CaeError(f"The report of {run.name} was stopped, and nothing written.")

    with stopping_on_signals(asked.set):
        found = result_of(report.gather(run, full=options.full), show)
        show(Step("writing"))
        content = report.html(found).encode(errors="replace")
    write(path, content)
    print(f"{path}, {len(content) / 10**6:.1f} MB")
    return 0


def _lab(options: argparse.Namespace) -> int:
    from cae.exports import lab

    run, path = run_of(options), target(options, f"{options.name}-lab.html", ".html")
    digits = lab.DIGITS if options.digits is None else options.digits
    found = result_of(lab.make(run, digits), lambda step: say(f"{step.text} ..."))
    write(path, found.content)
    for remark in found.remarks:
        print(remark)
    size = len(found.content) / 1e6
    print(f"{path}: {words.called(run)} with {found.digits:,} of {found.available:,} test digits, {size:.1f} MB")
    return 0
