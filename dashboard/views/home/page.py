"""What this is, how good the chosen network is, and where to go next."""

import streamlit as st

from cae import words
from cae.data import picks
from cae.evaluation.errors import REPORTED_TEST_MSE
from cae.plots import hourglass
from cae.runs.run import Run
from components import chart, chart_to_come
from resources import networks, pictures
from shared.chosen import say_when
from shared.compared import beside_reconstructions
from state import messages
from state.chosen import chosen_run
from views.home.take_home import take_it_home

NEXT = (
    ("train", "model_training", "Train a network",
     "Watch the loss fall and ten digits sharpen. “glance” takes some ten seconds."),
    ("reconstruct", "compare", "Look at reconstructions",
     "See which digits it gets right, which it garbles, and where."),
    ("steer", "tune", "Steer the code", "Pull on its numbers and watch the digit bend."),
    ("draw", "draw", "Draw a digit", "Watch the network reconstruct your own handwriting while you draw."),
    ("map", "scatter_plot", "Explore the map", "Ten thousand digits laid out by their codes, and how far to trust it."),
    ("judge", "balance", "Judge it", "How good is it, compared with what, and what does each latent dimension do?"),
    ("generate", "auto_awesome", "Generate digits", "Draw random codes, see why most are smudges, and do better."),
    ("compare", "stacked_line_chart", "Compare runs", "Two to six side by side: curves, figures, digits, linked maps."),
)  # fmt: skip


def show(run: Run) -> None:
    """What needs no torch comes first: it takes two seconds to load, while the browser fetches Plotly's script."""
    config = run.info.model
    numbers = words.count(config.latent_dim, "number")
    st.markdown(
        f"A convolutional autoencoder squeezes an image of 784 pixels into a code of **{numbers}**, and paints it "
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
        st.info(f"{run.name} has not finished an epoch yet. Watch it on the page Train.")
        return
    headline(run)
    images = pictures.test_images(run)
    twelve = networks.compare(run, picks.at_random(12, len(images), seed=4))
    layers = networks.layers(config)
    with picture:
        chart(
            hourglass.hourglass(
                layers,
                code=networks.code(run, int(twelve.indices[0])),
                original=twelve.originals[0],
                reconstruction=twelve.reconstructions[0],
            ),
            key="hourglass",
            description=f"The network: {', '.join('×'.join(map(str, layer.shape)) for layer in layers)}",
        )
    legend.caption(
        f"{sum(layer.parameters for layer in layers):,} parameters. Below each block: its shape, its layer and that "
        "layer's parameters. The coloured cells are the code of the digit on the left, violet above zero, amber below."
    )
    st.header("Twelve digits it never saw in training, over its reconstructions")
    beside_reconstructions(twelve, images.class_names, key="twelve")
    st.caption("Below each: class, index and MSE on [-1, 1].")
    take_it_home(run)


def headline(run: Run) -> None:
    mean_image, pca = networks.references(run)
    entries = [
        (f"Test error of “{words.called(run)}”", networks.test_mse(run), ""),
        (f"PCA with {words.count(run.info.model.latent_dim, 'number')}", pca,
         "The best that a linear method can do with as many numbers."),
        ("The mean image", mean_image, "Always the same image: the error without any learning."),
    ]  # fmt: skip
    if run.dataset == "mnist":
        reported = "The original, as reported", REPORTED_TEST_MSE, "The founding document's network, on MNIST."
        entries.insert(1, reported)
    for column, (label, mse, what) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(label, words.number(mse), help=f"{what} {words.other_scale(mse)}".strip(), border=True)
    st.caption("Mean squared errors (MSE) on the test images, with pixels in [-1, 1].")


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
    st.info("There is no run yet. Train one, or import one, on the page Train.")
else:
    with messages.errors_in_words():
        say_when(chosen)
        show(chosen)
next_steps()
