"""Whatever a browser sends back: nothing but what is right is taken, and no file is touched because of it."""

import http.client
import importlib
import math
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import numpy as np
import pytest
import streamlit as st
from apps import opened, settled
from helpers import PROJECT, left_behind, wait_until
from hostile_values import NUMBERS, PATHS, TEXTS, huge, is_unharmed, like
from visitors import PAGES
from watching import files_touched, outside

sys.path.append(str(PROJECT / "dashboard"))

from cae.disk.files import cache_folder, data_folder, runs_folder
from cae.errors import CaeError

NAMES = [path.strip("/") or "home" for path in PAGES]
PIXELS = [index % 256 for index in range(784)]
START = SimpleNamespace(id="tiny digit 0 abc", code=np.zeros(2, np.float32))
RIGHT = {  # by component: what its own script would send
    "drawing": [{"kind": "drawing", "value": PIXELS}, {"kind": "steer", "value": None}],
    "epoch": [{"kind": "epoch", "value": {"run": "tiny", "epoch": 2}}],
    "map": [{"kind": "steer", "value": 7}, {"kind": "reconstruct", "value": 0}],
    "runs_table": [
        {"kind": "overlay", "value": ["tiny", "other"]}, {"kind": "note", "value": {"run": "tiny", "note": "mine"}},
        {"kind": "open", "value": "tiny"}, {"kind": "delete", "value": "other"},
    ],
    "samples": [{"kind": "choose", "value": 3}],
    "steering": [{"kind": "code", "value": {"start": START.id, "code": [0.5, -2.0]}}],
}  # fmt: skip


def checked(component: str, sent):
    told = {
        "drawing": (), "epoch": ("tiny", [0, 1, 2]), "map": (SimpleNamespace(indices=np.arange(100)),),
        "runs_table": ({"tiny", "other"},), "samples": (20,), "steering": (START,),
    }[component]  # fmt: skip
    return importlib.import_module(f"components.{component}")._checked(sent, *told)


def is_right(component: str, found) -> bool:
    if component == "drawing":
        return found.kind in ("drawing", "steer") and (found.pixels is None or found.pixels.shape == (28, 28))
    if component == "epoch":
        return type(found) is int and found in (0, 1, 2)
    if component == "map":
        return found.kind in ("steer", "reconstruct") and type(found.index) is int and 0 <= found.index < 100
    if component == "samples":
        return type(found) is int and 0 <= found < 20
    if component == "steering":
        return len(found) == 2 and all(type(each) is float and abs(each) <= 1e4 for each in found)
    names = set(found.runs)
    return names <= {"tiny", "other"} and len(names) == len(found.runs) <= 2 and len(found.note) <= 500


@pytest.mark.parametrize("component", RIGHT)
def test_of_what_a_component_sends_only_what_can_be_meant_is_taken(component, rounds, survived):
    assert all(is_right(component, checked(component, sent)) for sent in RIGHT[component])
    rng, taken, count = random.Random(component), 0, rounds(80, 1500)
    for number in range(count):
        wrong = like(rng.choice(RIGHT[component]), rng)
        found = checked(component, wrong)
        assert found is None or is_right(component, found), f"{component}, no. {number}: {str(wrong)[:300]}"
        taken += found is not None
    for wrong in huge():
        for kind in {sent["kind"] for sent in RIGHT[component]}:
            start = time.process_time()
            found = checked(component, {"kind": kind, "value": wrong})
            assert found is None or is_right(component, found)
            assert time.process_time() - start < 1
    survived(f"{count} values in place of those of the component {component}: {count - taken} refused")


def test_whatever_stands_in_an_address_is_a_code_or_a_sentence(rounds, survived):
    from shared.links import read_code, read_start

    rng, count, read = random.Random(1), rounds(200, 3000), 0
    for number in range(count):
        dimensions = rng.choice((1, 2, 32, 256))
        parts = [str(rng.choice((rng.gauss(0, 3), rng.choice(NUMBERS), rng.choice(TEXTS)))) for _ in range(dimensions)]
        text = ",".join(parts) if rng.random() < 0.7 else rng.choice(TEXTS)
        try:
            code = read_code(text, dimensions)
            assert len(code) == dimensions and all(math.isfinite(each) and abs(each) <= 1e4 for each in code)
            read += 1
        except CaeError as error:
            assert str(error).endswith(".") and len(str(error)) < 300, (number, text[:100])
        start = read_start(rng.choice((text, f"{rng.choice(('digit', 'mean', 'zero', 'x'))}-{rng.choice(NUMBERS)}")))
        assert start is None or (start[0] in ("digit", "mean", "random", "zero") and 0 <= start[1] < 10**10)
    survived(f"{count} codes and starts in an address: {read} are codes, the others refused in a sentence")


