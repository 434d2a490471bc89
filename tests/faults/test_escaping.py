"""Names, notes, reasons and files that are programs to whoever believes them: everywhere they are text."""

import contextlib
import csv
import io
import json
import re
import shutil
import sys

import numpy as np
import pytest
import streamlit as st
from apps import opened
from helpers import PROJECT, options
from hostile_values import INJECTED, PAYLOADS, TEXTS, is_unharmed
from playwright.sync_api import expect
from visitors import PAGES, Server, Visitor

sys.path.append(str(PROJECT / "dashboard"))


from cae.commands import cli
from cae.config import ModelConfig
from cae.data.catalogue import LONGEST_NAME, class_names
from cae.data.images import load
from cae.errors import CaeError
from cae.exports import lab, report
from cae.imports import dataset
from cae.jobs.trainer import train_run
from cae.latent import evaluate, sampling
from cae.plots import figures, samples, svg
from cae.runs import listing
from cae.runs.run import Run
from cae.steps import result_of
from cae.web.bundle import script
from shared.markdown import plain

CLASSES = (  # each a class, and short enough to stay whole
    "<img src=x onerror=pwned=1>", "<script>pwned=1</script>", "</script><script>pwned=1</script>",
    '"><svg onload=pwned=1>', "[x](javascript:pwned=1)", "![x](http://127.0.0.1:9/x.png)",
    '<a href="javascript:pwned=1">x</a>', ":material/delete: :red[x]", "$x^2$ **b** `c` ~~d~~", "%{x} {{7*7}} <b>y</b>",
    "=cmd|' /C calc'!A0", "&lt;i&gt; www.x.example",
)  # fmt: skip
NOTE = " ".join(PAYLOADS)
REASON = f"It broke: {' '.join(PAYLOADS)}"[:900]
MARKDOWN = ("markdown", "caption", "error", "info", "warning", "success", "header", "subheader", "title", "toast")


@pytest.fixture(scope="module")
def evil_folder(tmp_path_factory):
    """Checkpoints and data in which everything that a file can say is hostile: the runs "evil" and "failed"."""
    folder = tmp_path_factory.mktemp("evil")
    with pytest.MonkeyPatch.context() as patch:
        pixels = load("mnist", "test").pixels[: 20 * len(CLASSES)].numpy()
        for name in ("checkpoints", "cache", "data"):
            patch.setenv(f"CAE_{name.upper()}", str(folder / name))
        np.savez(folder / "evil.npz", images=pixels, labels=np.repeat(CLASSES, 20))
        dataset.import_data(folder / "evil.npz", "evil", invert="no")
        run = Run.create("evil", ModelConfig(latent_dim=3, width=4), options(dataset="evil", train_images=96))
        list(train_run(run))
        result_of(evaluate.judge(run))
        run.annotate(NOTE)
        shutil.copytree(run.path, folder / "checkpoints" / "failed")
        failed = Run.open("failed")
        failed.update(state="failed", reason=REASON, note=NOTE)
        (failed.path / "log.txt").write_text(f"{NOTE}\n\x1b[31m{NOTE}\n")
        for name in ('<img src=x onerror="pwned=1">', ".hidden", "new\nline", "[x](javascript:pwned=1)", "a b"):
            strange = folder / "checkpoints" / re.sub("/", "", name)
            strange.mkdir()
            (strange / "run.json").write_text("{}")
    return folder


@pytest.fixture
def evil(evil_folder, own_folders, monkeypatch, own_static_folder):
    shutil.copytree(evil_folder, own_folders, dirs_exist_ok=True)
    monkeypatch.setenv("CAE_DATA", str(own_folders / "data"))
    st.cache_data.clear()
    st.cache_resource.clear()
    yield Run.open("evil")
    st.cache_data.clear()
    st.cache_resource.clear()


def test_the_names_of_the_classes_stay_what_they_were_when_they_came_in(evil):
    assert set(class_names("evil")) == set(CLASSES) and max(map(len, CLASSES)) <= LONGEST_NAME


def test_a_folder_that_no_run_can_be_called_by_is_no_run(evil):
    assert set(listing.names()) & {"evil", "failed"} and all(
        re.fullmatch("[a-z0-9-]+", name) for name in listing.names()
    )


def said(app) -> list[str]:
    found = [str(each.value) for kind in MARKDOWN for each in app.get(kind)]
    found += [each.label for kind in ("button", "download_button", "expander", "metric") for each in app.get(kind)]
    found += [each.proto.text for each in app.get("progress")]
    return [text for text in found if text]


def believed(texts: list[str], payloads) -> list[str]:
    """The payloads that stand in a text as they are, though Markdown sees something else in them."""
    return [each for each in payloads if plain(each) != each and any(each in text for text in texts)]


