"""New digits, and an honest answer to how good they are."""

import streamlit as st

import resources
from cae import evaluation, sampling
from cae.errors import CannotFit
from cae.runs import Run
from sections import between, generating
from sections.chosen import show_chosen_run


def show(run: Run) -> None:
    space = resources.latent_space(run)
    fitted = resources.fitted(run)
    found = fitted or sampling.unfitted(run, resources.test_set(evaluation.dataset_of(run)).class_names)
    config = generating.choose(found)
    digits, figures = st.columns([1.2, 1], gap="large")
    try:
        with digits:
            fresh = resources.fresh(run, found, config)
            generating.grid(run, config, fresh, found)
            generating.go_on(run)
    except CannotFit as reason:
        with digits:
            if fitted is not None:
                generating.one_class_missing(config, found, reason)
    with figures:
        if fitted is None:
            generating.fitting(run)
        generating.goodness(run, config, found)
    if (config.prior, config.of_class) in found.priors:
        generating.where_they_lie(run, config, found, space)
    between.ways(run, space)
    between.arithmetic(run, space)


st.title("Generate")
st.markdown(
    "Every digit here is new: a code drawn at random, decoded. Small beside it, the training digit most like it."
)
show_chosen_run(show)
