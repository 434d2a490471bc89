"""Everything that the session remembers, behind functions that say what it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

import links
import wording
from cae.config import RECIPES, Config, MapConfig
from cae.errors import CaeError
from cae.runs import Run
from cae.worksheet import Worksheet, pack

_RUN, _CHOSEN = "run", "chosen run"
_NEXT_RUN, _MISSING = "next run", "run of the address that is not there"
_EPOCHS = "epochs"
_OVERLAY = "overlay"
_MESSAGE = "message"
_NAME = "run name"
_NEXT_OPTIONS = "next options"
_RECIPE = "recipe"
_DELETION = "deletion"
_UPLOADS = "uploads"
_SUGGESTED = "suggested"
_WAY, _NEXT_WAY = "start from", "next start from"
_LINK, _LINK_READ = "linked code", "link read"
_STEERED, _ARRIVED = "steered", "arrived"
_MOST_STARTS = 20  # of which it is remembered where one has gone from them
_DRAWING, _PICTURE = "drawing", "picture"
_BASE = "drawing base"
_SAMPLE = "sample"
_MAP = "map config"
_COMPARED, _TO_MEASURE = "compared", "to measure"
_VISITOR, _VISITOR_NAME = "visitor identity", "visitor name"
_ROOM, _NEW_CLASS, _WALL = "class", "new class", "posts shown"
_STOPPING, _TRAINING = "stopping", "training to stop"
_MISSION, _LOOKING = "mission", "looking for"
_DRAWN_BEFORE = "drawing before the guess"
_WORKSHEET = "worksheet"
FIRST_CHOICE = "best"


# -- the run that every page is about


def run_picker(names: Sequence[str]) -> str | None:
    """Draws the choice of the run, at first the one that the address names (`?run=`); its name, if there is one."""
    wanted = st.session_state.pop(_NEXT_RUN, None)
    if wanted is None and _CHOSEN not in st.session_state:
        wanted = st.query_params.get("run")
        if wanted is not None and wanted not in names:
            st.session_state[_MISSING] = wanted[:64]
    if wanted in names:
        st.session_state[_RUN] = wanted
    elif st.session_state.get(_RUN) not in names:  # Streamlit forgets what a field holds where pages change quickly
        known = st.session_state.get(_CHOSEN)
        first = FIRST_CHOICE if FIRST_CHOICE in names else next(iter(names), None)
        st.session_state[_RUN] = known if known in names else first
    chosen: str | None = st.selectbox(
        "Run", names, key=_RUN, help="The training that every page shows.", placeholder="No run yet"
    )
    if chosen != st.session_state.get(_CHOSEN, chosen):
        st.session_state.pop(_MISSING, None)  # they have found another
    if missing := st.session_state.get(_MISSING):
        words = f"There is no run called “{wording.plain(missing)}”: this is {chosen}."
        st.warning(words if chosen else words.split(":", maxsplit=1)[0] + ".", icon=":material/search_off:")
    st.session_state[_CHOSEN] = chosen
    _take_epoch(chosen)
    return chosen


def chosen_run() -> Run | None:
    """The run that the pages show, as it was after the epoch that was chosen; None where there is none any more."""
    name = st.session_state.get(_CHOSEN)
    try:
        return moment_of(Run.open(name)) if name else None
    except CaeError:
        return None


# -- after which epoch it is looked at


def _take_epoch(name: str | None) -> None:
    """Takes the epoch from the address (`?epoch=`) when the first page of a session is opened."""
    if _EPOCHS not in st.session_state:
        text = st.query_params.get("epoch", "")
        is_number = name is not None and text.isascii() and text.isdigit() and len(text) < 8
        st.session_state[_EPOCHS] = {name: int(text)} if is_number and name == st.query_params.get("run") else {}


def epoch(run: Run) -> int | None:
    """After which of its epochs a run is looked at; None is the last."""
    found: int | None = st.session_state.get(_EPOCHS, {}).get(run.name)
    return found


def set_epoch(run: Run, epoch: int | None) -> None:
    """Replaces it."""
    st.session_state[_EPOCHS] = {**st.session_state.get(_EPOCHS, {}), run.name: epoch}


def moment_of(run: Run) -> Run:
    """A run as it was after the epoch at which it is looked at; after its last where that one is not kept any more."""
    wanted = epoch(run)
    try:
        return run if wanted is None else run.at(wanted)
    except CaeError:
        return run


def as_shown(run: Run) -> Run:
    """A run among others: after the epoch that the pages show, where it is the one that they show; else its last."""
    return moment_of(run) if run.name == st.session_state.get(_CHOSEN) else run


def file_name(what: str) -> str:
    """What a file about the chosen run is called, without its ending: it says of which run, and of when, it is."""
    run = chosen_run()
    if run is None:
        return what
    return f"{run.name}-{what}" if run.epoch is None else f"{run.name}-epoch-{run.epoch}-{what}"


def chosen_epoch() -> int | None:
    """The epoch that the pages show; None is the last."""
    run = chosen_run()
    return run.epoch if run else None


def look_at(name: str) -> None:
    """Makes this the run that the pages show, and starts the page anew."""
    st.session_state[_NEXT_RUN] = name
    st.rerun()


# -- steering: where it starts, and where it has gone

WAYS = {"digit": "Test digit", "mean": "Class mean", "zero": "Zero", "random": "Random code"}
DRAWING, PICTURE, SAMPLE, LINK = "My drawing", "My picture", "My sample", "The link"


def way_picker(run: Run) -> str:
    """Draws the choice of where steering starts; the last two are there when there is one."""
    ways = [*WAYS.values(), DRAWING]
    if _PICTURE in st.session_state:
        ways.append(PICTURE)
    if sample(run) is not None:
        ways.append(SAMPLE)
    if st.session_state.get(_LINK, (None,))[0] == run.name:
        ways.append(LINK)
    wanted = st.session_state.pop(_NEXT_WAY, None)
    if wanted in ways:
        st.session_state[_WAY] = wanted
    elif st.session_state.get(_WAY) not in ways:
        st.session_state[_WAY] = ways[0]
    return str(st.segmented_control("Start from", ways, key=_WAY, required=True, persist_state="session") or ways[0])


def take_link(run: Run, exists: Callable[[str, int], bool]) -> str | None:
    """Reads start and code from the address (`?from=` and `?z=`) when the page is first opened in a session.

    What is wrong with the code, in a sentence, if anything is. A code whose start does not exist is a start of its own.
    """
    if st.session_state.get(_LINK_READ):
        return None
    st.session_state[_LINK_READ] = True
    start = links.read_start(st.query_params.get("from", ""))
    if start is not None:
        kind, number = start
        st.session_state[_NEXT_WAY] = WAYS[kind]
        set_number(kind, number)
    text = st.query_params.get("z")
    if text is None:
        return None
    try:
        code = links.read_code(text, run.info.model.latent_dim)
    except CaeError as error:
        return str(error)
    st.session_state[_LINK] = run.name, code
    if start is not None and exists(*start):
        st.session_state[_ARRIVED] = f"{start[0]}-{start[1]}"
    else:
        st.session_state[_NEXT_WAY] = LINK
    return None


def linked_code() -> tuple[float, ...]:
    """The code that the address held."""
    return st.session_state[_LINK][1]  # type: ignore[no-any-return]


def set_steered(place: str, start: NDArray[np.float32], code: tuple[float, ...]) -> None:
    """Remembers to which code somebody has gone from a start, whose own code (D,) was `start` then."""
    places = {**st.session_state.get(_STEERED, {}), place: (tuple(map(float, start)), code)}
    st.session_state[_STEERED] = dict(list(places.items())[-_MOST_STARTS:])


def steered(place: str, start: NDArray[np.float32], address: str = "") -> tuple[float, ...] | None:
    """Where they have gone from it, if anywhere: here, or by the link that they have followed.

    As far from its code (D,) as they were from the one that it had then: the weights may be of another epoch now.
    """
    if address and st.session_state.get(_ARRIVED) == address:
        del st.session_state[_ARRIVED]
        set_steered(place, start, linked_code())
    places: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = st.session_state.get(_STEERED, {})
    then, code = places.get(place, ((), ()))
    if len(code) != len(start):
        return None
    now = tuple(map(float, start))
    return code if now == then else tuple(at + (gone - was) for at, gone, was in zip(now, code, then, strict=True))


def number_key(name: str, most: int) -> str:
    """The key of a field for a number of the steering page, 0 until somebody changes it, and never above `most`."""
    st.session_state[f"steer {name}"] = min(number(name), most)
    return f"steer {name}"


def number(name: str) -> int:
    """What that field holds; 0 before it is drawn, or where a browser has sent what is no number."""
    held = st.session_state.get(f"steer {name}", 0)
    return held if type(held) is int and held >= 0 else 0


def set_number(name: str, value: int) -> None:
    """Fills that field; to be called before it is drawn, as a button's callback is."""
    st.session_state[f"steer {name}"] = value