def allowed() -> tuple[Path, ...]:
    """Where a page may read and write: the folders of the laboratory, and what Python and its libraries are made of."""
    own = (runs_folder(), cache_folder(), data_folder(), PROJECT)
    return (*own, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")))


def of_the_visitor(name: str, rng: random.Random) -> dict[str, str]:
    found = {"run": "tiny"}
    keys = ("run", "epoch", "from", "z", rng.choice(("embed", "theme", "__proto__", "run[]", "embed_options")))
    for key in rng.sample(keys, rng.randint(1, 3)):
        text = str(rng.choice((rng.choice(TEXTS), rng.choice(PATHS), rng.choice(NUMBERS), "1e308,-1e308")))
        found[key] = text.encode(errors="replace").decode()
    return found


@pytest.fixture
def harmless(small, own_static_folder):
    """What is touched outside the laboratory when nothing hostile is sent; looked for once."""
    if not _usual:
        with files_touched() as found:
            for page in NAMES:
                opened(page, run="tiny")
        _usual.update(outside(found, *allowed(), own_static_folder), ["nothing"])
    return _usual


_usual: set[str] = set()


@pytest.fixture
def lab(small, harmless, no_network, own_static_folder):
    """What is sent in the test changes no run and touches no file outside the laboratory."""
    before = left_behind()
    with files_touched() as touched:
        yield
    assert not outside(touched, *allowed(), own_static_folder) - harmless
    assert left_behind() == before and small.again().state == "finished"


def test_no_address_breaks_a_page_or_leads_to_a_file_outside(lab, rounds, survived):
    rng, count = random.Random(2), rounds(4, 90)
    for number in range(count):
        page, address = NAMES[number % len(NAMES)], of_the_visitor("tiny", rng)
        st.cache_data.clear() if number % 50 == 49 else None
        app = opened(page, **address)
        assert app.title[0].value and not any("Traceback" in each.value for each in app.error), address
    app = opened("steer", run="tiny", z=",".join(["1"] * 10**5))
    assert "this network has 2" in app.warning[0].value
    assert opened("steer", run="tiny", **{"from": "digit-1000000000"}, epoch="1000000000").title[0].value == "Steer"
    survived(f"{count + 2} hostile addresses: every page opened; no file outside its folders was touched")


KEYS = {"train": "runs", "steer": "steer", "draw": "draw", "map": "map", "generate": "samples"}  # of a component
SENDS = {"runs": "runs_table", "steer": "steering", "draw": "drawing", "map": "map", "samples": "samples"}


def test_no_value_of_a_component_breaks_a_page_or_touches_a_file_outside(lab, rounds, survived):
    rng, count = random.Random(3), 0
    for page, key in KEYS.items():
        app = opened(page, run="tiny")
        for _ in range(rounds(2, 30)):
            right = [each for each in RIGHT[SENDS[key]] if each["kind"] not in ("open", "steer", "reconstruct")]
            wrong = like(rng.choice(right or [{"kind": "x"}]), rng)
            if key == "samples" and checked(key, wrong) is not None:
                continue  # here it is sent on every run of the page, which would go on for ever
            for where, what in ((key, wrong), ("epoch", like(RIGHT["epoch"][0], rng))):
                app.session_state[where] = {"action": what}
            settled(app.run())
            count += 2
        if key == "runs":
            note = {"kind": "note", "value": {"run": "tiny", "note": "".join(TEXTS[:8])}}
            app.session_state["runs"] = {"action": note}
            settled(app.run())
    assert opened("train", run="tiny").title[0].value == "Train"
    survived(f"{count} values that components sent to pages: every page continued; no file outside was touched")


def forged(widget, rng: random.Random) -> None:
    """Puts another value of the same kind into the state of a widget, as a browser that is not ours may send it."""
    kind = widget.WhichOneof("value")
    text = rng.choice(TEXTS).encode(errors="replace").decode()
    if kind in ("string_value", "json_value"):
        setattr(widget, kind, text)
    elif kind == "int_value":
        widget.int_value = rng.choice([-(2**62), -1, 10**9, 10**12, 2**62])
    elif kind == "double_value":
        widget.double_value = rng.choice([-1e308, 1e308, -1, 0.5, 10**12])  # Streamlit itself stumbles over NaN
    elif kind == "double_array_value":
        del widget.double_array_value.data[:]
        widget.double_array_value.data.extend(rng.choice([[], [math.nan], [1e308], [-1.0, 5.0], [10.0] * 1000]))
    elif kind == "int_array_value":
        del widget.int_array_value.data[:]
        widget.int_array_value.data.extend(rng.choice([[], [-1], [10**6], [0, 0, 0]]))
    elif kind == "string_array_value":
        del widget.string_array_value.data[:]
        widget.string_array_value.data.extend(rng.choice([[], [text], ["tiny", text], ["tiny"] * 100]))
    elif kind == "bool_value":
        widget.bool_value = not widget.bool_value


def test_no_value_of_a_field_breaks_a_page(lab, rounds, survived):
    rng, count = random.Random(4), 0
    for page in NAMES:
        app = opened(page, run="tiny")
        for _ in range(rounds(1, 25)):
            states = app._tree.get_widget_states()
            fields = [each for each in states.widgets if each.WhichOneof("value") not in (None, "trigger_value")]
            for widget in rng.sample(fields, min(len(fields), 3)):
                forged(widget, rng)
                count += 1
            settled(app._run(states))
            assert app.title[0].value
            try:
                app._tree.get_widget_states()
            except ValueError:  # of AppTest, which finds no place for what was sent
                app = opened(page, run="tiny")
    survived(f"{count} values of fields that no field can have: every page continued")


def strange_addresses(count: int) -> list[str]:
    rng = random.Random(5)
    paths = [path for path in PAGES for _ in range(count // len(PAGES) + 1)]
    return [f"{path}?{urlencode(of_the_visitor('tiny', rng))}" for path in paths][:count]


def for_javascript(found):
    if isinstance(found, dict):
        return {str(for_javascript(name)): for_javascript(each) for name, each in found.items()}
    if isinstance(found, list | tuple):
        return [for_javascript(each) for each in found]
    if isinstance(found, str):
        return found.encode(errors="replace").decode()
    return float(found) if type(found) is int and abs(found) < 10**300 else str(found)


@pytest.mark.usefixtures("in_full")
def test_the_server_goes_on_whatever_its_visitors_send(guest, survived):
    rng, addresses = random.Random(6), strange_addresses(45)
    for address in addresses:
        guest.opens(address)
        is_unharmed(guest)
    sent = {
        ("/map?run=tiny", ".map", "atlas"): [like(RIGHT["map"][0], rng) for _ in range(60)],
        ("/steer?run=tiny", ".epoch", "scrubber"): [like(RIGHT["epoch"][0], rng) for _ in range(60)],
    }
    for (path, element, widget), values in sent.items():
        told = [(each.get("kind"), each.get("value")) if isinstance(each, dict) else ("epoch", each) for each in values]
        page = guest.opens(path)
        for each in map(for_javascript, told):
            page.locator(element).evaluate(f"(root, [kind, value]) => root.{widget}.emit(kind, value)", each)
            page.wait_for_timeout(60)  # as fast as a hand
        guest.settles()
        is_unharmed(guest)
    guest.opens("/steer?run=tiny")
    assert guest.page.get_by_role("slider", name="z0").count() == 1
    survived(f"{len(addresses)} addresses and {sum(map(len, sent.values()))} values sent to a real server: it goes on.")


@pytest.mark.usefixtures("in_full")
def test_what_a_visitor_asks_of_the_server_is_a_page_or_a_file_of_its_own(small_server):
    secret = small_server.folder / "checkpoints" / "tiny" / "run.json"
    assert secret.exists()
    for path in ("/app/static/../Home.py", "/app/static/..%2fHome.py", "/app/static/%2e%2e/%2e%2e/cae/errors.py",
                 "/app/static/....//Home.py", "/app/static//etc/passwd", "/media/../Home.py", "/..%5cHome.py",
                 "/app/static/%00", "/component/../../etc/passwd", "/_stcore/upload_file/../../x"):  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", small_server.port, timeout=20)
        connection.request("GET", path)
        content = connection.getresponse().read()
        connection.close()
        assert b"import streamlit" not in content and b"CaeError" not in content and b"root:" not in content, path


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace here")
@pytest.mark.usefixtures("in_full")
def test_the_system_sees_no_file_touched_outside_because_of_a_value(guest, small_server, tmp_path, survived):
    log = tmp_path / "calls"
    for path in PAGES:  # what is opened when nothing is wrong is known then
        guest.opens(f"{path}?run=tiny")
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(small_server.process.pid), "-e", "trace=%file", "-s", "300", "-o", str(log)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        status = Path(f"/proc/{small_server.process.pid}/status")
        wait_until(lambda: "TracerPid:\t0" not in status.read_text() or tracer.poll() is not None, "strace to begin")
        if tracer.poll() is not None:
            pytest.skip("processes may not be watched here")
        for path in PAGES:
            guest.opens(f"{path}?run=tiny")
        marked = log.stat().st_size
        addresses = strange_addresses(36)
        for address in addresses:
            guest.opens(address)
    finally:
        tracer.terminate()
        tracer.wait(20)
    text = log.read_text(errors="replace")
    path = re.compile(r'"((?:[^"\\]|\\.)*)"')
    usual, touched = (set(path.findall(part)) for part in (text[:marked], text[marked:]))
    roots = (small_server.folder, Path(small_server.settings["CAE_DATA"]), *allowed()[3:])
    roots = (*roots, Path(sys.prefix), Path("/proc/self"))
    found = {each for each in outside({each for each in touched if each.startswith("/")}, *roots) if each not in usual}
    assert text[:marked] and not found
    assert not [each for each in touched if "passwd" in each or "win.ini" in each]
    survived(f"{len(addresses)} hostile addresses under strace: none of {len(touched)} paths lies outside its folders.")
