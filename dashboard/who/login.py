"""The login, if one is configured ([auth] in secrets.toml): nothing is shown before it."""

from __future__ import annotations

from importlib.util import find_spec

import streamlit as st
from streamlit.errors import StreamlitAPIException

_PROVIDER_KEY = "server_metadata_url"


def has_entered() -> bool:
    """Whether the visitor may see the pages: they have logged in, or no login is configured."""
    return "is_logged_in" not in st.user or bool(st.user["is_logged_in"])


def door() -> None:
    """The page before the login: a button, or why there is none."""
    st.title("Autoencoder laboratory")
    if find_spec("authlib") is None:
        st.error("The configured login needs Authlib: `pip install -r requirements-extra.txt`, then restart.")
        return
    st.markdown("You need an account to use this laboratory.")
    names = [name for name, value in st.secrets["auth"].items() if hasattr(value, "keys") and _PROVIDER_KEY in value]
    for name in names or [None]:
        if st.button(f"Log in with {name}" if len(names) > 1 else "Log in", type="primary", icon=":material/login:"):
            try:
                st.login(name) if name else st.login()
            except StreamlitAPIException as error:
                st.error(f"The login is misconfigured: {' '.join(str(error).split())}")


def log_out_button() -> None:
    """The button that logs out; nothing without a login."""
    if st.user.get("is_logged_in"):
        who = str(st.user.get("name") or st.user.get("email") or "Logged in")
        st.button("Log out", on_click=st.logout, icon=":material/logout:", help=who, type="tertiary")
