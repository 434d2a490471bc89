"""The map as a person explores it: a real server, a real headless Chromium, the shipped run's ten thousand digits."""

import time

import numpy as np
import pytest
from helpers import trained, wait_until
from playwright.sync_api import Page, expect
from visitors import PATIENCE, Visitor, decoded, pixels_of

from cae.config import MapConfig, ModelConfig
from cae.data.images import load, to_model
from cae.disk.files import SHIPPED_RUNS
from cae.latent import mapfiles, maps
from cae.runs.run import Run

# Where a point is on the screen, and whether another is so near that nobody could tell which is meant.
PLACE = """(root, point) => {
    const {scatter} = root.atlas, box = scatter.plot.getBoundingClientRect(), {xaxis, yaxis} = scatter.plot._fullLayout;
    const [x, y] = scatter.pixelsOf(scatter.at.x[point], scatter.at.y[point]);
    let alone = x > 3 && y > 3 && x < xaxis._length - 3 && y < yaxis._length - 3;
    for (let other = 0; alone && other < scatter.at.x.length; other++) {
        if (other === point || scatter.scene.hidden.has(scatter.scene.labels[other])) continue;
        const [ox, oy] = scatter.pixelsOf(scatter.at.x[other], scatter.at.y[other]);
        if (Math.hypot(ox - x, oy - y) < 1) alone = false;
    }
    return {x: box.left + xaxis._offset + x, y: box.top + yaxis._offset + y, alone};
}"""
AT_REST = "(root) => root.atlas.isReady && !root.atlas.scatter.isMoving"


def atlas(page: Page):
    return page.locator(".map")


def rests(page: Page) -> None:
    """Waits until no point moves any more."""
    page.wait_for_timeout(150)
    deadline = time.monotonic() + 60
    while not atlas(page).evaluate(AT_REST):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    page.wait_for_timeout(100)


def under_pointer(page: Page) -> tuple[str, list[int]]:
    """What the card says, and the pixels of its original."""
    picture = page.get_by_role("img", name="Digit under the pointer")
    return page.get_by_role("region", name="Digit under the pointer").locator("b").inner_text(), pixels_of(picture)


def hovered(page: Page, count: int, seed: int, allowed=lambda _: True) -> int:
    """Moves over so many random digits, each of which must be shown as it is in the data set; how many were met."""
    images, met = load("mnist", "test"), 0
    for point in np.random.default_rng(seed).permutation(10_000).tolist():
        if not allowed(point):
            continue
        place = atlas(page).evaluate(PLACE, point)
        if not place["alone"]:
            continue
        page.mouse.move(place["x"], place["y"])
        page.wait_for_timeout(60)
        said, pixels = under_pointer(page)
        assert said == f"Test digit {point}, class {int(images.labels[point])}"
        assert pixels == images.pixels[point].flatten().tolist()
        met += 1
        if met == count:
            break
    return met


def test_hovering_a_point_shows_that_point_and_not_its_neighbour_whatever_was_changed(visitor):
    page = visitor.opens("/map?run=original")
    labels = load("mnist", "test").labels.numpy()
    assert hovered(page, 50, seed=0) == 50
    page.get_by_label("Colour by").select_option("error")
    rests(page)
    assert hovered(page, 50, seed=1) == 50
    page.get_by_role("button", name="4", exact=True).click()
    page.get_by_role("button", name="9", exact=True).click()
    rests(page)
    assert hovered(page, 50, seed=2, allowed=lambda point: labels[point] not in (4, 9)) == 50
    page.get_by_role("button", name="PCA", exact=True).click()
    rests(page)
    assert hovered(page, 50, seed=3, allowed=lambda point: labels[point] not in (4, 9)) == 50
    page.get_by_role("button", name="4", exact=True).click()
    page.get_by_role("button", name="t-SNE").click()
    rests(page)
    box = page.get_by_role("figure", name="Map of the test digits").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(800)
    assert hovered(page, 50, seed=4, allowed=lambda point: labels[point] != 9) >= 20
    visitor.is_content()


