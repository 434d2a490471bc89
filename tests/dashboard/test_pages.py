"""The pages without a browser: Streamlit's own AppTest, on real runs."""

import gzip
import io
import json
import math
import os
import shutil
import time

import numpy as np
import pytest
import torch
from apps import button, opened, sent, settled, words
from helpers import PROJECT, TINY, options, state_of, trained, wait_until
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from cae.config import RECIPES, ModelConfig, TrainConfig
from cae.data.images import load, to_model
from cae.disk.files import runs_folder
from cae.disk.locks import Lock
from cae.latent.explore import from_bytes, latent_space
from cae.latent.space import sample
from cae.network.model import ConvAutoencoder
from cae.runs import names as runs_names
from cae.runs.run import Run
from cae.runs.weights import write_weights

pytestmark = pytest.mark.usefixtures("own_static_folder")
PAGES = {
    "home": "Look inside an autoencoder",
    "train": "Train",
    "reconstruct": "Reconstruct",
    "steer": "Steer",
    "draw": "Draw",
    "map": "Map",
    "judge": "Judge",
    "generate": "Generate",
    "compare": "Compare",
    "missions": "Missions",
}


@pytest.fixture
def real(trained_folder, own_folders):
    """A copy of the tiny run, beside the shipped ones, on the real MNIST."""
    runs_folder().mkdir(parents=True)
    shutil.copytree(trained_folder / "tiny", runs_folder() / "tiny")
    return Run.open("tiny")


@pytest.mark.slow
@pytest.mark.parametrize(("page", "title"), PAGES.items())
def test_every_page_opens_on_the_shipped_run_with_its_title(page, title):
    app = opened(page)
    assert app.title[0].value == title
    assert app.sidebar.selectbox[0].value == "best"
    assert not app.error


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_the_run_that_the_address_names(page, small):
    app = opened(page, run="tiny")
    assert app.sidebar.selectbox[0].value == "tiny" and not app.error


@pytest.mark.slow
def test_an_address_that_names_no_run_says_so_and_shows_another():
    app = AppTest.from_file(str(PROJECT / "dashboard" / "Home.py"), default_timeout=60)
    app.query_params["run"] = "<img src=x>"
    for _ in range(2):  # a widget that answers has the page run again
        settled(app.run())
        assert "There is no run called" in app.warning[0].value and app.sidebar.selectbox[0].value == "best"
    settled(app.sidebar.selectbox[0].set_value("fast").run())
    assert not app.warning


@pytest.mark.slow
def test_the_name_of_a_new_run_is_kept_while_others_are_started_and_other_pages_are_looked_at(small, copy_tiny):
    app = opened("train")
    name = app.text_input[0]
    assert name.label == "Run name" and name.value == "original-2"
    copy_tiny("original-2")
    assert settled(app.run()).text_input[0].value == "original-3"  # nobody had written another
    app.text_input[0].set_value("dora").run()
    copy_tiny("original-3")
    assert settled(app.run()).text_input[0].value == "dora"
    settled(settled(app.switch_page("views/map/page.py").run()).switch_page("views/train/page.py").run())
    assert app.text_input[0].value == "dora"
    app.text_input[0].set_value("original-4").run()
    settled(settled(app.switch_page("views/map/page.py").run()).switch_page("views/train/page.py").run())
    assert app.text_input[0].value == "original-4"


def test_a_run_in_its_first_epoch_is_waited_for_and_not_an_error(small, copy_tiny):
    run = Run.create("new", TINY, options())
    run.update(state="running")
    with Lock(run.path / "train.lock"):
        app = opened("reconstruct", run="new")
        assert not app.error and "has not finished an epoch yet" in words(app)
        shutil.copy(copy_tiny("done").path / "model.safetensors", run.path)
        assert "has not finished" not in words(settled(app.run()))


@pytest.mark.parametrize(
    ("kept", "chosen", "rows"),
    [
        ([], None, [(0, False), (1, False), (4, False), (20, False)]),
        ([0], None, [(0, True), (1, False), (4, False), (20, False)]),
        ([0, 1, 2], None, [(0, True), (1, True), (2, True), (4, False)]),
        ([0, 1, 2, 3, 4], None, [(0, True), (1, True), (4, True), (20, False)]),
        ([0, 1, 2, 3, 4, 5, 6], 3, [(0, True), (1, True), (3, True), (4, True), (6, True)]),
        ([0, 1, 20], None, [(0, True), (1, True), (20, True)]),
    ],
)
def test_the_rows_of_the_film_are_in_order_and_none_is_there_twice(own_static_folder, kept, chosen, rows):
    from views.train.live import film_rows

    assert film_rows(kept, [0, 1, 4, 20], chosen) == rows


