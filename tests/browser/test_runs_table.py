"""The table of runs where there are many."""

import pytest
from helpers import TINY, options
from playwright.sync_api import expect

from cae.runs.run import Run


@pytest.fixture(scope="module")
def many(small_server):
    """120 more runs, of which nothing is there but what they should become; the first is the oldest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(small_server.folder / "checkpoints"))
        for number in range(120):
            run = Run.create(f"many-{number:03d}", TINY, options(), note="the ninth" if number == 9 else "")
            run.update(state="stopped", created=f"2026-01-01T00:00:{number // 3:02d}.{number % 3}00+00:00")


def test_the_newest_are_shown_and_the_others_when_they_are_found_or_asked_for(many, guest):
    page = guest.opens("/train?run=many-003")
    rows, table = page.locator(".runs tbody tr"), page.locator(".runs")
    expect(rows.filter(has_text="many-119")).to_be_visible()
    expect(rows.filter(has_text="many-003")).to_be_visible()  # the one that is looked at
    shown = rows.count()
    assert 100 < shown < 120
    page.get_by_label("Find a run").fill("ninth")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("many-009")
    page.get_by_label("Find a run").fill("no such run")
    expect(rows).to_have_count(0)
    page.get_by_label("Find a run").fill("")
    expect(rows).to_have_count(shown)
    table.get_by_role("button", name="Show all runs").click()
    expect(rows.filter(has_text="many-000")).to_be_visible()
    assert rows.count() >= 121
    expect(table.get_by_role("button", name="Show all runs")).to_have_count(0)
    guest.is_content()
