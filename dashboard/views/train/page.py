"""Start a training, watch it, and manage all runs."""

import streamlit as st

from cae.disk.files import is_read_only
from state import messages
from state.chosen import chosen_run
from views.train.form import load_elsewhere, new_training
from views.train.live import watch
from views.train.table import all_runs

st.title("Train")
st.markdown("Press **Start training**: the loss falls, and ten digits sharpen after every epoch.")
messages.show_message()
chosen = chosen_run()
left, right = st.columns([1, 2.6], gap="large")
with left:
    if is_read_only():
        st.info("This laboratory is read-only: you can look at runs, but not start or change them.")
    new_training()
    with st.expander("Import a run"):
        load_elsewhere()
with right:
    if chosen is None:
        st.info("Nothing to show yet: start a training on the left.")
    else:
        with messages.errors_in_words():
            watch(chosen)
st.header("All runs")
all_runs()