def test_the_copy_of_a_digit_is_what_the_network_makes_of_it(visitor):
    page = visitor.opens("/map?run=original")
    find(page, 321)
    run = Run.open("original")
    code = run.model().encode(to_model(load("mnist", "test").pixels[321:322]))[0].tolist()
    copy = np.array(pixels_of(page.get_by_role("img", name="Reconstruction of the pinned digit")))
    assert np.abs(copy - decoded(run, code)).max() <= 1
    expect(page.get_by_role("region", name="Pinned digit")).to_contain_text(f"{points().errors[321]:.3g}")


def points() -> mapfiles.Points:
    return maps.points(Run.open("original"), load("mnist", "test"), MapConfig())


def find(page: Page, index: int) -> None:
    field = page.get_by_label("Find a digit by its index")
    field.fill(str(index))
    field.press("Enter")
    expect(page.get_by_role("region", name="Pinned digit")).to_contain_text(f"Test digit {index},")


def test_a_click_pins_a_digit_and_lists_its_nearest_codes(visitor):
    page = visitor.opens("/map?run=original")
    of = points()
    place = atlas(page).evaluate(PLACE, 77)
    page.mouse.click(place["x"], place["y"])
    shown = page.get_by_role("region", name="Pinned digit").locator("b").inner_text()
    point = int(shown.split()[2].strip(","))
    names = page.get_by_role("group", name="Nearest codes").get_by_role("button").all()
    assert [name.get_attribute("aria-label") for name in names] == [
        f"Pin test digit {other}, class {of.labels[other]}" for other in of.neighbours[point]
    ]
    names[3].click()
    expect(page.get_by_role("region", name="Pinned digit")).to_contain_text(f"Test digit {of.neighbours[point][3]},")
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Pinned digit")).to_be_hidden()
    visitor.is_content()


