"""Missions: the files that a teacher writes, the answers that are measured, and the page."""

import re
from datetime import date

import numpy as np
import pytest
from apps import button, opened, pictures_sent, sent, settled, words
from helpers import PROJECT
from playwright.sync_api import expect
from sklearn.neighbors import KNeighborsClassifier

from cae.classroom import evidence, missions, worksheet
from cae.classroom.answers import MEASURES, NotMeasured, is_measured
from cae.classroom.checks import Candidate, Chosen, Fooling, Quantity, Ranking, ordinal
from cae.classroom.missions import KINDS, PAGES
from cae.data import baselines as data_baselines
from cae.data import shape
from cae.data.images import load, to_model
from cae.errors import CaeError
from cae.evaluation import errors, probes
from cae.latent import evaluate, sampling
from cae.latent.explore import latent_space
from cae.network.model import embed
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("own_static_folder")
README = (PROJECT / "missions" / "README.md").read_text(encoding="utf-8")
WHOLE = 'title = "T"\nquestion = "Q"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of missions, empty as yet."""
    found = tmp_path / "of-a-teacher"
    found.mkdir()
    monkeypatch.setenv("CAE_MISSIONS", str(found))
    return found


def shipped(name):
    return next(each for each in missions.read_all()[0] if each.id == name)


# -- the files


def test_the_missions_of_the_project_are_in_order_and_none_is_wrong():
    found, problems = missions.read_all()
    assert not problems and len(found) >= 6
    assert [each.order for each in found] == sorted(each.order for each in found)
    assert {each.guess for each in found} == set(KINDS) - {"class"}
    assert all(each.look and each.why for each in found)


def test_the_example_for_teachers_is_a_mission(folder):
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (folder / "thick.toml").write_text(example, encoding="utf-8")
    (found,), problems = missions.read_all()
    assert not problems and (found.id, found.order, found.guess, found.measure) == (
        "thick",
        25,
        "dimension",
        "thickness",
    )
    assert (found.page, found.presets) == ("steer", (("from", "digit-0"),))


def test_what_teachers_read_names_every_field_measure_page_and_state():
    named = set(re.findall(r"`\[?([^`\]\n]+)\]?`", README))
    assert set(missions._FIELDS) | set(MEASURES) | set(PAGES) <= named
    assert "steer?from=digit-12" in named and "reconstruct?show=hardest" in named
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([a-z ]+?)(?:, %)? \|", README, re.MULTILINE))
    assert all(rows[name] == of.kind for name, of in MEASURES.items() if name in rows)


def test_a_mission_leads_to_pages_that_there_are():
    views = {path.name for path in (PROJECT / "dashboard" / "views").iterdir()}
    assert set(PAGES) <= views and all(of.kind in KINDS for of in MEASURES.values())


def test_a_file_from_windows_is_read(folder):
    (folder / "a.toml").write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    (found,), problems = missions.read_all()
    assert not problems and (found.title, found.guess) == ("T", "words")


