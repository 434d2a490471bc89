"""The fixtures of the faults, which are slow but for those that are marked quick."""

import pytest
from world import built, world  # noqa: F401


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "faults" and not item.get_closest_marker("quick"):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def in_full(request):
    """What is made with --full only."""
    if not request.config.getoption("--full"):
        pytest.skip("only in the full form")