@pytest.mark.parametrize("run", [pytest.param("evil", marks=pytest.mark.quick), "failed"])
def test_no_page_hands_a_name_a_note_or_a_reason_to_markdown(run, evil, rounds, survived):
    texts, pages = [], [path.strip("/") or "home" for path in PAGES]
    pages = rounds({"evil": ["reconstruct", "judge", "generate"], "failed": ["train"]}[run], pages, ["judge"])
    for page in pages:
        app = opened(page, run=run)
        texts += said(app)
    assert len(texts) > 5 and not believed(texts, (*CLASSES, *PAYLOADS))
    if run == "failed":
        assert plain(REASON[:60]) in " ".join(texts)
    else:
        assert plain(CLASSES[0]) in " ".join(texts)  # it is shown, and not left out
    survived(f"{len(texts)} texts on {len(pages)} pages of the run “{run}”: no payload stands in them as Markdown")


def test_what_is_wrong_is_said_word_by_word(evil, monkeypatch):
    def broken(*_):
        raise CaeError(f"broken.zip holds {NOTE}")

    monkeypatch.setattr(listing, "in_order", broken)
    app = opened("train", run="evil")
    assert not believed(said(app), PAYLOADS) and plain(PAYLOADS[0]) in app.error[0].value


def test_plain_text_has_nothing_left_that_markdown_could_mean():
    for text in (*TEXTS, *CLASSES, "- a", "1. a", "# a", "    a", "a\n\n# b", "---", "\\", "\\\\*"):
        found = plain(text)
        assert re.sub(r"\\([!-/:-@[-`{-~])", r"\1", found).replace("\u2060", "") == " ".join(text.splitlines()).lstrip()
        bare = re.sub(r"\\[!-/:-@[-`{-~]", "", found)
        assert not re.search(r"[\\`*_{}\[\]()<>#|~$:&!\n\r]|^[-+] |^\d+\. |www\.|\w@", bare), text


def test_plotly_is_given_no_html_that_is_not_ours():
    rng, labels = np.random.default_rng(0), np.arange(100) % len(CLASSES)
    drawn = [
        figures.error_by_class(rng.random(100), labels, CLASSES),
        samples.class_balance(CLASSES, [0.1] * len(CLASSES), [0.1] * len(CLASSES), CLASSES[0]),
        samples.code_plane(rng.random((9, 2)), rng.random((9, 2)), CLASSES[6]),
        samples.off_manifold_curves({each: np.arange(101.0) for each in CLASSES[:4]}, CLASSES[1]),
        samples.on_the_way(np.arange(3.0), {each: np.arange(3.0) for each in CLASSES[5:7]}, "%"),
        figures.references([(each, 1.0) for each in CLASSES], CLASSES[0]),
    ]
    for figure in drawn:
        text = figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u002f", "/")
        foreign = re.search(r"<(?!br>|b>|/b>|/?extra>).{30}", text)
        assert not foreign, foreign
        assert "%{x} {{7*7}}" not in text


