"""The worksheet: kept as a text, and given as one file that runs nothing."""

import base64
import json
import zlib
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest
from apps import button, opened, settled, words

from cae.classroom import worksheet
from cae.classroom.checks import Finding, Strip
from cae.classroom.worksheet import MOST_TAKEN, Attempt, Taken, Worksheet
from cae.data.images import load
from cae.errors import Damaged

pytestmark = pytest.mark.usefixtures("own_static_folder")
EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
DAY = date(2026, 5, 4)


def strip(name: str = "some", count: int = 3) -> Strip:
    return Strip.of(name, np.arange(count * 784, dtype=np.uint32).astype(np.uint8).reshape(count, 28, 28))


def full(text: str = "Ä & B") -> Worksheet:
    finding = Finding(text, text, text, "close", text, (strip(text), strip(text, 10)))
    return Worksheet(text[:80], (
        Attempt("slant", text, f"**{text}**\n\n- one\n- two", 7, "z7", finding, text, f"*{text}*"),
        Attempt("confused", text, text, (4, 9), "4 and 9"),
        Attempt("open", text, text, words=text),
    ), (Taken(text, text, text, (strip(text, 2),)),))  # fmt: skip


class Page(HTMLParser):
    """The tags of a document, all of them closed, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text


def test_what_is_packed_comes_back_the_same():
    assert worksheet.unpack(worksheet.pack(full())) == full()
    assert len(worksheet.pack(full())) < 8000


def tampered(**changes) -> str:
    values = json.loads(zlib.decompress(base64.b64decode(worksheet.pack(full()))))
    return base64.b64encode(zlib.compress(json.dumps({**values, **changes}).encode())).decode()


def test_the_tampering_of_this_test_leaves_what_it_does_not_change():
    assert worksheet.unpack(tampered()) == full()


@pytest.mark.parametrize("text", [
    "", "x", "%%%", base64.b64encode(b"nothing").decode(), base64.b64encode(zlib.compress(b"[]")).decode(),
    base64.b64encode(zlib.compress(b"{}")).decode(), base64.b64encode(zlib.compress(b" " * 10**8)).decode(),
    base64.b64encode(zlib.compress(b"[" * 10**6)).decode(),
    tampered(format=9), tampered(name=7), tampered(taken=[{}]), tampered(attempts=[None]),
    tampered(taken=[{"title": "", "run": "", "note": "", "strips": [{"name": "", "pixels": "AAAA"}]}]),
], ids=range(13))  # fmt: skip
def test_any_other_text_is_refused(text):
    with pytest.raises(Damaged, match="cannot be read"):
        worksheet.unpack(text)


def test_an_attempt_takes_the_place_of_an_earlier_one_and_a_picture_is_there_once():
    found = full()
    again = replace(found.attempts[0], guessed="z8", guess=8)
    assert [each.guessed for each in found.with_attempt(again).attempts] == ["z8", "4 and 9", ""]
    assert found.with_taken(found.taken[0]) == found
    for number in range(MOST_TAKEN + 5):
        found = found.with_taken(Taken(f"{number}", "", "", (strip(),)))
    assert len(found.taken) == MOST_TAKEN and found.taken[-1].title == f"{MOST_TAKEN + 4}"
    assert found.without_taken(0).taken == found.taken[1:]


def test_the_file_needs_nothing_else_and_runs_nothing():
    page = Page(worksheet.html(full(EVIL), DAY))
    assert not {"script", "link", "iframe", "form", "a", "object"} & {tag for tag, _ in page.tags}
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 3 and all(each["src"].startswith("data:image/png;base64,") for each in images)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.text.count("<script>document.title=2</script>") >= 10
    policy = next(attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'")


def test_the_file_says_what_was_guessed_measured_and_written():
    text = Page(worksheet.html(full(), DAY)).text
    for part in ("Worksheet of Ä & B", "04 May 2026", "3 missions, 1 checked", "z7", "Close", "4 and 9", "My pictures"):
        assert part in text
    assert "nothing on this worksheet" in Page(worksheet.html(Worksheet(), DAY)).text


def test_the_markdown_of_a_question_becomes_html_that_closes():
    found = worksheet.prose("One *two* **three**\nfour\n\n- a `b`\n- <c>\n\n*x **y* z**")
    assert found.startswith(
        "<p>One <em>two</em> <strong>three</strong> four</p><ul><li>a <code>b</code></li><li>&lt;c&gt;"
    )
    Page(found)


# -- on the pages


def kept(app):
    return app.session_state["worksheet"][0]


def test_what_the_tab_has_kept_is_there_after_a_reload(small):
    app = opened("missions", run="tiny")
    app.session_state["remember"] = {"action": {"kind": "kept", "value": worksheet.pack(full())}}
    settled(app.run())
    assert kept(app) == full() and "3 missions, 1 checked, 1 picture" in words(app)


@pytest.mark.parametrize(
    "action", [None, 7, {"kind": "kept", "value": "x"}, {"kind": "kept", "value": 7}, {"kind": "x"}]
)
def test_nonsense_from_the_tab_is_ignored(action, small):
    app = opened("missions", run="tiny")
    app.session_state["remember"] = {"action": action}
    assert "0 missions, 0 checked, 0 pictures" in words(settled(app.run()))


@pytest.mark.slow
def test_pictures_are_added_where_they_are_made_and_can_be_taken_off(small):
    app = opened("draw", run="tiny")
    assert button(app, "Add to the worksheet").disabled
    app.session_state["drawing"] = load("mnist", "test").pixels[0].numpy()
    settled(app.run())
    settled(button(app, "Add to the worksheet").click().run())
    settled(app.switch_page("views/steer/page.py").run())
    settled(button(app, "Add to the worksheet").click().run())
    settled(app.switch_page("views/generate/page.py").run())
    from state.made import Sample

    found, picture = small.weights_hash(), np.zeros((28, 28), np.uint8)
    app.session_state["sample"] = Sample("tiny", found, "N(0, 1), seed 0, no. 4", np.zeros(2, np.float32), picture)
    settled(app.run())
    settled(button(app, "Add to the worksheet").click().run())
    drawing, steered, sample = kept(app).taken
    assert [each.title for each in kept(app).taken] == ["My drawing", "Steered digit", "Generated digit"]
    np.testing.assert_array_equal(drawing.strips[0].digits()[0], app.session_state["drawing"])
    assert "neighbours say" in drawing.note and steered.note == "from: Test digit 0, class 7" and "no. 4" in sample.note
    settled(app.switch_page("views/missions/page.py").run())
    settled(next(each for each in app.button if each.key == "remove 0").click().run())
    assert [each.title for each in kept(app).taken] == ["Steered digit", "Generated digit"]
    settled(next(field for field in app.text_input if field.label.startswith("Your name")).set_value("Ada").run())
    assert kept(app).name == "Ada"
    settled(button(app, "Yes, empty it").click().run())
    assert kept(app).is_empty