# -- the drawing


def drawing() -> NDArray[np.uint8] | None:
    """What the network sees of the visitor's own drawing, uint8 (28, 28)."""
    return st.session_state.get(_DRAWING)


def set_drawing(pixels: NDArray[np.uint8] | None) -> None:
    """Replaces it."""
    st.session_state[_DRAWING] = pixels


def picture() -> NDArray[np.uint8]:
    """What the network sees of the picture from which the visitor wanted to steer; raises KeyError before that."""
    return st.session_state[_PICTURE]  # type: ignore[no-any-return]


def steer_from_drawing() -> None:
    """Makes the drawing the start of the steering, as if nothing had been steered yet."""
    st.session_state[_NEXT_WAY] = DRAWING
    st.session_state.pop(_STEERED, None)


def steer_from_picture(pixels: NDArray[np.uint8]) -> None:
    """The same with an uploaded picture."""
    st.session_state[_PICTURE] = pixels
    st.session_state[_NEXT_WAY] = PICTURE
    st.session_state.pop(_STEERED, None)


def put_on_canvas(pixels: NDArray[np.uint8]) -> None:
    """Puts a picture on the canvas, to be drawn on."""
    st.session_state[_BASE] = uuid.uuid4().hex, pixels


def canvas_base() -> tuple[str, NDArray[np.uint8]] | None:
    """The picture that was last put there, with an id of its own for each time."""
    return st.session_state.get(_BASE)


