"""Drawing as a hand does it: a real server, a real headless Chromium, the shipped run."""

import io

import numpy as np
import pytest
from helpers import wait_until
from PIL import Image
from playwright.sync_api import Page, expect
from visitors import PATIENCE, Visitor, decoded, pixels_of

from cae.data.images import load, to_model, torch
from cae.runs.run import Run

SEVEN = [[(0.25, 0.25), (0.7, 0.25), (0.45, 0.8)]]
THREE = [[(0.3, 0.25), (0.5, 0.17), (0.68, 0.3), (0.45, 0.48), (0.7, 0.65), (0.5, 0.85), (0.28, 0.75)]]
FOUR = [[(0.35, 0.2), (0.3, 0.55), (0.7, 0.55)], [(0.62, 0.2), (0.6, 0.85)]]
ONE = [[(0.5, 0.15), (0.48, 0.85)]]


def area(page: Page):
    return page.get_by_role("img", name="Drawing area")


def answer(page: Page) -> str:
    return page.get_by_role("status", name="Recognised digit", exact=True).inner_text()


def seen(page: Page) -> list[int]:
    return pixels_of(page.get_by_role("img", name="Model input"))


def draw(page: Page, strokes) -> None:
    area(page).scroll_into_view_if_needed()
    box = area(page).bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=8)
        page.mouse.up()
    page.wait_for_timeout(100)


def test_all_ten_that_vote_are_shown_and_the_colours_of_the_error_are_explained(visitor):
    page = visitor.opens("/draw?run=original")
    expect(page.get_by_text("ink missing")).to_be_visible()
    expect(page.get_by_text("ink added")).to_be_visible()
    draw(page, THREE)
    voters = page.get_by_role("group", name="Nearest real digits").get_by_role("img", name="Real digit of class")
    expect(voters).to_have_count(10)


@pytest.mark.parametrize(("name", "strokes"), [("7", SEVEN), ("3", THREE), ("4", FOUR), ("1", ONE)])
def test_a_drawn_digit_is_recognised_and_reconstructed(visitor, name, strokes):
    page = visitor.opens("/draw?run=original")
    draw(page, strokes)
    assert answer(page) == name
    captions = page.get_by_role("group", name="Nearest real digits").locator("figcaption").all_inner_texts()
    assert captions.count(name) >= 5
    copy = np.array(pixels_of(page.get_by_role("img", name="Reconstruction", exact=True)))
    model = Run.open("original").model()
    image = to_model(torch.tensor(seen(page), dtype=torch.uint8).reshape(1, 28, 28))
    assert np.abs(copy - decoded(Run.open("original"), model.encode(image)[0].tolist())).max() <= 1
    visitor.is_content()


def test_everything_follows_while_the_pen_still_moves_and_nothing_is_sent(visitor):
    page = visitor.opens("/draw?run=original")
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    sent: list = []
    connection.on("Network.webSocketFrameSent", lambda event: sent.append(event["requestId"]))
    box = area(page).bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    answers = []
    for y in (0.4, 0.6, 0.8):
        page.mouse.move(box["x"] + 0.48 * box["width"], box["y"] + y * box["height"], steps=5)
        page.wait_for_timeout(150)
        answers.append((answer(page), seen(page)))
    assert answers[-1][0] == "1" and sum(answers[0][1]) > 0 and answers[0][1] != answers[-1][1]
    assert not sent
    page.mouse.up()
    visitor.is_content()


def test_a_finger_draws_and_does_not_scroll(chromium, server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visitor = Visitor(context, server)
    page = visitor.opens("/draw?run=original")
    area(page).scroll_into_view_if_needed()
    box = area(page).bounding_box()
    connection = context.new_cdp_session(page)

    def touch(kind: str, *points) -> None:
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        connection.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.5, 0.2))
    for y in np.linspace(0.2, 0.85, 15):
        touch("touchMove", (0.5, float(y)))
    touch("touchEnd")
    page.wait_for_timeout(300)
    assert answer(page) == "1"
    assert area(page).bounding_box()["y"] == box["y"]
    visitor.is_content()
    context.close()


