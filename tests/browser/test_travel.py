"""Travel in time: the scrubber in the sidebar, and what follows it."""

import re
import shutil

import numpy as np
import pytest
import torch
from apps import opened, sent, words
from helpers import PROJECT, trained
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest
from visitors import PATIENCE, Visitor, at_home, pixels_of

from cae.config import ModelConfig
from cae.data.images import load, to_model, to_pixels
from cae.latent.film import compute, kept
from cae.runs.run import Run


@pytest.fixture(scope="module")
def past_server(small_server):
    """The small server with a run of three epochs and the film of its map, and one of weights alone."""
    with at_home(small_server):
        four = trained("four", ModelConfig(latent_dim=4, width=4), epochs=3)
        list(compute(four))
        from cae.imports.run import import_file

        import_file((four.path / "model.safetensors").read_bytes(), "alone")
    return small_server


@pytest.fixture
def traveller(chromium, past_server, small_data_folder, monkeypatch):
    monkeypatch.setenv("CAE_DATA", str(small_data_folder))
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    yield Visitor(context, past_server)
    context.close()


def scrubber(page):
    return page.get_by_role("slider", name="Epoch", exact=True)


def hold(page, *positions: int, last: int = 3) -> None:
    """Takes the scrubber's handle to one of its positions after another, and keeps it at the last."""
    box, now = scrubber(page).bounding_box(), int(scrubber(page).input_value())

    def move(at: int) -> None:
        page.mouse.move(box["x"] + 8 + (box["width"] - 16) * at / last, box["y"] + box["height"] / 2, steps=4)

    move(now)
    page.mouse.down()
    for position in positions:
        move(position)
        page.wait_for_timeout(300)


def reconstructed(run: Run, pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return to_pixels(run.model()(to_model(torch.from_numpy(pixels)[None])))[0].flatten().int().numpy()


def test_steering_follows_while_the_scrubber_moves_and_python_hears_of_it_on_release(traveller):
    page = traveller.opens("/steer?run=four")
    run, first = traveller.server.run("four"), load("mnist", "test").pixels[0].numpy()
    digit = page.get_by_role("img", name="Decoded digit", exact=True)
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    told: list = []
    connection.on("Network.webSocketFrameSent", lambda event: told.append(event["requestId"]))
    hold(page, 1, 2, 0)
    assert np.abs(np.array(pixels_of(digit)) - reconstructed(run.at(0), first)).max() <= 1
    assert not told and "epoch" not in page.url
    page.mouse.up()
    page.wait_for_url(re.compile("epoch=0"), timeout=PATIENCE)
    traveller.settles()
    assert told
    expect(page.get_by_text("before its first training step")).to_be_visible()
    assert np.abs(np.array(pixels_of(digit)) - reconstructed(run.at(0), first)).max() <= 1
    traveller.is_content()


def test_what_was_steered_away_from_the_start_stays_steered(traveller):
    page = traveller.opens("/steer?run=four")
    values = lambda: np.array(  # noqa: E731
        [float(page.get_by_role("slider", name=f"z{at}", exact=True).input_value()) for at in range(4)]
    )
    start = values()
    page.get_by_role("slider", name="z2", exact=True).focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    traveller.settles()
    away = values() - start
    scrubber(page).focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("epoch=2"), timeout=PATIENCE)
    traveller.settles()
    with torch.inference_mode():
        code = traveller.server.run("four").at(2).model().encode(to_model(load("mnist", "test").pixels[:1]))
    assert abs(away[2]) > 1e-3
    np.testing.assert_allclose(values() - code[0].numpy(), away, atol=1e-3)