def test_a_cell_of_a_saved_table_is_never_a_formula(chromium):
    cells = [*CLASSES, *PAYLOADS, "=1+1", "+1+1", "-1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", " =1", "＝1+1",
             "\r=1", "-0.5", "1,234", "97.0 %", "-"]  # fmt: skip
    page = chromium.new_page()
    page.add_script_tag(type="module", content=f"{script('save')}\nglobalThis.saved = csv;")
    page.wait_for_function("() => Boolean(globalThis.saved)")
    text = page.evaluate("(cells) => saved(cells.map((cell) => [cell])).text()", cells)
    page.close()
    found = [row[0] for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")) if row]
    assert len(found) == len(cells) and "-0.5" in found
    for cell in found:
        is_number = re.fullmatch(r"-?[\d.,]+( ?%)?", cell)
        assert is_number or cell == "-" or not re.match(r"\s*[=+\-@＝＋－＠]", cell), cell


def test_the_name_of_a_file_that_is_loaded_becomes_one_that_a_run_can_have(evil, rounds):
    names = [*TEXTS, "con", "a" * 300, "../../x.zip"]
    for name in [each for each in names if "\0" not in each][:: rounds(16, 1)]:  # Streamlit itself refuses that one
        app = opened("train", run="evil")
        sent_in = (f"{name.encode(errors='replace').decode()}.zip", b"nonsense", "application/zip")
        app.file_uploader[0].set_value(sent_in).run()
        assert not app.exception, (name, app.exception)
        (field,) = [each for each in app.text_input if each.label == "Name for it"]
        assert not app.exception and re.fullmatch("[a-z0-9][a-z0-9-]{0,63}", field.value), name


@pytest.mark.filterwarnings("ignore")
def test_a_report_and_a_laboratory_hold_no_program_that_is_not_ours(evil):
    page = report.html(result_of(report.gather(evil)))
    assert not re.search(r"<(script|img src=x|svg onload|a href=\"javascript)", page) and "&lt;img src=x" in page
    content = lab.html(evil).decode()
    ours = re.sub(r'<script type="text/plain" id="[a-z.]+">[A-Za-z0-9+/=]*</script>', "", content)
    assert not re.search(r"<(img src=x|svg onload|a href=\"javascript)", ours) and ours.count("<script") == 3
    assert json.loads(re.search(r'id="facts">([^<]*)</script>', ours)[1])["run"] == "evil"
    line = svg.Line(CLASSES[0], [(0.0, 1.0), (1.0, 0.5)], CLASSES[3])
    drawn = svg.chart([line], title=CLASSES[1], description=CLASSES[2], x_label=CLASSES[3], y_label=CLASSES[6])
    assert not re.search(r"<(script|img|a )|onload=pwned=1>", drawn.replace("&quot;", ""))


def test_a_terminal_is_shown_everything_and_told_nothing(evil, capsys, survived):
    bad = "\x1b[31mred\x1b]8;;http://127.0.0.1:9\x07\x9b2J\r\u202eabc\udc80 [red]x[/red]"
    text = json.loads((evil.path / "run.json").read_text())
    text |= {"state": "failed", "reason": bad.encode("utf-8", "replace").decode(), "note": "\x1b[2J"}
    (evil.path / "run.json").write_text(json.dumps(text))
    commands = [
        ["runs"], ["data"], ["evaluate", "evil"], ["stop", bad], ["delete", bad], ["train", "--resume", bad],
        ["import", bad, "--name", "x"], ["import-data", bad, "--name", "x"], ["map", "evil", "--points", "9"],
    ]  # fmt: skip
    told = ""
    for command in commands:
        with contextlib.suppress(SystemExit):
            cli.main(command)
        out, err = capsys.readouterr()
        told += out + err
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", told)
    assert "\\x1b[31mred" in told and "[red]x[/red]" in told and CLASSES[0] in told
    survived(f"{len(commands)} commands about hostile names and files say {len(told):,} characters, none obeyed")


@pytest.fixture(scope="module")
def evil_server(evil_folder):
    found = Server(evil_folder, CAE_DATA=str(evil_folder / "data"))
    yield found
    found.stop()


def test_a_browser_shows_every_page_of_an_evil_run_and_runs_none_of_it(chromium, evil_server, rounds, survived):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    visitor = Visitor(context, evil_server)
    visitor.page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    addresses = [f"{path}?run=evil" for path in rounds(["/reconstruct"], list(PAGES))]
    addresses += ["/train?run=failed", *rounds([], [f"{path}?run=failed" for path in PAGES])]
    for address in addresses:
        page = visitor.opens(address)
        is_unharmed(visitor)
        if address.startswith("/reconstruct"):
            shown = page.locator(".chart .xtick text").all_text_contents()
            assert set(CLASSES[:3]) <= {text.replace("\u00a0", " ") for text in shown}, shown
            page.get_by_role("radio", name="One class").or_(page.get_by_text("One class", exact=True)).first.click()
            visitor.settles()
            page.get_by_role("combobox", name="Class").click()
            expect(page.get_by_role("option", name=CLASSES[0])).to_be_visible()
            is_unharmed(visitor)
            page.keyboard.press("Escape")
        if address == "/train?run=failed":
            expect(page.get_by_text(REASON[:50]).first).to_be_visible()
    context.close()
    survived(f"{len(addresses)} pages of evil runs in a browser: no program ran, nobody was asked")


@pytest.mark.usefixtures("in_full")
def test_a_laboratory_in_one_file_and_a_report_run_nothing_either(chromium, evil, own_folders):
    (own_folders / "lab.html").write_bytes(lab.html(evil))
    (own_folders / "report.html").write_text(report.html(result_of(report.gather(evil))), encoding="utf-8")
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    for file in ("lab.html", "report.html"):
        page.goto((own_folders / file).as_uri())
        page.wait_for_load_state("networkidle")
        for name in ("Draw", "Map", "Steer", None) if file == "lab.html" else (None,):
            assert page.evaluate("window.pwned") is None and page.evaluate(INJECTED) == []
            if name:
                page.get_by_role("tab", name=name).click()
                page.wait_for_timeout(1500)  # what should not happen has no sign
    page.close()
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_what_cannot_be_fitted_is_said_with_the_name_of_its_class(evil):
    result_of(sampling.fit(evil))
    texts = said(opened("generate", run="evil"))
    assert not believed(texts, CLASSES)