def test_home_shows_the_run_beside_the_original_and_the_baselines():
    values = {metric.label: metric.value for metric in opened(run="original").metric}
    assert values["The original, as reported"] == "0.0171"
    assert values["PCA with 32 numbers"] == "0.0673" and values["The mean image"] == "0.270"
    assert float(values["Test error of “original”"]) < 0.0172


@pytest.mark.slow
def test_the_hourglass_is_that_of_the_chosen_run(real):
    drawn = sent(opened(run="tiny"), "hourglass")
    assert "2<br>numbers" in json.dumps(drawn, ensure_ascii=False) and "1×28×28, 4×14×14" in drawn["description"]


@pytest.mark.parametrize("page", PAGES)
def test_without_any_run_every_page_says_where_to_begin(page, monkeypatch, tmp_path):
    monkeypatch.setattr(runs_names, "SHIPPED_RUNS", tmp_path / "nothing")
    app = opened(page)
    assert any("Train" in info.value or "start a training" in info.value for info in app.info)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("harm", ["truncated weights", "no run.json", "torn history", "newer format"])
def test_a_damaged_run_gives_a_sentence_and_no_traceback(page, harm, small):
    if harm == "truncated weights":
        weights = small.path / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "no run.json":
        (small.path / "run.json").unlink()
    elif harm == "newer format":
        (small.path / "run.json").write_text('{"format": 99}')
    else:
        (small.path / "history.jsonl").write_text("nonsense\n")
    app = opened(page, run="tiny")
    if page in ("reconstruct", "steer", "draw", "map", "generate", "missions") and harm == "torn history":
        assert not app.error  # the weights are sound, and these pages need nothing else
        return
    assert app.error and all("tiny" in error.value for error in app.error)


@pytest.mark.slow
def test_the_form_has_a_field_for_every_option_filled_from_the_recipe():
    app = opened("train")
    labels = [field.label for field in (*app.number_input, *app.selectbox)]
    for option in (*TrainConfig.options(), *ModelConfig.options()):
        assert any(label.startswith(option.label) for label in labels), option.label
    recipe = next(box for box in app.selectbox if box.label == "Recipe")
    settled(recipe.select("glance").run())
    epochs = next(field for field in app.number_input if field.label == "Epochs")
    assert epochs.value == RECIPES["glance"].train.epochs


@pytest.mark.parametrize(("label", "value", "sentence"), [
    ("Epochs", 0, "Epochs must be at least 1, not 0."),
    ("Latent dimensions", 0, "Latent dimensions must be at least 1, not 0."),
    ("Latent dimensions", 257, "Latent dimensions must be at most 256, not 257."),
    ("Training images", 70_000, "Training images must be at most 60,000"),
    ("Batch size", None, "Batch size is empty."),
])  # fmt: skip
def test_a_mistake_is_refused_beside_its_field_and_start_is_held_back(label, value, sentence):
    app = opened("train")
    field = next(field for field in app.number_input if field.label.startswith(label) and "in all" not in field.label)
    settled(field.set_value(value).run())
    assert sentence in words(app).replace("\\", "")  # which Markdown does not show
    assert button(app, "Start training").disabled


@pytest.mark.parametrize("name", ["../x", "a/b", "con", "original", "", "x" * 80])
def test_a_name_that_cannot_be_is_refused_and_nothing_is_made(name):
    app = opened("train")
    app.text_input[0].set_value(name)
    settled(button(app, "Start training").click().run())
    assert "cannot be called" in words(app) or "already" in words(app)
    assert not [path for path in runs_folder().glob("[a-z]*") if path.is_dir()]