# -- the page Generate


@dataclass(frozen=True)
class Sample:
    """A generated digit that somebody has chosen: of which run and weights, how it is called, its code and picture."""

    run: str
    weights: str
    name: str
    code: NDArray[np.float32]
    picture: NDArray[np.uint8]


def sample(run: Run) -> Sample | None:
    """The generated digit that was last chosen, if it is of this run."""
    found: Sample | None = st.session_state.get(_SAMPLE)
    return found if found and found.run == run.name else None


def set_sample(found: Sample) -> None:
    """Replaces it."""
    st.session_state[_SAMPLE] = found


def steer_from_sample() -> None:
    """Makes it the start of the steering."""
    st.session_state[_NEXT_WAY] = SAMPLE


def field(name: str, value: Any) -> str:
    """The key of a field of the page Generate, which holds `value` until somebody changes it."""
    st.session_state.setdefault(f"generate {name}", value)
    return f"generate {name}"


def choice(name: str, among: Sequence[Any]) -> str:
    """The key of such a field for one of several things: the first, where it holds none of them."""
    if st.session_state.get(f"generate {name}") not in among:
        st.session_state[f"generate {name}"] = among[0]
    return f"generate {name}"


def fill(name: str, value: Any) -> None:
    """Fills that field; to be called before it is drawn, as a button's callback is."""
    st.session_state[f"generate {name}"] = value


# -- the map


def map_config() -> MapConfig:
    """The options of the map that the pages show."""
    return st.session_state.get(_MAP, MapConfig())  # type: ignore[no-any-return]


