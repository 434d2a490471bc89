"""Steering as a hand does it: a real server, a real headless Chromium, real runs."""

import re

import numpy as np
import pytest
import torch
from helpers import trained
from playwright.sync_api import Page, expect
from visitors import PATIENCE, Visitor, at_home, decoded, pixels_of

from cae.config import ModelConfig
from cae.data.images import load, to_model, to_pixels
from cae.runs.run import Run


def code_of(page: Page) -> list[float]:
    """The code in the address."""
    return [float(number) for number in re.search(r"z=([^&]*)", page.url)[1].replace("%2C", ",").split(",")]


def slider(page: Page, dimension: int):
    return page.get_by_role("slider", name=f"z{dimension}", exact=True)


def drag(page: Page, element, start: float, end: float, *, steps: int = 12, release: bool = True) -> None:
    """Moves the mouse, pressed, from one share of the element's width to another."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=steps)
    if release:
        page.mouse.up()


def digit(page: Page) -> list[int]:
    return pixels_of(page.get_by_role("img", name="Decoded digit", exact=True))


def test_a_drag_bends_the_digit_at_once_and_sends_nothing_until_the_hand_is_lifted(visitor):
    page = visitor.opens("/steer?run=original")
    before, address = digit(page), page.url
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    sent: list = []
    connection.on("Network.webSocketFrameSent", lambda event: sent.append(event["requestId"]))
    connection.on("Network.requestWillBeSent", lambda event: sent.append(event["requestId"]))
    drag(page, slider(page, 6), 0.5, 0.1, release=False)
    bent = digit(page)
    page.wait_for_timeout(500)
    assert bent != before and page.url == address
    assert not sent
    page.mouse.up()
    page.wait_for_function("(before) => location.href !== before", arg=address, timeout=PATIENCE)
    page.wait_for_timeout(500)
    visitor.settles()
    assert digit(page) == bent
    assert sent
    visitor.is_content()


def test_the_digit_shown_is_what_the_network_decodes_from_the_code_in_the_address(visitor):
    page = visitor.opens("/steer?run=original")
    drag(page, slider(page, 6), 0.5, 0.2)
    page.wait_for_url("**z=**", timeout=PATIENCE)
    page.wait_for_timeout(1000)
    expected = decoded(Run.open("original"), code_of(page))
    assert np.abs(np.array(digit(page)) - expected).max() <= 1


def test_a_link_reproduces_the_digit_in_another_browser(visitor, chromium, server):
    page = visitor.opens("/steer?run=original")
    drag(page, slider(page, 18), 0.3, 0.8)
    page.wait_for_timeout(1500)
    link = page.url.removeprefix(server.url)
    context = chromium.new_context()
    other = Visitor(context, server).opens(link)
    assert np.abs(np.array(digit(other)) - np.array(digit(page))).max() <= 1
    assert code_of(other) == code_of(page)
    context.close()


def test_loading_a_code_far_outside_widens_the_sliders_and_changes_nothing(visitor):
    far = [0.5] * 31 + [77.25]
    page = visitor.opens(f"/steer?run=original&z={','.join(map(str, far))}")
    assert float(slider(page, 31).input_value()) == 77.25
    assert code_of(page) == far
    expect(page.get_by_text("Like nothing the network has seen")).to_be_visible()


@pytest.mark.parametrize("code", ["a,b,c", "1,2,3", ",".join(["inf"] * 32), "1e999" + ",0" * 31, "," * 31, "%00"])
def test_a_broken_link_is_told_and_the_page_works_all_the_same(visitor, code):
    page = visitor.opens(f"/steer?run=original&z={code}")
    expect(page.get_by_role("alert").filter(has_text="code in the address")).to_be_visible()
    expect(slider(page, 0)).to_be_visible()
    visitor.is_content()


def test_the_keyboard_alone_can_steer_reset_lock_and_undo(visitor):
    page = visitor.opens("/steer?run=original")
    loaded, start = digit(page), slider(page, 6).input_value()
    slider(page, 6).focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    moved = digit(page)
    assert moved != loaded and float(slider(page, 6).input_value()) < float(start)
    page.keyboard.press("Delete")
    assert slider(page, 6).input_value() == start and digit(page) == loaded
    page.keyboard.press("Control+z")
    assert digit(page) == moved
    page.keyboard.press("Control+Shift+z")
    assert digit(page) == loaded
    page.keyboard.press("l")
    expect(slider(page, 6)).to_be_disabled()
    expect(page.get_by_role("button", name="Lock z6", exact=True)).to_have_attribute("aria-pressed", "true")
    held = digit(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+z")
    assert slider(page, 6).input_value() == start and digit(page) == held
    page.keyboard.press("l")
    expect(slider(page, 6)).to_be_enabled()
    page.keyboard.press("ArrowRight")
    assert slider(page, 6).input_value() != start
    visitor.is_content()


def test_a_double_click_resets_one_and_the_button_all(visitor):
    page = visitor.opens("/steer?run=original")
    loaded = digit(page)
    first, second = slider(page, 6).input_value(), slider(page, 18).input_value()
    drag(page, slider(page, 6), 0.5, 0.1)
    drag(page, slider(page, 18), 0.5, 0.9)
    slider(page, 6).dblclick()
    assert slider(page, 6).input_value() == first and slider(page, 18).input_value() != second
    page.get_by_role("button", name="Reset", exact=True).click()
    assert digit(page) == loaded and slider(page, 18).input_value() == second


@pytest.mark.parametrize("where", ["on the thumb", "beside it"])
def test_a_double_click_is_one_step_and_undo_takes_back_no_other(visitor, where):
    page = visitor.opens("/steer?run=original")
    drag(page, slider(page, 6), 0.5, 0.1)
    drag(page, slider(page, 18), 0.5, 0.9)
    both = slider(page, 6).input_value(), slider(page, 18).input_value()
    box = slider(page, 6).bounding_box()
    share = 0.1 if where == "on the thumb" else 0.4
    slider(page, 6).dblclick(position={"x": share * box["width"], "y": box["height"] / 2})
    assert slider(page, 6).input_value() != both[0]
    page.get_by_role("button", name="Undo", exact=True).click()
    assert (slider(page, 6).input_value(), slider(page, 18).input_value()) == both


def test_sliders_stand_in_the_order_of_their_influence_or_of_their_index(visitor):
    page = visitor.opens("/steer?run=original")
    names = "sliders => sliders.map(slider => slider.ariaLabel)"
    by_influence = page.locator(".sliders input").evaluate_all(names)
    page.get_by_role("combobox", name="Order of the sliders").select_option("by index")
    by_index = page.locator(".sliders input").evaluate_all(names)
    assert by_index == [f"z{dimension}" for dimension in range(32)]
    assert sorted(by_influence) == sorted(by_index) and by_influence != by_index


def test_the_plane_moves_the_code_along_its_two_directions_and_no_other(visitor):
    page = visitor.opens("/steer?run=original")
    before = [float(slider(page, dimension).input_value()) for dimension in range(32)]
    page.get_by_role("tab", name="Plane").click()
    page.get_by_role("combobox", name="Horizontal axis").select_option("z3")
    page.get_by_role("combobox", name="Vertical axis").select_option("z7")
    page.get_by_role("button", name="Reset", exact=True).click()
    drag(page, page.get_by_role("img", name="Digits decoded on the plane"), 0.5, 0.9)
    bent = digit(page)
    page.get_by_role("tab", name="Dimensions").click()
    after = [float(slider(page, dimension).input_value()) for dimension in range(32)]
    changed = {dimension for dimension in range(32) if before[dimension] != after[dimension]}
    assert changed == {3, 7} and digit(page) == bent
    page.get_by_role("tab", name="Plane").click()
    page.get_by_role("slider", name="Along the horizontal axis").press("ArrowLeft")
    assert digit(page) != bent
    visitor.is_content()


def test_operations_act_on_what_is_loaded_and_leave_locked_dimensions_alone(visitor):
    page = visitor.opens("/steer?run=original")
    page.get_by_role("button", name="Lock z6", exact=True).click()
    locked = slider(page, 6).input_value()
    page.get_by_role("tab", name="Operate").click()
    ink = sum(digit(page))
    before = pixels_of(page.get_by_role("img", name="Before the operations"))
    for _ in range(3):
        page.get_by_role("button", name="Thicker").click()
    assert sum(digit(page)) > 1.1 * ink
    assert pixels_of(page.get_by_role("img", name="Before the operations")) == before
    assert pixels_of(page.get_by_role("img", name="After the operations")) == digit(page)
    for _ in range(6):
        page.get_by_role("button", name="Thinner").click()
    assert sum(digit(page)) < 0.9 * ink
    page.get_by_role("button", name="More like a 3", exact=True).click()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_role("tab", name="Dimensions").click()
    assert slider(page, 6).input_value() == locked
    visitor.is_content()


def test_an_operation_taken_back_leaves_a_dimension_that_was_reset_where_it_was_reset_to(visitor):
    page = visitor.opens("/steer?run=original")
    loaded = float(slider(page, 6).input_value())
    page.get_by_role("tab", name="Operate").click()
    for _ in range(2):
        page.get_by_role("button", name="Thicker").click()
    page.get_by_role("tab", name="Dimensions").click()
    assert abs(float(slider(page, 6).input_value()) - loaded) > 0.01
    slider(page, 6).press("Delete")
    page.get_by_role("tab", name="Operate").click()
    for _ in range(2):
        page.get_by_role("button", name="Thinner").click()
    page.get_by_role("tab", name="Dimensions").click()
    assert float(slider(page, 6).input_value()) == pytest.approx(loaded, abs=1e-6)


def test_four_presses_of_more_like_a_3_make_a_7_a_3(visitor):
    page = visitor.opens("/steer?run=original")  # test digit 0 is a 7
    captions = page.get_by_role("group", name="Nearest real digits").locator("figcaption")
    assert set(captions.all_inner_texts()) == {"7"}
    page.get_by_role("tab", name="Operate").click()
    for _ in range(4):
        page.get_by_role("button", name="More like a 3", exact=True).click()
    page.wait_for_timeout(500)
    assert captions.all_inner_texts().count("3") >= 7


def test_another_start_is_loaded_and_a_change_of_page_keeps_where_one_was(visitor):
    page = visitor.opens("/steer?run=original")
    page.get_by_text("Class mean", exact=True).click()
    visitor.settles()
    assert slider(page, 0).input_value() != ""
    drag(page, slider(page, 6), 0.5, 0.1)
    visitor.settles()
    page.wait_for_timeout(800)
    bent = digit(page)
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.get_by_role("heading", name="Draw", level=1)).to_be_visible()
    visitor.settles()
    page.get_by_role("link", name="Steer", exact=True).click()
    expect(slider(page, 0)).to_be_visible()
    visitor.settles()
    assert digit(page) == bent
    visitor.is_content()


def test_a_reload_keeps_the_code_and_where_it_started(visitor):
    page = visitor.opens("/steer?run=original&from=digit-42")
    original = pixels_of(page.get_by_role("img", name="Picture that was loaded"))
    assert original == load("mnist", "test").pixels[42].flatten().tolist()
    loaded = digit(page)
    drag(page, slider(page, 18), 0.5, 0.2)
    visitor.settles()
    bent = digit(page)
    page.reload()
    visitor.settles()
    assert pixels_of(page.get_by_role("img", name="Picture that was loaded")) == original
    assert np.abs(np.array(digit(page)) - np.array(bent)).max() <= 1
    page.get_by_role("button", name="Reset", exact=True).click()
    assert digit(page) == loaded


def test_leaving_at_once_keeps_the_last_movement_and_one_step_back_leads_home(visitor):
    page = visitor.opens("/?run=original")
    page.get_by_role("link", name="Steer", exact=True).click()
    expect(slider(page, 18)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    for end in (0.2, 0.8, 0.33):
        drag(page, slider(page, 18), 0.5, end)
    left = slider(page, 18).input_value()
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.get_by_role("heading", name="Draw", level=1)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    page.go_back()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    assert slider(page, 18).input_value() == left
    visitor.is_content()


def test_a_finger_that_scrolls_the_page_does_not_steer_and_one_that_slides_does(chromium, server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = Visitor(context, server).opens("/steer?run=original")
    connection = context.new_cdp_session(page)

    def swipe(across: float, down: float) -> None:
        slider(page, 30).evaluate("(input) => input.scrollIntoView({block: 'center'})")
        box = slider(page, 30).bounding_box()
        x, y = box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2
        for step in range(12):
            places = [{"x": x + across * step / 11, "y": y + down * step / 11}]
            kind = "touchMove" if step else "touchStart"
            connection.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
            page.wait_for_timeout(20)
        connection.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(500)

    before = slider(page, 30).input_value(), digit(page)
    swipe(0, -150)
    assert (slider(page, 30).input_value(), digit(page)) == before
    swipe(70, 0)
    assert slider(page, 30).input_value() != before[0] and digit(page) != before[1]
    context.close()


def test_operations_taken_back_leave_nothing_behind_even_if_locks_came_and_went(visitor):
    page = visitor.opens("/steer?run=original")
    loaded = [slider(page, dimension).input_value() for dimension in range(32)]

    def lock_some() -> None:
        page.get_by_role("tab", name="Dimensions").click()
        for dimension in (6, 18, 28):
            page.get_by_role("button", name=f"Lock z{dimension}", exact=True).click()
        page.get_by_role("tab", name="Operate").click()

    lock_some()
    for _ in range(2):
        page.get_by_role("button", name="Thicker").click()
    lock_some()  # and unlocks them
    for _ in range(2):
        page.get_by_role("button", name="Thinner").click()
    left = [
        float(slider_input)
        for slider_input in page.locator(".sliders input").evaluate_all(
            "inputs => inputs.sort((a, b) => a.ariaLabel.slice(1) - b.ariaLabel.slice(1)).map(input => input.value)"
        )
    ]
    assert np.allclose(left, [float(value) for value in loaded], atol=1e-6)


def test_the_numbers_are_copied_and_the_picture_is_saved(chromium, server):
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = Visitor(context, server).opens("/steer?run=original")
    page.get_by_role("button", name="Copy the numbers").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert [float(number) for number in copied.split(", ")] == code_of(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the picture").click()
    from PIL import Image

    with Image.open(download.value.path()) as image:
        assert image.size == (280, 280)
        assert np.asarray(image.convert("L"))[5::10, 5::10].flatten().tolist() == digit(page)
    context.close()


# -- other shapes of the network, on a small data set of their own


@pytest.fixture(scope="module")
def shapes(small_server):
    with at_home(small_server):
        for dimensions in (1, 2, 256):
            trained(f"dim{dimensions}", ModelConfig(latent_dim=dimensions, width=4))
    return small_server


@pytest.mark.parametrize("dimensions", [1, 2, 256])
def test_a_run_has_as_many_sliders_as_dimensions(chromium, shapes, dimensions):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    visitor = Visitor(context, shapes)
    page = visitor.opens(f"/steer?run=dim{dimensions}")
    assert page.locator(".sliders input").count() == dimensions
    page.get_by_role("tab", name="Plane").click()
    visible = page.get_by_role("img", name="Digits decoded on the plane").is_visible()
    assert visible == (dimensions > 1)
    page.get_by_role("tab", name="Operate").click()
    before = digit(page)
    page.get_by_role("button", name="Thicker").click()
    assert digit(page) != before
    visitor.is_content()
    context.close()


def test_choosing_another_run_changes_the_decoder(chromium, shapes, small_data_folder, monkeypatch):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    visitor = Visitor(context, shapes)
    page = visitor.opens("/steer?run=dim1")
    page.get_by_role("combobox", name="Run").click()
    page.get_by_role("option", name="dim2", exact=True).click()
    expect(slider(page, 1)).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    run = shapes.run("dim2")
    monkeypatch.setenv("CAE_DATA", str(small_data_folder))
    first = to_model(load("mnist", "test").pixels[:1])
    with torch.inference_mode():
        expected = to_pixels(run.model()(first))[0].flatten().int().numpy()
    assert np.abs(np.array(digit(page)) - expected).max() <= 1
    visitor.is_content()
    context.close()