@pytest.mark.parametrize(("text", "sentence"), [
    ("title = Which", "bad.toml is not TOML: .*line 1"),
    ('title = "T"', "bad.toml: question is missing"),
    (WHOLE.replace('"Q"', '"  "'), "question is empty"),
    (WHOLE.replace('"Q"', "7"), "question is 7 but must be a text"),
    (WHOLE + 'measures = "slant"', "measures is unknown: a mission has title, question"),
    (WHOLE + 'measure = "sland"', "measure is 'sland' but must be one of 'most confused', "),
    (WHOLE + 'measure = "slant"\nguess = "number"', "guess is 'number', but the measure 'slant' needs 'dim"),
    (WHOLE + 'guess = "colour"', "guess is 'colour', but a mission without a measure needs"),
    (WHOLE + 'measure = "read surely"\nmin = 1', "max is missing: a guess of the kind 'number' needs it"),
    (WHOLE + 'measure = "read surely"\nmin = 5\nmax = 5', "min is 5 but must be less than max, which is 5"),
    (WHOLE + 'measure = "read surely"\nmin = "1"\nmax = 5', "min is '1' but must be a number, without quo"),
    (WHOLE + 'measure = "read surely"\nmin = nan\nmax = 5', "min is nan"),
    (WHOLE + "min = 1", "min is for a guess of the kind 'number', but this one is 'words'"),
    (WHOLE + 'measure = "random codes"\n[options]\nnearer = "N"', "must have the keys 'nearer', 'as far'"),
    (WHOLE + 'measure = "random codes"\noptions = ["a"]', "options must be a table of texts"),
    (WHOLE + 'page = "stear"', "page is 'stear' but must be one of 'home', 'train'"),
    (WHOLE + 'page = "judge?run=best"', "page sets 'run', but 'judge' takes nothing"),
    (WHOLE + 'page = "steer?from=digit-x"', "page sets from to 'digit-x'"),
    (WHOLE + "order = true", "order is True but must be a number"),
    ("x" * 70_000, "more than 65,536 bytes"),
])  # fmt: skip
def test_a_file_that_is_wrong_is_named_with_what_is_allowed_and_the_others_work(text, sentence, folder):
    (folder / "bad.toml").write_text(text)
    (folder / "good.toml").write_text(WHOLE)
    (found,), (problem,) = missions.read_all()
    assert found.id == "good" and problem.startswith("bad.toml") and re.search(sentence, problem), problem


def test_files_that_are_no_missions_are_passed_over_or_named(folder):
    (folder / "README.md").write_text("x")
    (folder / ".#lock.toml").write_text("x")
    (folder / "Two words.toml").write_text(WHOLE)
    (folder / "latin.toml").write_bytes('title = "Größe"'.encode("latin-1"))
    found, problems = missions.read_all()
    assert not found and ["Two words" in problems[0], "latin.toml is not UTF-8" in problems[1]] == [True, True]


def test_a_folder_that_is_not_there_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setenv("CAE_MISSIONS", str(tmp_path / "nowhere"))
    assert missions.read_all() == (
        [],
        ["There is no folder nowhere with missions: make one, or set CAE_MISSIONS to another."],
    )


# -- a guess beside what was measured


def of_dimensions(*strengths):
    order = np.argsort(-np.array(strengths), kind="stable").tolist()
    return Ranking(
        tuple(Candidate(i, f"z{i}", strengths[i], f"r = {strengths[i]:.2f}") for i in order), "", "strongest", ""
    )


def test_what_is_not_the_strongest_is_told_its_place_and_both_figures():
    found = of_dimensions(0.3, 0.41, 0.62, 0.5)
    expected = "z1 is the third strongest: r = 0.41; the strongest is z2, r = 0.62."
    assert found.beside(1) == ("close", expected)
    assert found.beside(2) == ("right", "z2 is indeed the strongest: r = 0.62.")
    assert found.beside(0)[0] == "off" and found.beside(9)[0] == "off"


def test_equally_strong_is_right_and_where_nothing_was_found_no_guess_is():
    assert of_dimensions(0.5, 0.5).beside(1)[0] == "right"
    assert [of_dimensions(0.0, 0.0).beside(guess)[0] for guess in (0, 1, 5)] == ["open"] * 3
    assert of_dimensions(0.0).answer == "none"


@pytest.mark.parametrize(("guess", "expected"), [(50, "right"), (55, "right"), (64, "close"), (66, "off"), (34, "off")])
def test_a_number_is_right_within_what_the_mission_allows(guess, expected):
    verdict, sentence = Quantity(50.0, "%", "").beside(guess, 5)
    assert verdict == expected and f"guessed {guess} %" in sentence and "50 %" in sentence


def test_a_drawing_fools_only_where_the_classifier_reads_what_was_meant():
    names = tuple("0123456789")
    vote = 9, 0.8
    assert Fooling(names, vote, (4, 0.9)).beside(4)[0] == "right"
    assert Fooling(names, vote, (9, 0.9)).beside(4)[0] == "close"
    assert Fooling(names, vote, None).beside(4)[0] == "close"
    assert Fooling(names, vote, (4, 0.9)).beside(9)[0] == "off"


