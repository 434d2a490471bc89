"""New digits: the ways between two codes, their figures, and the page as a visitor uses it."""

import numpy as np
import pytest
from helpers import wait_until
from playwright.sync_api import expect
from visitors import PATIENCE, decoded, pixels_of

from cae.latent import sampling, space
from cae.plots import samples
from cae.runs.run import Run

START, END = np.array([3.0, 0.0, 4.0], np.float32), np.array([0.0, 5.0, 0.0], np.float32)


def test_a_straight_way_goes_evenly_from_one_code_to_the_other():
    way = space.interpolate(START, END, np.array([0, 0.25, 1]))
    np.testing.assert_allclose(way, [START, 0.75 * START + 0.25 * END, END], atol=1e-6)


def test_a_spherical_way_keeps_the_length_and_turns_evenly():
    way = space.interpolate(START, END, np.linspace(0, 1, 7), spherical=True)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 5, rtol=1e-6)
    np.testing.assert_allclose(way[[0, -1]], [START, END], atol=1e-5)
    angles = np.degrees(np.arccos(way @ START / 25))
    np.testing.assert_allclose(angles, np.linspace(0, 90, 7), atol=1e-3)


@pytest.mark.parametrize("end", [START, -START, 2 * START, 0 * START])
def test_where_there_is_no_arc_the_spherical_way_is_the_straight_one(end):
    shares = np.linspace(0, 1, 5)
    way = space.interpolate(START, end, shares, spherical=True)
    np.testing.assert_allclose(way, space.interpolate(START, end, shares), atol=1e-5)


def test_the_figures_show_what_they_are_given():
    real, drawn = np.arange(8.0).reshape(4, 2), np.ones((3, 2))
    clouds = samples.code_plane(real, drawn, "mine").data
    assert [len(cloud.x) for cloud in clouds] == [4, 3]
    assert list(clouds[0].y) == [1, 3, 5, 7]
    curves = samples.off_manifold_curves({"real": np.arange(101.0), "mine": np.arange(101.0) + 1}, "mine").data
    assert [(curve.name, curve.x[0], curve.y[-1]) for curve in curves] == [("real", 0, 100), ("mine", 1, 100)]
    bars = samples.class_balance(["a", "b"], [0.5, 0.5], [0.1, 0.9], "mine").data
    assert [list(bar.y) for bar in bars] == [[50, 50], [10, 90]]
    lines = samples.on_the_way(np.array([0, 0.5, 1]), {"straight": np.arange(3), "spherical": np.ones(3)}, "%").data
    assert [(list(line.x), list(line.y)) for line in lines] == [([0, 50, 100], [0, 1, 2]), ([0, 50, 100], [1, 1, 1])]


# -- the page


def cards(page):
    return page.get_by_role("group", name="Generated digits").get_by_role("button")


def fitted(page):
    """Fits the priors, if nobody has yet."""
    button = page.get_by_role("button", name="Fit the priors")
    if button.count():
        button.click()
    expect(page.get_by_role("columnheader", name="precision")).to_be_visible(timeout=PATIENCE)


def test_before_anything_is_fitted_there_are_random_digits_already_and_then_all_priors(guest):
    page = guest.opens("/generate?run=tiny")
    expect(cards(page)).to_have_count(20)
    fitted(page)
    for prior in ("Gaussian", "Mixture"):
        before = cards(page).first.get_attribute("aria-label")
        page.get_by_role("radio", name=prior).click()
        expect(cards(page).first).not_to_have_attribute("aria-label", before)
    expect(page.get_by_role("row", name="Mixture")).to_be_visible()
    guest.is_content()


def test_a_sampled_digit_arrives_in_steer_unchanged(guest, small_server, monkeypatch):
    page = guest.opens("/generate?run=tiny")
    fitted(page)
    page.get_by_role("radio", name="Mixture").click()
    guest.settles()
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("7")
    seed.press("Enter")
    guest.settles()
    card = cards(page).nth(3)
    card.click()
    expect(card).to_have_attribute("aria-pressed", "true")
    shown = np.array(pixels_of(card.get_by_role("img").first))
    page.get_by_role("button", name="Steer it").click()
    page.locator(".steer[data-ready]").wait_for(timeout=PATIENCE)
    guest.settles()
    digit = np.array(pixels_of(page.get_by_role("img", name="Decoded digit", exact=True)))
    assert np.abs(digit - shown).max() <= 1
    monkeypatch.setenv("CAE_CACHE", str(small_server.folder / "cache"))
    monkeypatch.setenv("CAE_CHECKPOINTS", str(small_server.folder / "checkpoints"))
    run = Run.open("tiny")
    code = sampling.kept(run).prior("mixture").sample(20, 7)[3]
    assert np.abs(digit - decoded(run, code.tolist())).max() <= 1
    guest.is_content()


def test_the_same_seed_shows_the_same_digits_and_another_shows_others(guest):
    page = guest.opens("/generate?run=tiny")
    before = pixels_of(cards(page).first.get_by_role("img").first)
    page.get_by_role("button", name="Draw others").click()
    first = lambda: pixels_of(cards(page).first.get_by_role("img").first)  # noqa: E731
    wait_until(lambda: first() != before, "others are shown")
    guest.settles()
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("0")
    seed.press("Enter")
    wait_until(lambda: first() == before, "the same are shown again")


def test_the_way_between_two_digits_is_played_and_can_be_moved_by_hand(guest):
    page = guest.opens("/generate?run=tiny")
    page.get_by_role("button", name="Pause", exact=True).click()
    slider = page.get_by_role("slider", name="Position")
    slider.focus()
    slider.press("Home")
    first = pixels_of(page.get_by_role("img", name="Digit on the way, straight"))
    slider.press("End")
    last = pixels_of(page.get_by_role("img", name="Digit on the way, straight"))
    assert last != first
    assert pixels_of(page.get_by_role("img", name="Digit on the way, spherical")) == last
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "(slider) => Number(slider.value) < Number(slider.max)", arg=slider.element_handle(), timeout=PATIENCE
    )
    guest.is_content()
