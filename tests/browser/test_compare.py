"""The comparison of runs: the table, and the page with its linked maps."""

import json

import numpy as np
import pytest
from apps import button, opened, pictures_sent, sent, settled, words
from helpers import options, to_the_end, trained, wait_until
from playwright.sync_api import expect
from visitors import PATIENCE, Visitor, at_home, pixels_of

from cae.config import MapConfig, ModelConfig
from cae.data.images import load
from cae.evaluation import errors
from cae.latent import evaluate, maps
from cae.runs.run import Run
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("own_static_folder")


@pytest.fixture
def two(small):
    """Two finished runs with as many dimensions, and different options."""
    return small, trained("second", ModelConfig(latent_dim=2, width=5), epochs=1)


def compared(*names: str):
    """The page with these runs chosen."""
    app = opened("compare", run=names[0])
    return settled(app.multiselect[0].set_value(list(names)).run())


def rows_of(app, key="compared-figures") -> dict[str, list[dict]]:
    told = sent(app, key)
    return {row["label"]["text"]: row["cells"] for group in told["groups"] for row in group["rows"]}


def texts(cells) -> list[str]:
    return [cell["text"] for cell in cells]


def with_dataset(run: Run, dataset: str) -> None:
    path = run.path / "run.json"
    info = json.loads(path.read_text())
    info["train"]["dataset"] = dataset
    path.write_text(json.dumps(info))


# -- the table


@pytest.mark.slow
def test_the_best_of_a_row_is_marked_and_it_is_what_was_measured(two):
    found = {run.name: result_of(evaluate.judge(run)) for run in two}
    rows = rows_of(compared("tiny", "second"))
    mse = [found[name].evaluation.overall.mse for name in ("tiny", "second")]
    np.testing.assert_allclose([float(text) for text in texts(rows["MSE on [-1, 1]"])], mse, rtol=6e-3)
    assert [cell["is_best"] for cell in rows["MSE on [-1, 1]"]] == [value == min(mse) for value in mse]
    knn = [found[name].probing.knn_accuracy for name in ("tiny", "second")]
    assert texts(rows["10-NN accuracy"]) == [f"{100 * value:.1f} %" for value in knn]
    assert [cell["is_best"] for cell in rows["10-NN accuracy"]] == [value == max(knn) for value in knn]
    assert texts(rows["Epochs trained"]) == ["2 of 2", "1 of 1"] and not any(
        cell["is_best"] for cell in rows["Epochs trained"]
    )


def test_a_tie_is_the_best_twice(small, copy_tiny):
    copy_tiny("twin")
    rows = rows_of(compared("tiny", "twin"))
    assert [cell["is_best"] for cell in rows["MSE on [-1, 1]"]] == [True, True]


def test_what_has_not_been_measured_is_a_dash_and_can_be_measured(two):
    app = compared("tiny", "second")
    rows = rows_of(app)
    assert texts(rows["Linear probe"]) == ["–", "–"] and not any(cell["is_best"] for cell in rows["Linear probe"])
    assert button(app, "Measure what is missing")


@pytest.mark.slow
def test_options_that_differ_are_shown_and_those_unlike_the_first_are_marked(two):
    app = compared("tiny", "second")
    rows = rows_of(app)
    assert texts(rows["Width"]) == ["4", "5"]
    assert [cell["is_changed"] for cell in rows["Width"]] == [False, True]
    assert "Activation" not in rows and "Activation" in rows_of(app, "same-options")
    turned = rows_of(compared("second", "tiny"))["Width"]
    assert texts(turned) == ["5", "4"] and [cell["is_changed"] for cell in turned] == [False, True]


@pytest.mark.slow
def test_runs_of_different_data_sets_have_no_best_and_the_page_says_why(two, monkeypatch):
    first, second = two
    with_dataset(second, "fashion-mnist")
    app = compared(first.name, second.name)
    assert not any(cell["is_best"] for cells in rows_of(app).values() for cell in cells)
    assert "different data sets" in words(app) and "are not comparable" in words(app)
    assert "second is about fashion-mnist and tiny about mnist" in words(app)


@pytest.mark.slow
def test_runs_of_different_dimensions_are_compared_with_a_word_of_care(small):
    trained("five", ModelConfig(latent_dim=5, width=4), epochs=1)
    app = compared("tiny", "five")
    assert "different numbers of dimensions" in words(app)
    assert any(cell["is_best"] for cell in rows_of(app)["MSE on [-1, 1]"])
    assert [sheet["name"] for sheet in sent(app, "atlas")["sheets"]] == ["tiny", "five"]


def test_a_run_without_weights_a_stopped_one_and_a_damaged_one_are_compared_as_far_as_they_go(two, copy_tiny):
    _, second = two
    Run.create("empty", ModelConfig(latent_dim=2, width=4), options())
    stopped = Run.create("halted", ModelConfig(latent_dim=2, width=4), options(epochs=50))
    (stopped.path / "stop").touch()
    to_the_end(stopped)
    weights = second.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    broken = copy_tiny("broken")
    (broken.path / "run.json").unlink()
    app = compared("tiny", "empty", "halted", "second", "broken")
    states = texts(rows_of(app)["State"])
    assert states[0] == "finished" and states[2] == "stopped" and states[4] == "damaged"
    assert "No epoch is known of" in words(app) and "empty" in words(app)
    assert any("broken" in error.value for error in app.error)
    assert any("second" in error.value for error in app.error)


