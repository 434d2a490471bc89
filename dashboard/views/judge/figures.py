"""The evaluation of a run, and what to compare it with."""

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
from cae.runs.run import Run
from components import DigitRow, chart, digit_rows, small_table
from resources import networks
from resources.pictures import pca_copies, test_images, test_set
from shared.compared import beside_errors
from shared.markdown import plain


def headline(evaluation: Judgement) -> None:
    """The five figures that compare networks."""
    overall, codes = evaluation.evaluation.overall, evaluation.probing
    entries = (
        ("Test MSE", words.number(overall.mse),
         f"Mean squared error of {overall.count:,} reconstructed test images. {words.other_scale(overall.mse)}"),
        ("PSNR", f"{overall.psnr:.1f} dB",
         "The same error on a logarithmic scale, averaged over images: 6 dB more is half the root mean squared error."),
        ("SSIM", f"{overall.ssim:.3f}",
         "Structural similarity: whether strokes and edges are where they were. 1 is the original itself."),
        ("10-NN", words.percent(codes.knn_accuracy),
         "The share of test images whose class wins the vote of their ten nearest training codes."),
        ("Linear probe", words.percent(codes.probe_accuracy),
         "The share of test images that flat boundaries between the codes of the classes get right: a logistic "
         "regression."),
    )  # fmt: skip
    for column, (label, value, what) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(label, value, help=what, border=True)


def compared_with_what(run: Run) -> None:
    """The error beside those of the mean image and PCA, as bars and as digits."""
    bars, pictures = st.columns([1, 1.3], gap="large")
    with bars:
        st.header("Compared with what?")
        mine, (mean_image, pca) = networks.test_mse(run), networks.references(run)
        linear = f"PCA, {words.count(run.info.model.latent_dim, 'number')}"
        entries = [("the mean image", mean_image), (linear, pca), (run.name, mine)]
        if run.dataset == "mnist":
            entries.insert(2, ("the founding document", REPORTED_TEST_MSE))
        listed = ", ".join(f"{name} {words.number(mse)}" for name, mse in entries)
        chart(figures.references(entries, run.name), key="references", description=f"MSE on [-1, 1]: {listed}")
        if not pca:
            verdict = "It is perfect here, because these images are all alike."
        elif mine >= pca:
            verdict = f"This run's error is {words.number(mine / pca)} times as large: it has not learned enough yet."
        else:
            verdict = f"This run's error is {words.number(pca / mine)} times smaller."
        st.markdown(
            "The mean image is what you get without learning anything. **PCA is the best linear reconstruction from "
            f"as many numbers**: a sum of fixed images. {verdict}"
        )
    with pictures:
        _first_of_each_class(run, linear)


def _first_of_each_class(run: Run, linear: str) -> None:
    """A test image of each class, its reconstruction by the run, and that by PCA."""
    images = test_images(run)
    indices = picks.one_per_class(images.labels.numpy(), len(images.class_names))
    mine, (by_pca, errors) = networks.compare(run, indices), pca_copies(run, indices)
    st.header("The same digits through both")
    listed = ", ".join(images.class_names[label] for label in mine.labels)
    rows: list[DigitRow] = [(mine.originals, f"Test digits {listed}", ("test digits",), "")]
    for name, reconstructions, mse in ((run.name, mine.reconstructions, mine.mse), (linear, by_pca, errors)):
        mean = float(mse.mean())
        title = f"{name}, mean of these {len(indices)}: {words.other_scale(mean)}"
        rows.append((reconstructions, f"Their reconstructions by {name}", (name, f"MSE {words.number(mean)}"), title))
    digit_rows(rows, key="beside-pca")
    st.caption("The first test image of each class, and the mean error of each row.")


def class_by_class(run: Run, evaluation: Evaluation) -> None:
    """The errors of each class."""
    table, boxes = st.columns([1, 1.3], gap="large")
    with table:
        st.header("Class by class")
        small_table(
            ("class", "images", "MSE", "PSNR", "SSIM"),
            [
                (each.name, f"{each.count:,}", f"{each.mse:.4f}", f"{each.psnr:.1f} dB", f"{each.ssim:.3f}")
                for each in evaluation.per_class
            ],
            name="The errors of each class",
            key="classes",
        )
        worst = max(evaluation.per_class, key=lambda each: each.mse)
        best = min(evaluation.per_class, key=lambda each: each.mse)
        st.caption(
            f"MSE on [-1, 1]. The {plain(best.name)} is easiest, the {plain(worst.name)} hardest: much ink and many "
            "shapes are hard to reconstruct."
        )
    with boxes:
        st.header("And within each class")
        images = test_set(evaluation.dataset)
        chart(
            figures.error_by_class(networks.errors(run), images.labels.numpy(), images.class_names),
            key="error-by-class", description="Box plot of the error of the test images of every class", keep=run.name,
        )  # fmt: skip
        st.caption("Box: the middle half of the class, with its median and (dashed) mean. Whiskers: 5 to 95 %.")


def hardest(run: Run, codes: Probing) -> None:
    """The test images with the largest errors."""
    st.header("The hardest digits")
    compared = networks.compare(run, np.array([index for index, _ in codes.hardest], np.int64))
    beside_errors(compared, test_images(run).class_names, key="hardest")
    st.caption("Original, reconstruction, and error; below each: class, index and MSE on [-1, 1].")


def what_the_codes_know(evaluation: Judgement) -> None:
    """How much the codes, and the map, know of the classes that nobody told the network."""
    st.header("What do the codes know?")
    codes, scores = evaluation.probing, evaluation.map
    rows = [
        ("10-NN", words.percent(codes.knn_accuracy),
         "The ten nearest training codes vote: are neighbours of one class?"),
        ("linear probe", words.percent(codes.probe_accuracy), "Flat boundaries between classes: do they lie apart?"),
        ("k-means, NMI", f"{codes.nmi:.3f}",
         "Clusters found without labels: how much they tell of the class; 0 is nothing, 1 all."),
        ("k-means, ARI", f"{codes.ari:.3f}",
         "The same clusters: how often they put two digits correctly together or apart; 0 is chance, 1 always."),
    ]  # fmt: skip
    if scores:
        rows += [
            ("map, trustworthiness", f"{scores.trustworthiness:.3f}",
             "Whether neighbours on the t-SNE map are neighbours among the codes; 1 at best."),
            ("map, 10-NN", words.percent(scores.accuracy), "The same vote on the map, by the other test images."),
        ]  # fmt: skip
    small_table(("measure", "value", "what it asks"), rows, name="What the codes know", key="codes", prose=(2,))
    notes = ["The network never saw a label: it only learned to reconstruct."]
    if scores is None:
        notes.append("These codes have no t-SNE map.")
    st.caption(" ".join(notes))


def as_json(run: Run, evaluation: Judgement) -> None:
    """The evaluation as a file for programs."""
    with st.expander("As JSON"):
        st.markdown("Everything above as one file; MSE is on [-1, 1] unless it says otherwise. This prints the same:")
        st.code(f"python -m cae evaluate {run.name} --json", language="bash", wrap_lines=True)
        st.download_button(
            "Download", lambda: json.dumps({"run": run.name, **evaluation.to_json()}, indent=2),
            file_name=f"{run.name}-judged.json", mime="application/json", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
