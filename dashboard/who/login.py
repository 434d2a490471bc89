"""Nothing is shown before somebody has logged in, where a login is configured ([auth] in secrets.toml)."""

from __future__ import annotations

from importlib.util import find_spec

import streamlit as st
from streamlit.errors import StreamlitAPIException

_PROVIDER_KEY = "server_metadata_url"


def has_entered() -> bool:
    """Whether the pages may be shown: the visitor has logged in, or no login is configured."""
    return "is_logged_in" not in st.user or bool(st.user["is_logged_in"])


def door() -> None:
    """The page before somebody has logged in: a button, or why there cannot be one."""
    st.title("Autoencoder laboratory")
    if find_spec("authlib") is None:
        st.error("A login is configured, and it needs Authlib: `pip install -r requirements-extra.txt`, then restart.")
        return
    st.markdown("This laboratory is open to those who have an account here.")
    names = [name for name, value in st.secrets["auth"].items() if hasattr(value, "keys") and _PROVIDER_KEY in value]
    for name in names or [None]:
        if st.button(f"Log in with {name}" if len(names) > 1 else "Log in", type="primary", icon=":material/login:"):
            try:
                st.login(name) if name else st.login()
            except StreamlitAPIException as error:
                st.error(f"The login is not configured rightly: {' '.join(str(error).split())}")


def log_out_button() -> None:
    """Who has logged in, and the way out; nothing where no login is configured."""
    if st.user.get("is_logged_in"):
        who = str(st.user.get("name") or st.user.get("email") or "Logged in")
        st.button("Log out", on_click=st.logout, icon=":material/logout:", help=who, type="tertiary")
