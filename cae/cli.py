"""The command line: thin, and the only module of the library that prints."""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from cae import datasets, jobs, runs, sweep
from cae.config import PRIORS, RECIPES, Config, MapConfig, ModelConfig, SampleConfig, TrainConfig
from cae.errors import CaeError, DoesNotFit, InvalidOption, Unwritable
from cae.files import require_writable, write_whole
from cae.records import EpochRecord, Progress
from cae.runs import Run


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, as for every other mistake."""
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 2 with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
    except CaeError as error:
        print(f"cae: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stderr.close()
        return 0
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m cae", description="A laboratory for a convolutional autoencoder.")
    commands = parser.add_subparsers(title="commands", metavar="", required=True, parser_class=_Parser)

    def command(name: str, action: Any, help: str) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
        found.set_defaults(command=action)
        return found

    train = command("train", _train, "Train a new run, or one that was stopped.")
    train.add_argument("--name", help="what to call the new run")
    train.add_argument("--resume", metavar="NAME", help="train this run on; with --epochs, to so many in all")
    train.add_argument("--recipe", default=None, choices=RECIPES, help="where the options come from (original)")
    train.add_argument("--started", action="store_true", help=argparse.SUPPRESS)  # by jobs, which has checked
    _add_options(train, ModelConfig, TrainConfig)
    stop = command("stop", _stop, "Stop a training after the batch under way; nothing is lost.")
    stop.add_argument("name")
    listing = command("runs", _runs, "List all runs.")
    listing.add_argument("--json", action="store_true", help="as JSON")
    _add_commands_for_files(command)
    exporting = command("export", _export, "Write a run for other programs, of one or several kinds.")
    _add_exports(exporting)
    evaluate = command("evaluate", _evaluate, "Measure a run: its errors on the test set, its codes, its map.")
    evaluate.add_argument("name")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    _add_report(command("report", _report, "Write a run's report: one HTML file, for a screen, a phone and paper."))
    mapping = command("map", _map, "Lay out a run's codes of the test images by t-SNE; Ctrl-C keeps the state so far.")
    mapping.add_argument("name")
    _add_options(mapping, MapConfig)
    mapping.add_argument(
        "--film", action="store_true", help="2,000 digits after every kept epoch, map flowing into map"
    )
    mapping.add_argument("--json", action="store_true", help="as JSON")
    fitting = command("priors", _priors, "Fit priors to a run's codes, and judge the digits that they give.")
    fitting.add_argument("name")
    fitting.add_argument("--json", action="store_true", help="as JSON")
    sampling = command("sample", _sample, "Generate new digits: codes drawn from a prior, decoded.")
    sampling.add_argument("name")
    _add_options(sampling, SampleConfig)
    sampling.add_argument("--out", type=Path, help="a .png sheet, or an .npz of codes and pictures (NAME-samples.png)")
    sampling.add_argument("--json", action="store_true", help="as JSON")
    labbing = command("lab", _lab, "Write a run as one HTML file that needs no server and no network.")
    labbing.add_argument("name")
    labbing.add_argument("--out", type=Path, help="the file to write (NAME-lab.html)")
    labbing.add_argument("--digits", type=_number, metavar="X", help="how many test digits are in it (5000)")
    labbing.add_argument("--force", action="store_true", help="replace the file if there is one")
    for each in (exporting, evaluate, mapping, fitting, sampling, labbing):
        each.add_argument("--epoch", type=int, metavar="E", help="as the run was after a kept epoch (the last)")
    judging = command("train-judge", _train_judge, "Train the small classifier that judges generated digits.")
    judging.add_argument("--dataset", default="mnist", choices=datasets.names(), help="what it should know (mnist)")
    judging.add_argument("--seed", type=int, default=0, metavar="X", help="another judge (0)")
    sweeping = command("sweep", _sweep, "Train a run for each value of one option; the same command again goes on.")
    sweeping.add_argument("--name", default="", help="what to call the sweep; its runs are NAME-VALUE (OPTION-RECIPE)")
    sweeping.add_argument(
        "--recipe", default="original", choices=RECIPES, help="where the options come from (original)"
    )
    sweeping.add_argument("--json", action="store_true", help="as JSON")
    _add_options(sweeping, ModelConfig, TrainConfig, several=True)
    return parser


def _add_exports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--onnx", action="store_true", help="encoder, decoder and both, for ONNX Runtime and others")
    parser.add_argument("--torch", action="store_true", help="one file of Python and its weights: needs torch alone")
    parser.add_argument("--projector", action="store_true", help="codes and pictures for the Embedding Projector")
    parser.add_argument("--tensorboard", action="store_true", help="losses, reconstructions and codes for TensorBoard")
    parser.add_argument("--out", type=Path, help="where a folder of each kind is put (NAME-export)")
    parser.add_argument("--force", action="store_true", help="replace what was exported there before")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the .html to write (NAME-report.html)")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.add_argument("--full", action="store_true", help="compute what takes minutes too: the map and the priors")


def _add_commands_for_files(command: Callable[[str, Any, str], argparse.ArgumentParser]) -> None:
    """What comes from elsewhere, goes there, or is thrown away."""
    importing = command("import", _import, "Make a run of a zip, a model.safetensors or a PyTorch state_dict file.")
    importing.add_argument("file", type=Path)
    importing.add_argument("--name", required=True, help="what to call the new run")
    importing.add_argument("--activation", default="relu", help="for weights that do not say (relu)")
    packing = command("pack", _pack, "Write a run as a zip, for import elsewhere.")
    packing.add_argument("name")
    packing.add_argument("--out", type=Path, help="the zip to write (NAME.zip)")
    delete = command("delete", _delete, "Delete a run.")
    delete.add_argument("name")
    making = command("import-data", _import_data, "Make a data set of pictures of your own.")
    making.add_argument("source", type=Path, help="a folder, with a folder for each class, or an .npz of arrays")
    making.add_argument("--name", required=True, help="what to call the data set")
    making.add_argument("--invert", default="auto", metavar="auto|yes|no", help="exchange dark and light: ink is "
                        "bright here (auto: where most borders are bright)")  # fmt: skip
    making.add_argument("--replace", action="store_true", help="in place of your data set of that name")
    making.add_argument("--seed", type=int, default=0, metavar="X", help="draws what is held out for testing (0)")
    data = command("data", _data, "List the data sets.")
    data.add_argument("--json", action="store_true", help="as JSON")
    forget = command("delete-data", _delete_data, "Delete a data set of your own; what was trained on it stays.")
    forget.add_argument("name")
    ship = command("ship", _ship, "Make a finished run fit to be part of the project: thin, measured, protected.")
    ship.add_argument("name")


def _add_options(parser: argparse.ArgumentParser, *configs: type[Config], several: bool = False) -> None:
    """A flag for every option of these configurations; with `several`, one that takes a list."""
    for option in (option for config in configs for option in config.options()):
        bounds = "|".join(option.choices) or (f"at least {option.low:g}" if option.low is not None else "")
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=str if several or option.kind is str else _number,
            metavar="X,..." if several else "X",
            help=f"{option.help[0].lower()}{option.help[1:].rstrip('.')} ({bounds})".replace("%", "%%"),
        )


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        return float(text)


_number.__name__ = "number"  # argparse names the type in its message


def _train(options: argparse.Namespace) -> int:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK") != "0":  # torchrun's, and not the first
        from cae.trainer import join_training

        with _stopping_on_signals(lambda: None):  # the first one stops all of them
            join_training()
        return 0
    given = {key: value for key, value in vars(options).items() if value is not None}
    if options.resume:
        refused = [key for key in given if key in {"name", "recipe", *_fields(ModelConfig, TrainConfig)} - {"epochs"}]
        if refused:
            raise InvalidOption(refused[0], f"--{refused[0].replace('_', '-')} cannot be changed for {options.resume}.")
        run = Run.open(options.resume)
        if not options.started:
            jobs.prepare_resume(run, options.epochs)
    else:
        if not options.name:
            raise InvalidOption("name", "Say what to call the run (--name), or which to train on (--resume).")
        name = options.recipe or "original"
        recipe = RECIPES[name]
        model = replace(recipe.model, **{key: given[key] for key in given if key in _fields(ModelConfig)})
        train = replace(recipe.train, **{key: given[key] for key in given if key in _fields(TrainConfig)})
        run = Run.create(options.name, model, train, recipe=name)
    with _stopping_on_signals((run.path / "stop").touch):
        return _show_training(run, spare_a_core=options.started)


def _fields(*configs: type[Config]) -> set[str]:
    return {option.name for config in configs for option in config.options()}


@contextmanager
def _stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the work to stop, as `stop` does; a second Ctrl-C means it."""

    def ask(number: int, _: object) -> None:
        stop()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_training(run: Run, *, spare_a_core: bool) -> int:
    from cae.trainer import Waiting, train_run

    config = run.info.train
    assert config is not None  # refused before, where there is none
    shown = _Bar(config.epochs) if sys.stdout.isatty() else _Lines(config.epochs)
    waiting: tuple[str, ...] = ()
    with shown:
        for event in train_run(run, spare_a_core=spare_a_core):
            if isinstance(event, Waiting):
                if event.ahead != waiting:
                    waiting = event.ahead
                    shown.say(f"waiting for {', '.join(waiting)} to end")
            else:
                shown.show(event)
    last = run.summary()
    if last.state == "finished":
        print(f"{run.name} has finished: {run.path}")
    else:
        print(f"{run.name} is stopped after {last.epochs_done} whole epochs. To go on: train --resume {run.name}")
    return 0