def set_map_config(config: MapConfig) -> None:
    """Replaces them."""
    st.session_state[_MAP] = config


def prepare_map_options() -> None:
    """Fills the form for a map, until somebody has."""
    if option_key(MapConfig, "seed") not in st.session_state:
        set_options(map_config())


def steer_from_digit(index: int) -> None:
    """Makes a test digit the start of the steering."""
    steer_from("digit", index)
    set_number("class", 0)


def steer_from(kind: str, number: int) -> None:
    """Makes one of WAYS, with its number, the start of the steering."""
    st.session_state[_NEXT_WAY] = WAYS[kind]
    set_number(kind, number)


_RECONSTRUCT = "reconstruct way", "reconstruct index"


def reconstruct_keys(first_way: str) -> tuple[str, str]:
    """The keys of two fields of the page Reconstruct: what it shows, at first `first_way`, and the first index."""
    for key, value in zip(_RECONSTRUCT, (first_way, 0), strict=True):
        st.session_state.setdefault(key, value)
    return _RECONSTRUCT


def reconstruct_from(way: str, index: int) -> None:
    """Makes that page show test digits from this index on; `way` is how it calls that."""
    for key, value in zip(_RECONSTRUCT, (way, index), strict=True):
        st.session_state[key] = value


# -- the runs that are compared


def compared_picker(names: Sequence[str], at_first: Sequence[str], most: int) -> list[str]:
    """Draws the choice of the runs to compare; their names, in the order in which they were chosen."""
    kept = st.session_state.get(_COMPARED, at_first)
    st.session_state[_COMPARED] = [name for name in kept if name in names][:most]
    return list(
        st.multiselect(
            "Runs", names, key=_COMPARED, max_selections=most, placeholder="Choose two or more",
            persist_state="session",
        )
    )  # fmt: skip


def to_measure() -> list[Any]:
    """What is to be measured, one after another; the first is under way."""
    return list(st.session_state.get(_TO_MEASURE, []))


def set_to_measure(works: Sequence[Any]) -> None:
    """Replaces them."""
    st.session_state[_TO_MEASURE] = list(works)


# -- messages that outlive the rerun they were caused by


def say(text: str) -> None:
    """Shows a short message on the next run of the page."""
    st.session_state[_MESSAGE] = text


def show_message() -> None:
    """Shows what was said, once."""
    if text := st.session_state.pop(_MESSAGE, None):
        st.toast(text)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Shows the sentence of a CaeError in the place where it happened, and lets the rest of the page go on."""
    try:
        yield
    except CaeError as error:
        st.error(wording.plain(str(error)))


def saying(action: Callable[[], None]) -> Callable[[], None]:
    """What a button does, where a CaeError is said in a short message."""

    def act() -> None:
        try:
            action()
        except CaeError as error:
            st.toast(wording.plain(str(error)), icon=":material/error:")

    return act


# -- the runs laid over the chart


def overlay() -> list[str]:
    """The names of the runs whose curves are shown beside the chosen one's."""
    return list(st.session_state.get(_OVERLAY, []))


def set_overlay(names: Sequence[str]) -> None:
    """Replaces them."""
    st.session_state[_OVERLAY] = list(names)


# -- the run that somebody wants to delete, until they have said yes or no


def ask_about_deleting(name: str) -> None:
    """Makes the page ask about the deletion of this run."""
    if st.session_state.get(_DELETION) != name:
        st.session_state[_DELETION] = name
        st.rerun()


def asked_about_deleting() -> str | None:
    """The run whose deletion is to be confirmed."""
    return st.session_state.get(_DELETION)


def forget_deletion() -> None:
    """The question has been answered."""
    st.session_state.pop(_DELETION, None)


# -- loading a file


def upload_key() -> str:
    """The key of the field for a file; another one once the file has been taken."""
    return f"upload {st.session_state.get(_UPLOADS, 0)}"


def forget_upload() -> None:
    """Empties that field."""
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


# -- the form for a new training


