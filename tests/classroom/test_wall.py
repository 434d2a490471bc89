"""A class and its wall: who may put what there, who may take it away, and what others see of it."""

import base64
import json
import re

import numpy as np
import pytest
from apps import button, opened, sent, settled, words
from helpers import TINY, options
from playwright.sync_api import expect
from visitors import PATIENCE, Visitor

from cae.classroom import wall
from cae.commands import cli
from cae.disk.files import runs_folder
from cae.errors import ClassNotFound, Damaged, InvalidOption, NotModerator, ReadOnly, TooMany
from cae.latent import evaluate
from cae.runs.owners import COMMAND_LINE, Owner, owner
from cae.runs.run import Run

ADA, BEN, TEACHER = owner("ada", "Ada"), owner("ben", "<b>Ben</b> *x*"), owner("teacher")
SEVEN = np.arange(784, dtype=np.uint8).reshape(28, 28)


@pytest.fixture
def room(tiny):
    """A class, its moderator's secret, and a run that it can draw with."""
    found, secret = wall.start("Physics 3B", TEACHER)
    return found.slug, secret, tiny


def test_a_class_has_a_name_for_addresses_and_a_secret_that_is_kept_nowhere(own_folders):
    found, secret = wall.start("  Physik 3B — Ümläute & <b>  ", TEACHER)
    assert re.fullmatch(r"[a-z0-9-]+", found.slug) and found.title == "Physik 3B — Ümläute & <b>"
    assert wall.find(found.slug) == found
    assert found.is_moderator(secret) and not found.is_moderator("") and not found.is_moderator(found.secret)
    kept = b"".join(path.read_bytes() for path in runs_folder().rglob("*") if path.is_file())
    assert secret.encode() not in kept and b"teacher" not in kept
    again, other = wall.start("Physik 3B — Ümläute & <b>", ADA)
    assert again.slug != found.slug and other != secret
    assert wall.start("三年二班", ADA)[0].slug == "class"
    assert {each.slug for each in wall.classes()} == {found.slug, again.slug, "class"}


@pytest.mark.parametrize("title", ["", "   ", "\u200b", "x" * 61])
def test_a_class_needs_a_title(own_folders, title):
    with pytest.raises(InvalidOption):
        wall.start(title, TEACHER)


@pytest.mark.parametrize("slug", ["", "none", "..", "../classes", "a/b", "A", "x" * 50])
def test_a_class_that_is_not_there_is_said_so(room, slug):
    with pytest.raises(ClassNotFound):
        wall.find(slug)
    with pytest.raises(ClassNotFound):
        wall.post_drawing(slug, ADA, room[2], SEVEN, SEVEN)


def test_a_drawing_hangs_with_its_copy_and_its_error_the_newest_first(room):
    slug, _, run = room
    first = wall.post_drawing(slug, ADA, run, SEVEN, SEVEN)
    second = wall.post_drawing(slug, BEN, run, SEVEN, SEVEN[::-1].copy())
    found = wall.posts(slug)
    assert [post.id for post in found] == [second.id, first.id]
    assert (found[0].pixels == SEVEN).all() and (found[0].copy == SEVEN[::-1]).all()
    assert found[1].mse == 0 and found[0].by == BEN and found[0].run == "tiny" and found[0].epoch == 2
    original, copy = SEVEN / 127.5 - 1, SEVEN[::-1] / 127.5 - 1
    assert found[0].mse == pytest.approx(((original - copy) ** 2).mean())


def test_a_post_is_pixels_and_numbers_and_small(room):
    slug, _, run = room
    for wrong in (np.zeros((28, 29), np.uint8), np.zeros((28, 28)), np.zeros((1, 28, 28), np.uint8)):
        with pytest.raises(InvalidOption):
            wall.post_drawing(slug, ADA, run, wrong, SEVEN)
    post = wall.post_drawing(slug, ADA, run, SEVEN, SEVEN)
    assert (runs_folder() / ".classes" / slug / "posts" / f"{post.id}.json").stat().st_size < 4096
    assert "Run" not in str(run.summary()) and Run.open("tiny") and slug not in [run.name for run in [run]]