@pytest.mark.slow
def test_a_training_started_on_the_page_runs_and_can_be_stopped(real, no_training_left):
    app = opened("train")
    app.text_input[0].set_value("from-the-page")
    settled(button(app, "Start training").click().run())
    run = Run.open("from-the-page")
    assert app.sidebar.selectbox[0].value == "from-the-page"
    wait_until(lambda: run.again().progress(), "a first loss")
    settled(app.run())
    settled(button(app, "Stop").click().run())
    assert state_of(run) == "running" and "started by you" in words(app)
    settled(button(app, "Yes, stop from-the-page").click().run())
    wait_until(lambda: state_of(run) == "stopped", "it obeys")
    assert [each.label for each in settled(app.run()).button if each.label == "Resume"]


@pytest.mark.slow
def test_same_settings_again_fills_the_form(real):
    app = opened("train", run="tiny")
    settled(button(app, "Same settings again").click().run())
    field = next(field for field in app.number_input if field.label.startswith("Latent dimensions"))
    assert field.value == TINY.latent_dim


def test_the_table_lists_every_run_and_a_note_is_kept(real):
    app = opened("train", run="tiny")
    rows = {row["name"]: row for row in sent(app, "runs")["rows"]}
    assert rows["tiny"]["state"] == "finished" and rows["tiny"]["epochs"] == "2 / 2"
    assert rows["original"]["fixed"] and not rows["tiny"]["fixed"]
    app.session_state["runs"] = {"action": {"kind": "note", "value": {"run": "tiny", "note": "my first"}}}
    settled(app.run())
    assert real.again().info.note == "my first"


@pytest.mark.slow
def test_deleting_asks_and_names_the_run_and_only_then_deletes(real):
    app = opened("train", run="original")
    app.session_state["runs"] = {"action": {"kind": "delete", "value": "tiny"}}
    settled(app.run())
    assert real.path.exists() and "Delete **tiny**" in words(app)
    settled(button(app, "Yes, delete tiny").click().run())
    assert not real.path.exists()


@pytest.mark.parametrize("action", [
    None, 5, "x", {}, {"kind": "delete", "value": "../../etc"}, {"kind": "delete", "value": ["tiny", 3]},
    {"kind": "note", "value": {"run": "tiny", "note": 7}}, {"kind": "open", "value": {}}, {"kind": "open", "value": []},
    {"kind": "shutdown", "value": "tiny"}, {"kind": ["note"], "value": "tiny"},
])  # fmt: skip
def test_nonsense_from_the_browser_does_nothing(action, real):
    app = opened("train", run="tiny")
    app.session_state["runs"] = {"action": action}
    settled(app.run())
    assert real.path.exists() and real.again().info.note == ""


def test_a_read_only_laboratory_can_be_looked_at_and_not_changed(real, monkeypatch):
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    app = opened("train", run="tiny")
    assert "read-only" in words(app) and button(app, "Start training").disabled
    assert sent(app, "runs")["readOnly"] is True
    assert not {"Stop", "Resume"} & {each.label for each in app.button}


def test_the_curves_of_ticked_runs_are_laid_over_the_chart(real):
    app = opened("train", run="tiny")
    app.session_state["runs"] = {"action": {"kind": "overlay", "value": ["original"]}}
    settled(app.run())
    names = [trace["name"] for trace in sent(app, "loss")["figure"]["data"]]
    assert "validation" in names and "original: test" in names


@pytest.mark.slow
@pytest.mark.parametrize("way", ["At random", "One class", "From an index", "The hardest", "The easiest"])
def test_every_way_of_choosing_digits_shows_as_many_as_asked_for(way):
    app = opened("reconstruct")
    settled(next(each for each in app.get("button_group")).set_value(way).run())
    cards = sent(app, "digits")["cards"]
    assert len(cards) == 12 and all(len(card["tiles"]) == 3 for card in cards)
    if way == "One class":
        assert all("of class 0" in card["description"] for card in cards)
    if way == "From an index":
        assert [card["caption"][0].split("#")[1] for card in cards] == [str(index) for index in range(12)]


@pytest.mark.slow
def test_a_run_that_waits_shows_its_place_and_nothing_breaks(real):
    run = Run.create("waiting", TINY, options())
    with run.lock():
        time.sleep(0.01)
        app = opened("train", run="waiting")
        assert [each for each in app.button if each.label == "Stop"]


def test_home_of_a_run_without_an_epoch_shows_its_network_and_where_to_watch_it():
    Run.create("fresh", ModelConfig(latent_dim=5), options())
    app = opened(run="fresh")
    assert "5<br>numbers" in json.dumps(sent(app, "hourglass"), ensure_ascii=False)
    assert "has not finished an epoch yet" in app.info[0].value and not app.error


