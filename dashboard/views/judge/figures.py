"""What was measured of a run, and what to compare it with."""

from __future__ import annotations

import json

import numpy as np
import streamlit as st

from cae import words
from cae.data import picks
from cae.evaluation.errors import REPORTED_TEST_MSE, Evaluation
from cae.evaluation.probes import Probing
from cae.latent.evaluate import Judgement
from cae.plots import figures
from cae.plots.pictures import signed_error, to_rgb
from cae.runs.run import Run
from components import Card, chart, digits, small_table
from resources import networks
from resources.pictures import pca_copies, test_images, test_set
from shared.markdown import plain


def headline(found: Judgement) -> None:
    """The five figures by which networks are compared."""
    overall, codes = found.evaluation.overall, found.probing
    entries = (
        ("Test MSE", words.number(overall.mse),
         f"The mean squared error of the copies of {overall.count:,} test images. {words.other_scale(overall.mse)}"),
        ("PSNR", f"{overall.psnr:.1f} dB",
         "The same error on a logarithmic scale, averaged over images: 6 dB more is half the root mean squared error."),
        ("SSIM", f"{overall.ssim:.3f}",
         "Structural similarity: whether strokes and edges are where they were; 1 is the original itself."),
        ("10-NN", words.percent(codes.knn_accuracy),
         "The share of test images that the ten nearest training codes name rightly, by vote."),
        ("Linear probe", words.percent(codes.probe_accuracy),
         "The share that flat boundaries between the codes of the classes tell apart: a logistic regression."),
    )  # fmt: skip
    for column, (label, value, what) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(label, value, help=what, border=True)


def compared_with_what(run: Run) -> None:
    """The error beside what needs no network, as numbers and as pictures."""
    numbers, pictures = st.columns([1, 1.3], gap="large")
    with numbers:
        st.header("Compared with what?")
        mine, (mean_image, pca) = networks.test_mse(run), networks.references(run)
        linear = f"PCA, {words.count(run.info.model.latent_dim, 'number')}"
        entries = [("the mean image", mean_image), (linear, pca), (run.name, mine)]
        if run.dataset == "mnist":
            entries.insert(2, ("the founding document", REPORTED_TEST_MSE))
        said = ", ".join(f"{name} {words.number(value)}" for name, value in entries)
        chart(figures.references(entries, run.name), key="references", description=f"MSE on [-1, 1]: {said}")
        if not pca:
            verdict = "which is perfect here, since these pictures are all alike"
        elif mine >= pca:
            verdict = f"this run's error is {words.number(mine / pca)} times as large: it has not learned enough yet"
        else:
            verdict = f"this run's error is {words.number(pca / mine)} times smaller"
        st.markdown(
            "The mean image is what one gets without learning anything. **PCA is the best linear copy with as many "
            f"numbers**: a sum of fixed pictures; {verdict}."
        )
    with pictures:
        ten_digits(run, linear)


def ten_digits(run: Run, linear: str) -> None:
    """A test digit of every class, what the run makes of it, and what PCA does."""
    images = test_images(run)
    indices = picks.one_per_class(images.labels.numpy(), len(images.class_names))
    mine, (copies, errors) = networks.compare(run, indices), pca_copies(run, indices)
    st.header("The same digits through both")
    count, said = len(indices), ", ".join(images.class_names[label] for label in mine.labels)
    cards = [Card(tuple(range(count)), f"Test digits {said}", ("test digits",))]
    for row, (name, mse) in enumerate(((run.name, mine.mse), (linear, errors)), start=1):
        mean = float(mse.mean())
        cards.append(
            Card(
                tuple(range(row * count, (row + 1) * count)),
                f"What {name} makes of them",
                (name, f"MSE {words.number(mean)}"),
                f"{name}, mean of these {count}: {words.other_scale(mean)}",
            )
        )
    digits(np.concatenate([mine.originals, mine.reconstructions, copies]), cards, key="beside-pca", layout="rows wide")
    st.caption("The first test digit of every class, and the mean error of each row.")