def test_the_same_drawing_hangs_once_and_nobody_floods_the_wall(room, monkeypatch):
    slug, _, run = room
    pictures = [np.full((28, 28), grey, np.uint8) for grey in range(60)]
    wall.post_drawing(slug, ADA, run, pictures[0], SEVEN)
    with pytest.raises(InvalidOption, match="already"):
        wall.post_drawing(slug, ADA, run, pictures[0], SEVEN)
    wall.post_drawing(slug, BEN, run, pictures[0], SEVEN)  # who drew the same
    for picture in pictures[1 : wall.MOST_A_MINUTE]:
        wall.post_drawing(slug, ADA, run, picture, SEVEN)
    with pytest.raises(TooMany, match="within a minute"):
        wall.post_drawing(slug, ADA, run, pictures[20], SEVEN)
    monkeypatch.setattr(wall, "MOST_A_MINUTE", 1000)
    for picture in pictures[20 : 20 + wall.MOST_EACH - wall.MOST_A_MINUTE % 1000 - 4]:
        wall.post_drawing(slug, ADA, run, picture, SEVEN)
    monkeypatch.setattr(wall, "MOST_EACH", len([post for post in wall.posts(slug) if post.by == ADA]))
    with pytest.raises(TooMany, match="remove one"):
        wall.post_drawing(slug, ADA, run, pictures[59], SEVEN)
    monkeypatch.setattr(wall, "MOST_POSTS", len(wall.posts(slug)))
    with pytest.raises(TooMany, match="full"):
        wall.post_drawing(slug, BEN, run, pictures[59], SEVEN)


def test_only_who_started_a_run_puts_it_on_the_wall_and_it_hangs_there_once(room, copy_tiny):
    slug, _, run = room
    with pytest.raises(InvalidOption, match="Somebody else started"):
        wall.post_run(slug, ADA, run)
    run.update(by=ADA)
    other = copy_tiny("other")
    other.update(by=BEN)
    (other.path / "history.jsonl").write_text(
        (run.path / "history.jsonl").read_text().replace('"test_mse": ', '"test_mse": 1')
    )
    wall.post_run(slug, ADA, run)
    wall.post_run(slug, BEN, other)
    wall.post_run(slug, ADA, run)
    found = wall.best(wall.posts(slug))
    assert [post.run for post in found] == ["tiny", "other"]
    assert found[0].mse == run.history()[-1].test_mse and found[0].epoch == 2 and found[0].pixels is None
    fresh = Run.create("fresh", TINY, options(), by=ADA)
    with pytest.raises(InvalidOption, match="has not finished an epoch"):
        wall.post_run(slug, ADA, fresh)


def test_the_moderator_hides_shows_deletes_closes_and_others_do_not(room):
    slug, secret, run = room
    post = wall.post_drawing(slug, ADA, run, SEVEN, SEVEN)
    for wrong in ("", "x", wall.find(slug).secret):
        with pytest.raises(NotModerator):
            wall.moderate(slug, wrong, post.id, "hidden")
        with pytest.raises(NotModerator):
            wall.change(slug, wrong, is_open=False)
        with pytest.raises(NotModerator):
            wall.delete(slug, post.id, secret=wrong, by=BEN)
    wall.moderate(slug, secret, post.id, "hidden")
    assert [each.state for each in wall.posts(slug)] == ["hidden"]
    wall.moderate(slug, secret, post.id, "shown")
    wall.delete(slug, post.id, by=ADA)  # her own
    assert wall.posts(slug) == []
    wall.change(slug, secret, is_open=False)
    with pytest.raises(TooMany, match="closed"):
        wall.post_drawing(slug, ADA, run, SEVEN, SEVEN)
    wall.change(slug, secret, is_open=True, needs_approval=True)
    assert wall.post_drawing(slug, ADA, run, SEVEN, SEVEN).state == "waiting"
    for wrong in ("../class", "1", post.id + "/..", ""):
        with pytest.raises(InvalidOption):
            wall.moderate(slug, secret, wrong, "hidden")


def test_what_is_damaged_is_left_out_or_said_so(room):
    slug, _, run = room
    good = wall.post_drawing(slug, ADA, run, SEVEN, SEVEN)
    posts = runs_folder() / ".classes" / slug / "posts"
    values = json.loads((posts / f"{good.id}.json").read_text())
    harms = [
        {"pixels": base64.b64encode(b"x" * 783).decode()}, {"mse": float("nan")}, {"kind": "film"}, {"by": None},
        {"state": "gone"}, {"more": 1}, {"copy": None}, {"epoch": "2"}, {"id": "other"}, {"run": "x" * 100},
    ]  # fmt: skip
    for number, harm in enumerate(harms):
        name = f"{number:020d}-00000000"
        (posts / f"{name}.json").write_text(json.dumps({**values, "id": name, **harm}))
    (posts / f"{98:020d}-00000000.json").write_bytes(b"\xff" * 10)
    (posts / f"{99:020d}-00000000.json").write_bytes(b"[" * 100_000)
    assert [post.id for post in wall.posts(slug)] == [good.id]
    (posts.parent / "class.json").write_text('{"title": 3}')
    with pytest.raises(Damaged, match=r"class\.json"):
        wall.find(slug)
    assert wall.classes() == []


