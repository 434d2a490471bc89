"""What this is, how good the chosen network is, and where to go next."""

import numpy as np
import streamlit as st

import resources
import state
import wording
from cae import evaluation, figures, picks
from cae.runs import Run
from components import Card, chart, digits

ORIGINAL_TEST_MSE = 0.0171  # what the founding document reports


def show(run: Run) -> None:
    config, dataset = run.info.model, evaluation.dataset_of(run)
    images = resources.test_set(dataset)
    shown = picks.at_random(12, len(images), seed=4)
    found = resources.compare(run, shown)
    layers = resources.layers(config)
    st.markdown(
        f"A convolutional autoencoder squeezes a picture of {28 * 28} pixels into **{config.latent_dim} numbers** and "
        "paints it again from those alone. Nobody tells it what a digit is: it is only ever asked to make the copy "
        "resemble the original. This laboratory trains such a network while you watch, and shows what it has learned."
    )
    chart(
        figures.hourglass(
            layers,
            code=resources.code(run, int(shown[0])),
            original=found.originals[0],
            reconstruction=found.reconstructions[0],
        ),
        key="hourglass",
        description=f"The network: {', '.join('×'.join(map(str, layer.shape)) for layer in layers)}",
    )
    st.caption(
        f"{sum(layer.parameters for layer in layers):,} parameters. Under each block its shape, its layer and that "
        "layer's parameters; the coloured cells are the code of the digit on the left, violet above zero, amber below."
    )
    headline(run, dataset)
    st.header("Twelve digits it never saw in training, over its reconstructions")
    cards = [
        Card(
            tiles=(number, number + len(shown)),
            description=f"Test digit {index} of class {images.class_names[label]}, and its reconstruction below",
            caption=(f"{images.class_names[label]}", f"#{index}", f"{wording.number(mse)}"),
            title=wording.other_scale(mse),
        )
        for number, (index, label, mse) in enumerate(zip(found.indices, found.labels, found.mse, strict=True))
    ]
    digits(np.concatenate([found.originals, found.reconstructions]), cards, key="twelve")
    st.caption("Class, index and error (MSE on [-1, 1]) of each.")


def headline(run: Run, dataset: str) -> None:
    mine, reference = resources.test_mse(run), resources.baselines(dataset)
    dimensions = run.info.model.latent_dim
    pca = reference.pca_with(dimensions)
    columns = st.columns(4)
    entries = [
        (f"Test error of “{run.name}”", mine, ""),
        ("The original, as reported", ORIGINAL_TEST_MSE, "The founding document's network, on MNIST."),
        (f"PCA with {dimensions} numbers", pca, "The best that as many numbers can do without a network."),
        ("The mean image", reference.mean_image, "Always showing the same picture: what no learning reaches."),
    ]
    for column, (label, value, what) in zip(columns, entries, strict=True):
        column.metric(label, wording.number(value), help=f"{what} {wording.other_scale(value)}".strip(), border=True)


def next_steps() -> None:
    st.header("Where to go next")
    train, reconstruct, _ = st.columns([1, 1, 1])
    with train:
        st.page_link("views/train.py", label="Train a network", icon=":material/model_training:")
        st.caption("Watch the loss fall and ten digits sharpen. “glance” takes some ten seconds.")
    with reconstruct:
        st.page_link("views/reconstruct.py", label="Compare reconstructions", icon=":material/compare:")
        st.caption("See which digits it copies well, which it garbles, and where.")


st.title("Look inside an autoencoder")
chosen = state.chosen_run()
if chosen is None:
    st.info("There is no run yet. Train one, or load one that was trained elsewhere, on the page Train.")
else:
    with state.errors_in_words():
        show(chosen)
next_steps()
