"""The queue of trainings: who waits, and how many are ahead of one's own."""

from __future__ import annotations

import streamlit as st

from cae import words
from cae.jobs import limits, queue
from resources import lists
from shared.markdown import plain
from state import messages
from who import visitor


def waiting_line() -> None:
    """The trainings that wait for their turn, the next one first; nothing if none does."""
    with messages.errors_in_words():
        me, waiting = visitor.me(), [run.summary() for run in queue.waiting_runs()]
        is_alone = len(waiting) == 1 and not any(each.state == "running" for each in lists.summaries())
        if not waiting or is_alone:
            return  # a single one is about to start
        mine = [number for number, each in enumerate(waiting) if me.is_same(each.resumed_by or each.by)]
        most = limits.most_trainings()
        at_a_time = "One trains at a time" if most == 1 else f"{most} train at a time"
        place = (f" **{mine[0]} ahead of yours.**" if mine[0] else " **Yours is next.**") if mine else ""
        st.markdown(f"**Queued.** {at_a_time}, first come, first served.{place}")
        lines = []
        for number, each in enumerate(waiting, start=1):
            whose = plain(words.started(each, me)) or "waiting"
            name = f"**{each.name}**" if number - 1 in mine else each.name
            lines.append(f"{number}. {name}, {whose}")
        st.markdown("\n".join(lines))