def test_a_read_only_laboratory_has_a_wall_to_look_at(room, monkeypatch):
    slug, secret, run = room
    post = wall.post_drawing(slug, ADA, run, SEVEN, SEVEN)
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    for act in (
        lambda: wall.start("New", ADA), lambda: wall.post_drawing(slug, BEN, run, SEVEN, SEVEN),
        lambda: wall.delete(slug, post.id, secret=secret), lambda: wall.change(slug, secret, is_open=False),
        lambda: wall.moderate(slug, secret, post.id, "hidden"),
    ):  # fmt: skip
        with pytest.raises(ReadOnly):
            act()
    assert len(wall.posts(slug)) == 1


def test_the_command_line_starts_a_class_and_lists_them(own_folders, capsys):
    assert cli.main(["class", "Physics 3B", "--approval"]) == 0
    said = capsys.readouterr().out
    secret = re.search(r"moderator=(\S+)", said)[1]
    found = wall.find("physics-3b")
    assert "/wall?class=physics-3b\n" in said and found.is_moderator(secret) and found.needs_approval
    assert found.by == COMMAND_LINE
    assert cli.main(["class", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["class"] == "physics-3b"
    assert cli.main(["class", ""]) == 2


def test_after_preparing_a_run_nothing_of_it_is_measured_again(tiny, capsys, monkeypatch):
    assert cli.main(["prepare", "tiny", "--priors"]) == 0
    assert "tiny is prepared." in capsys.readouterr().out
    monkeypatch.setattr("cae.network.model.embed", lambda *_: pytest.fail("encoded again"))
    monkeypatch.setattr("cae.network.model.reconstruct", lambda *_: pytest.fail("reconstructed again"))
    monkeypatch.setattr("cae.data.baselines.measured", lambda *_: pytest.fail("PCA was fitted again"))
    for _ in evaluate.prepare(tiny, with_priors=True):
        pass
    assert cli.main(["prepare", "nobody"]) == 2


# -- pages


def as_visitor(app, identity: str, slug: str = "", secret: str = ""):
    app.session_state["visitor identity"] = identity
    if slug:
        app.session_state["class"] = slug, secret
    return settled(app.run())


def wall_page(slug: str, identity: str = "0" * 32, secret: str = ""):
    return as_visitor(opened("wall"), identity, slug, secret)


def of(identity: str, name: str = "") -> Owner:
    return owner(identity, name)


def test_the_wall_shows_what_is_shown_and_the_moderator_everything(small, room):
    slug, secret, run = room
    mine, theirs = "1" * 32, "2" * 32
    shown = wall.post_drawing(slug, of(theirs, "<b>Ben</b> *x*"), run, SEVEN, SEVEN)
    hidden = wall.post_drawing(slug, of(theirs), run, SEVEN[::-1].copy(), SEVEN)
    wall.moderate(slug, secret, hidden.id, "hidden")
    wall.change(slug, secret, needs_approval=True)
    waiting = wall.post_drawing(slug, of(mine), run, SEVEN.T.copy(), SEVEN)
    assert [post["id"] for post in sent(wall_page(slug, theirs), "wall")["posts"]] == [shown.id]
    of_mine = sent(wall_page(slug, mine), "wall")
    assert [(post["id"], post["mine"]) for post in of_mine["posts"]] == [(waiting.id, True), (shown.id, False)]
    assert of_mine["posts"][1]["caption"][0] == "“<b>Ben</b> *x*”" and not of_mine["moderates"]
    moderated = wall_page(slug, mine, secret)
    assert [post["id"] for post in sent(moderated, "wall")["posts"]] == [waiting.id, hidden.id, shown.id]
    assert sent(moderated, "wall")["moderates"]
    assert "1 waits for approval" in moderated.expander[0].label
    wrong = wall_page(slug, theirs, "wrong")
    assert not sent(wrong, "wall")["moderates"] and not wrong.expander


def test_a_class_is_started_on_the_page_and_its_two_links_are_shown_once(small):
    app = opened("wall")
    app.text_input[0].set_value("Class <b>7</b>")
    settled(button(app, "Start the class").click().run())
    links = [each.value for each in app.code]
    secret = re.search(r"class=class-7-b&moderator=(\S+)|class=class-b-7-b&moderator=(\S+)", links[1])
    (room,) = wall.classes()
    assert room.title == "Class <b>7</b>" and room.is_moderator(secret[1] or secret[2])
    assert r"Class \<b\>7\</b\>" in words(app)
    settled(button(app, "I have saved it").click().run())
    assert [each.value for each in app.code] == links[:1]


def test_a_link_leads_into_the_class_and_a_wrong_one_is_said_to_be(small, room):
    slug, secret, _ = room
    app = opened("wall", **{"class": slug})
    assert "Physics 3B" in words(app) and not app.expander
    app = opened("wall", **{"class": slug, "moderator": secret})
    assert app.expander[0].label == "You moderate this wall"
    app = opened("wall", **{"class": slug, "moderator": "wrong"})
    assert "Physics 3B" in words(app) and not app.expander
    app = opened("wall", **{"class": "<script>"})
    assert "You are not in a class yet" in words(app)


@pytest.mark.parametrize(("host", "is_shown"), [("https://lab.example.org", True), ("http://localhost:8501", False)])
def test_the_link_has_a_qr_code_where_others_can_follow_it(small, room, monkeypatch, host, is_shown):
    slug, secret, _ = room
    monkeypatch.setattr("views.wall.posts._page", lambda: f"{host}/wall")
    app = opened("wall", **{"class": slug, "moderator": secret})
    assert app.code[0].value == f"{host}/wall?class={slug}"
    assert ("this computer only" in words(app)) != is_shown
    assert str(app.expander[0]).count("Image()") == is_shown


def test_where_nothing_may_be_written_the_buttons_say_why(small, room, monkeypatch):
    slug, secret, _ = room
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    app = opened("draw", **{"class": slug, "moderator": secret})
    found = button(app, "Put it on the wall")
    assert found.disabled and "read-only" in found.help
    assert not settled(app.switch_page("views/wall/page.py").run()).expander
    assert not [each for each in opened("home").main if "wall.py" in str(each)]


def test_two_visitors_share_a_wall(chromium, small_server):
    contexts = [chromium.new_context(viewport={"width": 1400, "height": 900}) for _ in range(2)]
    teacher, pupil = (Visitor(context, small_server) for context in contexts)
    teacher.page.goto(f"{small_server.url}/wall")
    teacher.page.get_by_role("textbox", name="Title").fill("Physics 3B")
    teacher.page.get_by_role("button", name="Start the class").click()
    teacher.page.get_by_text("Your class has started").wait_for()
    teacher.page.locator("code").nth(1).wait_for()
    link, moderators = (code.inner_text() for code in teacher.page.locator("code").all()[:2])

    pupil.page.goto(link.replace("/wall", "/draw") + "&run=fast")
    canvas = pupil.page.get_by_label("Drawing area")
    canvas.wait_for()
    pupil.settles()
    box = canvas.bounding_box()
    pupil.page.mouse.move(box["x"] + 100, box["y"] + 100)
    pupil.page.mouse.down()
    pupil.page.mouse.move(box["x"] + 250, box["y"] + 110, steps=5)
    pupil.page.mouse.move(box["x"] + 180, box["y"] + 320, steps=5)
    pupil.page.mouse.up()
    post = pupil.page.get_by_role("button", name="Put it on the wall")
    expect(post).to_be_enabled(timeout=PATIENCE)
    post.click()
    pupil.page.get_by_role("textbox", name="Your name").fill("Ben <b>x</b>")
    pupil.page.get_by_role("textbox", name="Your name").press("Tab")
    pupil.page.get_by_role("button", name="Put it there").click()

    # It appears on the other's wall by itself; the moderator's link works after a reload, and is not in the address.
    teacher.page.get_by_text("“Ben <b>x</b>”").wait_for()
    assert "moderator" in moderators
    teacher.page.goto(moderators)
    teacher.page.get_by_role("button", name="Hide").wait_for()
    teacher.page.wait_for_url(lambda url: "moderator" not in url)
    teacher.page.reload()
    teacher.page.get_by_role("button", name="Hide").click()
    teacher.page.get_by_role("button", name="Show again").wait_for()

    # A deletion asks first.
    teacher.page.get_by_role("button", name="Delete: A drawing").click()
    teacher.page.get_by_role("dialog").get_by_text("Ben").wait_for()
    teacher.page.get_by_role("button", name="Keep it").click()
    expect(teacher.page.get_by_role("dialog")).to_have_count(0)
    teacher.page.get_by_role("button", name="Show again").wait_for()
    teacher.page.get_by_role("button", name="Delete: A drawing").click()
    teacher.page.get_by_role("button", name="Yes, delete it").click()
    teacher.page.get_by_text("Nothing hangs here yet").wait_for()

    # The pupil is known again after a reload, in the class and by name, and does not see it any more.
    pupil.page.goto(f"{small_server.url}/wall")
    pupil.page.get_by_text("Nothing hangs here yet").wait_for()
    assert {"cae_visitor", "cae_class", "cae_name"} <= {each["name"] for each in contexts[1].cookies()}
    assert all(each["sameSite"] == "Strict" for each in contexts[1].cookies() if each["name"].startswith("cae_"))
    for each in (teacher, pupil):
        each.is_content()
    for context in contexts:
        context.close()
