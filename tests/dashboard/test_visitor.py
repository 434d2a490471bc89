"""Who is looking, what they are asked before something stops, and the login."""

import os
import re
import shutil

import pytest
from apps import button, opened, sent, settled, words
from helpers import TINY, options, state_of, wait_until
from oidc import Provider
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest
from visitors import PATIENCE, Server, Visitor

from cae.disk.files import PROJECT
from cae.jobs import process, queue
from cae.latent import evaluate
from cae.runs.owners import COMMAND_LINE, owner
from cae.runs.run import Run

MINE, THEIRS = "1" * 32, "2" * 32


def train_page(run: str, identity: str = MINE):
    app = opened("train", run=run)
    app.session_state["visitor identity"] = identity
    return settled(app.run())


def rows(app) -> dict[str, str]:
    return {row["name"]: row["by"] for row in sent(app, "runs")["rows"]}


def test_the_pages_say_whose_session_started_a_run(small, copy_tiny):
    owners = {"mine": owner(MINE), "bens": owner(THEIRS, "Ben"), "theirs": owner(THEIRS), "cli": COMMAND_LINE}
    for name, by in owners.items():
        copy_tiny(name).update(by=by)
    Run.open("bens").update(resumed_by=owner(MINE), queued="2020-01-01T00:00:00+00:00")
    said = rows(train_page("tiny"))
    assert said["tiny"] == said["original"] == ""
    assert re.fullmatch(r"started by you (just now|\d+ \w+ ago)", said["mine"])
    assert said["bens"].startswith("started by “Ben” ") and re.search(r"resumed by you [\d,]+ days ago", said["bens"])
    assert said["theirs"].startswith("started by another visitor")
    assert said["cli"].startswith("started by the command line")


def test_stopping_and_deleting_ask_and_say_whose_it_is_and_what_is_lost(small, no_training_left):
    run = process.start_training("bens", TINY, options(epochs=10_000), by=owner(THEIRS, "Ben"))
    wait_until(lambda: run.again().last_epoch() > 0, "it trains")
    app = train_page("bens")
    settled(button(app, "Stop").click().run())
    assert "started by “Ben”" in words(app) and "Nothing is lost" in words(app) and "of 10000" in words(app)
    settled(button(app, "Let it run").click().run())
    assert state_of(run) == "running" and not process.is_stop_asked(run)
    settled(button(app, "Stop").click().run())
    settled(button(app, "Yes, stop bens").click().run())
    wait_until(lambda: state_of(run) == "stopped", "it obeys")
    app.session_state["deletion"] = "bens"
    settled(app.run())
    assert "started by “Ben”" in words(app) and "cannot be undone" in words(app)
    settled(button(app, "Keep it").click().run())
    assert run.path.exists()


def test_the_queue_is_shown_in_its_order_with_ones_own_place(small, no_training_left):
    first = process.start_training("first", TINY, options(epochs=10_000), by=owner(THEIRS))
    wait_until(lambda: state_of(first) == "running", "the first trains")
    for name, identity in (("bens", THEIRS), ("mine", MINE)):
        process.start_training(name, TINY, options(epochs=10_000), by=owner(identity, "Ben" if name == "bens" else ""))
        wait_until(lambda name=name: name in [each.name for each in queue.waiting_runs()], "it waits")
    said = words(train_page("mine"))
    assert "One trains at a time" in said and "**1 ahead of yours.**" in said
    assert said.index("1. bens, started by “Ben”") < said.index("2. **mine**, started by you")
    assert "Yours is next" in words(train_page("bens", THEIRS))
    assert "ahead of yours" not in words(train_page("bens", "3" * 32))


def test_who_has_as_many_as_a_visitor_may_have_is_told_so_beside_the_button(small, monkeypatch, no_training_left):
    monkeypatch.setenv("CAE_MAX_PER_VISITOR", "1")
    process.start_training("mine", TINY, options(epochs=10_000), by=owner(MINE))
    app = train_page("tiny")
    assert button(app, "Start training").disabled and "the limit is 1" in words(app)
    assert not button(train_page("tiny", THEIRS), "Start training").disabled


def test_a_measurement_that_somebody_else_has_asked_for_is_stopped_only_after_a_question(small):
    job = evaluate.job(small)
    with job.at_work():
        with queue.changing_jobs():
            queue.take(job.result, ("evaluate", "tiny"), owner(THEIRS, "Ben"))
            queue.begin(queue.ticket_of(job.result))
        app = opened("judge", run="tiny")
        app.session_state["visitor identity"] = MINE
        settled(app.run())
        settled(button(app, "Stop").click().run())
        assert "It was started by “Ben”" in words(app) and not job.is_stop_asked()
        settled(button(app, "Let it run").click().run())
        assert not job.is_stop_asked()
        settled(button(app, "Stop").click().run())
        settled(button(app, "Yes, stop it").click().run())
        assert job.is_stop_asked()


def test_a_read_only_laboratory_says_why_there_are_no_buttons(small, monkeypatch):
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    said = words(train_page("tiny"))
    assert "neither be stopped nor resumed" in said and "no notes, no deletion" in said


# -- the login


def with_login(page: str = "home", **user) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "dashboard" / "Home.py"), default_timeout=60)
    app.secrets["auth"] = {"cookie_secret": "x" * 32, "redirect_uri": "http://localhost/oauth2callback"}
    app.user = user
    return settled(app.run())


def test_where_a_login_is_configured_nothing_is_shown_before_it(small):
    app = with_login(is_logged_in=False)
    assert [each.value for each in app.title] == ["Autoencoder laboratory"]
    assert not app.sidebar.selectbox and not app.get("bidi_component")[1:]
    if [each for each in app.button if each.label == "Log in"]:
        assert not app.error
    else:
        assert "needs Authlib" in words(app)


def test_after_it_everything_is_there_with_a_way_out(small):
    app = with_login(is_logged_in=True, iss="i", sub="7", name="Ada", email="ada@example.org")
    assert app.sidebar.selectbox and "Log out" in [each.label for each in app.sidebar.button]
    assert "Log out" not in [each.label for each in opened().sidebar.button]


def test_a_visitor_logs_in_at_a_real_provider_and_out_again(chromium, tmp_path, trained_folder, small_data_folder):
    if not os.environ.get("CI"):
        pytest.importorskip("authlib")
    shutil.copytree(trained_folder, tmp_path / "checkpoints")
    with Provider() as provider:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(provider.secrets())
        server = Server(tmp_path, CAE_DATA=str(small_data_folder))
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        page = Visitor(context, server).page
        page.goto(f"{server.url}/train")
        page.get_by_role("button", name="Log in").wait_for()
        expect(page.get_by_role("link", name="Train")).to_have_count(0)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("button", name="Log out").wait_for(timeout=PATIENCE)
        page.goto(f"{server.url}/train?run=tiny")
        page.get_by_role("textbox", name="Run name").fill("by-ada")
        page.get_by_role("button", name="Start training").click()
        run = server.run("by-ada")
        wait_until((run.path / "run.json").exists, "it is started")
        assert run.info.by.name == "Ada <b>L</b>"
        assert "ada@example.org" not in (run.path / "run.json").read_text(encoding="utf-8")
        (run.path / "stop").touch()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("button", name="Log in").wait_for(timeout=PATIENCE)
        context.close()
        server.stop()
