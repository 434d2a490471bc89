"""What a run is worth: its errors, its codes, its map, and the digits that it invents."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict

from cae import words
from cae.commands.arguments import (
    Adder,
    add_epoch,
    add_options,
    add_out,
    fields_of,
    run_of,
    stopping_on_signals,
    target,
    write,
)
from cae.commands.terminal import print, say
from cae.config import PRIORS, MapConfig, SampleConfig
from cae.data import catalogue
from cae.disk.files import require_writable
from cae.errors import CaeError, InvalidOption
from cae.runs.run import Run
from cae.steps import Step, result_of


def add(command: Adder) -> None:
    """Adds these commands."""
    evaluate = command("evaluate", _evaluate, "Measure a run: its errors on the test set, its codes, its map.")
    mapping = command("map", _map, "Lay out a run's codes of the test images by t-SNE; Ctrl-C keeps the state so far.")
    priors = command("priors", _priors, "Fit priors to a run's codes, and judge the digits that they give.")
    sample = command("sample", _sample, "Generate new digits: codes drawn from a prior, decoded.")
    for each in (evaluate, mapping, priors, sample):
        each.add_argument("name")
        add_epoch(each)
        each.add_argument("--json", action="store_true", help="as JSON")
    add_options(mapping, MapConfig)
    mapping.add_argument(
        "--film", action="store_true", help="2,000 digits after every kept epoch, map flowing into map"
    )
    add_options(sample, SampleConfig)
    add_out(sample, "a .png sheet, or an .npz of codes and pictures (NAME-samples.png)")
    judge = command("train-judge", _train_judge, "Train the small classifier that judges generated digits.")
    judge.add_argument("--dataset", default="mnist", choices=catalogue.names(), help="what it should know (mnist)")
    judge.add_argument("--seed", type=int, default=0, metavar="X", help="another judge (0)")


def _evaluate(options: argparse.Namespace) -> int:
    from cae.latent import evaluate as latent_evaluate

    run = run_of(options)
    run.weights()  # what is wrong with them is said before anything else
    with stopping_on_signals(latent_evaluate.job(run).ask_to_stop):
        judged = result_of(latent_evaluate.judge(run), lambda step: say(f"{step.text} ..."))
    found, codes = judged.evaluation, judged.probing
    values = {"run": run.name, "epoch": run.epoch, **judged.to_json()}
    if options.json:
        print(json.dumps(values, indent=2))
        return 0
    print(f"{words.called(run)} on the {found.overall.count:,} test images of {found.dataset}")
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
    print(f"  10-NN accuracy   {words.percent(codes.knn_accuracy, 2)}")
    is_known = not math.isnan(codes.probe_accuracy)
    probe = words.percent(codes.probe_accuracy, 2) if is_known else "none, there is one class only"
    print(f"  linear probe     {probe}")
    print(f"  k-means          NMI {codes.nmi:.3f}, ARI {codes.ari:.3f}")
    if judged.map:
        accuracy = words.percent(judged.map.accuracy, 2)
        print(f"  its t-SNE        trustworthiness {judged.map.trustworthiness:.4f}, 10-NN {accuracy}")
    print(f"  dead dimensions  {words.dimensions(codes.dead)}; redundant {words.dimensions(codes.redundant)}")
    ranked = sorted(range(len(codes.dimensions)), key=lambda i: -codes.dimensions[i].zeroed_mse)
    costs = [f"z{i} {codes.dimensions[i].zeroed_mse:+.4f}" for i in (*ranked[:3], *ranked[3:][-1:])]
    print(f"  without one, the MSE grows by: {', '.join(costs)}")
    return 0


def _map(options: argparse.Namespace) -> int:
    from cae.latent import maps

    run = run_of(options)
    given = {name: getattr(options, name) for name in fields_of(MapConfig)}
    if options.film:
        if options.epoch is not None or any(value is not None for value in given.values()):
            raise InvalidOption(
                "film", "--film lays out 2,000 digits after every kept epoch: it takes no other option."
            )
        return _map_film(run, as_json=options.json)
    config = MapConfig(**{name: value for name, value in given.items() if value is not None})
    run.weights()  # what is wrong with them is said before anything else
    with stopping_on_signals(maps.job(run, config).ask_to_stop):
        for step in maps.compute(run, config):
            if isinstance(step, Step):
                say(f"{step.text} ...")
            elif step.iteration % 100 == 0:
                say(f"t-SNE {step.iteration}/{step.iterations}, KL divergence {step.kl:.3f}")
    kept = maps.found(run, config)
    if kept is None:
        raise CaeError(f"The weights of {run.name} have changed meanwhile: ask again.")
    found, file = kept
    if options.json:
        values = {name: value for name, value in asdict(found).items() if name != "positions"}
        print(json.dumps({"run": run.name, **values, "file": str(file)}, indent=2))
        return 0
    how = "" if found.is_finished else f", stopped after {found.iteration} of {found.iterations} iterations"
    print(f"{words.called(run)}: {len(found.positions):,} test images, perplexity {config.perplexity:g}{how}")
    print(f"  KL divergence    {found.kl:.4f}, in {found.seconds:.1f} s")
    print(f"  trustworthiness  {found.scores.trustworthiness:.4f}")
    print(f"  10-NN accuracy   {words.percent(found.scores.accuracy, 2)} on the map")
    print(f"  kept in {file}")
    return 0


def _map_film(run: Run, *, as_json: bool) -> int:
    from cae.latent import film

    run.weights()
    rows = []
    with stopping_on_signals(film.job(run).ask_to_stop):
        for epoch, found in film.compute(run):
            rows.append({"epoch": epoch, "kl": found.kl, **asdict(found.scores)})
            if not as_json:
                kept, right = found.scores.trustworthiness, words.percent(found.scores.accuracy, 2)
                print(f"epoch {epoch:3d}  trustworthiness {kept:.4f}  10-NN {right} on the map", flush=True)
    if as_json:
        print(json.dumps({"run": run.name, "maps": rows[::-1]}, indent=2))
    return 0


def _priors(options: argparse.Namespace) -> int:
    from cae.latent import sampling

    run = run_of(options)
    run.weights()  # what is wrong with them is said before anything else
    with stopping_on_signals(sampling.job(run).ask_to_stop):
        found = result_of(sampling.fit(run), _say_share)
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
            f"{title:<20}  {words.percent(each.sure):>10}  {each.precision:9.3f}  {each.recall:6.3f}"
            f"  {each.evenness:8.3f}  {each.off_manifold:12.3g}  {words.percent(each.beyond):>11}"
        )
    return 0


def _say_share(step: Step) -> None:
    say(f"{words.percent(step.share or 0.0, 0):>5}  {step.text}")


def _sample(options: argparse.Namespace) -> int:
    from cae.latent import sampling

    given = {name: getattr(options, name) for name in fields_of(SampleConfig)}
    config = SampleConfig(**{name: value for name, value in given.items() if value is not None})
    run, path = run_of(options), target(options, f"{options.name}-samples.png", ".png", ".npz")
    run.weights()
    if config.of_class is not None:
        sampling.require_known(config.prior, config.of_class, catalogue.class_names(run.dataset))
    fitted = result_of(sampling.fit(run), _say_share)
    drawn = sampling.draw(run, fitted, config)
    write(path, sampling.as_file(drawn, path.suffix))
    if options.json:
        print(json.dumps({"run": run.name, **config.to_json(), "file": str(path), "codes": drawn.codes.tolist()}))
        return 0
    whose = "" if config.of_class is None else f" of class {fitted.class_names[config.of_class]}"
    print(f"{config.count:,} digits{whose} from the prior {config.prior}, seed {config.seed}: {path}")
    return 0


def _train_judge(options: argparse.Namespace) -> int:
    from cae.evaluation import classifier

    require_writable()
    net, images, held_out = classifier.new(options.dataset, options.seed)
    for state in classifier.train(net, images, held_out=held_out, seed=options.seed):
        share = words.percent(state.held_out_accuracy, 2)
        print(f"epoch {state.epoch:2d}/{state.epochs}  loss {state.loss:.4f}  held out {share}", flush=True)
    found = classifier.save(net, options.dataset)
    print(
        f"{words.percent(found.accuracy, 2)} of the test images are read correctly: {classifier.path(options.dataset)}"
    )
    return 0
