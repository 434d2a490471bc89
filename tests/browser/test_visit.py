"""The dashboard as a person meets it: a real server, a real headless Chromium, a real small training."""

import shutil
import socket
import time

import pytest
from helpers import state_of, wait_until
from playwright.sync_api import Page, expect
from visitors import DRAWN, PAGES, PATIENCE, Visitor


def drawn_points(page: Page) -> int:
    """How many points of losses the chart holds, both curves together."""
    script = "() => document.querySelector('.chart').given.figure.data.reduce((sum, trace) => sum + trace.x.length, 0)"
    return page.evaluate(script)


TOO_WIDE = """() => [...document.querySelectorAll("[data-testid=stMain] *")]
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1
    && !each.closest("[data-testid=stButtonGroup], svg")).map((each) => each.outerHTML.slice(0, 120))"""


def barriers(page: Page) -> list[str]:
    """What axe finds in the way of people who see, hear or move otherwise."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"rules": {"target-size": {"enabled": True}}}  # WCAG 2.2: 24 pixels, or room around
    for _ in range(2):  # what fades as a run of the page ends is looked at again when it has come to rest
        violations = Axe().run(page, options=options).response["violations"]
        nodes = [f"{rule['id']}: {node['html'][:200]}" for rule in violations for node in rule["nodes"]]
        if not any("color-contrast" in node for node in nodes):
            break
        page.wait_for_timeout(1500)
    # Streamlit's own file uploader has a presentational section that can be focused: not ours to mend.
    return [node for node in nodes if not ("presentation-role-conflict" in node and "stFileUploader" in node)]


@pytest.mark.quick
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_for_every_eye_in_light_in_dark_and_on_a_phone_and_asks_only_its_own_server(
    chromium, server, path
):
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light", has_touch=True)
    visitor = Visitor(context, server)
    page = visitor.opens(path + "?run=original")
    if path == "/train":
        page.get_by_text("Options", exact=True).click()
        page.get_by_text("Import a run").click()
        page.wait_for_timeout(800)
    in_light = barriers(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    for _ in range(2):  # what is folded away keeps its width until the page is opened again
        visitor.settles('[data-testid="stForm"]' if path == "/wall" else DRAWN)
        if not (too_wide := page.evaluate(TOO_WIDE)):
            break
        page.reload()
    in_dark = barriers(page)
    visitor.is_content()
    context.close()
    assert not in_light + in_dark and not too_wide


def test_pages_follow_each_other_and_keep_the_run(visitor):
    page = visitor.opens("/?run=original")
    page.get_by_role("link", name="Reconstruct", exact=True).click()
    expect(page.get_by_role("heading", name="Reconstruct", level=1)).to_be_visible()
    visitor.settles()
    page.wait_for_url("**run=original*", timeout=PATIENCE)
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
    visitor.settles()
    visitor.is_content()


def test_the_server_listens_on_this_machine_only(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; only asks which address would be used
            outside = probe.getsockname()[0]
        except OSError:
            outside = "127.0.0.2"
    if outside.startswith("127."):
        pytest.skip("this machine has no address but its own")
    with pytest.raises(OSError):
        socket.create_connection((outside, server.port), timeout=3).close()


def test_a_training_is_started_watched_left_reloaded_stopped_and_resumed(visitor, server):
    page = visitor.opens("/train")
    page.get_by_role("combobox", name="Recipe").click()
    page.get_by_role("option", name="glance").click()
    visitor.settles()
    page.get_by_text("Options", exact=True).click()
    epochs = page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("400")
    epochs.press("Enter")
    visitor.settles()
    name = page.get_by_role("textbox", name="Run name")
    name.fill("watched")
    page.get_by_role("button", name="Start training").click()

    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=PATIENCE)
    page.wait_for_function(
        "() => document.querySelector('.chart')?.given?.figure.data.some((trace) => trace.x.length > 3)",
        timeout=PATIENCE,
    )
    early = drawn_points(page)

    # The zoom stays while the curve grows.
    page.get_by_role("figure", name="Loss of watched").scroll_into_view_if_needed()
    box = page.locator(".chart .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 160, steps=5)
    page.mouse.up()
    zoom = "() => document.querySelector('.chart').layout.xaxis.range"
    zoomed = page.evaluate(zoom)
    page.wait_for_function(
        "(before) => document.querySelector('.chart').given.figure.data"
        ".reduce((sum, trace) => sum + trace.x.length, 0) > before",
        arg=early,
        timeout=PATIENCE,
    )
    assert page.evaluate(zoom) == zoomed and zoomed[1] < 400

    # Leaving the page and reloading it change nothing for the training.
    page.get_by_role("link", name="Reconstruct", exact=True).click()
    expect(page.get_by_role("heading", name="Reconstruct", level=1)).to_be_visible()
    page.wait_for_url("**run=watched*", timeout=PATIENCE)
    page.goto(f"{server.url}/train?run=watched")
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE)
    assert state_of(server.run("watched")) == "running"

    # So does a restart of the dashboard.
    server.stop()
    steps = server.run("watched").progress()[-1].step
    server.start()
    visitor.opens("/train?run=watched")
    visitor.complaints.clear()  # the browser has missed its server for a moment, and said so
    wait_until(lambda: server.run("watched").progress()[-1].step > steps, "it goes on")

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Yes, stop watched").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE)
    stopped = server.run("watched").progress()[-1].step
    assert state_of(server.run("watched")) == "stopped"
    page.get_by_role("button", name="Resume").click()
    wait_until(lambda: server.run("watched").progress()[-1].step > stopped, "it is taken up")
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Yes, stop watched").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE)
    visitor.settles()
    visitor.is_content()

    # It is deleted only after a question that names it.
    page.get_by_role("button", name="Delete watched").click()
    page.get_by_role("button", name="Yes, delete watched").click()
    wait_until(lambda: not server.run("watched").path.exists(), "it is gone")
    expect(page.get_by_role("button", name="Delete watched")).to_have_count(0, timeout=PATIENCE)
    assert not page.get_by_role("button", name="Delete original").count()


def test_a_note_is_written_in_the_table_and_kept(visitor, server, trained_folder):
    shutil.copytree(trained_folder / "tiny", server.folder / "checkpoints" / "noted")
    page = visitor.opens("/train?run=noted")
    field = page.get_by_role("textbox", name="Note on noted")
    field.fill("<b>two</b> dimensions")
    field.press("Enter")
    wait_until(lambda: server.run("noted").info.note == "<b>two</b> dimensions", "the note is kept")
    visitor.opens("/train?run=noted")
    expect(page.get_by_role("textbox", name="Note on noted")).to_have_value("<b>two</b> dimensions")
    page.get_by_role("checkbox", name="Lay the curve of original over the chart").check()
    page.wait_for_function(
        "() => document.querySelector('.chart').given.figure.data.some((trace) => trace.name === 'original: test')",
        timeout=PATIENCE,
    )
    visitor.is_content()


def test_a_run_is_downloaded_and_loaded_again_under_another_name(visitor, server, trained_folder, tmp_path):
    shutil.copytree(trained_folder / "tiny", server.folder / "checkpoints" / "sent")
    page = visitor.opens("/train?run=sent")
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name="Download", exact=True).click()
    path = tmp_path / "sent.zip"
    download.value.save_as(path)
    page.get_by_text("Import a run").click()
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("textbox", name="Name for it").fill("received")
    page.get_by_role("button", name="Import it").click()
    wait_until(server.run("received").path.exists, "it is loaded")
    same = [(server.run(name).path / "model.safetensors").read_bytes() for name in ("sent", "received")]
    assert same[0] == same[1]
    visitor.is_content()


def test_on_a_phone_the_menu_makes_way_for_the_page_that_was_chosen_in_it(chromium, server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = Visitor(context, server).opens("/missions?run=original")
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(page.get_by_role("link", name="Reconstruct", exact=True)).to_be_in_viewport()
    page.get_by_role("link", name="Reconstruct", exact=True).click()
    expect(page.get_by_role("heading", name="Reconstruct", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Reconstruct", exact=True)).not_to_be_in_viewport()
    context.close()


def test_the_theme_of_a_chart_is_that_of_the_page(chromium, server):
    colours = set()
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
        page = Visitor(context, server).opens("/reconstruct?run=original")
        colours.add(page.evaluate("() => getComputedStyle(document.querySelector('.chart text')).fill"))
        context.close()
    assert len(colours) == 2


def test_a_picture_of_a_digit_is_its_very_pixels(visitor):
    from cae.data import picks
    from cae.data.images import load

    page = visitor.opens("/reconstruct?run=original")
    time.sleep(0.5)
    first = int(picks.at_random(12, 10_000, 0)[0])
    figure = page.get_by_role("img", name=f"Test digit {first} of class")
    shown = figure.locator("canvas").first.evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, index) => index % 4 === 0)"
    )
    assert shown == load("mnist", "test").pixels[first].flatten().tolist()


def test_a_run_that_somebody_else_starts_does_not_take_the_place_of_the_chosen_one(guest, small_server):
    page, runs = guest.page, small_server.folder / "checkpoints"
    try:
        for number in range(3):
            page.goto(f"{small_server.url}/?run=original")
            for name in ("Train", "Reconstruct"):  # in haste, while the list of runs gets another first one
                page.get_by_role("link", name=name, exact=True).wait_for(timeout=PATIENCE)
                shutil.copytree(runs / "tiny", runs / f"another-{number}-{name.lower()}")
                (runs / f"another-{number}-{name.lower()}" / "run.json").touch()
                page.get_by_role("link", name=name, exact=True).click()
                expect(page.get_by_role("heading", name=name, level=1)).to_be_visible(timeout=PATIENCE)
            guest.settles()
            page.wait_for_url("**run=original**", timeout=5000)
    finally:
        for path in runs.glob("another-*"):
            shutil.rmtree(path)