def test_the_form_says_what_differs_from_its_recipe_and_the_recipe_of_a_run_is_found_again():
    Run.create("quick", RECIPES["glance"].model, RECIPES["glance"].train)
    app = opened("train", run="quick")
    settled(button(app, "Same settings again").click().run())
    recipe = next(box for box in app.selectbox if box.label == "Recipe")
    assert recipe.value == "glance" and RECIPES["glance"].summary in words(app)
    field = next(field for field in app.number_input if field.label == "Epochs")
    settled(field.set_value(7).run())
    assert "glance, but with epochs 7." in words(app)


@pytest.mark.slow
def test_choosing_a_run_in_the_sidebar_changes_the_page_and_the_address(real):
    app = opened(run="original")
    settled(app.sidebar.selectbox[0].select("tiny").run())
    assert "2<br>numbers" in json.dumps(sent(app, "hourglass"), ensure_ascii=False)
    assert sent(app, "address")["run"] == "tiny"


# -- steer


def steering(**query: str) -> AppTest:
    return opened("steer", run="tiny", **query)


def choose(app: AppTest, way: str) -> AppTest:
    return settled(next(iter(app.get("button_group"))).set_value(way).run())


def number(app: AppTest, label: str):
    return next(each for each in app.number_input if each.label == label)


def code_of(run: Run, pixels: torch.Tensor) -> np.ndarray:
    return run.model().encode(to_model(pixels[None]))[0].numpy()


def goes(app: AppTest, start: object, code: object) -> AppTest:
    """What the widget says when somebody has moved."""
    app.session_state["steer"] = {"action": {"kind": "code", "value": {"start": start, "code": code}}}
    return settled(settled(app.run()).run())  # the widget is told of it when the page is next computed


def gone(app: AppTest) -> list[float] | None:
    """Where the widget is told that somebody had gone from the start."""
    return sent(app, "steer")["code"]


@pytest.mark.slow
def test_steering_starts_from_a_test_digit_with_its_picture_and_its_code(small):
    app, images = steering(), load("mnist", "test")
    for index in (0, 61):
        settled(number(app, "Index").set_value(index).run())
        start = sent(app, "steer")["start"]
        assert start["name"] == f"Test digit {index}, class {images.labels[index]}"
        assert start["picture"] == images.pixels[index].reshape(-1).tolist()
        np.testing.assert_allclose(start["code"], code_of(small, images.pixels[index]), atol=1e-5)
        assert start["address"] == f"digit-{index}"


@pytest.mark.slow
def test_another_digit_is_of_the_class_that_was_chosen(small):
    app, labels = steering(), load("mnist", "test").labels
    settled(next(box for box in app.selectbox if box.label == "Class").select_index(4).run())  # after "any": class 3
    seen = set()
    for _ in range(6):
        settled(button(app, "Another").click().run())
        seen.add(number(app, "Index").value)
        assert labels[number(app, "Index").value] == 3
    assert len(seen) > 1


@pytest.mark.slow
def test_steering_starts_from_the_mean_of_a_class(small):
    app = choose(steering(), "Class mean")
    settled(next(box for box in app.selectbox if box.label == "Class").select_index(6).run())
    start = sent(app, "steer")["start"]
    assert start["name"].endswith("class 6") and start["picture"] is None
    np.testing.assert_allclose(start["code"], latent_space(small).class_means[6], rtol=1e-6)


@pytest.mark.slow
def test_steering_starts_from_zero(small):
    assert sent(choose(steering(), "Zero"), "steer")["start"]["code"] == [0, 0]


@pytest.mark.slow
def test_a_random_code_is_the_sample_of_its_seed_and_another_one_has_another(small):
    app, space = choose(steering(), "Random code"), latent_space(small)
    settled(number(app, "Seed").set_value(7).run())
    np.testing.assert_allclose(sent(app, "steer")["start"]["code"], sample(space, 1, 7)[0], rtol=1e-6)
    settled(button(app, "Another").click().run())
    seed = number(app, "Seed").value
    assert seed != 7
    np.testing.assert_allclose(sent(app, "steer")["start"]["code"], sample(space, 1, seed)[0], rtol=1e-6)


