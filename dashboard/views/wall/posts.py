"""The wall of a class: its posts, who may do what with them, and how a class starts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from cae import words
from cae.classroom.wall import LONGEST_TITLE, Classroom, Post, best, change, delete, moderate, start
from cae.disk.files import is_read_only
from cae.plots import pictures
from components import small_table, wall
from resources import lists
from server.ticking import ticking
from shared.asking import answer
from shared.going import link_to_draw
from shared.markdown import plain
from state import messages, people
from who import visitor

SECONDS_BETWEEN_LOOKS = 4.0
MOST_RUNS = 12


def begin() -> None:
    """The form that starts a class."""
    st.header("Start a class")
    st.markdown(
        "A class shares a wall of drawings, with their reconstructions, and best runs. You get a link to pass on, and "
        "a second one that lets you hide and delete posts."
    )
    with st.form("start a class", border=False):
        title = st.text_input("Title", max_chars=LONGEST_TITLE, placeholder="Physics 3B")
        needs_approval = st.checkbox("Show posts only after I approve them")
        if not st.form_submit_button("Start the class", type="primary", disabled=is_read_only()):
            return
    with messages.errors_in_words():
        room, secret = start(title, visitor.me(), needs_approval=needs_approval)
        people.set_room(room.slug, secret)
        people.set_new_class(room.slug)
        st.rerun()


def first_links(room: Classroom) -> None:
    """The two links, shown once to the visitor who has just started the class."""
    if people.new_class() != room.slug:
        return
    with st.container(border=True):
        st.markdown("**Your class has started.** Pass this link on:")
        _link(room)
        st.markdown("Keep this one to yourself: it lets anyone hide and delete posts. It is not shown again.")
        st.code(f"{_page()}?class={room.slug}&moderator={people.moderator_secret()}", language=None)
        st.button("I have saved it", on_click=people.set_new_class, args=(None,))


def _page() -> str:
    return (st.context.url or "/wall").split("?")[0]


def _link(room: Classroom) -> None:
    """The link into the class, as a QR code if others can open it."""
    link = f"{_page()}?class={room.slug}"
    st.code(link, language=None)
    host = urlsplit(link).hostname
    if host in ("localhost", "127.0.0.1", "::1"):
        st.caption(
            ":material/warning: This address works on this computer only. For others, run the dashboard on a server: "
            "docs/server.md says how."
        )
    elif host:
        st.image(pictures.qr_code(link), width=220, alt=f"QR code of {link}", caption="For a phone's camera.")


def moderation(room: Classroom) -> None:
    """The moderator's settings of the class; nothing for others."""
    if not visitor.moderates(room) or is_read_only():
        return
    waiting = sum(post.state == "waiting" for post in lists.wall(room.slug))
    told = f": {waiting} wait{'s' * (waiting == 1)} for approval" if waiting else ""
    with st.expander(f"You moderate this wall{told}"), messages.errors_in_words():
        st.markdown("The link into the class:")
        _link(room)
        approval = st.toggle("Show posts only after I approve them", room.needs_approval)
        if approval != room.needs_approval:
            change(room.slug, people.moderator_secret(), needs_approval=approval)
            st.rerun()
        label, icon = ("Close the class", "lock") if room.is_open else ("Open it again", "lock_open")
        if st.button(label, icon=f":material/{icon}:", help="A closed wall stays visible, but accepts no more posts."):
            change(room.slug, people.moderator_secret(), is_open=not room.is_open)
            st.rerun()


def drawings(room: Classroom, posts: list[Post]) -> None:
    """The newest drawings, with buttons for those who may hide or delete them."""
    newest = [post for post in posts if post.kind == "drawing"]
    st.header("Drawings")
    if not newest:
        st.info("Nothing hangs here yet. Draw a digit, then press **Put it on the wall**.")
        link_to_draw()
        return
    count = people.posts_shown()
    action = wall(newest[:count], key="wall", moderates=_may_moderate(room), describe=_texts)
    if action is not None:
        with messages.errors_in_words():
            _do(room, action.kind, action.post)
    if len(newest) > count:
        st.button(f"Show {min(count, len(newest) - count)} more", on_click=people.show_more_posts)
    st.caption("Left the drawing, right its reconstruction. MSE on [-1, 1].")


