"""One mission: the question, the guess, the way to look, and the measured answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.classroom.checks import Finding, Guess
from cae.classroom.missions import Mission, compare, in_words
from cae.classroom.worksheet import LONGEST_WORDS, Attempt
from cae.runs.run import Run
from components import digit_rows
from resources import measured, networks, pictures
from shared.going import go_to
from shared.markdown import plain
from shared.measuring import fitting, measuring
from shared.mission_line import prepare
from shared.own_drawing import own_drawing
from state import forms, messages
from state.missions import choose_mission, guess_a_drawing, mission_picker, set_worksheet, was_drawn_before, worksheet

_SAID = {
    "right": ("check_circle", "Right"), "close": ("adjust", "Close"), "off": ("cancel", "Not this time"),
    "open": ("help", "There is no answer"),
}  # fmt: skip


def choose(missions: Sequence[Mission]) -> Mission:
    """Draws the choice of a mission, and how far each one is. Returns the chosen mission."""
    sheet = worksheet()
    captions = [_stage(each, sheet.attempt(each.id)) for each in missions]
    chosen = mission_picker({each.id: plain(each.title) for each in missions}, captions)
    return next(each for each in missions if each.id == chosen)


def _stage(mission: Mission, attempt: Attempt | None) -> str:
    if attempt is None:
        return "not begun"
    if attempt.finding:
        return f"checked: {_SAID[attempt.finding.verdict][1].lower()}"
    return "guessed" if attempt.guess is not None else "answered" if attempt.words.strip() else "not begun"


def mission(run: Run, chosen: Mission, among: Sequence[Mission]) -> None:
    """The question, and the steps that the visitor has reached."""
    attempt = worksheet().attempt(chosen.id) or Attempt(chosen.id, chosen.title, chosen.question)
    st.header(plain(chosen.title), anchor=False)
    st.markdown(chosen.question)
    names = _class_names(run)
    if chosen.measurement is None:
        _own_words(chosen, attempt)
        _go_and_look(run, chosen)
        if attempt.words.strip() and chosen.why:
            st.markdown(chosen.why)
        _next(chosen, among)
        return
    if attempt.guess is None:
        _guess_form(run, chosen, attempt, names)
        return
    is_ready = measured.is_measured(run, chosen.measurement.needs)
    drawn = own_drawing() if chosen.guess == "drawing" else None
    if attempt.finding is None and drawn is not None and was_drawn_before(chosen.id, drawn):
        _guessed(chosen, attempt)
        st.caption("Now draw it. What was on the canvas before your guess does not count.")
        _go_and_look(run, chosen)
        return
    if attempt.finding is None:
        _guessed(chosen, attempt)
        with st.container(horizontal=True, vertical_alignment="center"):
            _go_and_look(run, chosen)
            if is_ready and st.button("Check", type="primary", icon=":material/straighten:"):
                _check(run, chosen, attempt, attempt.guess, names=names, drawing=drawn)
        if not is_ready:
            st.caption("The answer has not been measured for this run yet. Measure it, then check your guess here.")
            (fitting if chosen.measurement.needs == "priors" else measuring)(run)
        return
    _result(chosen, attempt.finding)
    with st.container(horizontal=True, vertical_alignment="center"):
        _go_and_look(run, chosen)
        if chosen.guess == "drawing":
            st.button("Try another drawing", on_click=_forget, args=(attempt,), icon=":material/refresh:")
        elif _can_check_another(run, attempt.finding, is_ready):
            _check(run, chosen, attempt, attempt.guess, names=names, drawing=drawn)
    if chosen.why:
        st.subheader("Why")
        st.markdown(chosen.why)
    _own_words(chosen, attempt)
    _next(chosen, among)


def _can_check_another(run: Run, finding: Finding, is_ready: bool) -> bool:
    """Draws the button that checks another run than before; returns whether it was clicked."""
    called = words.called(run)
    if called == finding.run or not is_ready:
        return False
    return st.button(f"Check with {plain(called)}", icon=":material/straighten:")


def _class_names(run: Run) -> tuple[str, ...]:
    networks.model(run)  # says what is wrong with it before anybody guesses
    return pictures.test_images(run).class_names


# -- the guess


def _guess_form(run: Run, mission: Mission, attempt: Attempt, names: tuple[str, ...]) -> None:
    with st.form(f"guess {mission.id}", border=False):
        guess = _field(run, mission, names)
        label = "I will draw that" if mission.guess == "drawing" else "Guess"
        if not st.form_submit_button(label, type="primary", icon=":material/lightbulb:"):
            return
    if guess is None:
        st.info("Choose two classes." if mission.guess == "pair of classes" else "Guess something first.")
        return
    if mission.guess == "drawing":
        guess_a_drawing(mission.id, own_drawing())
    guessed = in_words(mission, guess, names)
    _keep(replace(attempt, title=mission.title, question=mission.question, guess=guess, guessed=guessed))
    st.rerun()


def _field(run: Run, mission: Mission, names: tuple[str, ...]) -> Guess | None:
    key = f"guess of {mission.id}"
    if mission.guess == "number":
        unit = f", in {mission.unit}" if mission.unit else ""
        whole = isinstance(mission.low, int) and isinstance(mission.high, int)
        return st.number_input(
            f"Your guess{unit}", mission.low, mission.high, None, step=1 if whole else None, key=key, width=220,
            placeholder=f"{mission.low:g} to {mission.high:g}",
        )  # fmt: skip
    if mission.guess == "choice":
        options = dict(mission.options)
        return st.radio("Your guess", list(options), index=None, format_func=options.__getitem__, key=key)
    if mission.guess == "dimension":
        return st.selectbox("Your guess", range(run.info.model.latent_dim), index=None, format_func=lambda i: f"z{i}",
                            key=key, width=220, placeholder="Which dimension?")  # fmt: skip
    if mission.guess == "pair of classes":
        pair = sorted(st.multiselect("Your guess: two of them", range(len(names)), format_func=names.__getitem__,
                                     key=key, max_selections=2, width=320, placeholder="Choose two"))  # fmt: skip
        return (pair[0], pair[1]) if len(pair) == 2 else None
    label = "You will draw" if mission.guess == "drawing" else "Your guess"
    return st.selectbox(label, range(len(names)), index=None, format_func=names.__getitem__, key=key, width=220,
                        placeholder="Which one?")  # fmt: skip


def _guessed(mission: Mission, attempt: Attempt) -> None:
    what = "You will draw" if mission.guess == "drawing" else "Your guess"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{what}: **{plain(attempt.guessed)}**", width="content")
        st.button("Guess again", on_click=_forget, args=(attempt,), type="tertiary", icon=":material/undo:")


def _forget(attempt: Attempt) -> None:
    _keep(replace(attempt, guess=None, guessed="", finding=None, why=""))


def _go_and_look(run: Run, mission: Mission) -> None:
    if st.button("Go and look", icon=":material/arrow_forward:", help=mission.look or None):
        prepare(mission)
        go_to(mission.page, run)


# -- the answer


def _check(
    run: Run,
    mission: Mission,
    attempt: Attempt,
    guess: Guess,
    *,
    names: tuple[str, ...],
    drawing: NDArray[np.uint8] | None,
) -> None:
    with messages.errors_in_words(), st.spinner("Measuring ..."):
        outcome, strips = measured.answer(run, mission, guess, drawing)
        finding = compare(mission, run, outcome, guess, class_names=names, strips=strips)
        _keep(replace(attempt, guessed=finding.guess, finding=finding, why=mission.why))
        st.rerun()


def _result(mission: Mission, finding: Finding) -> None:
    icon, word = _SAID[finding.verdict]
    guess, answer = st.columns([1, 1.6])
    guess.caption("You meant" if mission.guess == "drawing" else "Your guess")
    guess.subheader(plain(finding.guess), anchor=False)
    answer.caption(f"Measured on {plain(finding.run)}")
    answer.subheader(plain(finding.answer), anchor=False)
    st.markdown(f":material/{icon}: **{word}.** {plain(finding.sentence)}")
    if finding.strips:
        rows = [(strip.digits(), strip.name, (strip.name,), strip.name) for strip in finding.strips]
        digit_rows(rows, key=f"strips {mission.id}", timeless=True)


# -- one's own words


def _own_words(mission: Mission, attempt: Attempt) -> None:
    key = f"words of {mission.id}"

    def take() -> None:
        written = forms.text_of(key)
        answered = mission.measurement is None and written.strip()  # which counts as checked, and shows the reason
        _keep(replace(attempt, words=written, why=mission.why if answered else attempt.why))

    forms.prepare_field(key, attempt.words)
    st.text_area("In your own words", key=key, max_chars=LONGEST_WORDS, on_change=take,
                 placeholder="What did you see? It goes on your worksheet.")  # fmt: skip


def _next(mission: Mission, among: Sequence[Mission]) -> None:
    after = among[[each.id for each in among].index(mission.id) + 1 :]
    if after:
        st.button(f"Next: {plain(after[0].title)}", on_click=choose_mission, args=(after[0].id,),
                  icon=":material/flag:")  # fmt: skip


def _keep(attempt: Attempt) -> None:
    set_worksheet(worksheet().with_attempt(attempt))
