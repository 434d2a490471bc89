"""Answers the questions of missions by measuring a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cae import words
from cae.classroom import evidence
from cae.classroom.checks import Candidate, Chosen, Fooling, Guess, Outcome, Quantity, Ranking, Strip
from cae.config import PRIORS
from cae.data import baselines as data_baselines
from cae.data.shape import ATTRIBUTES
from cae.errors import CaeError, CannotFit, Damaged, NoJudge
from cae.evaluation import probes
from cae.evaluation.codes import codes_of
from cae.evaluation.errors import Evaluation, errors_per_image, kept
from cae.latent.explore import latent_space
from cae.latent.space import off_manifold, off_manifolds, vote
from cae.runs.run import Run

if TYPE_CHECKING:
    from cae.latent.sampling import Fitted

Pixels = NDArray[np.uint8]
Needs = Literal["", "space", "judgement", "priors"]


class NotMeasured(CaeError):
    """A mission needs a measurement of this run that is not there yet."""


@dataclass(frozen=True)
class Measure:
    """A measurement: the kind of guess that it answers, and what has to be measured before.

    find: measures a run, or a drawing (28, 28) if the guess is about one. show: pictures of the outcome and of the
    guess. unit: of a number. choices: the keys of the possible answers.
    """

    kind: str
    needs: Needs
    find: Callable[[Run, Pixels | None], Outcome]
    show: Callable[[Run, Outcome, Guess, Pixels | None], tuple[Strip, ...]] = lambda *_: ()
    unit: str = ""
    choices: tuple[str, ...] = ()


def is_measured(run: Run, needs: Needs) -> bool:
    """Whether the measurements that need a process of their own are there for the run's last weights."""
    if needs == "judgement":
        return probes.kept(run) is not None and kept(run) is not None
    if needs == "priors":
        from cae.latent import sampling

        return sampling.kept(run) is not None
    return True


# -- which two classes


def _most_confused(run: Run, _: Pixels | None) -> Ranking:
    test, votes = run.test_images(), evidence.votes(run)
    names, labels = test.class_names, test.labels.numpy()
    pairs = []
    for a, b in combinations(range(len(names)), 2):
        there, back = int(((labels == a) & (votes == b)).sum()), int(((labels == b) & (votes == a)).sum())
        score = words.count(there + back, "mistake")
        pairs.append((Candidate((a, b), f"{names[a]} and {names[b]}", there + back, score), there, back))
    pairs.sort(key=lambda each: -each[0].strength)
    wrong = int((votes != labels).sum())
    explanation = f"The nearest codes vote for a wrong class for {wrong:,} of {len(labels):,} test images."
    if wrong:
        first, there, back = pairs[0]
        one, other = (names[label] for label in evidence.pair(first.key))
        if there < back:
            one, other, there, back = other, one, back, there
        explanation += f" They take {one} for {other} {_times(there)}, and {other} for {one} {_times(back)}."
    return Ranking(tuple(each for each, _, _ in pairs), "The pair", "most confused", explanation)


# -- which dimension


def _carries(attribute: str, run: Run, _: Pixels | None) -> Ranking:
    r = evidence.correlations(run)[[each.name for each in ATTRIBUTES].index(attribute)]  # (D,)
    order = np.argsort(-np.abs(r), kind="stable").tolist()
    candidates = tuple(Candidate(i, f"z{i}", abs(float(r[i])), f"r = {r[i]:.2f}") for i in order)
    explanation = (
        f"Pearson’s r says how closely a latent dimension follows {attribute} within the classes: 1 or -1 exactly, 0 "
        "not at all."
    )
    return Ranking(candidates, "", "strongest", explanation)


def _costs(run: Run, _: Pixels | None) -> Ranking:
    dimensions = _probing(run).dimensions
    order = sorted(range(len(dimensions)), key=lambda i: -dimensions[i].zeroed_mse)
    candidates = tuple(
        Candidate(i, f"z{i}", max(0.0, dimensions[i].zeroed_mse), f"{dimensions[i].zeroed_mse:+.4f}") for i in order
    )
    explanation = "The figure is the rise of the MSE on [-1, 1] when the dimension is replaced by its mean."
    return Ranking(candidates, "", "most costly", explanation)


# -- which class


def _hardest(run: Run, _: Pixels | None) -> Ranking:
    per_class = _evaluation(run).per_class
    order = sorted(per_class, key=lambda each: -each.mse)
    candidates = tuple(Candidate(each.label, each.name, each.mse, f"MSE {each.mse:.4f}") for each in order)
    explanation = f"Mean squared errors on [-1, 1]; the easiest class is {order[-1].name}, {order[-1].mse:.4f}."
    return Ranking(candidates, "Class", "hardest", explanation)


# -- how much


def _read_surely(run: Run, _: Pixels | None) -> Quantity:
    qualities = _priors(run).qualities
    shares = {name: words.percent(each.sure) for name, each in qualities.items()}
    fitted = next((name for name in ("mixture", "gaussian") if name in shares), None)
    compared = f"For real test images it is {shares['real']}"
    if fitted:
        compared += f", for codes from {PRIORS[fitted].lower()} {shares[fitted]}"
    explanation = (
        f"The independent classifier reads {shares['normal']} of {qualities['normal'].count:,} pictures decoded from "
        f"N(0, 1) with more than 90 % confidence. {compared}: only the source of the codes differs."
    )
    return Quantity(round(100 * qualities["normal"].sure, 1), "%", explanation)