def test_the_drawing_survives_a_change_of_page_and_a_reload(visitor):
    page = visitor.opens("/draw?run=original")
    draw(page, THREE)
    before = pixels_of(area(page)), seen(page)
    page.get_by_role("link", name="Steer", exact=True).click()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible()
    visitor.settles()
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.get_by_role("heading", name="Draw", level=1)).to_be_visible()
    visitor.settles()
    assert (pixels_of(area(page)), seen(page)) == before
    page.reload()
    visitor.settles()
    assert (pixels_of(area(page)), seen(page)) == before
    assert answer(page) == "3"
    visitor.is_content()


def test_undo_takes_one_stroke_back_and_clear_all(visitor):
    page = visitor.opens("/draw?run=original")
    blank = pixels_of(area(page))
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    draw(page, ONE)
    one = pixels_of(area(page))
    draw(page, THREE)
    page.get_by_role("button", name="Undo", exact=True).click()
    assert pixels_of(area(page)) == one and answer(page) == "1"
    area(page).focus()
    page.keyboard.press("Control+z")
    assert pixels_of(area(page)) == blank and answer(page) == "–"
    draw(page, THREE)
    page.get_by_role("button", name="Clear", exact=True).click()
    assert pixels_of(area(page)) == blank and answer(page) == "–"
    assert not any(seen(page))
    visitor.is_content()


def test_the_width_of_the_brush_changes_the_drawing_and_hardly_what_the_network_sees(visitor):
    page = visitor.opens("/draw?run=original")
    drawn, inputs = [], []
    for width in ("8", "28"):
        page.get_by_role("slider", name="Brush").fill(width)
        draw(page, THREE)
        drawn.append(sum(pixels_of(area(page))))
        inputs.append(sum(seen(page)))
        page.get_by_role("button", name="Clear", exact=True).click()
    assert drawn[1] > 2.5 * drawn[0]
    assert 0.8 < inputs[1] / inputs[0] < 1.25


@pytest.mark.parametrize("strokes", [
    [[(0.5, 0.5), (0.5, 0.5)]],
    [[(x, y) for y in np.linspace(0.02, 0.98, 12) for x in (0.02, 0.98)]],
], ids=["a dot", "a scribble over everything"])  # fmt: skip
def test_what_is_no_digit_is_answered_all_the_same(visitor, strokes):
    page = visitor.opens("/draw?run=original")
    draw(page, strokes)
    assert answer(page) in list("0123456789")
    assert any(seen(page))
    visitor.is_content()


def test_a_test_digit_is_put_on_the_canvas_and_drawn_on(visitor):
    page = visitor.opens("/draw?run=original")
    page.get_by_role("spinbutton", name="Test digit").fill("3")  # a 0
    page.get_by_role("spinbutton", name="Test digit").press("Enter")
    visitor.settles()
    page.get_by_role("button", name="Draw on it").click()
    visitor.settles()
    expect(page.get_by_role("status", name="Recognised digit", exact=True)).to_have_text("0")
    before = pixels_of(area(page))
    draw(page, [[(0.3, 0.8), (0.8, 0.2)]])
    assert pixels_of(area(page)) != before
    page.get_by_role("button", name="Undo", exact=True).click()
    assert pixels_of(area(page)) == before
    visitor.is_content()


def test_after_a_reload_the_drawing_can_still_be_steered_from(visitor):
    page = visitor.opens("/draw?run=original")
    draw(page, THREE)
    picture = seen(page)
    page.reload()
    visitor.settles()
    page.get_by_role("link", name="Steer", exact=True).click()
    page.get_by_text("My drawing", exact=True).click()
    loaded = page.get_by_role("img", name="Picture that was loaded")
    wait_until(lambda: pixels_of(loaded) == picture, "the drawing is loaded")


def test_after_a_reload_of_another_page_too(visitor):
    page = visitor.opens("/draw?run=original")
    draw(page, THREE)
    picture = seen(page)
    page.get_by_role("link", name="Steer", exact=True).click()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    page.reload()
    visitor.settles()
    page.get_by_text("My drawing", exact=True).click()
    loaded = page.get_by_role("img", name="Picture that was loaded")
    wait_until(lambda: pixels_of(loaded) == picture, "the drawing is loaded")
    visitor.is_content()


