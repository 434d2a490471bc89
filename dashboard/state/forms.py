"""What the fields of forms hold: a new training, options, a file, text."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cae.config import RECIPES, Config

_NAME = "run name"
_NEXT_OPTIONS = "next options"
_RECIPE = "recipe"
_SUGGESTED = "suggested"
_UPLOADS = "uploads"


def prepare_field(key: str, value: Any) -> None:
    """Fills a field that is drawn anew."""
    if key not in st.session_state:
        st.session_state[key] = value


def text_of(key: str) -> str:
    """What a field for text holds."""
    return str(st.session_state.get(key, ""))


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
