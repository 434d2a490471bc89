"""Parts of pages that ask anew for what changes: less often with many visitors, and in few words."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers import PROJECT, TINY, options

from benchmarks.sessions import Session
from cae.disk.locks import Lock
from cae.network.records import EpochRecord, Progress, to_line
from cae.runs.run import Run


@pytest.fixture
def ticking(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT / "dashboard"))
    from server import ticking

    monkeypatch.setattr(ticking, "_seen", {})
    return ticking


def seen(ticking, visitors, seconds_ago=0.0):
    ticking._seen.update({str(number): ticking.time.monotonic() - seconds_ago for number in range(visitors)})


@pytest.mark.parametrize(("visitors", "factor"), [(0, 1), (20, 1), (21, 2), (40, 2), (41, 4), (80, 4), (1000, 8)])
def test_twice_as_many_visitors_are_served_half_as_often_up_to_the_slowest(ticking, visitors, factor):
    seen(ticking, visitors)
    assert ticking.slowdown() == factor


def test_who_has_not_asked_for_a_while_is_not_counted(ticking):
    seen(ticking, 500, seconds_ago=3600)
    assert ticking.slowdown() == 1 and not ticking._seen


def a_training(server, epochs: int):
    """A run of so many epochs that is being trained, as far as anybody can see, while the lock is held."""
    folder = server.folder / "checkpoints" / "busy"
    run = Run.create("busy", TINY, options(epochs=2 * epochs))
    run.path.rename(folder)
    losses = [0.1 / epoch + 0.0123456 for epoch in range(1, epochs + 1)]
    history = [EpochRecord(n, 2 * n, loss, loss, None, 8.1 * n, 9876.5) for n, loss in enumerate(losses, 1)]
    progress = [
        Progress(step, step / 2, losses[(step - 1) // 2], 4.0 * step, 9876.5) for step in range(1, 2 * epochs + 1)
    ]
    for file, records in (("history.jsonl", history), ("progress.jsonl", progress)):
        (folder / file).write_text("".join(f"{to_line(record)}\n" for record in records))
    Run(folder).update(state="running")
    return folder


@pytest.mark.slow
def test_with_thirty_watchers_a_training_is_asked_for_half_as_often_and_a_tick_is_small(small_server):
    folder = a_training(small_server, epochs=500)

    async def watch():
        async with contextlib.AsyncExitStack() as stack:

            async def another():
                session = await stack.enter_async_context(Session(small_server.url))
                await session.opens("train", "run=busy")
                return session

            first = await another()
            alone = dict(first._every)
            await first.stays(1.5)
            others = [await another() for _ in range(29)]
            await asyncio.gather(*(each.stays(3) for each in (first, *others)))
            return alone, first, others

    with Lock(folder / "train.lock"), ThreadPoolExecutor(1) as another_thread:  # Playwright has a loop in this one
        alone, first, others = another_thread.submit(asyncio.run, watch()).result()
    assert sorted(alone.values()) == pytest.approx([0.6, 0.6, 2, 2])
    for session in (first, others[-1]):
        assert not session.errors
        assert sorted(session._every.values()) == pytest.approx([1.2, 1.2, 4, 4])
    ticks = others[-1].tick_bytes
    assert len(ticks) >= 2 and max(ticks) < 20_000