class _Lines:
    """A plain line an epoch, for a log or a pipe."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        print(text, flush=True)

    def show(self, event: Progress | EpochRecord) -> None:
        if isinstance(event, EpochRecord):
            self.say(_epoch_line(event, self._epochs))


class _Bar(_Lines):
    """A progress bar below those lines, for a terminal."""

    def __enter__(self) -> _Bar:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"), BarColumn(),
            TextColumn("loss {task.fields[mse]:.4f}  {task.fields[speed]:,.0f} images/s"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        self._bar.start()
        self._task = self._bar.add_task("", total=self._epochs, epoch=1, mse=float("nan"), speed=0.0)
        self._drawn = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        self._bar.console.print(text, highlight=False)

    def show(self, event: Progress | EpochRecord) -> None:
        super().show(event)
        if isinstance(event, Progress) and time.monotonic() - self._drawn > 0.1:
            self._drawn = time.monotonic()
            epoch = min(int(event.epoch) + 1, self._epochs)
            speed = event.images_per_second
            self._bar.update(self._task, completed=event.epoch, epoch=epoch, mse=event.train_mse, speed=speed)


def _epoch_line(record: EpochRecord, epochs: int) -> str:
    held_out = f"  validation {record.validation_mse:.4f}" if record.validation_mse is not None else ""
    return (
        f"epoch {record.epoch:{len(str(epochs))}d}/{epochs}  train {record.train_mse:.4f}{held_out}"
        f"  test {record.test_mse:.4f}  {record.images_per_second:,.0f} images/s  {record.seconds:.0f} s"
    )


def _stop(options: argparse.Namespace) -> int:
    run = Run.open(options.name)
    jobs.ask_to_stop(run)
    deadline = time.monotonic() + 60
    while (again := run.again()).is_live():
        if time.monotonic() > deadline:
            raise CaeError(f"{run.name} has been asked to stop and has not done so within a minute.")
        time.sleep(0.1)
    print(f"{run.name} is {again.state} after {again.last_epoch()} whole epochs.")
    return 0


def _runs(options: argparse.Namespace) -> int:
    found = runs.summaries()
    if options.json:
        print(json.dumps([{**asdict(each), "differs": dict(each.differs)} for each in found], indent=2))
        return 0
    if not found:
        print("There are no runs yet: python -m cae train --name first --recipe glance")
        return 0
    rows = [("name", "state", "epochs", "best loss", "seconds", "options that differ")]
    rows += [
        (
            each.name,
            each.state,
            f"{each.epochs_done}/{each.epochs}" if each.epochs else "-",
            f"{each.best_mse:.4f}" if each.best_mse is not None else "-",
            f"{each.last.seconds:.0f}" if each.last else "-",
            ", ".join(f"{label} {value}" for label, value in each.differs) or each.reason,
        )
        for each in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _import(options: argparse.Namespace) -> int:
    from cae.exchange import LARGEST_FILE, import_file

    try:
        if options.file.stat().st_size > LARGEST_FILE:
            raise DoesNotFit(f"{options.file} is larger than {LARGEST_FILE // 2**20} MB: no run is.")
        content = options.file.read_bytes()
    except OSError as error:
        raise CaeError(f"{options.file} cannot be read: {error.strerror}.") from error
    run = import_file(content, options.name, activation=options.activation)
    model = run.info.model
    print(f"{run.name}: {model.latent_dim} latent dimensions, width {model.width}, {model.activation}.")
    return 0


def _pack(options: argparse.Namespace) -> int:
    from cae.exchange import pack

    run = Run.open(options.name)
    path = options.out or Path(f"{run.name}.zip")
    try:
        path.write_bytes(pack(run))
    except OSError as error:
        raise CaeError(f"{path} cannot be written: {error.strerror}.") from error
    print(path)
    return 0


def _export(options: argparse.Namespace) -> int:
    from cae import exports

    run = _run_of(options)
    folder = options.out or Path(f"{run.name}-export")
    kinds = [kind for kind in exports.KINDS if getattr(options, kind)]
    for each in exports.export(run, kinds, folder, force=options.force):
        size = sum(map(len, each.files.values())) / 2**20
        print(f"{folder / each.kind}: {', '.join(each.files)} ({size:.1f} MB)")
        print(f"  {each.found}")
        print(f"  {each.use.format(folder=folder / each.kind)}")
    return 0


def _delete(options: argparse.Namespace) -> int:
    run = Run.open(options.name)
    run.delete()
    print(f"{run.name} is deleted.")
    return 0


def _import_data(options: argparse.Namespace) -> int:
    from cae import own_data

    asked, told = threading.Event(), time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal told
        if asked.is_set():
            raise CaeError("Stopped: nothing was kept.")
        if time.monotonic() - told > 2:
            told = time.monotonic()
            print(f"{done:,} of {total:,} pictures read", file=sys.stderr, flush=True)

    with _stopping_on_signals(asked.set):
        found = own_data.import_data(
            options.source, options.name, invert=options.invert, replace=options.replace, seed=options.seed,
            report=report,
        )  # fmt: skip
    train, test = sum(found.train), sum(found.test)
    print(f"{options.name}: {train + test:,} pictures, {train:,} to train on and {test:,} to test on")
    counts = list(zip(found.class_names, found.train, found.test, strict=True))
    shown = ", ".join(f"{name} {trained + tested:,}" for name, trained, tested in counts[:20])
    print(f"  classes   {len(counts)}: {shown}{', ...' * (len(counts) > 20)}")
    print(f"  paper     {'was bright: dark and light are exchanged' if found.inverted else 'is dark, as it was'}")
    print(f"  size      {found.resized:,} made 28 x 28, {train + test - found.resized:,} had it")
    if found.first_frames:
        print(f"  animated  {found.first_frames:,}: the first frame was taken")
    for each in found.skipped:
        more = ", ..." if each.count > len(each.names) else ""
        print(f"  skipped   {each.count:,}, {each.reason}: {', '.join(each.names)}{more}")
    if changed := [run.name for run in own_data.trained_on(options.name)]:
        print(f"  trained on what had this name before: {', '.join(changed[:8])}{', ...' * (len(changed) > 8)}")
    print(f"To train on it: python -m cae train --name NAME --dataset {options.name}")
    return 0


def _data(options: argparse.Namespace) -> int:
    found = datasets.entries()
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return 0
    rows = [("name", "train", "test", "classes", "")]
    for each in found:
        names = f"{len(each.class_names)}: {', '.join(each.class_names[:10])}{', ...' * (len(each.class_names) > 10)}"
        state = "here" if each.is_here else each.problem or "fetched when first used"
        rows.append((each.name, f"{each.train:,}", f"{each.test:,}", names if each.class_names else "-", state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = zip(row, widths, (str.ljust, str.rjust, str.rjust, str.ljust, str.ljust), strict=True)
        print("  ".join(align(cell, width) for cell, width, align in cells).rstrip())
    return 0


def _delete_data(options: argparse.Namespace) -> int:
    from cae import own_data

    own_data.delete_data(options.name)
    print(f"The data set {options.name} is deleted.")
    if left := [run.name for run in own_data.trained_on(options.name)]:
        print(f"Trained on it, and still here: {', '.join(left[:8])}{', ...' * (len(left) > 8)}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from cae import judging

    run = _run_of(options)
    run.weights()  # what is wrong with them is said before anything else
    with _stopping_on_signals(judging.job(run).ask_to_stop):
        judged = judging.judge(run, report=lambda text: print(f"{text} ...", file=sys.stderr, flush=True))
    found, codes = judged.evaluation, judged.probing
    values = {"run": run.name, "epoch": run.epoch, **judged.to_json()}
    if options.json:
        print(json.dumps(values, indent=2))
        return 0
    print(f"{_called(run)} on the {found.overall.count:,} test images of {found.dataset}")
    print(f"  MSE   {found.overall.mse:.4f} on [-1, 1], {values['test_mse_unit']:.5f} on [0, 1]")
    print(f"  PSNR  {found.overall.psnr:.2f} dB")
    print(f"  SSIM  {found.overall.ssim:.4f}")
    print(f"  for comparison: mean image {found.mean_image_mse:.4f}, PCA-{found.latent_dim} {found.pca_mse:.4f}")
    wide = max(9, *(len(each.name) for each in found.per_class))
    print(f"  {'class':<{wide}} count     MSE    PSNR    SSIM")
    for each in found.per_class:
        print(f"  {each.name:<{wide}} {each.count:5d}  {each.mse:.4f}  {each.psnr:6.2f}  {each.ssim:.4f}")
    print(f"  hardest: {', '.join(f'#{image} ({mse:.3f})' for image, mse in codes.hardest)}")
    print("its codes, those of the test images by those of the training images")
    print(f"  10-NN accuracy   {codes.knn_accuracy:.2%}")
    is_known = not math.isnan(codes.probe_accuracy)
    print(f"  linear probe     {f'{codes.probe_accuracy:.2%}' if is_known else 'none, there is one class only'}")
    print(f"  k-means          NMI {codes.nmi:.3f}, ARI {codes.ari:.3f}")
    if judged.map:
        print(f"  its t-SNE        trustworthiness {judged.map.trustworthiness:.4f}, 10-NN {judged.map.accuracy:.2%}")
    print(f"  dead dimensions  {_dimensions(codes.dead)}; redundant {_dimensions(codes.redundant)}")
    ranked = sorted(range(len(codes.dimensions)), key=lambda i: -codes.dimensions[i].zeroed_mse)
    costs = [f"z{i} {codes.dimensions[i].zeroed_mse:+.4f}" for i in (*ranked[:3], *ranked[3:][-1:])]
    print(f"  without one, the MSE grows by: {', '.join(costs)}")
    return 0


def _report(options: argparse.Namespace) -> int:
    run = Run.open(options.name)
    path = options.out or Path(f"{run.name}-report.html")
    if path.suffix != ".html":
        raise InvalidOption("out", f"--out {path} must end in .html.")
    if not path.parent.is_dir():  # said before the measuring, which takes its time
        raise CaeError(f"{path} cannot be written: there is no folder {path.parent}.")
    if path.exists() and not (options.force and path.is_file()):
        raise CaeError(f"{path} is there already" + (": --force replaces it." if path.is_file() else ", and no file."))
    from cae import report

    asked = threading.Event()

    def say(text: str) -> None:
        print(f"{text} ...", file=sys.stderr, flush=True)
        if asked.is_set():
            raise CaeError(f"The report of {run.name} was stopped, and nothing written.")

    with _stopping_on_signals(asked.set):
        facts = report.gather(run, full=options.full, report=say)
        say("writing")
        content = report.html(facts).encode(errors="replace")
    try:
        write_whole(path, content)
    except OSError as error:
        raise CaeError(f"{path} cannot be written: {error.strerror or error}.") from error
    print(f"{path}, {len(content) / 10**6:.1f} MB")
    return 0


def _run_of(options: argparse.Namespace) -> Run:
    """The run that is named, as it was after the epoch that is, if one is."""
    return Run.open(options.name).at(options.epoch)


def _called(run: Run) -> str:
    return run.name if run.epoch is None else f"{run.name} after epoch {run.epoch}"


def _dimensions(found: Sequence[int]) -> str:
    return ", ".join(f"z{index}" for index in found) or "none"


def _map(options: argparse.Namespace) -> int:
    from cae import maps

    run = _run_of(options)
    given = {name: getattr(options, name) for name in _fields(MapConfig)}
    if options.film:
        if options.epoch is not None or any(value is not None for value in given.values()):
            raise InvalidOption(
                "film", "--film lays out 2,000 digits after every kept epoch: it takes no other option."
            )
        return _map_film(run, as_json=options.json)
    config = MapConfig(**{name: value for name, value in given.items() if value is not None})
    run.weights()  # what is wrong with them is said before anything else
    say = functools.partial(print, file=sys.stderr, flush=True)
    with _stopping_on_signals(maps.job(run, config).ask_to_stop):
        for state in maps.compute(run, config, report=lambda text: say(f"{text} ...")):
            if state.iteration % 100 == 0:
                say(f"t-SNE {state.iteration}/{state.iterations}, KL divergence {state.kl:.3f}")
    kept = maps.found(run, config)
    if kept is None:
        raise CaeError(f"The weights of {run.name} have changed meanwhile: ask again.")
    found, file = kept
    if options.json:
        values = {name: value for name, value in asdict(found).items() if name != "positions"}
        print(json.dumps({"run": run.name, **values, "file": str(file)}, indent=2))
        return 0
    how = "" if found.is_finished else f", stopped after {found.iteration} of {found.iterations} iterations"
    print(f"{_called(run)}: {len(found.positions):,} test images, perplexity {config.perplexity:g}{how}")
    print(f"  KL divergence    {found.kl:.4f}, in {found.seconds:.1f} s")
    print(f"  trustworthiness  {found.scores.trustworthiness:.4f}")
    print(f"  10-NN accuracy   {100 * found.scores.accuracy:.2f} % on the map")
    print(f"  kept in {file}")
    return 0


def _map_film(run: Run, *, as_json: bool) -> int:
    from cae import mapfilm

    run.weights()
    rows = []
    with _stopping_on_signals(mapfilm.job(run).ask_to_stop):
        for epoch, found in mapfilm.compute(run):
            rows.append({"epoch": epoch, "kl": found.kl, **asdict(found.scores)})
            if not as_json:
                kept, right = found.scores.trustworthiness, found.scores.accuracy
                print(f"epoch {epoch:3d}  trustworthiness {kept:.4f}  10-NN {right:.2%} on the map", flush=True)
    if as_json:
        print(json.dumps({"run": run.name, "maps": rows[::-1]}, indent=2))
    return 0


def _priors(options: argparse.Namespace) -> int:
    from cae import sampling

    run = _run_of(options)
    run.weights()  # what is wrong with them is said before anything else
    with _stopping_on_signals(sampling.job(run).ask_to_stop):
        found = sampling.fit(run, lambda doing, share: print(f"{share:4.0%}  {doing}", file=sys.stderr, flush=True))
    if options.json:
        qualities = {name: each.to_json() for name, each in found.qualities.items()}
        fitted = [
            {"prior": kind, "class": label, "components": len(each.weights), "held_out": each.likelihoods}
            for (kind, label), each in found.priors.items()
        ]
        problems = [{"prior": kind, "class": label, "why": why} for (kind, label), why in found.problems.items()]
        values = {"run": run.name, "weights": found.weights, "priors": fitted, "problems": problems}
        print(json.dumps({**values, "qualities": qualities}, indent=2))
        return 0
    for (_, label), why in found.problems.items():
        print(f"{'all classes' if label is None else found.class_names[label]}: {why}")
    if not found.qualities:
        print("Fitted. There is no independent judge for this data set: python -m cae train-judge trains one.")
        return 0
    print("                      read >90 %  precision  recall  evenness  off-manifold  beyond 95 %")
    for name, each in found.qualities.items():
        title = {"real": "real test digits", "copies": "their copies", **PRIORS}[name]
        print(
            f"{title:<20}  {each.sure:10.1%}  {each.precision:9.3f}  {each.recall:6.3f}  {each.evenness:8.3f}"
            f"  {each.off_manifold:12.3g}  {each.beyond:11.1%}"
        )
    return 0


def _sample(options: argparse.Namespace) -> int:
    from cae import evaluation, sampling

    given = {name: getattr(options, name) for name in _fields(SampleConfig)}
    config = SampleConfig(**{name: value for name, value in given.items() if value is not None})
    path = options.out or Path(f"{options.name}-samples.png")
    if path.suffix not in (".png", ".npz"):
        raise InvalidOption("out", f"--out {path} must end in .png or .npz.")
    if not path.parent.is_dir():  # said before the fitting, which takes its time
        raise CaeError(f"{path} cannot be written: there is no folder {path.parent}.")
    run = _run_of(options)
    run.weights()
    if config.of_class is not None:
        sampling.require_known(config.prior, config.of_class, datasets.class_names(evaluation.dataset_of(run)))
    say = functools.partial(print, file=sys.stderr, flush=True)
    fitted = sampling.fit(run, lambda doing, share: say(f"{share:4.0%}  {doing}"))
    drawn = sampling.draw(run, fitted, config)
    try:
        path.write_bytes(sampling.as_file(drawn, path.suffix))
    except OSError as error:
        raise CaeError(f"{path} cannot be written: {error.strerror}.") from error
    if options.json:
        print(json.dumps({"run": run.name, **config.to_json(), "file": str(path), "codes": drawn.codes.tolist()}))
        return 0
    whose = "" if config.of_class is None else f" of class {fitted.class_names[config.of_class]}"
    print(f"{config.count:,} digits{whose} from the prior {config.prior}, seed {config.seed}: {path}")
    return 0


def _lab(options: argparse.Namespace) -> int:
    from cae import lab

    path = options.out or Path(f"{options.name}-lab.html")
    if path.exists() and not options.force:
        raise Unwritable(f"{path} is there already: choose another file with --out, or replace it with --force.")
    if not path.parent.is_dir():
        raise Unwritable(f"{path} cannot be written: there is no folder {path.parent}.")
    run = _run_of(options)
    digits = lab.DIGITS if options.digits is None else options.digits
    found = lab.make(run, digits, lambda text: print(f"{text} ...", file=sys.stderr, flush=True))
    try:
        write_whole(path, found.content)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror}.") from error
    for remark in found.remarks:
        print(remark)
    size = len(found.content) / 1e6
    print(f"{path}: {_called(run)} with {found.digits:,} of {found.available:,} test digits, {size:.1f} MB")
    return 0


def _train_judge(options: argparse.Namespace) -> int:
    from cae import judge

    require_writable()
    net, images, held_out = judge.new(options.dataset, options.seed)
    for state in judge.train(net, images, held_out=held_out, seed=options.seed):
        share = 100 * state.held_out_accuracy
        print(f"epoch {state.epoch:2d}/{state.epochs}  loss {state.loss:.4f}  held out {share:.2f} %", flush=True)
    found = judge.save(net, options.dataset)
    print(f"{100 * found.accuracy:.2f} % of the test images are read rightly: {judge.path(options.dataset)}")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise CaeError("A sweep trains in one process: start it without torchrun.")
    given = {name: _values(getattr(options, name)) for name in _in_order(ModelConfig, TrainConfig)}
    given = {name: values for name, values in given.items() if values}
    several = [f"--{name.replace('_', '-')}" for name, values in given.items() if len(values) > 1]
    if len(several) != 1:
        wrong = f"not {' and '.join(several)}" if several else "as in --latent-dim 2,8,32"
        raise InvalidOption("", f"A sweep is of one option with several values, {wrong}.")
    option = next(name for name, values in given.items() if len(values) > 1)
    changes = {name: values[0] for name, values in given.items() if name != option}
    asked = threading.Event()
    with _stopping_on_signals(asked.set):
        found = sweep.plan(option, given[option], recipe=options.recipe, changes=changes, name=options.name)
        say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
        for point in found.finished:
            say(f"{point.run}: known already")
        _show_sweeping(found, asked, say)
    found = sweep.plan(option, given[option], recipe=options.recipe, changes=changes, name=options.name)
    if options.json:
        print(json.dumps({"name": found.name, **found.to_json()}, indent=2))
    else:
        _show_sweep(found)
    if found.waiting:
        say(f"{found.name} is stopped, {len(found.waiting)} of {len(found.points)} to go. To go on: this command again")
    return 0


def _in_order(*configs: type[Config]) -> list[str]:
    return [option.name for config in configs for option in config.options()]


def _values(text: str | None) -> list[sweep.Value]:
    """The values in a list; what is no number stays text, and is refused by whom it concerns."""

    def value(part: str) -> sweep.Value:
        try:
            return _number(part)
        except ValueError:
            return part

    return [] if text is None else [value(part.strip()) for part in text.split(",")]


def _show_sweeping(found: sweep.Sweep, asked: threading.Event, say: Callable[[str], None]) -> None:
    """Trains what has not finished; stops after the batch under way once it is asked to."""
    from cae.trainer import Waiting

    ahead: tuple[str, ...] = ()
    for point, event in sweep.train(found):
        if isinstance(event, EpochRecord):
            say(f"{point.run}: {_epoch_line(event, found.config(point.value)[1].epochs)}")
        elif isinstance(event, sweep.SweepPoint) and event.state == "failed":
            say(f"{point.run} has failed: {event.reason}")
        elif isinstance(event, Waiting) and event.ahead != ahead:
            ahead = event.ahead
            say(f"{point.run}: waiting for {', '.join(ahead)} to end")
        if asked.is_set():
            if isinstance(event, sweep.SweepPoint):
                break
            (Run.open(point.run).path / "stop").touch()


def _show_sweep(found: sweep.Sweep) -> None:
    with_pca = found.option == "latent_dim" and bool(found.pca)
    rows = [[found.label.lower(), "parameters", "test MSE", "PCA with as many"[: 16 * with_pca], "seconds"]]
    for point in found.points:
        reached = [f"{point.last.test_mse:.4f}", f"{point.last.seconds:.0f}"] if point.last else ["-", "-"]
        mse = reached[0] if point.state == "finished" else point.state
        pca = f"{found.pca[min(point.latent_dim, len(found.pca)) - 1]:.4f}" if with_pca else ""
        rows.append([str(point.value), f"{point.parameters:,}", mse, pca, reached[1]])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    changed = "".join(f", {label} {value}" for label, value in found.changed)
    print(f"{found.name}: {found.dataset}, recipe {found.recipe}{changed}; MSE on [-1, 1]")
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True) if width))
    if found.finished:
        print(f"  kept in {sweep.path(found.name)}")


def _ship(options: argparse.Namespace) -> int:
    from cae.shipping import ship

    run = Run.open(options.name)
    size = ship(run)
    print(f"{run.name} is fit to be shipped: {size / 2**20:.1f} MB.")
    return 0