@pytest.mark.slow
def test_without_a_drawing_the_page_says_where_to_make_one(small):
    app = choose(steering(), "My drawing")
    assert "There is no drawing yet" in app.info[0].value
    with pytest.raises(AssertionError, match="no widget"):
        sent(app, "steer")


@pytest.mark.slow
def test_every_start_has_an_id_of_its_own_and_keeps_it(small):
    app, ways = steering(), ("Test digit", "Class mean", "Zero", "Random code", "Test digit")
    found = [sent(choose(app, way), "steer")["start"]["id"] for way in ways]
    assert found[0] == found[-1] and len(set(found)) == 4


@pytest.mark.slow
def test_the_widget_finds_the_network_the_latent_space_and_the_digits_at_the_addresses_it_is_sent(
    small, own_static_folder
):
    told, space = sent(steering(), "steer"), latent_space(small)
    content = {}
    for name in ("network", "space", "pictures"):
        folder, _, file = told[name].rpartition("/")
        assert folder == "app/static"
        content[name] = (own_static_folder / file).read_bytes()
    assert content["network"] == small.weights_file().read_bytes()
    np.testing.assert_array_equal(from_bytes(content["space"]).real.points, space.real.points)
    assert len(gzip.decompress(content["pictures"])) == 784 * len(space.real.labels)


@pytest.mark.slow
def test_the_network_is_read_again_when_the_file_has_changed_and_only_then(small, own_static_folder, monkeypatch):
    app, file = steering(), small.weights_file()
    first, stamp, read = sent(app, "steer")["network"], file.stat(), []
    content = Run.weights_content
    monkeypatch.setattr(Run, "weights_content", lambda run: read.append(run) or content(run))
    assert sent(settled(app.run()), "steer")["network"] == first and not read
    other = ConvAutoencoder(small.info.model, torch.Generator().manual_seed(3))
    write_weights(file, {name: value.numpy() for name, value in other.state_dict().items()}, small.info.model)
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a copy that keeps its time would be
    told = sent(settled(app.run()), "steer")["network"]
    assert read and told != first and (own_static_folder / told.rpartition("/")[2]).read_bytes() == file.read_bytes()


def test_in_a_checkout_that_cannot_be_written_to_the_files_come_from_memory_on_every_run(
    small, own_static_folder, monkeypatch
):
    from server import serving

    def refuse(path, content):
        raise OSError(30, "Read-only file system")

    app = steering()
    for file in own_static_folder.iterdir():
        file.unlink()
    monkeypatch.setattr(serving, "write_whole", refuse)
    for _ in range(2):
        settled(app.run())
        told = sent(app, "steer")
        assert all("media" in told[name] for name in ("network", "space", "pictures", "widget"))
        assert told["network"].endswith(".bin") and not told["widget"].endswith(".bin")  # no script that is imported
    assert not list(own_static_folder.iterdir())


@pytest.mark.slow
def test_where_somebody_has_gone_is_kept_for_every_start(small):
    app = steering()
    start = sent(app, "steer")["start"]["id"]
    assert gone(app) is None
    goes(app, start, [1.25, -3])
    assert gone(app) == [1.25, -3]
    del app.session_state["steer"]
    settled(settled(app.switch_page("views/home/page.py").run()).switch_page("views/steer/page.py").run())
    assert gone(app) == [1.25, -3]
    choose(app, "Zero")
    assert gone(app) is None
    choose(app, "Test digit")
    assert gone(app) == [1.25, -3]


@pytest.mark.slow
@pytest.mark.parametrize("code", [
    None, [], [1], [1, 2, 3], [1, math.nan], [math.inf, 0], ["1", "2"], [True, False], [None, 1], [[1], [2]], "12",
    {"0": 1, "1": 2}, 5, [1e9, 0], [10**400, 0], [0.0] * 100_000,
], ids=range(16))  # fmt: skip
def test_a_code_that_cannot_be_is_ignored(code, small):
    app = steering()
    goes(app, sent(app, "steer")["start"]["id"], code)
    assert gone(app) is None


@pytest.mark.slow
@pytest.mark.parametrize("start", ["tiny another zero", None, 3, ["x"], {}, ""], ids=range(6))
def test_a_code_that_belongs_to_another_start_is_ignored(start, small):
    app = steering()
    goes(app, start, [1, 2])
    assert gone(app) is None


