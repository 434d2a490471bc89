"""New digits, and an honest answer to how good they are."""

import streamlit as st

from cae.errors import CannotFit
from cae.latent import sampling
from cae.runs.run import Run
from resources import generated, networks, pictures
from shared.chosen import show_chosen_run
from shared.measuring import fitting
from views.generate import between
from views.generate.digits import choose, go_on, goodness, grid, one_class_missing, where_they_lie


def show(run: Run) -> None:
    space = networks.latent_space(run)
    fitted = generated.fitted(run)
    found = fitted or sampling.unfitted(run, pictures.test_images(run).class_names)
    config = choose(found)
    digits, figures = st.columns([1.2, 1], gap="large")
    try:
        with digits:
            fresh = generated.fresh(run, found, config)
            grid(run, config, fresh, found)
            go_on(run)
    except CannotFit as reason:
        with digits:
            if fitted is not None:
                one_class_missing(config, found, reason)
    with figures:
        if fitted is None:
            fitting(run)
        goodness(run, config, found)
    if (config.prior, config.of_class) in found.priors:
        where_they_lie(run, config, found, space)
    between.ways(run, space)
    between.arithmetic(run, space)


st.title("Generate")
st.markdown(
    "Every digit here is new: a code drawn at random, decoded. Small beside it, the training digit most like it."
)
show_chosen_run(show)
