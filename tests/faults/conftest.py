"""The fixtures of the faults."""

from world import built, world  # noqa: F401
