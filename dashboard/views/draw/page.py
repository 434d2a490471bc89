"""A digit drawn or photographed, and its reconstruction."""

import streamlit as st

from cae.runs.run import Run
from components import draw, recognised
from resources import maps, pictures
from resources.files import Addresses, addresses
from shared.chosen import show_chosen_run
from shared.going import go_to
from shared.keeping import add_drawing
from shared.posting import post_drawing_button
from shared.shown_map import config_of, small_map
from state import made, messages, steering


def canvas(run: Run, files: Addresses) -> None:
    images = pictures.test_images(run)
    on_map = small_map(run)
    action = draw(files, made.canvas_base(), known=made.drawing() is not None, on_map=on_map, key="draw")
    if action is not None:
        made.set_drawing(action.pixels)
        if action.kind == "steer" and action.pixels is not None:
            steering.steer_from_drawing()
            go_to("steer", run)
    index_column, button_column, wall_column, sheet_column = st.columns(
        [1.2, 1.4, 1.6, 2.4], vertical_alignment="bottom"
    )
    index = index_column.number_input("Test digit", 0, len(images) - 1, 0, step=1, help="Its index in the test set.")
    button_column.button(
        "Draw on it", on_click=made.put_on_canvas, args=(images.pixels[int(index)].numpy(),), icon=":material/edit:"
    )
    with wall_column:
        post_drawing_button(run)
    with sheet_column:
        add_drawing(run)


def upload(run: Run, files: Addresses) -> None:
    st.header("Or upload a photograph or a scan")
    file = st.file_uploader(
        "Upload a picture", type=["png", "jpg", "jpeg", "webp"], max_upload_size=20,
        help="One digit on paper, in dark or light ink: PNG, JPEG or WebP, at most 20 MB.",
    )  # fmt: skip
    if file is None:
        return
    with messages.errors_in_words():
        photo = pictures.photo(file.getvalue())
        pixels = pictures.normalise_ink(photo.ink)
        for remark in photo.remarks:
            st.info(remark, icon=":material/info:")
        recognised(files, pixels, name="Recognised digit in the picture", key="reading")
        if st.button("Steer from this picture", icon=":material/tune:"):
            steering.steer_from_picture(pixels)
            go_to("steer", run)
        st.subheader("How the picture was read")
        for column, step in zip(st.columns(len(photo.steps)), photo.steps, strict=True):
            column.image(step.picture, width="stretch", alt=step.title)
            column.markdown(f"**{step.title}**")
            column.caption(step.explanation)


def show(run: Run) -> None:
    files = addresses(run)
    canvas(run, files)
    upload(run, files)
    if small_map(run) is None:
        maps.points(run, config_of(run))
        st.rerun()  # the small map appears


st.title("Draw")
messages.show_message()
st.markdown("Draw a digit with mouse, pen or finger: its reconstruction follows while you draw.")
show_chosen_run(show)