@pytest.mark.slow
@pytest.mark.parametrize("action", [
    None, 5, "x", [], {}, {"kind": "code"}, {"kind": "code", "value": None}, {"kind": "code", "value": [1, 2]},
    {"kind": ["code"], "value": {}}, {"kind": "else", "value": {"start": "", "code": [1, 2]}},
], ids=range(10))  # fmt: skip
def test_nonsense_from_the_sliders_is_ignored(action, small):
    app = steering()
    app.session_state["steer"] = {"action": action}
    settled(app.run())
    assert gone(app) is None


@pytest.mark.slow
def test_a_link_leads_to_its_code(small):
    app = steering(z="0.5,-2.25")
    start = sent(app, "steer")["start"]
    assert start["code"] == [0.5, -2.25] and start["name"] == "The code of the link"
    assert not app.warning
    assert sent(choose(app, "Zero"), "steer")["start"]["code"] == [0, 0]
    assert sent(choose(app, "The link"), "steer")["start"]["code"] == [0.5, -2.25]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "sentence"), [
    ("a,b", "not a number"), ("1", "this network has 2"), ("1,2,3", "this network has 2"), ("inf,0", "too large"),
    ("nan,0", "too large"), ("", "this network has 2"), ("<b>,1", "not a number"), ("9" * 5000, "this network has 2"),
    ("9" * 5000 + ",1", "too long"),
], ids=range(9))  # fmt: skip
def test_a_link_that_cannot_be_read_gives_a_sentence_and_a_page_that_works(text, sentence, small):
    app = steering(z=text)
    assert sentence in app.warning[0].value and "<b>" not in app.warning[0].value
    assert sent(app, "steer")["start"]["name"].startswith("Test digit 0")
    assert gone(goes(app, sent(app, "steer")["start"]["id"], [1, 1])) == [1, 1]
    assert not app.warning


def test_a_link_with_its_start_leads_to_both(small):
    app = steering(z="0.5,-2.25", **{"from": "digit-7"})
    start = sent(app, "steer")["start"]
    assert start["name"].startswith("Test digit 7,") and gone(app) == [0.5, -2.25]
    settled(number(app, "Index").set_value(8).run())
    assert gone(app) is None


@pytest.mark.parametrize("start", ["mean-77", "mean-10", "digit-99999", "digit-100", "zero-3", "random-9999999999"])
def test_a_link_whose_start_does_not_exist_still_leads_to_its_code(start, small):
    found = sent(steering(z="0.5,-2.25", **{"from": start}), "steer")["start"]
    assert found["code"] == [0.5, -2.25] and found["name"] == "The code of the link"


@pytest.mark.slow
@pytest.mark.parametrize("start", ["mean-9", "digit-99", "zero-0", "random-2147483648"])
def test_a_link_with_the_last_start_of_its_kind_leads_to_both(start, small):
    app = steering(z="0.5,-2.25", **{"from": start})
    assert sent(app, "steer")["start"]["address"] == start and gone(app) == [0.5, -2.25]


@pytest.mark.parametrize(("start", "name"), [
    ("digit-99999999", "Test digit 99,"), ("mean-77", "The mean code of class 9"), ("zero-3", "All numbers zero"),
    ("random-9999999999", f"Random code {2**31}"), ("drawing-1", "Test digit 0,"), ("<b>", "Test digit 0,"),
])  # fmt: skip
def test_a_start_in_the_address_is_kept_within_what_there_is(start, name, small):
    assert sent(steering(**{"from": start}), "steer")["start"]["name"].startswith(name)


@pytest.mark.slow
def test_a_link_belongs_to_its_run_and_is_offered_for_no_other(small):
    trained("five", ModelConfig(latent_dim=5, width=4), epochs=1)
    app = steering(z="1,2")
    settled(app.sidebar.selectbox[0].select("five").run())
    assert sent(app, "steer")["start"]["name"].startswith("Test digit 0")
    settled(app.sidebar.selectbox[0].select("tiny").run())
    assert sent(choose(app, "The link"), "steer")["start"]["code"] == [1, 2]


# -- draw


def drawing(app: AppTest, kind: object, value: object) -> AppTest:
    """What the canvas says when the pen is lifted."""
    app.session_state["draw"] = {"action": {"kind": kind, "value": value}}
    return settled(app.run())