def test_a_finger_pins_a_digit(chromium, server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = Visitor(context, server).opens("/map?run=original")
    page.get_by_role("figure", name="Map of the test digits").scroll_into_view_if_needed()
    place = atlas(page).evaluate(PLACE, 41)
    page.touchscreen.tap(place["x"], place["y"])
    pinned = page.get_by_role("region", name="Pinned digit")
    expect(pinned).to_contain_text("Test digit")
    bar = page.get_by_role("slider", name="Epoch of the network").bounding_box()["y"]
    for _ in range(40):  # it comes into sight, above the bar with the epochs
        box = pinned.locator(".pair").bounding_box()
        if box["y"] + box["height"] < bar:
            break
        page.wait_for_timeout(50)
    assert 0 < box["y"] < box["y"] + box["height"] < bar
    context.close()


def test_escape_unpins_what_was_clicked_on_the_map(visitor):
    page = visitor.opens("/map?run=original")
    place = atlas(page).evaluate(PLACE, 77)
    page.mouse.click(place["x"], place["y"])
    expect(page.get_by_role("region", name="Pinned digit")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Pinned digit")).to_be_hidden()


def test_a_change_while_the_points_move_leaves_the_map_alive(visitor):
    page = visitor.opens("/map?run=original")
    atlas(page).evaluate(
        """(root) => new Promise((done) => {
            root.atlas.choose({projection: "flat"});
            setTimeout(() => { root.atlas.choose({colour: "error"}); done(); }, 200);
        })"""
    )
    rests(page)
    flat = points().positions(2)
    np.testing.assert_allclose(plotted(page), flat, rtol=1e-3, atol=1e-3)
    assert hovered(page, 5, seed=0) == 5


def test_a_saved_picture_is_on_the_ground_of_the_page(visitor):
    import io

    from PIL import Image

    page = visitor.opens("/map?run=original")
    with page.expect_download() as caught:
        page.get_by_role("button", name="PNG", exact=True).first.click()
    picture = Image.open(io.BytesIO(caught.value.path().read_bytes())).convert("RGBA")
    assert picture.getpixel((12, 12)) == (255, 255, 255, 255)
    assert len(picture.resize((60, 60)).getcolors(3600)) > 100
    with page.expect_download() as caught:
        page.get_by_role("button", name="SVG", exact=True).first.click()
    drawing = caught.value.path().read_text()
    assert drawing.startswith("<svg") and drawing.count('class="point ') == 10_000 and "<image" not in drawing


# -- selections


def polygon(page: Page, corners: list[tuple[float, float]], *, close: bool = True) -> np.ndarray:
    """Draws around so many corners, shares of the plot; gives them as positions on the map."""
    rests(page)
    box = page.get_by_role("figure", name="Map of the test digits").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in [*places[1:], *places[: int(close)]]:
        page.mouse.move(*place, steps=10)
    page.mouse.up()
    to_map = "(root, places) => places.map(([clientX, clientY]) => root.atlas.scatter.positionOf({clientX, clientY}))"
    return np.array(atlas(page).evaluate(to_map, places))


def inside(corners: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Which positions lie within a polygon: those from which a ray crosses its outline an odd number of times."""
    x, y = positions.T
    found = np.zeros(len(positions), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        found ^= crosses & (x < (x1 - x0) * (y - y0) / ((y1 - y0) or 1) + x0)
    return found


def shares(page: Page) -> dict[str, str]:
    rows = page.get_by_role("region", name="Selection").locator(".shares span").all_inner_texts()
    return dict(row.split(": ") for row in rows)


def test_a_lasso_selects_the_digits_within_it_and_counts_them(visitor):
    page = visitor.opens("/map?run=original")
    page.get_by_role("button", name="Lasso").click()
    corners = polygon(page, [(0.08, 0.12), (0.55, 0.1), (0.6, 0.5), (0.3, 0.6)])
    head = page.get_by_role("region", name="Selection").locator("b").first
    expect(head).to_contain_text("selected")
    kept = mapfiles.from_bytes((SHIPPED_RUNS / "original" / mapfiles.FILE).read_bytes())
    expected = np.flatnonzero(inside(corners, kept.positions))
    chosen = atlas(page).evaluate("(root) => root.atlas.choices.selected")
    assert len(expected) > 800
    assert len(set(chosen) ^ set(expected.tolist())) <= 0.01 * len(expected)  # on the line itself, a pixel wide
    assert f"{len(chosen):,} selected" in head.inner_text()
    labels = load("mnist", "test").labels.numpy()
    for label in range(10):
        some, all_ = int((labels[chosen] == label).sum()), int((labels == label).sum())
        assert shares(page).get(str(label)) == (f"{some:,} of {all_:,}" if some else None)
    mean = f"{points().errors[chosen].mean():.3g}"
    expect(page.get_by_role("region", name="Selection")).to_contain_text(f"mean error {mean}")
    visitor.is_content()


def test_a_lasso_that_ends_where_it_began_pins_nothing_and_show_all_undoes_wheel_and_drag(visitor):
    page = visitor.opens("/map?run=original")
    ranges = "({atlas: {scatter: {plot: {_fullLayout: {xaxis, yaxis}}}}}) => [xaxis.range, yaxis.range]"
    before = atlas(page).evaluate(ranges)
    page.get_by_role("button", name="Lasso").click()
    polygon(page, [(0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6), (0.301, 0.301)])
    expect(page.get_by_role("region", name="Selection").locator("b").first).to_contain_text("selected")
    assert atlas(page).evaluate("(root) => root.atlas.choices.pinned") is None
    page.get_by_role("button", name="Move", exact=True).click()
    box = page.locator(".scatter .plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
    for _ in range(4):
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)
    assert not np.allclose(atlas(page).evaluate(ranges), before)
    page.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(500)
    assert np.allclose(atlas(page).evaluate(ranges), before, rtol=1e-6)
    visitor.is_content()


def test_a_box_selects_and_zoom_colour_and_classes_leave_the_selection_alone(visitor):
    page = visitor.opens("/map?run=original")
    page.get_by_role("button", name="Box").click()
    corners = polygon(page, [(0.1, 0.15), (0.4, 0.5)], close=False)
    expect(page.get_by_role("region", name="Selection")).to_be_visible()
    kept = mapfiles.from_bytes((SHIPPED_RUNS / "original" / mapfiles.FILE).read_bytes())
    low, high = corners.min(axis=0), corners.max(axis=0)
    chosen = atlas(page).evaluate("(root) => root.atlas.choices.selected")
    within = ((kept.positions >= low) & (kept.positions <= high)).all(axis=1)
    assert within.sum() > 300 and len(set(chosen) ^ set(np.flatnonzero(within).tolist())) <= 0.015 * within.sum()
    page.get_by_label("Select digits").select_option("wrong")
    expected = np.argsort(-points().errors, kind="stable")[:50].tolist()
    selected = "(root) => root.atlas.choices.selected"
    assert atlas(page).evaluate(selected) == expected
    page.get_by_role("button", name="Move").click()
    box = page.get_by_role("figure", name="Map of the test digits").bounding_box()
    ranges = (
        "(root) => [root.atlas.scatter.plot._fullLayout.xaxis.range, root.atlas.scatter.plot._fullLayout.yaxis.range]"
    )
    whole = atlas(page).evaluate(ranges)
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(800)
    zoomed = atlas(page).evaluate(ranges)
    page.get_by_label("Colour by").select_option("z3")
    page.get_by_role("button", name="2", exact=True).click()
    rests(page)
    assert atlas(page).evaluate(ranges) == zoomed and np.ptp(zoomed[0]) < 0.95 * np.ptp(whole[0])
    assert atlas(page).evaluate(selected) == expected
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.get_by_role("heading", name="Draw", level=1)).to_be_visible()
    visitor.settles()
    page.get_by_role("link", name="Map", exact=True).click()
    page.locator(".map[data-ready]").wait_for(timeout=PATIENCE, state="attached")
    assert atlas(page).evaluate(selected) == expected
    visitor.opens("/map?run=original")
    assert atlas(page).evaluate(selected) == expected
    visitor.is_content()


def test_the_most_torn_are_those_that_keep_the_fewest_neighbours(visitor):
    page = visitor.opens("/map?run=original")
    page.get_by_label("Select digits").select_option("torn")
    kept = mapfiles.from_bytes((SHIPPED_RUNS / "original" / mapfiles.FILE).read_bytes())
    seen = np.array(atlas(page).evaluate("(root) => [...root.atlas.layout.preserved]"))
    assert np.abs(seen - mapfiles.preserved(points(), kept.positions)).mean() < 0.02  # codes that nearly tie
    expected = np.argsort(seen, kind="stable")[:50].tolist()
    assert atlas(page).evaluate("(root) => root.atlas.choices.selected") == expected


def test_the_grid_of_a_selection_leads_back_to_its_points_by_keyboard(visitor):
    page = visitor.opens("/map?run=original")
    page.get_by_label("Select digits").select_option("3")
    grid = page.get_by_role("region", name="Selection").get_by_role("img")
    members = np.flatnonzero(load("mnist", "test").labels.numpy() == 3)
    grid.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    chosen = members[12]
    assert under_pointer(page)[0] == f"Test digit {chosen}, class 3"
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Pinned digit")).to_contain_text(f"Test digit {chosen},")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("region", name="Selection")).to_be_hidden()


# -- ways to other pages


def test_a_pinned_digit_goes_to_steer_and_to_reconstruct(visitor):
    page = visitor.opens("/map?run=original")
    find(page, 4321)
    page.get_by_role("button", name="Steer").click()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible()
    visitor.settles()
    expect(page.get_by_role("spinbutton", name="Index")).to_have_value("4321")
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.get_by_role("region", name="Pinned digit")).to_contain_text("Test digit 4321,")
    page.get_by_role("region", name="Pinned digit").get_by_role("button", name="Reconstruct").click()
    expect(page.get_by_role("heading", name="Reconstruct", level=1)).to_be_visible()
    visitor.settles()
    expect(page.get_by_role("img", name="Test digit 4321 of class")).to_be_visible()
    visitor.is_content()


def test_an_index_that_is_not_on_the_map_is_said_so(visitor):
    page = visitor.opens("/map?run=original")
    field = page.get_by_label("Find a digit by its index")
    for text in ("10000", "-3", "1.5"):
        field.fill(text)
        field.press("Enter")
        expect(page.get_by_role("status").filter(has_text="There is no digit")).to_be_visible()
    visitor.is_content()


def test_the_drawing_is_marked_on_both_maps_among_digits_of_its_class(visitor):
    page = visitor.opens("/draw?run=original")
    page.locator(".minimap:not([hidden])").wait_for(timeout=PATIENCE)
    area = page.get_by_role("img", name="Drawing area").bounding_box()
    page.mouse.move(area["x"] + 0.5 * area["width"], area["y"] + 0.15 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.48 * area["width"], area["y"] + 0.85 * area["height"], steps=10)
    spot = "(root) => root.desk.panel.map.spot"
    while_drawing = page.locator(".draw").evaluate(spot)
    page.mouse.up()
    page.wait_for_timeout(300)
    spotted = page.locator(".draw").evaluate(spot)
    kept = mapfiles.from_bytes((SHIPPED_RUNS / "original" / mapfiles.FILE).read_bytes())
    nearest = np.linalg.norm(kept.positions - spotted, axis=1).argsort()[:20]
    assert while_drawing is not None
    assert (load("mnist", "test").labels.numpy()[nearest] == 1).mean() > 0.8
    page.get_by_role("link", name="Map", exact=True).click()
    page.locator(".map[data-ready]").wait_for(timeout=PATIENCE, state="attached")
    visitor.settles()
    np.testing.assert_allclose(atlas(page).evaluate("(root) => root.atlas.scatter.marks.drawing"), spotted, atol=1e-6)
    visitor.is_content()


# -- a path


def test_a_path_over_the_map_becomes_a_film_of_decoded_digits(visitor):
    page = visitor.opens("/map?run=original")
    page.get_by_role("button", name="Path").click()
    corners = [(0.15, 0.3), (0.5, 0.5), (0.75, 0.4)]
    box = page.get_by_role("figure", name="Map of the test digits").bounding_box()
    page.mouse.move(box["x"] + corners[0][0] * box["width"], box["y"] + corners[0][1] * box["height"])
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
    page.mouse.up()
    film = page.get_by_role("region", name="Path")
    expect(film).to_be_visible()
    if film.get_by_role("button", name="Pause").count():
        film.get_by_role("button", name="Pause").click()
    position, seen = film.get_by_role("slider", name="Position on the path"), []
    for at in ("0", "60", "119"):
        position.fill(at)
        seen.append(pixels_of(film.get_by_role("img", name="Digit on the path")))
    assert seen[0] != seen[1] != seen[2] and all(max(picture) > 150 for picture in seen)
    expect(film).to_contain_text("its code lies")
    position.press("ArrowLeft")
    assert position.input_value() == "118"
    position.press("Home")  # from the end it would be over before one can look
    film.get_by_role("button", name="Play").click()
    expect(film.get_by_role("button", name="Pause")).to_be_visible()
    film.get_by_role("button", name="Close").click()
    expect(film).to_be_hidden()
    visitor.is_content()


# -- t-SNE while one watches


def lay_out(page: Page, digits: int, perplexity: int) -> None:
    page.get_by_text("Another map").click()
    page.get_by_role("spinbutton", name="Digits").fill(str(digits))
    page.get_by_role("spinbutton", name="Perplexity").fill(str(perplexity))
    page.get_by_role("spinbutton", name="Perplexity").press("Enter")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Lay out").click()


def plotted(page: Page) -> np.ndarray:
    """The positions that Plotly shows, in the order of the points."""
    script = """(root) => root.atlas.scatter.plot.data.flatMap(
        ({customdata, x, y}) => Array.from(customdata, (point, at) => [point, x[at], y[at]]))"""
    rows = np.array(sorted(atlas(page).evaluate(script)))
    return rows[:, 1:]


def cached(server, name: str, config: MapConfig):
    path = server.folder / "cache" / server.run(name).weights_hash() / f"map-{config.key}.safetensors"
    return mapfiles.from_bytes(path.read_bytes()) if path.exists() else None


@pytest.fixture(scope="module")
def learner(server):
    """A small run of the server's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(server.folder / "checkpoints"))
        trained("learner", ModelConfig(latent_dim=6, width=4), train_images=2000)
    return "learner"


def test_the_points_move_to_the_places_that_are_kept_and_leaving_does_not_stop_it(visitor, server, learner):
    page = visitor.opens(f"/map?run={learner}")
    assert page.get_by_role("button", name="Compute t-SNE").is_visible()
    before = plotted(page)
    config = MapConfig(points=900, perplexity=20)
    lay_out(page, 900, 20)
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Home", exact=True).click()
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    wait_until(lambda: cached(server, learner, config) is not None, "it is computed", 120)
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.get_by_role("button", name="t-SNE", exact=True)).to_be_visible(timeout=PATIENCE)
    rests(page)
    kept = cached(server, learner, config)
    assert kept.is_finished and len(before) == 10_000
    np.testing.assert_allclose(plotted(page), kept.positions, atol=1e-6)
    visitor.is_content()


def test_a_map_is_stopped_and_what_it_has_is_kept_and_shown(visitor, server, learner):
    page = visitor.opens(f"/map?run={learner}")
    config = MapConfig(points=5000, perplexity=50)
    lay_out(page, 5000, 50)
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("iteration")).to_be_visible(timeout=PATIENCE)
    moving = plotted(page)
    stop.click()
    expect(page.get_by_text("t-SNE was stopped after")).to_be_visible(timeout=PATIENCE)
    rests(page)
    kept = cached(server, learner, config)
    assert 0 < kept.iteration < kept.iterations and moving.shape == (5000, 2)
    np.testing.assert_allclose(plotted(page), kept.positions, atol=1e-6)
    visitor.is_content()


# -- other networks, other browsers


@pytest.mark.parametrize(("dimensions", "said"), [(1, "lies on a line already"), (2, "point in the plane already")])
def test_codes_of_one_and_two_numbers_are_shown_themselves(visitor, server, dimensions, said):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(server.folder / "checkpoints"))
        trained(f"flat-{dimensions}", ModelConfig(latent_dim=dimensions, width=4), train_images=1000, epochs=1)
    page = visitor.opens(f"/map?run=flat-{dimensions}")
    expect(page.get_by_text(said)).to_be_visible()
    assert page.get_by_role("group", name="Projection").get_by_role("button").all_inner_texts() == ["Codes"]
    place = atlas(page).evaluate(PLACE, 5)
    page.mouse.move(place["x"], place["y"])
    page.wait_for_timeout(100)
    assert under_pointer(page)[0].startswith("Test digit")
    visitor.is_content()