def test_a_choice_is_right_or_not():
    assert [Chosen("nearer", "", "").beside(guess)[0] for guess in ("nearer", "farther")] == ["right", "off"]
    assert [ordinal(place) for place in (2, 10, 11, 21, 112, 123)] == [
        "second",
        "tenth",
        "11th",
        "21st",
        "112th",
        "123rd",
    ]


# -- the measurements


def test_the_confused_pair_is_that_of_scikit_learns_vote(tiny):
    space, test = latent_space(tiny), load("mnist", "test")
    vote = KNeighborsClassifier(10, weights=lambda distance: distance**-4.0, algorithm="brute")
    vote.fit(space.real.codes(), space.real.labels)
    expected = vote.predict(embed(tiny.model(), to_model(test.pixels)).numpy())
    np.testing.assert_array_equal(evidence.votes(tiny), expected)
    labels = test.labels.numpy()
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, expected), 1)
    both = counts + counts.T - 2 * np.diag(counts.diagonal())
    first = missions.find(shipped("confused-digits"), tiny).candidates[0]
    assert first.strength == both.max() == both[first.key] and first.score == f"{both.max()} mistakes"


def test_votes_are_kept_and_a_torn_file_is_computed_again(tiny, monkeypatch):
    first = evidence.votes(tiny)
    (path,) = (tiny.path.parent.parent / "cache").glob("*/votes.npy")
    path.write_bytes(path.read_bytes()[:50])
    np.testing.assert_array_equal(evidence.votes(tiny), first)
    monkeypatch.setattr(evidence, "_votes", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(evidence.votes(tiny), first)


def test_the_correlation_with_slant_is_that_within_classes(tiny):
    test = load("mnist", "test")
    codes = embed(tiny.model(), to_model(test.pixels)).numpy().astype(float)
    slants, labels = shape.measure(test.pixels.numpy())[:, 1], test.labels.numpy()
    centred = [np.concatenate([of[labels == label] - of[labels == label].mean() for label in range(10)])
               for of in (slants, *codes.T)]  # fmt: skip
    expected = np.corrcoef(centred)[0, 1:]
    np.testing.assert_allclose(evidence.correlations(tiny)[1], expected, atol=1e-5)
    found = missions.find(shipped("slant"), tiny)
    assert found.candidates[0].key == np.abs(expected).argmax()


def test_pca_needs_the_least_number_that_is_as_good(tiny, monkeypatch):
    mission, mse = shipped("beat-pca"), tiny.record().test_mse
    for pca, expected in (([9, 9, mse, 0], 3), ([mse / 2, 0, 0, 0], 1), ([9, 9, 9, 9], 4)):
        baselines = data_baselines.Baselines(10, tuple(pca))
        monkeypatch.setattr(data_baselines, "baselines", lambda _, found=baselines: found)
        assert missions.find(mission, tiny).value == expected
    monkeypatch.setattr(data_baselines, "baselines", lambda _: data_baselines.Baselines(mse, (0.0,)))
    assert missions.find(mission, tiny).value == 0  # the mean image is as good already


GUESSES = {"pair of classes": (3, 5), "dimension": 1, "class": 8, "number": 3, "choice": "nearer", "drawing": 7}


def answered(run):
    """What every measure finds of a run; its reason where it cannot."""
    drawing, found = load("mnist", "test").pixels[0].numpy(), {}
    for name, measure in MEASURES.items():
        try:
            found[name] = missions.check(
                missions.Mission(name, "T", "Q", measure.kind, name), run, GUESSES[measure.kind], drawing
            )
        except CaeError as reason:
            found[name] = reason
    return found


def test_what_needs_a_process_says_so_and_once_it_has_run_every_measure_answers(tiny):
    for name, found in answered(tiny).items():
        if MEASURES[name].needs in ("judgement", "priors"):
            assert isinstance(found, NotMeasured) and "tiny" in str(found)
            assert not is_measured(tiny, MEASURES[name].needs)
    probed, priors = result_of(probes.probe(tiny)), result_of(sampling.fit(tiny))
    per_class = result_of(errors.evaluate(tiny)).per_class
    found = answered(tiny)
    for name, finding in found.items():
        assert is_measured(tiny, MEASURES[name].needs), name
        assert (
            finding.run == "tiny"
            and finding.sentence
            and (finding.strips or name in ("10-NN accuracy", "random codes"))
        )
    assert found["read surely"].answer == f"{round(100 * priors.qualities['normal'].sure, 1):.3g} %"
    assert f"{100 * priors.qualities['real'].sure:.1f} %" in found["read surely"].sentence
    assert found["10-NN accuracy"].answer == f"{100 * probed.knn_accuracy:.3g} %"
    assert found["hardest class"].answer.startswith(max(per_class, key=lambda each: each.mse).name)
    costs = [each.zeroed_mse for each in probed.dimensions]
    assert found["costliest dimension"].answer == f"z{np.argmax(costs)}: {max(costs):+.4f}"


def test_without_a_drawing_or_a_measure_there_is_nothing_to_check(tiny):
    with pytest.raises(CaeError, match="no drawing"):
        missions.check(shipped("fool-it"), tiny, 3)
    with pytest.raises(CaeError, match="words alone"):
        missions.check(shipped("what-is-lost"), tiny, "x")


# -- the page


def labels_of(app):
    return [each.label for each in app.button]


def guessed(app, value):
    next(box for box in app.selectbox if box.label in ("Your guess", "You will draw")).set_value(value)
    (press,) = (each for each in app.button if each.label in ("Guess", "I will draw that"))
    return settled(press.click().run())


def test_no_answer_is_shown_before_a_guess_and_both_after_the_check(small):
    app = opened("missions", run="tiny", mission="slant")
    assert "Check" not in labels_of(app) and "strongest" not in words(app)
    app = guessed(app, 1)
    assert "**z1**" in words(app) and "strongest" not in words(app)
    settled(button(app, "Check").click().run())
    assert "strongest" in words(app) and app.subheader[0].value == "z1" and "r =" in app.subheader[1].value
    assert len(pictures_sent(app, "strips slant")) >= 10
    assert "1 mission, 1 checked" in words(app) and "entangled" in words(app)
    app = settled(settled(app.switch_page("views/steer/page.py").run()).switch_page("views/missions/page.py").run())
    assert app.subheader[0].value == "z1"


def test_going_to_look_leads_to_the_page_in_its_state_and_back(small):
    app = guessed(opened("missions", run="tiny", mission="slant"), 0)
    settled(button(app, "Go and look").click().run())
    assert app.title[0].value == "Steer" and sent(app, "steer")["start"]["name"] == "The mean code of class 1"
    assert "Find a dimension that carries slant" in app.markdown[0].value
    settled(app.switch_page("views/map/page.py").run())
    assert "carries slant" in app.markdown[0].value
    settled(button(app, "Leave it").click().run())
    assert "carries slant" not in words(app)


@pytest.mark.slow
def test_what_to_look_for_leads_to_headings_of_the_page(small):
    result_of(evaluate.judge(small)), result_of(sampling.fit(small))
    led = 0
    for mission in missions.read_all()[0]:
        for place in re.findall(r"\]\(#([a-z0-9-]+)\)", mission.look):
            app = opened(mission.page, run="tiny")
            headings = [each.value for each in (*app.header, *app.subheader)]
            assert place in {"-".join(re.findall(r"[a-z0-9]+", each.lower())) for each in headings}
            led += 1
    assert led == 4


def test_why_is_on_the_worksheet_once_it_was_shown_and_not_before(small):
    app = guessed(opened("missions", run="tiny", mission="slant"), 0)
    assert not app.session_state["worksheet"][0].attempt("slant").why
    settled(button(app, "Check").click().run())
    found = app.session_state["worksheet"][0]
    assert found.attempt("slant").why in words(app) and "<h3>Why</h3>" in worksheet.html(found, date(2026, 5, 4))
    app = opened("missions", run="tiny", mission="what-is-lost")
    settled(app.text_area[0].set_value("The curls.").run())
    assert app.session_state["worksheet"][0].attempt("what-is-lost").why in words(app)


def test_a_guess_that_is_not_whole_is_not_taken(small):
    app = opened("missions", run="tiny", mission="confused-digits")
    app.multiselect[0].set_value([4])
    settled(button(app, "Guess").click().run())
    assert "two classes" in words(app) and "Check" not in labels_of(app)
    app.multiselect[0].set_value([9, 4])
    assert "**4 and 9**" in words(settled(button(app, "Guess").click().run()))


def test_what_has_not_been_measured_is_offered_to_be(small):
    app = opened("missions", run="tiny", mission="without-labels")
    app.number_input[0].set_value(90)
    settled(button(app, "Guess").click().run())
    assert "Judge this run" in labels_of(app) and "Check" not in labels_of(app)
    app = opened("missions", run="tiny", mission="smudges")
    app.number_input[0].set_value(50)
    settled(button(app, "Guess").click().run())
    assert "Fit the priors" in labels_of(app)


def test_a_drawing_is_asked_for_and_then_checked(small):
    app = guessed(opened("missions", run="tiny", mission="fool-it"), 3)
    settled(button(app, "Check").click().run())
    assert "no drawing yet" in app.error[0].value
    app.session_state["drawing"] = load("mnist", "test").pixels[0].numpy()
    settled(button(app, "Check").click().run())
    assert "You meant 3, and the vote says" in words(app)
    settled(button(app, "Try another drawing").click().run())
    assert "I will draw that" in labels_of(app)
    app = guessed(app, 7)
    assert "Check" not in labels_of(app) and "Now draw it" in words(app)  # what was drawn before does not count
    app.session_state["drawing"] = load("mnist", "test").pixels[1].numpy()
    assert "Check" in labels_of(settled(app.run()))


def test_a_wrong_file_is_named_on_the_page_beside_the_others(folder, small):
    (folder / "bad.toml").write_text('title = "<b>"')
    (folder / "good.toml").write_text('title = "Open *this*"\nquestion = "Why?"\n')
    app = opened("missions", run="tiny")
    assert "bad.toml" in app.warning[0].value and app.radio[0].options == [r"Open \*this\*"]
    settled(next(area for area in app.text_area).set_value("Because.").run())
    assert app.radio[0].proto.captions == ["answered"]
    (folder / "good.toml").unlink()
    assert "There are no missions yet" in words(opened("missions", run="tiny"))


# -- in a browser


def test_a_guess_survives_going_to_look_a_reload_and_the_way_back(guest):
    page = guest.opens("/missions?run=tiny&mission=slant")
    page.get_by_role("combobox", name="Your guess").click()
    page.get_by_role("option", name="z1", exact=True).click()
    page.get_by_role("button", name="Guess").click()
    page.get_by_role("button", name="Go and look").click()
    expect(page.get_by_role("heading", name="Steer", level=1)).to_be_visible()
    guest.settles()
    page.get_by_role("button", name="Add to the worksheet").click()
    page.get_by_text("It is on your worksheet").wait_for()
    page.reload()
    guest.settles()
    page.get_by_role("link", name="Back to the mission").click()
    expect(page.get_by_text("Your guess: z1")).to_be_visible()
    expect(page.get_by_text("2 missions").or_(page.get_by_text("1 mission, 0 checked, 1 picture"))).to_be_visible()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Measured on tiny")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Worksheet (HTML)").click()
    text = download.value.path().read_text()
    assert (
        "Find a dimension that carries slant" in text
        and "Steered digit" in text
        and download.value.suggested_filename == "worksheet.html"
    )
    guest.is_content()