def ink() -> list[int]:
    return (np.arange(784) % 256).tolist()


def start_from_drawing(app: AppTest) -> AppTest:
    return choose(settled(app.switch_page("views/steer/page.py").run()), "My drawing")


def test_a_drawing_is_kept_and_can_be_steered_from(small):
    app = start_from_drawing(drawing(opened("draw", run="tiny"), "drawing", ink()))
    start = sent(app, "steer")["start"]
    assert start["name"] == "Your drawing" and start["picture"] == ink()
    expected = code_of(small, torch.tensor(ink(), dtype=torch.uint8).view(28, 28))
    np.testing.assert_allclose(start["code"], expected, atol=1e-5)


def kept(app: AppTest, action: object) -> AppTest:
    """What the tab says of the drawing that it has kept, when one wants to start from it."""
    app.session_state["kept"] = {"action": action}
    return settled(settled(app.run()).run())


def test_a_drawing_that_only_the_tab_knows_can_be_steered_from(small):
    app = choose(steering(), "My drawing")
    assert "There is no drawing yet" in app.info[0].value
    assert sent(kept(app, {"kind": "drawing", "value": ink()}), "steer")["start"]["picture"] == ink()


@pytest.mark.parametrize("action", [
    None, [], "x", {"kind": "drawing"}, {"kind": "drawing", "value": ink()[:-1]},
    {"kind": "drawing", "value": [256] * 784}, {"kind": "drawing", "value": [math.nan] * 784},
], ids=range(7))  # fmt: skip
def test_a_kept_drawing_that_cannot_be_is_ignored(action, small):
    app = kept(choose(steering(), "My drawing"), action)
    assert "There is no drawing yet" in app.info[0].value


def test_steer_from_here_leads_to_the_sliders_with_the_drawing(small):
    app = drawing(opened("draw", run="tiny"), "steer", ink())
    assert app.title[0].value == "Steer" and app.sidebar.selectbox[0].value == "tiny"
    assert sent(app, "steer")["start"]["picture"] == ink()


def test_an_emptied_canvas_is_no_drawing_any_more(small):
    app = drawing(drawing(opened("draw", run="tiny"), "drawing", ink()), "drawing", None)
    assert "There is no drawing yet" in start_from_drawing(app).info[0].value


@pytest.mark.parametrize(("kind", "value"), [
    ("drawing", []), ("drawing", ink()[:-1]), ("drawing", [*ink(), 0]), ("drawing", [256] * 784),
    ("drawing", [-1] * 784), ("drawing", [0.5] * 784), ("drawing", [True] * 784), ("drawing", ["1"] * 784),
    ("drawing", [math.nan] * 784), ("drawing", {"0": 1}), ("drawing", "x" * 784), ("drawing", 7),
    ("drawing", [ink()]), ("drawing", [0] * 1_000_000), ("paint", ink()), (None, ink()), (["drawing"], ink()),
    ("steer", [3]), ("steer", None),
], ids=range(19))  # fmt: skip
def test_a_drawing_that_cannot_be_is_ignored(kind, value, small):
    app = drawing(opened("draw", run="tiny"), kind, value)
    assert app.title[0].value == "Draw"
    assert "There is no drawing yet" in start_from_drawing(app).info[0].value


@pytest.mark.slow
def test_a_test_digit_is_put_on_the_canvas_once_for_each_click(small):
    app, images = opened("draw", run="tiny"), load("mnist", "test")
    assert sent(app, "draw")["base"] is None
    found = []
    for _ in range(2):
        settled(number(app, "Test digit").set_value(5).run())
        settled(button(app, "Draw on it").click().run())
        found.append(sent(app, "draw")["base"])
    assert found[0]["pixels"] == found[1]["pixels"] == images.pixels[5].reshape(-1).tolist()
    assert found[0]["id"] != found[1]["id"] == sent(settled(app.run()), "draw")["base"]["id"]