def test_a_journey_goes_on_after_other_pages_were_visited_in_haste(traveller):
    page = traveller.opens("/steer?run=four")
    run, first = traveller.server.run("four"), to_model(load("mnist", "test").pixels[:1])
    values = lambda: np.array(  # noqa: E731
        [float(page.get_by_role("slider", name=f"z{at}", exact=True).input_value()) for at in range(4)]
    )
    page.get_by_role("slider", name="z2", exact=True).focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    traveller.settles()
    with torch.inference_mode():
        away = values() - run.model().encode(first)[0].numpy()
    assert abs(away[2]) > 1e-3
    for epoch in (2, 1):
        scrubber(page).focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(re.compile(f"epoch={epoch}"), timeout=PATIENCE)
        page.get_by_role("link", name="Draw", exact=True).click()
        page.get_by_role("link", name="Steer", exact=True).click()
        expect(page.get_by_role("slider", name="z2", exact=True)).to_be_visible(timeout=PATIENCE)
        traveller.settles()
        with torch.inference_mode():
            code = run.at(epoch).model().encode(first)[0].numpy()
        np.testing.assert_allclose(values() - code, away, atol=1e-3)


def test_the_own_drawing_follows(traveller):
    page = traveller.opens("/draw?run=four")
    paper = page.get_by_role("img", name="Drawing area", exact=True).bounding_box()
    page.mouse.move(paper["x"] + 120, paper["y"] + 60)
    page.mouse.down()
    page.mouse.move(paper["x"] + 160, paper["y"] + 260, steps=6)
    page.mouse.up()
    traveller.settles()
    seen = np.array(pixels_of(page.get_by_role("img", name="Model input", exact=True)), np.uint8).reshape(28, 28)
    hold(page, 1)
    copy = page.get_by_role("img", name="Reconstruction", exact=True)
    run = traveller.server.run("four")
    assert np.abs(np.array(pixels_of(copy)) - reconstructed(run.at(1), seen)).max() <= 1
    page.mouse.up()
    page.wait_for_url(re.compile("epoch=1"), timeout=PATIENCE)
    traveller.settles()
    assert np.abs(np.array(pixels_of(copy)) - reconstructed(run.at(1), seen)).max() <= 1
    expect(page.get_by_role("status", name="Recognised digit", exact=True)).not_to_have_text("\u2013")


def test_the_map_follows_and_shows_the_positions_of_the_film(traveller, monkeypatch):
    page = traveller.opens("/map?run=four")
    folder = traveller.server.folder
    monkeypatch.setenv("CAE_CACHE", str(folder / "cache"))
    film = kept(traveller.server.run("four"))
    labels = load("mnist", "test").labels.numpy()

    def positions() -> np.ndarray:
        found = page.locator(".map .plot").evaluate(
            "(plot) => plot.data.map(({customdata, x, y}) => [[...customdata], [...x], [...y]])"
        )
        placed = np.zeros((len(labels), 2))
        for members, x, y in found:
            placed[members] = np.stack([x, y], axis=1)
        return placed

    hold(page, 1)
    page.wait_for_timeout(1500)
    np.testing.assert_allclose(positions(), film.nearest(1).positions, atol=1e-5)
    page.mouse.up()
    page.wait_for_url(re.compile("epoch=1"), timeout=PATIENCE)
    traveller.settles()
    page.wait_for_timeout(1000)
    np.testing.assert_allclose(positions(), film.nearest(1).positions, atol=1e-5)
    traveller.is_content()


def test_the_loss_has_a_cursor_where_the_scrubber_is(traveller):
    page = traveller.opens("/train?run=four")
    lines = lambda: page.locator(".chart").first.evaluate("(chart) => (chart.layout.shapes ?? []).map(({x0}) => x0)")  # noqa: E731
    before = lines()
    hold(page, 1)
    assert [*before, 1] == lines()
    page.mouse.up()


def test_keys_pressed_faster_than_python_answers_are_not_lost(traveller):
    page = traveller.opens("/?run=four")
    scrubber(page).focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("epoch=0"), timeout=PATIENCE)
    traveller.settles()
    assert scrubber(page).input_value() == "0"
    assert scrubber(page).get_attribute("aria-valuetext") == "after epoch 0 of 3, before the first step"
    page.get_by_role("button", name="Latest").click()
    page.wait_for_function("() => !location.href.includes('epoch')", timeout=PATIENCE)