def test_a_browser_without_webgl_gets_an_svg_of_2000_digits_and_a_note(chromium, server):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.add_init_script(
        "const plain = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind.includes('webgl') ? null : plain.call(this, kind, ...rest); };"
    )
    visitor = Visitor(context, server)
    page = visitor.opens("/map?run=original")
    expect(page.get_by_role("status").filter(has_text="no WebGL")).to_be_visible()
    assert len(plotted(page)) == 2000
    assert page.locator(".map .scatterlayer .point").count() == 2000
    assert hovered(page, 10, seed=0, allowed=lambda point: point % 5 == 0) == 10
    assert page.get_by_role("group", name="Projection").get_by_role("button").all_inner_texts() == ["t-SNE", "PCA"]
    visitor.is_content()
    context.close()


def test_three_dimensions_are_hovered(visitor):
    page = visitor.opens("/map?run=original")
    page.get_by_role("button", name="PCA 3-D").click()
    page.wait_for_timeout(1500)
    box = page.get_by_role("figure", name="Map of the test digits").bounding_box()
    found = set()
    for x in (0.4, 0.45, 0.5, 0.55):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.5 * box["height"], steps=4)
        page.wait_for_timeout(400)
        found.add(under_pointer(page)[0])
    images = load("mnist", "test")
    said, pixels = under_pointer(page)
    assert len(found) > 1
    index = int(said.split()[2].strip(","))
    assert pixels == images.pixels[index].flatten().tolist()
    visitor.is_content()


def test_a_rerun_sends_little_and_a_second_visit_fetches_nothing(visitor):
    page = visitor.opens("/map?run=original")
    find(page, 12)
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    received: list[int] = []
    connection.on(
        "Network.webSocketFrameReceived", lambda event: received.append(len(event["response"]["payloadData"]))
    )
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.get_by_role("heading", name="Draw", level=1)).to_be_visible()
    visitor.settles()
    visitor.requests.clear()
    received.clear()
    page.get_by_role("link", name="Map", exact=True).click()
    page.locator(".map[data-ready]").wait_for(timeout=PATIENCE, state="attached")
    page.wait_for_timeout(500)
    files = [url for url in visitor.requests if "app/static" in url and "plotly" not in url]
    assert not files
    assert received
    visitor.is_content()