def recipe_picker() -> str:
    """Draws the choice of the recipe, which fills the form."""
    prepare_options(RECIPES["original"].model, RECIPES["original"].train)
    return st.selectbox("Recipe", list(RECIPES), key=_RECIPE, on_change=_use_recipe, persist_state="session")


def _use_recipe() -> None:
    recipe = RECIPES.get(st.session_state[_RECIPE])
    if recipe is not None:  # a browser may send another, which the field itself does not take
        set_options(recipe.model, recipe.train)


def option_key(kind: type[Config], name: str) -> str:
    """The key of the field of one option of a configuration."""
    return f"option {kind.__name__} {name}"


def set_options(*configs: Config) -> None:
    """Fills the form with the values of these configurations."""
    for config in configs:
        for option in config.options():
            st.session_state[option_key(type(config), option.name)] = getattr(config, option.name)


def fill_options_next(recipe: str | None, *configs: Config) -> None:
    """The same on the next run of the page, for when the form has been drawn already; `recipe` is the one it is."""
    st.session_state[_NEXT_OPTIONS] = recipe, configs


def prepare_options(*otherwise: Config) -> None:
    """Fills the form if something is waiting to be filled in, or with `otherwise` if it never was."""
    waiting = st.session_state.pop(_NEXT_OPTIONS, None)
    if waiting:
        recipe, configs = waiting
        set_options(*configs)
        if recipe:
            st.session_state[_RECIPE] = recipe
    else:
        set_options(
            *(each for each in otherwise if option_key(type(each), each.options()[0].name) not in st.session_state)
        )


def option(kind: type[Config], name: str) -> Any:
    """What the field of an option holds; raises KeyError before the form was filled."""
    return st.session_state[option_key(kind, name)]


def name_key(suggestion: str) -> str:
    """The key of the field for the new run's name, which holds `suggestion` until somebody writes there.

    What was written stays while other pages are looked at, and when another visitor takes the name that was suggested.
    """
    suggested, known = st.session_state.get(_SUGGESTED, ("", ""))
    held = st.session_state.get(_NAME, known)  # Streamlit forgets what a field holds that is not on the page
    now = suggestion if held == suggested else held
    if st.session_state.get(_NAME) != now:
        st.session_state[_NAME] = now
    st.session_state[_SUGGESTED] = suggestion, now
    return _NAME


def forget_name(used: str) -> None:
    """Has the field suggest another name than this one, which a run has now."""
    st.session_state[_SUGGESTED] = used, used


# -- who is looking, and in which class


def visitor() -> str | None:
    """What tells a visitor without an account from others; None before it is known."""
    return st.session_state.get(_VISITOR)


def set_visitor(identity: str) -> None:
    """Replaces it."""
    st.session_state[_VISITOR] = identity


def visitor_name() -> str | None:
    """What they are called; None before it is known."""
    return st.session_state.get(_VISITOR_NAME)


def set_visitor_name(name: str) -> None:
    """Replaces it."""
    st.session_state[_VISITOR_NAME] = name


def prepare_field(key: str, value: Any) -> None:
    """Fills a field that is drawn anew."""
    if key not in st.session_state:
        st.session_state[key] = value


def has_room() -> bool:
    """Whether it is known yet whether they are in a class."""
    return _ROOM in st.session_state


def room() -> str:
    """The class that they are in, by its name in addresses; empty where they are in none."""
    return str(st.session_state.get(_ROOM, ("", ""))[0])


def moderator_secret() -> str:
    """The secret of the moderator's link of that class, if they have followed it."""
    return str(st.session_state.get(_ROOM, ("", ""))[1])


def set_room(slug: str, secret: str) -> None:
    """Has them enter a class, or leave it."""
    st.session_state[_ROOM] = slug, secret


def new_class() -> str | None:
    """The class that they have just started, whose moderator's link is to be shown."""
    return st.session_state.get(_NEW_CLASS)


def set_new_class(slug: str | None) -> None:
    """Replaces it."""
    st.session_state[_NEW_CLASS] = slug