def test_the_film_plays_to_its_end_and_can_be_paused(traveller):
    page = traveller.opens("/?run=four")
    page.get_by_role("combobox", name="Speed").select_option("4\u00d7")
    page.get_by_role("button", name="Play the epochs").click()
    expect(page.get_by_role("button", name="Pause the epochs")).to_be_visible()
    expect(page.get_by_role("button", name="Play the epochs")).to_be_visible(timeout=PATIENCE)
    assert scrubber(page).input_value() == "3"
    page.get_by_role("combobox", name="Speed").select_option("0.5\u00d7")
    page.get_by_role("button", name="Play the epochs").click()
    page.get_by_role("button", name="Pause the epochs").click()
    page.wait_for_url(re.compile("epoch=0"), timeout=PATIENCE)


def test_on_a_phone_the_scrubber_is_at_the_foot_of_the_page_too(chromium, past_server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    visitor = Visitor(context, past_server)
    page = visitor.opens("/steer?run=four")
    foot = page.get_by_role("slider", name="Epoch of the network")
    box = foot.bounding_box()
    assert box["y"] + box["height"] <= 844
    page.touchscreen.tap(box["x"] + 2, box["y"] + box["height"] / 2)
    page.wait_for_url(re.compile("epoch=0"), timeout=PATIENCE)
    visitor.settles()
    assert foot.input_value() == "0" and scrubber(page).input_value() == "0"
    page.set_viewport_size({"width": 1400, "height": 900})
    expect(foot).to_have_count(0)
    visitor.is_content()
    context.close()


def test_weights_alone_have_no_film_and_it_says_so(traveller):
    page = traveller.opens("/?run=alone")
    expect(scrubber(page)).to_be_disabled()
    expect(page.get_by_text("No earlier epoch was kept.")).to_be_visible()


# -- the pages as scripts

PAGES = ("home", "train", "reconstruct", "steer", "draw", "map", "judge", "generate", "compare")


@pytest.mark.usefixtures("own_static_folder")
class TestPages:
    @pytest.mark.parametrize("page", PAGES)
    def test_every_page_shows_the_run_before_its_first_step(self, small, page):
        app = opened(page, run="tiny", epoch="0")
        assert sent(app, "epoch")["at"] == 0
        if page not in ("train", "compare"):
            assert "before its first training step" in words(app)

    def test_the_error_is_the_one_of_then(self, small):
        app = opened("home", run="tiny", epoch="1")
        assert app.metric[0].value == f"{small.history()[0].test_mse:#.3g}"

    @pytest.mark.parametrize("epoch", ["-1", "1e9", "x", "9" * 30, "", "\u0661"])
    def test_what_is_no_epoch_is_the_last(self, small, epoch):
        assert sent(opened("home", run="tiny", epoch=epoch), "epoch")["at"] == 2

    def test_an_epoch_that_was_not_kept_is_the_nearest_that_was(self, small):
        (small.path / "epochs" / "0001.safetensors").unlink()
        app = AppTest.from_file(str(PROJECT / "dashboard" / "Home.py"), default_timeout=60)
        app.query_params["run"], app.query_params["epoch"] = "tiny", "1"
        app.run()
        assert "Epoch 1 was not kept: this is epoch 0. The kept ones are 0 and 2." in words(app)
        assert sent(app, "epoch")["at"] == 0

    def test_two_frames_are_enough(self, small):
        shutil.rmtree(small.path / "epochs")
        (small.path / "epochs").mkdir()
        shutil.copy(small.path / "model.safetensors", small.path / "epochs" / "0000.safetensors")
        assert [frame["epoch"] for frame in sent(opened("steer", run="tiny"), "epoch")["frames"]] == [0, 2]

    def test_each_run_remembers_its_own_epoch(self, small, copy_tiny):
        copy_tiny("other")
        app = opened("home", run="tiny", epoch="1")
        app.selectbox[0].set_value("other").run()
        assert sent(app, "epoch")["at"] == 2
        app.selectbox[0].set_value("tiny").run()
        assert sent(app, "epoch")["at"] == 1
