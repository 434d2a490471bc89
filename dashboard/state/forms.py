"""The fields of forms: a new training, options, a file, text."""

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
    """Fills a field unless it already has a value."""
    if key not in st.session_state:
        st.session_state[key] = value


def text_of(key: str) -> str:
    """The content of a text field."""
    return str(st.session_state.get(key, ""))


def upload_key() -> str:
    """The key of the file field, which changes once a file has been imported."""
    return f"upload {st.session_state.get(_UPLOADS, 0)}"


def forget_upload() -> None:
    """Empties the file field."""
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


# -- the form for a new training


def recipe_picker() -> str:
    """Draws the choice of the recipe; choosing one fills the form."""
    prepare_options(RECIPES["original"].model, RECIPES["original"].train)
    return st.selectbox("Recipe", list(RECIPES), key=_RECIPE, on_change=_use_recipe, persist_state="session")


def _use_recipe() -> None:
    recipe = RECIPES.get(st.session_state[_RECIPE])
    if recipe is not None:  # a browser may send anything
        set_options(recipe.model, recipe.train)


def option_key(kind: type[Config], name: str) -> str:
    """The key of an option's field."""
    return f"option {kind.__name__} {name}"


def set_options(*configs: Config) -> None:
    """Fills the fields of these configurations."""
    for config in configs:
        for option in config.options():
            st.session_state[option_key(type(config), option.name)] = getattr(config, option.name)


def fill_options_next(recipe: str | None, *configs: Config) -> None:
    """Fills the form when the page is drawn next, for after it has been drawn; `recipe` is their recipe, if any."""
    st.session_state[_NEXT_OPTIONS] = recipe, configs


def prepare_options(*otherwise: Config) -> None:
    """Fills the form with what `fill_options_next` left, or with `otherwise` if it is empty."""
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
    """The value of an option's field; raises KeyError before the form is filled."""
    return st.session_state[option_key(kind, name)]


def name_key(suggestion: str) -> str:
    """The key of the field for a new run's name, which holds `suggestion` until the visitor types.

    Typed text stays while the visitor is on other pages, and when somebody else takes the suggested name.
    """
    suggested, known = st.session_state.get(_SUGGESTED, ("", ""))
    held = st.session_state.get(_NAME, known)  # Streamlit forgets the fields of other pages
    now = suggestion if held == suggested else held
    if st.session_state.get(_NAME) != now:
        st.session_state[_NAME] = now
    st.session_state[_SUGGESTED] = suggestion, now
    return _NAME


def forget_name(used: str) -> None:
    """Makes the field suggest a new name, now that a run has this one."""
    st.session_state[_SUGGESTED] = used, used