def _pca_components(run: Run, _: Pixels | None) -> Quantity:
    baselines, mse, dimensions = data_baselines.baselines(run.dataset), _mse(run), _dimensions(run)
    errors = np.array([baselines.mean_image, *baselines.pca])
    needed = int((errors > mse).argmin()) if (errors <= mse).any() else len(errors) - 1
    explanation = (
        f"The network reaches an MSE of {mse:.4f} with {words.count(dimensions, 'number')}. PCA reaches "
        f"{baselines.pca_with(dimensions):.4f} with as many, and {errors[needed]:.4f} with {needed}."
    )
    return Quantity(needed, "components", explanation)


def _pca_factor(run: Run, _: Pixels | None) -> Quantity:
    dimensions, mse = _dimensions(run), _mse(run)
    pca = data_baselines.baselines(run.dataset).pca_with(dimensions)
    explanation = f"PCA with {words.count(dimensions, 'number')} reaches an MSE of {pca:.4f}, the network {mse:.4f}."
    return Quantity(pca / mse if mse else 0.0, "times", explanation)


def _knn(run: Run, _: Pixels | None) -> Quantity:
    accuracy = _probing(run).knn_accuracy
    share = words.percent(accuracy)
    explanation = (
        f"The ten nearest training codes name {share} of the test images correctly. The labels only serve to count: "
        "the network never saw one."
    )
    return Quantity(round(100 * accuracy, 1), "%", explanation)


# -- which statement


def _where_random_codes_lie(run: Run, _: Pixels | None) -> Chosen:
    space, dimensions = latent_space(run), _dimensions(run)
    codes = space.real.codes()
    drawn = np.random.default_rng(0).standard_normal((2000, dimensions))
    real_length, length = (float(np.median(np.linalg.norm(some, axis=1))) for some in (codes, drawn))
    near = float((off_manifolds(space.real, drawn.astype(np.float32)) <= space.real.usual[95]).mean())
    key = "nearer" if length < 0.8 * real_length else "farther" if length > 1.25 * real_length else "as far"
    explanation = (
        f"The median length of real codes is {real_length:.3g}, that of codes from N(0, 1) is {length:.3g}. "
        f"{words.percent(near, 0)} of those from N(0, 1) are as close to real codes as 95 % of these are to each other."
    )
    return Chosen(key, f"{length:.3g} from zero, real codes {real_length:.3g}", explanation)


# -- whether a drawing fools it


def _fooled(run: Run, drawing: Pixels | None) -> Fooling:
    pixels, space = evidence.drawn(drawing), latent_space(run)
    code = codes_of(run.model(), pixels[None])[0]
    shares = vote(space.inked, code, len(space.class_names))
    distance, percentile = off_manifold(space.inked, code)
    explanation = (
        f"The off-manifold distance of the drawing is {distance:.3g}, larger than that of "
        f"{words.percent(percentile / 100, 0)} of real digits."
    )
    label = int(shares.argmax())
    return Fooling(space.class_names, (label, float(shares[label])), _judged(run, pixels), explanation)


def _judged(run: Run, pixels: Pixels) -> tuple[int, float] | None:
    import torch

    from cae.data.images import to_model
    from cae.evaluation.classifier import judge_of

    try:
        reading = judge_of(run.dataset).read(to_model(torch.from_numpy(pixels[None])))
    except (NoJudge, Damaged):
        return None
    return int(reading.classes[0]), float(reading.confidence[0])


# -- of a run


def _dimensions(run: Run) -> int:
    return run.info.model.latent_dim


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _mse(run: Run) -> float:
    record = run.record()
    return record.test_mse if record else float(errors_per_image(run).mean())


def _probing(run: Run) -> probes.Probing:
    found = probes.kept(run)
    if found is None:
        raise NotMeasured(f"{run.name} has no evaluation yet: the page Judge makes one.")
    return found


def _evaluation(run: Run) -> Evaluation:
    found = kept(run)
    if found is None:
        raise NotMeasured(f"{run.name} has no evaluation yet: the page Judge makes one.")
    return found


def _priors(run: Run) -> Fitted:
    from cae.latent import sampling

    found = sampling.kept(run)
    if found is None:
        raise NotMeasured(f"{run.name} has no fitted priors yet: the page Generate fits them.")
    if "normal" not in found.qualities:
        raise CannotFit(
            f"There is no independent classifier for {run.dataset} to read new pictures: train one with "
            "python -m cae train-judge, and fit the priors again."
        )
    return found


MEASURES: dict[str, Measure] = {
    "most confused": Measure("pair of classes", "space", _most_confused, evidence.confused),
    **{
        each.name: Measure("dimension", "space", partial(_carries, each.name), evidence.traversals)
        for each in ATTRIBUTES
    },
    "costliest dimension": Measure("dimension", "judgement", _costs, evidence.traversals),
    "hardest class": Measure("class", "judgement", _hardest, evidence.of_class),
    "read surely": Measure("number", "priors", _read_surely, evidence.samples, unit="%"),
    "10-NN accuracy": Measure("number", "judgement", _knn, unit="%"),
    "PCA components": Measure("number", "", _pca_components, evidence.beside_pca, unit="components"),
    "PCA factor": Measure("number", "", _pca_factor, evidence.beside_pca, unit="times"),
    "random codes": Measure("choice", "space", _where_random_codes_lie, choices=("nearer", "as far", "farther")),
    "fooled": Measure("drawing", "space", _fooled, evidence.of_drawing),
}  # missions/README.md says what each of them answers
