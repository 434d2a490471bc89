"""The forms that start a training and import a run."""

from __future__ import annotations

from pathlib import PurePath

import streamlit as st

from cae import words
from cae.config import ACTIVATIONS, RECIPES, ModelConfig, TrainConfig, differences
from cae.disk.files import is_read_only
from cae.errors import CaeError, InvalidOption
from cae.jobs import limits, process
from cae.runs import listing
from shared.forms import fields, read
from shared.markdown import plain
from state import chosen, messages
from state.forms import forget_name, forget_upload, name_key, recipe_picker, upload_key
from who import visitor


def new_training() -> None:
    """Recipe, name and options, and the button that starts the training."""
    recipe = recipe_picker()
    summary = st.empty()
    name = st.text_input("Run name", key=name_key(listing.free_name(recipe)), max_chars=80)
    beside_the_name = st.empty()
    button = st.container()
    with st.expander("Options"):
        fields(TrainConfig)
        st.markdown("**The network**")
        fields(ModelConfig)
        visitor.name_field("name beside a training")
    try:
        model, train = read(ModelConfig), read(TrainConfig)
    except InvalidOption as error:
        button.button("Start training", type="primary", disabled=True, width="stretch")
        button.markdown(f":red[{plain(str(error))} Change it under Options.]")
        return
    changed = words.options(differences(model, train, recipe))
    summary.caption(f"{recipe}, but with {changed}." if changed else RECIPES[recipe].summary)
    me = visitor.me()
    reason = limits.why_no_training(me)
    if reason:
        button.info(plain(reason), icon=":material/hourglass:")
    if button.button("Start training", type="primary", width="stretch", disabled=is_read_only() or bool(reason)):
        try:
            run = process.start_training(name, model, train, recipe="" if changed else recipe, by=visitor.me())
        except CaeError as error:
            beside_the_name.markdown(f":red[{plain(str(error))}]")
        else:
            forget_name(name)
            chosen.look_at(run.name)


def load_elsewhere() -> None:
    """A file and a name, and the button that imports it as a run."""
    st.caption("The zip of a run, a model.safetensors, or a PyTorch state_dict of this architecture; at most 64 MB.")
    file = st.file_uploader(
        "File", type=["zip", "safetensors", "pt", "pth"], max_upload_size=64, label_visibility="collapsed",
        key=upload_key(),
    )  # fmt: skip
    if file is None:
        return
    spelled = PurePath(file.name).stem.lower()
    stem = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in spelled).strip("-")
    with st.form("load", border=False):  # otherwise a click right after typing is lost in the rerun
        name = st.text_input("Name for it", value=listing.free_name(stem[:40] or "imported"))
        activation = st.selectbox(
            "Activation it was trained with", ACTIVATIONS, help="Used only if the file does not say."
        )
        if not st.form_submit_button("Import it", width="stretch", disabled=is_read_only()):
            return
    from cae.imports.run import import_file

    with messages.errors_in_words():
        run = import_file(file.getvalue(), name, activation=activation, by=visitor.me())
        messages.say(f"{run.name} is imported.")
        forget_upload()
        chosen.look_at(run.name)
