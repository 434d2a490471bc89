"""The visitor: an account if a login is configured, otherwise a recognised browser."""

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
    """Takes the class from the address (`?class=`), or from a cookie when the session begins."""
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
        room = wall.find(slug)
    except CaeError as error:
        if wanted:
            messages.say(str(error))
        return
    people.set_room(room.slug, secret if room.is_moderator(secret) else "")


def keep() -> None:
    """Has the browser remember the visitor and their class; runs on every page."""
    cookies = {} if has_account() else {_VISITOR: _identity(), _NAME: name()}
    room, secret = people.room(), people.moderator_secret()
    cookies |= {_CLASS: room, _MODERATOR: f"{room}.{secret}" if room and secret else ""}
    before = keep_visitor(cookies, mine="" if has_account() else _VISITOR)
    if before is not None and _ID.fullmatch(before) and not has_account():
        people.set_visitor(before)


def me() -> Owner:
    """The visitor, as owner of what they start."""
    return owners.owner(_identity(), name())


def has_account() -> bool:
    """Whether the visitor has logged in."""
    return bool(st.user.get("is_logged_in", False))


def name() -> str:
    """The name that others see: the account's, or what the visitor typed; empty if neither is known."""
    if has_account():
        mail = str(st.user.get("email") or "").split("@")[0]
        return owners.clean_name(str(st.user.get("name") or mail))
    if (known := people.visitor_name()) is None:
        known = owners.clean_name(_cookie(_NAME))
        people.set_visitor_name(known)
    return known


def name_field(key: str) -> None:
    """Draws the field for the visitor's name, unless they have an account."""
    if has_account():
        return
    label, what = "Your name, as others see it", "Shown beside what you start or post. Empty for none."
    forms.prepare_field(key, name())
    given = st.text_input(label, key=key, max_chars=owners.LONGEST_NAME, help=what, placeholder="Nobody in particular")
    people.set_visitor_name(owners.clean_name(given))


def is_mine(by: Owner | None) -> bool:
    """Whether this visitor is that owner."""
    return me().is_same(by)


def room() -> wall.Classroom | None:
    """The visitor's class, if it exists."""
    try:
        return wall.find(people.room()) if people.room() else None
    except CaeError:
        return None


def moderates(room: wall.Classroom) -> bool:
    """Whether the visitor has opened the moderator's link of this class."""
    return room.slug == people.room() and room.is_moderator(people.moderator_secret())


def _identity() -> str:
    """The visitor's identity, which nobody sees."""
    if has_account():
        account = f"{st.user.get('iss')} {st.user.get('sub') or st.user.get('email')}"
        key = str(st.secrets["auth"].get("cookie_secret", ""))  # otherwise a hash would confirm a guessed address
        return hmac.new(key.encode(), account.encode(), hashlib.sha256).hexdigest()
    if (known := people.visitor()) is None:
        kept = _cookie(_VISITOR)
        known = kept if _ID.fullmatch(kept) else secrets.token_hex(16)
        people.set_visitor(known)
    return known


def _cookie(name: str) -> str:
    value = st.context.cookies.get(name, "")
    return unquote(value)[:200] if isinstance(value, str) else ""