@pytest.mark.slow
def test_six_runs_are_the_most_and_one_is_too_few(two, copy_tiny):
    for number in range(5):
        copy_tiny(f"copy-{number}")
    app = opened("compare", run="tiny")
    assert app.multiselect[0].proto.max_selections == 6
    settled(app.multiselect[0].set_value(["tiny"]).run())
    assert "Choose at least two runs." in words(app)
    six = compared("tiny", "second", *(f"copy-{number}" for number in range(4)))
    assert len(sent(six, "atlas")["sheets"]) == 6


# -- curves, digits and maps


@pytest.mark.slow
def test_the_curves_are_the_held_out_losses_over_epochs_or_seconds(two):
    app = compared("tiny", "second")
    traces = sent(app, "compared-curves")["figure"]["data"]
    for trace, run in zip(traces, two, strict=True):
        np.testing.assert_allclose(trace["y"], [record.held_out_mse for record in run.history()], rtol=1e-3)
        assert trace["x"] == [record.epoch for record in run.history()]
    group = next(each for each in app.get("button_group") if each.label == "Over")
    settled(group.set_value("seconds").run())
    traces = sent(app, "compared-curves")["figure"]["data"]
    np.testing.assert_allclose(traces[0]["x"], [record.seconds for record in two[0].history()], rtol=1e-3)


@pytest.mark.slow
def test_the_same_digits_go_through_each(two):
    app = compared("tiny", "second")
    shown = pictures_sent(app, "same-digits").reshape(3, 10, 28, 28)
    images = load("mnist", "test").pixels.numpy()
    indices = [int(np.flatnonzero((images == digit).all(axis=(1, 2)))[0]) for digit in shown[0]]
    for row, run in enumerate(two, start=1):
        expected = errors.compare(run.model(), load("mnist", "test"), np.array(indices)).reconstructions
        assert np.abs(shown[row].astype(int) - expected).max() <= 1


def test_a_map_that_is_laid_out_is_shown_and_pca_where_there_is_none(small):
    five = trained("five", ModelConfig(latent_dim=5, width=4), epochs=1)
    trained("six", ModelConfig(latent_dim=6, width=4), epochs=1)
    for _ in maps.compute(five, MapConfig()):
        pass
    what = {sheet["name"]: sheet["what"] for sheet in sent(compared("five", "six", "tiny"), "atlas")["sheets"]}
    assert what["five"].startswith("t-SNE") and what["six"].startswith("PCA") and what["tiny"] == "its two dimensions"


# -- in the browser


@pytest.fixture(scope="module")
def pair_server(small_server):
    """The small server with two runs."""
    with at_home(small_server):
        trained("wider", ModelConfig(latent_dim=3, width=5), epochs=1)
    return small_server


@pytest.fixture
def visit(chromium, pair_server):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    visitor = Visitor(context, pair_server)
    page = visitor.opens("/compare?run=tiny")
    box = page.get_by_role("combobox", name="Runs")
    box.focus()
    for _ in range(2):  # of the three that it suggests
        box.press("Backspace")
        visitor.settles()
    box.fill("wider")
    page.get_by_role("option", name="wider").click()
    visitor.settles()
    page.keyboard.press("Escape")  # or the list lies over the page
    page.locator(".atlas[data-ready]").wait_for(timeout=PATIENCE)
    yield visitor
    context.close()


def sheet_of(page, name):
    return page.locator(".sheet", has=page.get_by_role("img", name=f"Map of {name},"))


def test_pointing_at_a_digit_rings_it_on_every_map_and_shows_its_copies(visit, pair_server):
    page = visit.page
    first, second = sheet_of(page, "tiny"), sheet_of(page, "wider")
    glass = first.get_by_role("img", name="Map of tiny,")
    glass.scroll_into_view_if_needed()
    glass.hover(position={"x": 150, "y": 150})
    page.wait_for_timeout(300)
    points = set()
    for x in range(20, 300, 40):
        glass.hover(position={"x": x, "y": 160})
        page.wait_for_timeout(100)
        points.add(first.get_attribute("data-point"))
        assert second.get_attribute("data-point") == first.get_attribute("data-point")
    assert len(points) > 1
    before = first.get_attribute("data-point")
    glass.focus()
    glass.press("ArrowRight")
    glass.press("ArrowLeft")
    glass.press("ArrowUp")
    page.wait_for_timeout(300)
    point = int(first.get_attribute("data-point"))
    assert before and second.get_attribute("data-point") == str(point)
    images = load("mnist", "test")
    expect(page.get_by_text(f"Test digit {point}, class {images.labels[point]}")).to_be_visible()
    for name, sheet in (("tiny", first), ("wider", second)):
        expect(sheet).to_have_attribute("data-copied", str(point))
        copy = errors.compare(pair_server.run(name).model(), images, np.array([point]))
        shown = np.array(pixels_of(sheet.get_by_role("img", name=f"What {name} makes of it"))).reshape(28, 28)
        assert np.abs(shown - copy.reconstructions[0].astype(int)).max() <= 1
        said = sheet.locator(".told").inner_text()
        assert float(said.split("MSE ")[1]) == pytest.approx(float(copy.mse[0]), rel=6e-3)
    visit.is_content()


def test_what_is_missing_is_measured_by_a_click_and_the_table_fills(visit, pair_server):
    page = visit.page
    page.get_by_role("button", name="Measure what is missing").click()
    expect(page.get_by_role("row", name="Linear probe")).not_to_contain_text("–", timeout=PATIENCE)
    expect(page.get_by_role("row", name="Mixture: read surely")).not_to_contain_text("–", timeout=2 * PATIENCE)
    expect(page.get_by_role("button", name="Measure what is missing")).to_have_count(0)
    wait_until(lambda: not page.get_by_text("Measuring the").count(), "all is measured")
    visit.is_content()