def best_runs(room: Classroom, posts: list[Post]) -> None:
    """The posted runs, the lowest error first."""
    runs = best(posts)[:MOST_RUNS]
    st.header("Best runs")
    if not runs:
        st.info("No run hangs here yet. On the page Train, your own runs have the button **Put it on the wall**.")
        return
    me = visitor.me()
    datasets = len({post.dataset for post in runs}) > 1
    header = ("run", "by", *(("data set",) if datasets else ()), "test MSE", "dimensions", "epochs", "when")
    rows = [
        (
            post.run, words.owner(post.by, me), *((post.dataset,) if datasets else ()), words.number(post.mse),
            str(post.latent_dim), str(post.epoch), f"{words.ago(post.posted)}{_remark(post)}",
        )
        for post in runs
    ]  # fmt: skip
    prose = (1, *((2,) if datasets else ()), len(header) - 1)
    small_table(header, rows, name="The best runs of the class", key="wall-runs", prose=prose, of_runs=True)
    if may := [post for post in runs if _may_moderate(room) or visitor.is_mine(post.by)]:
        _about_runs(room, may)


def _about_runs(room: Classroom, posts: list[Post]) -> None:
    with st.expander("Hide or delete a run" if _may_moderate(room) else "Remove a run of yours"):
        by_id = {post.id: post for post in posts}
        chosen = st.selectbox("Run on the wall", list(by_id), format_func=lambda each: by_id[each].run)
        buttons = st.columns(3)
        with messages.errors_in_words():
            if _may_moderate(room):
                shown = by_id[chosen].state == "shown"
                if buttons[0].button("Hide it" if shown else "Show it", width="stretch"):
                    _do(room, "hide" if shown else "show", chosen)
            if buttons[1].button("Delete it" if _may_moderate(room) else "Remove it", width="stretch"):
                _do(room, "delete", chosen)


def follow(room: Classroom) -> None:
    """Draws the page again as soon as the wall changes."""
    drawn = lists.wall_stamp(room.slug)

    @ticking(SECONDS_BETWEEN_LOOKS, while_=True)
    def look() -> None:
        if lists.wall_stamp(room.slug) != drawn:
            st.rerun()

    look()


def visible(room: Classroom) -> list[Post]:
    """The posts that this visitor sees: those shown, and their own that await approval; all for the moderator."""
    posts = lists.wall(room.slug)
    if _may_moderate(room):
        return posts
    return [post for post in posts if post.state == "shown" or (post.state == "waiting" and visitor.is_mine(post.by))]


def _may_moderate(room: Classroom) -> bool:
    return visitor.moderates(room) and not is_read_only()


def _do(room: Classroom, kind: str, post: str) -> None:
    secret = people.moderator_secret()
    if kind == "delete":
        _confirm_deletion(room.slug, post)
        return
    moderate(room.slug, secret, post, "hidden" if kind == "hide" else "shown")
    st.rerun()


@st.dialog("Remove it from the wall")
def _confirm_deletion(slug: str, name: str) -> None:
    post = next((each for each in lists.wall(slug) if each.id == name), None)
    if post is None:
        st.info("It has already been removed.")
        return
    whose = "yours" if visitor.is_mine(post.by) else f"by {plain(words.owner(post.by))}"
    what = "drawing" if post.kind == "drawing" else f"run {post.run}"
    st.markdown(f"This {what} is {whose}, {words.ago(post.posted)}. Deleting it cannot be undone.")
    if answer("Yes, delete it", "Keep it"):
        with messages.errors_in_words():
            delete(slug, name, secret=people.moderator_secret(), by=visitor.me())
            st.rerun()


def _texts(post: Post) -> dict[str, Any]:
    whose, error = words.owner(post.by, visitor.me()), words.number(post.mse)
    return {
        "caption": [whose, f"MSE {error}", words.ago(post.posted)],
        "description": f"A drawing by {whose}, and its reconstruction by {post.run}, MSE {error}",
        "title": f"{post.run}, epoch {post.epoch}, {post.latent_dim} dimensions. {words.other_scale(post.mse)}",
        "mine": visitor.is_mine(post.by),
    }


def _remark(post: Post) -> str:
    return {"shown": "", "waiting": ", waits for approval", "hidden": ", hidden"}[post.state]


def leave() -> None:
    """The button that leaves the class."""
    st.button("Leave the class", on_click=people.set_room, args=("", ""), type="tertiary", icon=":material/logout:")