def test_an_empty_sheet_is_no_drawing_after_a_reload_either(visitor):
    page = visitor.opens("/draw?run=original")
    draw(page, THREE)
    page.get_by_role("button", name="Clear", exact=True).click()
    visitor.opens("/steer?run=original")
    page.get_by_text("My drawing", exact=True).click()
    expect(page.get_by_text("There is no drawing yet")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1000)
    expect(page.get_by_text("There is no drawing yet")).to_be_visible()
    visitor.is_content()


@pytest.mark.parametrize("stroke", [
    {"width": -5, "points": [10, 10, 90, 90]}, {"width": 1e9, "points": [10, 10, 90, 90]},
    {"width": "wide", "points": [10, 10]}, {"points": [10, 10]}, {"width": 18, "points": [10, 10, 90]},
    {"width": 18, "points": [10, None]}, {"width": 18, "points": "10"}, None, [],
], ids=range(9))  # fmt: skip
def test_a_kept_stroke_that_cannot_be_is_left_out(visitor, stroke):
    page = visitor.opens("/draw?run=original")
    strokes = [stroke, {"width": 18, "points": [140, 60, 138, 220]}]
    page.evaluate("(strokes) => sessionStorage.setItem('cae-drawing', JSON.stringify({strokes}))", strokes)
    page.reload()
    visitor.settles()
    assert answer(page) == "1"
    page.get_by_role("button", name="Undo", exact=True).click()
    draw(page, THREE)
    assert answer(page) == "3"
    visitor.is_content()


def test_a_sheet_that_was_cleared_by_mistake_comes_back(visitor):
    page = visitor.opens("/draw?run=original")
    draw(page, FOUR)
    before = pixels_of(area(page))
    area(page).focus()
    page.keyboard.press("Delete")
    assert pixels_of(area(page)) != before
    page.keyboard.press("Control+z")
    assert pixels_of(area(page)) == before


def test_steer_from_here_takes_the_drawing_to_the_sliders(visitor):
    page = visitor.opens("/draw?run=original")
    draw(page, THREE)
    copy = pixels_of(page.get_by_role("img", name="Reconstruction", exact=True))
    picture = seen(page)
    page.get_by_role("button", name="Steer from here").click()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    shown = pixels_of(page.get_by_role("img", name="Decoded digit", exact=True))
    assert np.abs(np.array(shown) - np.array(copy)).max() <= 1
    assert pixels_of(page.get_by_role("img", name="Picture that was loaded")) == picture
    page.get_by_role("tab", name="Operate").click()
    page.get_by_role("button", name="Thicker").click()
    assert sum(pixels_of(page.get_by_role("img", name="Decoded digit", exact=True))) > sum(shown)
    visitor.is_content()


def upload(page: Page, name: str, content: bytes) -> None:
    page.locator('input[type="file"]').set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def as_png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_uploaded_picture_goes_the_same_way_and_shows_each_step(visitor):
    page = visitor.opens("/draw?run=original")
    digit = load("mnist", "train").pixels[7].numpy()  # a 3
    paper = 255 - np.asarray(Image.fromarray(digit).resize((300, 300), Image.Resampling.BICUBIC)) // 2
    upload(page, "three.png", as_png(np.pad(paper, 60, constant_values=255)))
    found = page.get_by_role("status", name="Recognised digit in the picture", exact=True)
    expect(found).to_have_text("3", timeout=PATIENCE)
    expect(page.locator('[data-testid="stImageContainer"] img')).to_have_count(5, timeout=PATIENCE)
    for picture in ("Model input", "Reconstruction"):  # of the drawing, and of the picture
        assert page.get_by_role("img", name=picture, exact=True).count() == 1
        assert page.get_by_role("img", name=f"{picture} of the picture", exact=True).count() == 1
    visitor.settles()
    page.get_by_role("button", name="Steer from this picture").click()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    expect(page.get_by_role("img", name="Picture that was loaded")).to_be_visible()
    visitor.is_content()


def test_an_upload_that_is_no_picture_is_told_in_a_sentence(visitor):
    page = visitor.opens("/draw?run=original")
    upload(page, "digit.png", b"PK\x03\x04 this is a zip, not a picture")
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    assert "Traceback" not in page.inner_text("body")
    visitor.is_content()
