"""A digit drawn or photographed, and what the network makes of it."""

import streamlit as st

import resources
import state
from cae import evaluation
from cae.runs import Run
from components import draw, reading
from resources import Addresses
from sections import layout
from sections.chosen import show_chosen_run
from sections.keeping import add_drawing
from sections.posting import post_drawing_button


def canvas(run: Run, files: Addresses) -> None:
    images = resources.test_set(evaluation.dataset_of(run))
    on_map = layout.small_map(run)
    done = draw(files, state.canvas_base(), known=state.drawing() is not None, on_map=on_map, key="draw")
    if done is not None:
        state.set_drawing(done.pixels)
        if done.kind == "steer" and done.pixels is not None:
            state.steer_from_drawing()
            go_to_steer(run)
    index_column, button_column, wall_column, sheet_column = st.columns(
        [1.2, 1.4, 1.6, 2.4], vertical_alignment="bottom"
    )
    index = index_column.number_input("Test digit", 0, len(images) - 1, 0, step=1, help="Its index in the test set.")
    button_column.button(
        "Draw on it", on_click=state.put_on_canvas, args=(images.pixels[int(index)].numpy(),), icon=":material/edit:"
    )
    with wall_column:
        post_drawing_button(run)
    with sheet_column:
        add_drawing(run)


def go_to_steer(run: Run) -> None:
    st.switch_page("views/steer.py", query_params={"run": run.name})


def upload(run: Run, files: Addresses) -> None:
    st.header("Or upload a photograph or a scan")
    file = st.file_uploader(
        "Upload a picture", type=["png", "jpg", "jpeg", "webp"], max_upload_size=20,
        help="One digit on paper: dark ink or light, PNG, JPEG or WebP, at most 20 MB.",
    )  # fmt: skip
    if file is None:
        return
    with state.errors_in_words():
        photo = resources.photo(file.getvalue())
        pixels = resources.normalise_ink(photo.ink)
        for remark in photo.remarks:
            st.info(remark, icon=":material/info:")
        reading(files, pixels, name="Recognised digit in the picture", key="reading")
        if st.button("Steer from this picture", icon=":material/tune:"):
            state.steer_from_picture(pixels)
            go_to_steer(run)
        st.subheader("How the picture was read")
        for column, step in zip(st.columns(len(photo.steps)), photo.steps, strict=True):
            column.image(step.picture, width="stretch", alt=step.title)
            column.markdown(f"**{step.title}**")
            column.caption(step.explanation)


def show(run: Run) -> None:
    files = resources.addresses(run)
    canvas(run, files)
    upload(run, files)
    if layout.small_map(run) is None:
        resources.points(run, layout.config_of(run))
        st.rerun()  # the small map appears


st.title("Draw")
state.show_message()
st.markdown("Draw a digit with mouse, pen or finger: what the network makes of it follows while you draw.")
show_chosen_run(show)
