"""Who is looking: an account where a login is configured, and a browser that is known again otherwise."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from urllib.parse import unquote

import streamlit as st

from cae.classroom import wall
from cae.errors import CaeError
from cae.runs import owners
from cae.runs.owners import Owner
from components import keep_visitor
from state import forms, messages, people

_VISITOR, _NAME, _CLASS, _MODERATOR = "cae_visitor", "cae_name", "cae_class", "cae_moderator"
_ID = re.compile(r"[0-9a-f]{32}")


def arrive() -> None:
    """Takes the class from the address (`?class=`), or from the browser when the session begins."""
    wanted = st.query_params.get("class", "")[:64]
    slug, secret = wanted, st.query_params.get("moderator", "")[:64]
    if not people.has_room():
        kept, _, kept_secret = _cookie(_MODERATOR).partition(".")
        slug = slug or _cookie(_CLASS)
        people.set_room("", "")
        secret = secret or (kept_secret if kept == slug else "")
    elif not wanted or (wanted == people.room() and not secret):
        return
    if not slug:
        return
    try:
        found = wall.find(slug)
    except CaeError as error:
        if wanted:
            messages.say(str(error))
        return
    secret = secret if found.is_moderator(secret) else ""
    people.set_room(found.slug, secret)


def keep() -> None:
    """Has the browser keep who the visitor is and which class they are in; on every run of a page."""
    cookies = {} if has_account() else {_VISITOR: _identity(), _NAME: name()}
    room, secret = people.room(), people.moderator_secret()
    cookies |= {_CLASS: room, _MODERATOR: f"{room}.{secret}" if room and secret else ""}
    before = keep_visitor(cookies, mine="" if has_account() else _VISITOR)
    if before is not None and _ID.fullmatch(before) and not has_account():
        people.set_visitor(before)


def me() -> Owner:
    """The visitor as others know them."""
    return owners.owner(_identity(), name())


def has_account() -> bool:
    """Whether they have logged in."""
    return bool(st.user.get("is_logged_in", False))


def name() -> str:
    """What others see: the account's name, or what the visitor has said; empty where neither is known."""
    if has_account():
        mail = str(st.user.get("email") or "").split("@")[0]
        return owners.clean_name(str(st.user.get("name") or mail))
    if (known := people.visitor_name()) is None:
        known = owners.clean_name(_cookie(_NAME))
        people.set_visitor_name(known)
    return known


def name_field(key: str) -> None:
    """Draws the field for the name; where there is an account, says its name."""
    if has_account():
        return
    label, what = "Your name, as others see it", "Beside what you start or put on a wall; empty for none."
    forms.prepare_field(key, name())
    given = st.text_input(label, key=key, max_chars=owners.LONGEST_NAME, help=what, placeholder="Nobody in particular")
    people.set_visitor_name(owners.clean_name(given))


def is_mine(by: Owner | None) -> bool:
    """Whether this visitor started it."""
    return me().is_same(by)


def room() -> wall.Classroom | None:
    """The class that the visitor is in, if it is there."""
    try:
        return wall.find(people.room()) if people.room() else None
    except CaeError:
        return None


def moderates(found: wall.Classroom) -> bool:
    """Whether they hold the moderator's link of this class."""
    return found.slug == people.room() and found.is_moderator(people.moderator_secret())


def _identity() -> str:
    """What tells this visitor from others, which is shown to nobody."""
    if has_account():
        account = f"{st.user.get('iss')} {st.user.get('sub') or st.user.get('email')}"
        key = str(st.secrets["auth"].get("cookie_secret", ""))  # or a guessed address could be recognised by its hash
        return hmac.new(key.encode(), account.encode(), hashlib.sha256).hexdigest()
    if (known := people.visitor()) is None:
        kept = _cookie(_VISITOR)
        known = kept if _ID.fullmatch(kept) else secrets.token_hex(16)
        people.set_visitor(known)
    return known


def _cookie(name: str) -> str:
    found = st.context.cookies.get(name, "")
    return unquote(found)[:200] if isinstance(found, str) else ""