def posts_shown() -> int:
    """How many posts the wall shows."""
    return int(st.session_state.get(_WALL, 48))


def show_more_posts() -> None:
    """Makes them twice as many."""
    st.session_state[_WALL] = 2 * posts_shown()


# -- the training that somebody wants to stop, until they have said yes or no


def ask_about_stop(name: str) -> None:
    """Makes the page ask before this run's training is stopped."""
    st.session_state[_TRAINING] = name


def asked_about_stop() -> str | None:
    """The run whose training is to be stopped."""
    return st.session_state.get(_TRAINING)


def forget_stop() -> None:
    """The question has been answered."""
    st.session_state.pop(_TRAINING, None)


# -- the measurement that somebody wants to stop, until they have said yes or no


def asked_about_stopping() -> str | None:
    """What is to be stopped, by the file that it makes."""
    return st.session_state.get(_STOPPING)


def ask_about_stopping(result: str | None) -> None:
    """Replaces it."""
    st.session_state[_STOPPING] = result


# -- missions, and the worksheet


def take_mission(is_their_page: bool) -> None:
    """Takes the mission from the address (`?mission=`) when the first page of a session is opened.

    On another page than theirs, one is looking at it on behalf of that mission.
    """
    if _LOOKING not in st.session_state:
        wanted = st.query_params.get("mission", "")[:64] or None
        st.session_state[_LOOKING] = None if is_their_page else wanted
        if wanted:
            st.session_state[_MISSION] = wanted


def mission_picker(titles: dict[str, str], captions: Sequence[str]) -> str:
    """Draws the choice of a mission, by id."""
    if st.session_state.get(_MISSION) not in titles:
        st.session_state[_MISSION] = next(iter(titles))
    return str(
        st.radio("Missions", list(titles), format_func=titles.__getitem__, captions=captions, key=_MISSION,
                 persist_state="session")
    )  # fmt: skip


def mission() -> str | None:
    """The mission that is chosen, if one is."""
    return st.session_state.get(_MISSION)


def choose_mission(name: str) -> None:
    """Replaces it; to be called before the choice is drawn, as a button's callback is."""
    st.session_state[_MISSION] = name


def looking_for() -> str | None:
    """The mission on whose behalf one is looking at other pages, if one is."""
    return st.session_state.get(_LOOKING)


def look_for(name: str) -> None:
    """Replaces it."""
    st.session_state[_LOOKING] = name


def stop_looking() -> None:
    """One is not on a mission any more."""
    st.session_state[_LOOKING] = None


def worksheet() -> Worksheet:
    """What the visitor has guessed, found and kept."""
    return st.session_state.get(_WORKSHEET, (Worksheet(), ""))[0]  # type: ignore[no-any-return]


def set_worksheet(found: Worksheet) -> None:
    """Replaces it."""
    st.session_state[_WORKSHEET] = found, "" if found.is_empty else pack(found)


def packed_worksheet() -> str | None:
    """The same as a text, empty where there is nothing on it; None where nothing was done with it in this session."""
    return st.session_state.get(_WORKSHEET, (None, None))[1]  # type: ignore[no-any-return]


def empty_worksheet() -> None:
    """Forgets all of it, and what fields about it hold."""
    for key in [key for key in st.session_state if str(key).startswith(("guess of ", "words of "))]:
        del st.session_state[key]
    set_worksheet(Worksheet())


def guess_a_drawing(mission: str, before: NDArray[np.uint8] | None) -> None:
    """Remembers what was drawn before somebody said, at this mission, what they are going to draw."""
    kept = st.session_state.get(_DRAWN_BEFORE, {})
    st.session_state[_DRAWN_BEFORE] = {**kept, mission: None if before is None else before.tobytes()}


def was_drawn_before(mission: str, pixels: NDArray[np.uint8]) -> bool:
    """Whether that is what they have drawn already."""
    return bool(st.session_state.get(_DRAWN_BEFORE, {}).get(mission) == pixels.tobytes())


def text_of(key: str) -> str:
    """What a field for text holds."""
    return str(st.session_state.get(key, ""))
