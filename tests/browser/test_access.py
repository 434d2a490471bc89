"""Nobody is kept out: colours under the colour-vision deficiencies, the keyboard alone, a finger, and no motion."""

import itertools
import re

import numpy as np
import pytest
from helpers import PROJECT
from playwright.sync_api import Page, expect
from visitors import PATIENCE, Visitor

from cae.plots.figures import CLASS_COLOURS

# G. M. Machado, M. M. Oliveira and L. A. F. Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 15 (2009): severity 1.0, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
APART = {"none": 17.0, "protanopia": 11.5, "deuteranopia": 12.5, "tritanopia": 13.0}  # found: 17.3, 11.9, 12.6, 13.3
PAPER = {"light": "#ffffff", "dark": "#16161a", "the canvas": "#000000"}
STYLES = sorted((PROJECT / "cae" / "web").rglob("*.css"))

FOCUS = """async () => {
  let it = document.activeElement;
  while (it?.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
  if (!it || it === document.body) return null;
  const around = [it, it.parentElement, it.parentElement?.parentElement, it.parentElement?.parentElement?.parentElement,
    ...it.children].filter(Boolean);
  const look = (each) => {
    const {outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor} = getComputedStyle(each);
    return [outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor].join(" ");
  };
  const label = it.getAttribute("aria-label") || it.labels?.[0]?.textContent || it.textContent.trim() || it.title;
  const box = it.getBoundingClientRect(), wait = () => new Promise((done) => setTimeout(done, 20));
  it.blur();
  await wait();
  const rest = around.map(look).join();
  it.focus({preventScroll: true});
  for (let tries = 0; tries < 30 && around.map(look).join() === rest; tries++) await wait();
  return {label: `${it.tagName} ${label}`, isNamed: Boolean(label), isMarked: around.map(look).join() !== rest,
    isSeen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth};
}"""
MOVING = """() => {
  const roots = [document];
  for (let at = 0; at < roots.length; at++) {
    for (const each of roots[at].querySelectorAll("*")) if (each.shadowRoot) roots.push(each.shadowRoot);
  }
  return roots.flatMap((root) => root.getAnimations()).filter((each) => each.playState === "running")
    .map((each) => each.effect.getComputedTiming()).filter(({activeDuration}) => activeDuration > 50).length;
}"""


def colours(hexes, deficiency: str) -> np.ndarray:
    """What is seen of colours, as CIE Lab (N, 3)."""
    from skimage.color import rgb2lab

    shown = np.array([list(bytes.fromhex(each[1:])) for each in hexes]) / 255
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_ten_class_colours_stay_apart_whatever_eyes_look_at_them(deficiency):
    from skimage.color import deltaE_ciede2000

    found = colours(CLASS_COLOURS, deficiency)
    apart = [float(deltaE_ciede2000(one, other)) for one, other in itertools.combinations(found, 2)]
    assert min(apart) > APART[deficiency]
    for ground in colours(PAPER.values(), deficiency):
        assert min(float(deltaE_ciede2000(each, ground)) for each in found) > 10


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.stem)
def test_a_style_that_moves_something_lets_it_rest_where_that_is_asked_for(path):
    text = path.read_text(encoding="utf-8")
    if re.search(r"\b(transition|animation|scroll-behavior):", text):
        assert "@media (prefers-reduced-motion: reduce)" in text


def test_nothing_moves_by_itself_where_less_motion_is_asked_for(chromium, small_server):
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    page = Visitor(context, small_server).opens("/generate?run=tiny")
    page.get_by_role("link", name="Home", exact=True).hover()
    assert [page.evaluate(MOVING) for _ in range(5)] == [0] * 5
    context.close()


def onwards(page: Page) -> dict | None:
    page.keyboard.press("Tab")
    return page.evaluate(FOCUS)


@pytest.mark.parametrize(
    ("path", "thing", "steps"),
    [
        ("/train", "Start training", 5),
        ("/steer", "z0", 14),
        ("/draw", "Drawing area", 3),
        ("/map", "Map of the test", 8),
        ("/missions", "Guess", 9),
        ("/wall", "Start the class", 6),
    ],
)
def test_the_keyboard_reaches_everything_sees_where_it_is_and_finds_its_way_out(guest, path, thing, steps):
    page = guest.opens(f"{path}?run=tiny")
    first = onwards(page)
    assert "Skip to main content" in first["label"]
    page.keyboard.press("Enter")
    stops = [page.evaluate(FOCUS) or onwards(page)]
    while (stop := onwards(page)) is not None and len(stops) < 120:
        stops.append(stop)
    assert stop is None, f"it never leaves {stops[-1]['label']}"
    assert not [each["label"] for each in stops[1:] if not (each["isNamed"] and each["isMarked"] and each["isSeen"])]
    assert thing in " ".join(each["label"] for each in stops[: steps + 1])
    guest.is_content()


def test_a_digit_is_drawn_with_the_keyboard(guest):
    page = guest.opens("/draw?run=original")
    area = page.get_by_role("img", name="Drawing area")
    area.focus()
    page.keyboard.press("ArrowUp")  # the pen is still lifted
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    expect(page.get_by_text("The arrow keys move the pen; Space sets it down")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_text("The arrow keys draw; Space lifts the pen")).to_be_visible()
    for _ in range(17):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    answer = page.get_by_role("status", name="Recognised digit", exact=True)
    expect(answer).to_have_text("1", timeout=PATIENCE)
    page.keyboard.press("Control+z")
    expect(answer).to_have_text("–")
    guest.is_content()


def test_the_map_is_walked_with_the_keyboard(guest):
    page = guest.opens("/map?run=tiny")
    field = page.get_by_role("spinbutton", name="Find a digit by its index")
    field.focus()
    page.keyboard.type("42")
    page.keyboard.press("Enter")
    pinned = page.get_by_role("region", name="Pinned digit")
    expect(pinned).to_contain_text("Test digit 42, class")
    page.get_by_role("figure", name="Map of the test digits").focus()
    under = page.get_by_role("region", name="Digit under the pointer")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(under).not_to_contain_text("Test digit 42, class")
    shown = re.search(r"Test digit \d+, class \d", under.inner_text())[0]
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("slider", name=re.compile("path", re.IGNORECASE))).to_be_visible()
    page.get_by_role("figure", name="Map of the test digits").focus()
    page.keyboard.press("Enter")
    expect(pinned).to_contain_text(shown)
    plot, width = (
        page.locator(".scatter .plot"),
        "(plot) => Math.abs(plot._fullLayout.xaxis.range[1] - plot._fullLayout.xaxis.range[0])",
    )
    whole = plot.evaluate(width)
    page.keyboard.press("+")
    assert plot.evaluate(width) == pytest.approx(whole / 1.5)
    page.keyboard.press("0")
    assert plot.evaluate(width) == pytest.approx(whole)
    guest.is_content()


def test_a_finger_finds_every_control_of_ours(chromium, small_server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = Visitor(context, small_server).opens("/map?run=tiny")
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('.stBidiComponent *')].filter((each) => each.shadowRoot)"
        ".flatMap((each) => [...each.shadowRoot.querySelectorAll('button, input, select')])"
        ".map((each) => [each.ariaLabel || each.textContent, each.getBoundingClientRect()])"
        ".filter(([, box]) => box.width && box.left >= 0).map(([name, box]) => [name, box.width, box.height])"
    )
    assert len(sizes) > 15
    assert not [each for each in sizes if min(each[1:]) < 24]  # WCAG 2.2: CSS pixels
    context.close()