def class_by_class(run: Run, found: Evaluation) -> None:
    """The errors of every class."""
    table, boxes = st.columns([1, 1.3], gap="large")
    with table:
        st.header("Class by class")
        small_table(
            ("class", "images", "MSE", "PSNR", "SSIM"),
            [
                (each.name, f"{each.count:,}", f"{each.mse:.4f}", f"{each.psnr:.1f} dB", f"{each.ssim:.3f}")
                for each in found.per_class
            ],
            name="The errors of each class",
            key="classes",
        )
        most = max(found.per_class, key=lambda each: each.mse)
        least = min(found.per_class, key=lambda each: each.mse)
        st.caption(
            f"MSE on [-1, 1]. The {plain(least.name)} comes off best, the {plain(most.name)} worst: "
            "much ink and many shapes are hard to copy."
        )
    with boxes:
        st.header("And within each class")
        images = test_set(found.dataset)
        chart(
            figures.error_by_class(networks.errors(run), images.labels.numpy(), images.class_names),
            key="error-by-class", description="Box plot of the error of the test images of every class", keep=run.name,
        )  # fmt: skip
        st.caption("Box: the middle half of the class, with its median and (dashed) mean. Whiskers: 5 to 95 %.")


def hardest(run: Run, found: Probing) -> None:
    """The test digits that it copies worst."""
    st.header("The hardest digits")
    images = test_images(run)
    shown = networks.compare(run, np.array([index for index, _ in found.hardest], np.int64))
    count = len(shown.indices)
    cards = [
        Card(
            tiles=(number, number + count, number + 2 * count),
            description=f"Test digit {index} of class {images.class_names[label]}, its reconstruction, and its error",
            caption=(images.class_names[label], f"#{index}", words.number(mse)),
            title=words.other_scale(mse),
        )
        for number, (index, label, mse) in enumerate(zip(shown.indices, shown.labels, shown.mse, strict=True))
    ]
    pairs = shown.originals, shown.reconstructions
    tiles = np.concatenate([to_rgb(pairs[0]), to_rgb(pairs[1]), signed_error(*pairs)])
    digits(tiles, cards, key="hardest", legend=True)
    st.caption("Original, copy, and where the copy is wrong; class, index and MSE on [-1, 1] of each.")


def what_the_codes_know(found: Judgement) -> None:
    """How much of the classes, which nobody told the network, is in its codes, and in its map."""
    st.header("What do the codes know?")
    codes = found.probing
    rows = [
        ("10-NN", words.percent(codes.knn_accuracy), "Ten nearest training codes vote: are neighbours of one class?"),
        ("linear probe", words.percent(codes.probe_accuracy), "Flat boundaries between classes: do they lie apart?"),
        ("k-means, NMI", f"{codes.nmi:.3f}",
         "Clusters found without labels: how much they tell of the class; 0 nothing, 1 all."),
        ("k-means, ARI", f"{codes.ari:.3f}",
         "The same clusters: how often two digits are rightly together or apart; 0 is chance, 1 always."),
    ]  # fmt: skip
    if found.map:
        rows += [
            ("map, trustworthiness", f"{found.map.trustworthiness:.3f}",
             "Whether neighbours on the t-SNE map are neighbours among the codes; 1 at best."),
            ("map, 10-NN", words.percent(found.map.accuracy),
             "The same vote on the flat map, by the other test digits."),
        ]  # fmt: skip
    small_table(("measure", "value", "what it asks"), rows, name="What the codes know", key="codes", prose=(2,))
    notes = ["No label was ever given to the network: it was only asked to copy."]
    if found.map is None:
        notes.append("These codes have no t-SNE map to be judged.")
    st.caption(" ".join(notes))


def as_json(run: Run, found: Judgement) -> None:
    """All of it for a program."""
    with st.expander("As JSON"):
        st.markdown("Everything above as one file, on MSE in [-1, 1] unless it says otherwise. This prints the same:")
        st.code(f"python -m cae evaluate {run.name} --json", language="bash", wrap_lines=True)
        st.download_button(
            "Download", lambda: json.dumps({"run": run.name, **found.to_json()}, indent=2),
            file_name=f"{run.name}-judged.json", mime="application/json", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
