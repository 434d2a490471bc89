"""The pages without a browser: Streamlit's own AppTest, on real runs."""

import json
import shutil
import time

import pytest
from helpers import PROJECT, TINY, options, state_of, wait_until
from streamlit.testing.v1 import AppTest

from cae import runs
from cae.config import RECIPES, ModelConfig, TrainConfig
from cae.files import runs_folder
from cae.runs import Run

PAGES = {"home": "Look inside an autoencoder", "train": "Train", "reconstruct": "Reconstruct"}


def opened(page: str = "home", **query: str) -> AppTest:
    """The app on one of its pages, without an exception."""
    app = AppTest.from_file(str(PROJECT / "dashboard" / "Home.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    return settled(settled(app.run()).switch_page(f"views/{page}.py").run())


def settled(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def sent(app: AppTest, key: str) -> dict:
    """What Python sent to the widget with this key."""
    for element in app.get("bidi_component"):
        if element.proto.id.split("-")[-1].endswith(key) or key in element.proto.id:
            return json.loads(element.proto.mixed.json or element.proto.json)
    raise AssertionError(f"there is no widget {key}")


def button(app: AppTest, label: str):
    return next(each for each in app.button if each.label == label)


def words(app: AppTest) -> str:
    return " ".join(
        str(each.value) for kind in ("markdown", "caption", "info", "error", "warning") for each in app.get(kind)
    )


@pytest.fixture
def real(trained_folder, own_folders):
    """A copy of the tiny run, beside the shipped ones, on the real MNIST."""
    runs_folder().mkdir(parents=True)
    shutil.copytree(trained_folder / "tiny", runs_folder() / "tiny")
    return Run.open("tiny")


@pytest.mark.parametrize(("page", "title"), PAGES.items())
def test_every_page_opens_on_the_shipped_run_with_its_title(page, title):
    app = opened(page)
    assert app.title[0].value == title
    assert app.sidebar.selectbox[0].value == "original"
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_the_run_that_the_address_names(page, real):
    app = opened(page, run="tiny")
    assert app.sidebar.selectbox[0].value == "tiny" and not app.error


def test_an_address_that_names_no_run_says_so_and_shows_another():
    app = AppTest.from_file(str(PROJECT / "dashboard" / "Home.py"), default_timeout=60)
    app.query_params["run"] = "<img src=x>"
    settled(app.run())
    assert "There is no run called" in app.warning[0].value and app.sidebar.selectbox[0].value == "original"


def test_home_shows_the_run_beside_the_original_and_the_baselines():
    values = {metric.label: metric.value for metric in opened().metric}
    assert values["The original, as reported"] == "0.0171"
    assert values["PCA with 32 numbers"] == "0.0673" and values["The mean image"] == "0.270"
    assert float(values["Test error of “original”"]) < 0.0172


def test_the_hourglass_is_that_of_the_chosen_run(real):
    drawn = sent(opened(run="tiny"), "hourglass")
    assert "2<br>numbers" in json.dumps(drawn, ensure_ascii=False) and "1×28×28, 4×14×14" in drawn["description"]


@pytest.mark.parametrize("page", PAGES)
def test_without_any_run_every_page_says_where_to_begin(page, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "SHIPPED_RUNS", tmp_path / "nothing")
    app = opened(page)
    assert any("Train" in info.value or "start a training" in info.value for info in app.info)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("harm", ["truncated weights", "no run.json", "torn history", "newer format"])
def test_a_damaged_run_gives_a_sentence_and_no_traceback(page, harm, real):
    if harm == "truncated weights":
        weights = real.path / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "no run.json":
        (real.path / "run.json").unlink()
    elif harm == "newer format":
        (real.path / "run.json").write_text('{"format": 99}')
    else:
        (real.path / "history.jsonl").write_text("nonsense\n")
    app = opened(page, run="tiny")
    if (page, harm) == ("reconstruct", "torn history"):
        assert not app.error  # the weights are sound, and that page needs nothing else
        return
    assert app.error and all("tiny" in error.value for error in app.error)


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
    assert sentence in words(app)
    assert button(app, "Start training").disabled


@pytest.mark.parametrize("name", ["../x", "a/b", "con", "original", "", "x" * 80])
def test_a_name_that_cannot_be_is_refused_and_nothing_is_made(name):
    app = opened("train")
    app.text_input[0].set_value(name)
    settled(button(app, "Start training").click().run())
    assert "cannot be called" in words(app) or "already" in words(app)
    assert not [path for path in runs_folder().glob("[a-z]*") if path.is_dir()]


def test_a_training_started_on_the_page_runs_and_can_be_stopped(real, no_training_left):
    app = opened("train")
    app.text_input[0].set_value("from-the-page")
    settled(button(app, "Start training").click().run())
    run = Run.open("from-the-page")
    assert app.sidebar.selectbox[0].value == "from-the-page"
    wait_until(lambda: run.again().progress(), "a first loss")
    settled(app.run())
    settled(button(app, "Stop").click().run())
    wait_until(lambda: state_of(run) == "stopped", "it obeys")
    assert [each.label for each in settled(app.run()).button if each.label == "Resume"]


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


def test_choosing_a_run_in_the_sidebar_changes_the_page_and_the_address(real):
    app = opened(run="original")
    settled(app.sidebar.selectbox[0].select("tiny").run())
    assert "2<br>numbers" in json.dumps(sent(app, "hourglass"), ensure_ascii=False)
    assert app.query_params["run"] in ("tiny", ["tiny"])
