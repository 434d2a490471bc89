"""New digits, and an honest answer to how good they are."""

import streamlit as st

from cae.errors import CannotFit
from cae.latent import sampling
from cae.runs.run import Run
from resources import generated, networks, pictures
from shared.chosen import show_chosen_run
from shared.measuring import fitting
from views.generate import between, quality
from views.generate.digits import choose, go_on, grid, say_what_is_missing


def show(run: Run) -> None:
    space = networks.latent_space(run)
    kept = generated.fitted(run)
    fitted = kept or sampling.unfitted(run, pictures.test_images(run).class_names)
    config = choose(fitted)
    digits, figures = st.columns([1.2, 1], gap="large")
    try:
        with digits:
            fresh = generated.fresh(run, fitted, config)
            grid(run, config, fresh, fitted)
            go_on(run)
    except CannotFit as reason:
        with digits:
            if kept is not None:
                say_what_is_missing(config, fitted, reason)
    with figures:
        if kept is None:
            fitting(run)
        quality.figures(run, config, fitted)
    if (config.prior, config.of_class) in fitted.priors:
        quality.where_codes_lie(run, config, fitted, space)
    between.paths(run, space)
    between.arithmetic(run, space)


st.title("Generate")
st.markdown(
    "Every digit here is new: a random code, decoded. The small digit beside it is the training image most like it."
)
show_chosen_run(show)
