"""What this is, how good the chosen network is, and where to go next."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cae import words
from cae.data import picks
from cae.evaluation import errors
from cae.evaluation.errors import Comparison
from cae.plots import hourglass
from cae.runs.run import Run
from components import Card, chart, chart_to_come, digits
from resources import networks, pictures
from shared.chosen import say_when
from state import messages
from state.chosen import chosen_run
from views.home.take_home import take_it_home

NEXT = (
    ("train", "model_training", "Train a network",
     "Watch the loss fall and ten digits sharpen. “glance” takes some ten seconds."),
    ("reconstruct", "compare", "Look at its copies", "See which digits it copies well, which it garbles, and where."),
    ("steer", "tune", "Steer the code", "Pull on its numbers and see the digit bend under your hand."),
    ("draw", "draw", "Draw a digit", "See what the network makes of your own hand while you draw."),
    ("map", "scatter_plot", "Explore the map", "Ten thousand digits laid out by their codes, and how far to trust it."),
    ("judge", "balance", "Judge it", "How good is it, compared with what, and what does each of its numbers do?"),
    ("generate", "auto_awesome", "Generate digits", "Draw random codes, see why most are smudges, and do better."),
    ("compare", "stacked_line_chart", "Compare runs", "Two to six side by side: curves, figures, digits, linked maps."),
)  # fmt: skip


def show(run: Run) -> None:
    """What needs no torch comes first: it takes two seconds to load, and Plotly's script can be fetched meanwhile."""
    config = run.info.model
    numbers = words.count(config.latent_dim, "number")
    st.markdown(
        f"A convolutional autoencoder squeezes a picture of 784 pixels into a code of **{numbers}** and paints it "
        "again from that code alone. Nobody tells it what a digit is: it only learns to make the reconstruction "
        "resemble the original. This laboratory trains such a network while you watch, and shows what it has learned."
    )
    picture, legend = st.empty(), st.empty()
    with picture:
        chart_to_come(hourglass.HOURGLASS_HEIGHT, key="hourglass-to-come")
    if not run.weights_file().exists():
        with picture:
            layers = networks.layers(config)
            chart(hourglass.hourglass(layers), key="hourglass", description="The network, before its first epoch")
        st.info(f"{run.name} has not finished an epoch yet: watch it on the page Train.")
        return
    headline(run)
    images = pictures.test_images(run)
    found = networks.compare(run, picks.at_random(12, len(images), seed=4))
    layers = networks.layers(config)
    with picture:
        chart(
            hourglass.hourglass(
                layers,
                code=networks.code(run, int(found.indices[0])),
                original=found.originals[0],
                reconstruction=found.reconstructions[0],
            ),
            key="hourglass",
            description=f"The network: {', '.join('×'.join(map(str, layer.shape)) for layer in layers)}",
        )
    legend.caption(
        f"{sum(layer.parameters for layer in layers):,} parameters. Under each block its shape, its layer and that "
        "layer's parameters; the coloured cells are the code of the digit on the left, violet above zero, amber below."
    )
    twelve(found, images.class_names)
    take_it_home(run)


def headline(run: Run) -> None:
    mine, (mean_image, pca) = networks.test_mse(run), networks.references(run)
    dimensions = run.info.model.latent_dim
    entries = [
        (f"Test error of “{words.called(run)}”", mine, ""),
        (
            f"PCA with {words.count(dimensions, 'number')}",
            pca,
            "The best that as many numbers can do without a network.",
        ),
        ("The mean image", mean_image, "Always showing the same picture: what no learning reaches."),
    ]
    if run.dataset == "mnist":
        reported = (
            "The original, as reported",
            errors.REPORTED_TEST_MSE,
            "The founding document's network, on MNIST.",
        )
        entries.insert(1, reported)
    for column, (label, value, what) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(label, words.number(value), help=f"{what} {words.other_scale(value)}".strip(), border=True)
    st.caption("Mean squared errors (MSE) on the test images, pixels in [-1, 1].")


def twelve(found: Comparison, class_names: Sequence[str]) -> None:
    st.header("Twelve digits it never saw in training, over its reconstructions")
    cards = [
        Card(
            tiles=(number, number + len(found.indices)),
            description=f"Test digit {index} of class {class_names[label]}, and its reconstruction below",
            caption=(class_names[label], f"#{index}", words.number(mse)),
            title=words.other_scale(mse),
        )
        for number, (index, label, mse) in enumerate(zip(found.indices, found.labels, found.mse, strict=True))
    ]
    digits(np.concatenate([found.originals, found.reconstructions]), cards, key="twelve")
    st.caption("Class, index and error (MSE on [-1, 1]) of each.")


def next_steps() -> None:
    st.header("Where to go next")
    for row in (NEXT[:4], NEXT[4:]):
        for column, (page, icon, label, why) in zip(st.columns(4), row, strict=True):
            column.page_link(f"views/{page}/page.py", label=label, icon=f":material/{icon}:")
            column.caption(why)
    st.page_link("views/missions/page.py", label="Or take a mission: guess, look, check", icon=":material/flag:")


st.title("Look inside an autoencoder")
chosen = chosen_run()
if chosen is None:
    st.info("There is no run yet. Train one, or load one that was trained elsewhere, on the page Train.")
else:
    with messages.errors_in_words():
        say_when(chosen)
        show(chosen)
next_steps()