def picture_of_a_one() -> bytes:
    image = Image.new("RGB", (300, 400), (240, 238, 230))
    ImageDraw.Draw(image).line([(150, 80), (140, 320)], fill=(30, 30, 60), width=18)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_an_uploaded_picture_is_read_step_by_step_and_can_be_steered_from(small):
    app = opened("draw", run="tiny")
    settled(app.file_uploader[0].set_value(("one.png", picture_of_a_one(), "image/png")).run())
    assert not app.error and len(app.get("image")) >= 3
    settled(button(app, "Steer from this picture").click().run())
    picture = np.array(sent(app, "steer")["start"]["picture"]).reshape(28, 28)
    assert app.title[0].value == "Steer" and np.ptp(np.flatnonzero((picture > 127).any(axis=1))) == pytest.approx(
        19, abs=1
    )


@pytest.mark.parametrize("content", [b"", b"nonsense", picture_of_a_one()[:200], b"GIF89a" + b"\0" * 50])
def test_an_uploaded_file_that_is_no_picture_gives_a_sentence(content, small):
    app = opened("draw", run="tiny")
    settled(app.file_uploader[0].set_value(("one.png", content, "image/png")).run())
    assert len(app.error) == 1 and "Traceback" not in app.error[0].value and sent(app, "draw")
    assert not [each for each in app.button if each.label == "Steer from this picture"]


@pytest.mark.parametrize("page", ["steer", "draw"])
def test_a_run_without_weights_says_so(page):
    Run.create("fresh", TINY, options())
    app = opened(page, run="fresh")
    assert "has not finished an epoch yet" in words(app) and app.title[0].value == PAGES[page]


# -- the map


@pytest.fixture
def six(own_folders):
    """A run of six dimensions on the real test set."""
    return trained("six", ModelConfig(latent_dim=6, width=4), train_images=64, epochs=1)


@pytest.mark.slow
def test_the_map_is_sent_where_its_files_are_and_not_the_files(six, own_static_folder):
    app = opened("map", run="six")
    given = sent(app, "map")
    assert given["dimensions"] == 6 and given["tsne"] is None and given["moving"] is None
    for name in ("points", "network", "pictures"):
        assert (own_static_folder / given[name].removeprefix("app/static/")).stat().st_size > 1000
    assert len(json.dumps(given)) < 2000
    assert "some 15 s" in words(app) and "only neighbourhoods mean something" in words(app)


@pytest.mark.slow
def test_a_kept_map_is_sent_and_said_how_far_to_trust_it():
    app = opened("map", run="original")
    assert sent(app, "map")["tsne"]["title"] == "Perplexity 30"
    rows = [[row["label"], *row["cells"]] for row in sent(app, "trust")["groups"][0]["rows"]]
    assert ["t-SNE", "97.0 %", "0.989"] in [[cell["text"] for cell in row] for row in rows]
    assert not [each for each in app.button if each.label == "Compute t-SNE"]


@pytest.mark.slow
def test_options_that_cannot_be_hold_the_button_back(six):
    app = opened("map", run="six")
    field = next(each for each in app.number_input if each.label == "Perplexity")
    settled(field.set_value(1.0).run())
    assert "Perplexity must be at least 2" in words(app).replace("\\", "")
    assert button(app, "Lay out").disabled


@pytest.mark.slow
def test_too_few_digits_for_the_perplexity_are_said_so_and_the_others_are_shown(six):
    app = opened("map", run="six")
    settled(next(each for each in app.number_input if each.label.startswith("Digits")).set_value(50).run())
    settled(button(app, "Lay out").click().run())
    assert "at least 91 digits and there are 50" in words(app)
    assert "map config" not in app.session_state  # the map stays as it was


@pytest.mark.slow
@pytest.mark.parametrize(
    "action",
    [None, 7, {"kind": "steer"}, {"kind": "steer", "value": 10_000}, {"kind": "steer", "value": "3"},
     {"kind": "steer", "value": -1}, {"kind": "steer", "value": True}, {"kind": "delete", "value": 3}],
)  # fmt: skip
def test_nonsense_from_the_map_is_ignored(action, six):
    app = opened("map", run="six")
    app.session_state["map"] = {"action": action}
    settled(app.run())
    assert app.title[0].value == "Map"


@pytest.mark.slow
def test_a_digit_that_is_sent_on_becomes_the_start_of_the_steering(small):
    app = opened("map", run="tiny")
    app.session_state["map"] = {"action": {"kind": "steer", "value": 34}}
    settled(app.run())
    assert app.title[0].value == "Steer"
    assert next(each for each in app.number_input if each.label == "Index").value == 34
