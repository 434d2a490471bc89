"""A class: started, listed; and its missions, checked."""

from __future__ import annotations

import argparse
import json
import sys

from cae import words
from cae.classroom import missions, wall
from cae.commands.arguments import Adder, stopping_on_signals
from cae.commands.terminal import print, say
from cae.errors import CaeError
from cae.runs.listing import summaries
from cae.runs.owners import COMMAND_LINE
from cae.runs.run import Run


def add(command: Adder) -> None:
    """Adds these commands."""
    starting = command("class", _class, "Start a class with a shared wall; without a title, list the classes.")
    starting.add_argument("title", nargs="?", help="what the class is called")
    starting.add_argument(
        "--approval", action="store_true", help="a post shows only when the moderator has approved it"
    )
    starting.add_argument("--json", action="store_true", help="as JSON")
    preparing = command("prepare", _prepare, "Measure runs before a lesson, so that no page has to when it is opened.")
    preparing.add_argument("names", nargs="*", metavar="RUN", help="which (the shipped ones)")
    preparing.add_argument("--priors", action="store_true", help="and fit the priors of Generate, a minute for each")
    command("missions", _missions, "List the missions, and say what is wrong with a file of them.")


def _class(options: argparse.Namespace) -> int:
    if options.title is None:
        return _list(as_json=options.json)
    room, secret = wall.start(options.title, COMMAND_LINE, needs_approval=options.approval)
    join, moderate = f"/wall?class={room.slug}", f"/wall?class={room.slug}&moderator={secret}"
    if options.json:
        print(json.dumps({"class": room.slug, "title": room.title, "join": join, "moderate": moderate}, indent=2))
        return 0
    print(f"The class “{room.title}” has begun. After the address of the dashboard, as in http://localhost:8501")
    print(f"  to join it      {join}")
    print(f"  to moderate it  {moderate}")
    print("The second link is shown only now; anyone who has it can hide and delete posts.")
    print("Measure before the lesson what the pages show of a run, or the first visitors wait: python -m cae prepare")
    return 0


def _prepare(options: argparse.Namespace) -> int:
    from cae.latent import evaluate

    def stop() -> None:
        raise CaeError("Stopped: what has been measured so far is kept.")

    names = options.names or [each.name for each in summaries() if each.shipped]
    with stopping_on_signals(stop):
        for run in map(Run.open, names):
            for step in evaluate.prepare(run, with_priors=options.priors):
                say(f"{run.name}: {step.text} ...")
            print(f"{run.name} is prepared.", flush=True)
    return 0


def _list(*, as_json: bool) -> int:
    found = [(room, len(wall.posts(room.slug))) for room in wall.classes()]
    if as_json:
        rows = [
            {"class": room.slug, "title": room.title, "started": room.started, "open": room.is_open, "posts": count}
            for room, count in found
        ]
        print(json.dumps(rows, indent=2))
        return 0
    if not found:
        print('There are no classes yet: python -m cae class "Physics 3B"')
    for room, count in found:
        told = f"{words.count(count, 'post')}{'' if room.is_open else ', closed'}"
        print(f"{room.slug}  “{room.title}”, {told}  /wall?class={room.slug}")
    return 0


def _missions(options: argparse.Namespace) -> int:
    found, problems = missions.read_all()
    for mission in found:
        print(f"{mission.id:20} {mission.title}  ({mission.measure or 'in words alone'})")
    for problem in problems:
        print(f"cae: {problem}", file=sys.stderr)
    return 1 if problems else 0
