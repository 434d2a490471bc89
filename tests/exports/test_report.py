"""The report of a run: one file, opened as a reader would open it."""

import base64
import errno
import io
import json
import os
import re
import shlex
import signal
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from helpers import trained
from PIL import Image

from cae.commands import cli
from cae.config import RECIPES, MapConfig, ModelConfig, TrainConfig
from cae.data.images import load, to_model, to_pixels
from cae.errors import Damaged, RunNotFound
from cae.evaluation import errors as evaluation_errors
from cae.exports import facts, report
from cae.imports.run import import_file
from cae.latent import mapfiles, maps, sampling
from cae.latent.mapfiles import TSNE, Scores
from cae.plots import pictures
from cae.runs.run import Run
from cae.steps import Step, result_of

EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
EMPTY = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """A document, every tag of it closed: its tags, the text of its sections by title, and its pictures by section."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.sections, self.images, self.addresses = [], [], {"": ""}, [], []
        self.section, self.is_title = "", False
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        assert len(found) == len(attributes), f"{tag} has an attribute twice"
        self.tags.append((tag, found))
        self.addresses += [found[name] for name in ("src", "href", "srcset", "data", "action") if name in found]
        if tag == "img":
            self.images.append((self.section, found))
        if tag not in EMPTY:
            self.open.append(tag)
        self.is_title = tag == "h2"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.is_title = False

    def handle_data(self, text):
        if self.is_title:
            self.section = text
        if not {"style", "title", "desc"} & set(self.open):
            self.sections[self.section] = self.sections.get(self.section, "") + text.replace("\u00a0", " ") + "\n"

    @property
    def text(self) -> str:
        return "\n".join(self.sections.values())


def pixels_of(image: dict) -> np.ndarray:
    content = base64.b64decode(image["src"].split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)))


def shown(image: dict) -> np.ndarray:
    """The pixels of a digit, each once."""
    return pixels_of(image)[::4, ::4]


@pytest.fixture(scope="module")
def made(tmp_path_factory, trained_folder, small_data_folder):
    """Of the tiny run all that is measured, its report in a file, and the cache where it is kept."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(trained_folder))
        patch.setenv("CAE_CACHE", str(folder / "cache"))
        patch.setenv("CAE_DATA", str(small_data_folder))
        found = result_of(report.gather(Run.open("tiny"), full=True))
    (folder / "tiny.html").write_bytes(report.html(found).encode())
    return found, folder


@pytest.fixture
def measured(made, tiny, monkeypatch):
    """The test's own copy of that run, all of it measured already."""
    monkeypatch.setenv("CAE_CACHE", str(made[1] / "cache"))
    return tiny


@pytest.fixture
def run_main(capsys, monkeypatch, own_folders):
    """The command line in this process: its exit code, what it said, and what it complained of."""
    monkeypatch.chdir(own_folders)

    def run(*arguments):
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def page_of(found) -> Page:
    return Page(report.html(found))


# -- what it says


def test_its_figures_are_those_that_the_run_has(made, tiny):
    found, _ = made
    page = page_of(found)
    test = to_model(load("mnist", "test").pixels)
    with torch.inference_mode():
        copies = tiny.model()(test)
    mse = float((copies - test).double().square().mean())
    psnr = float((-10 * torch.log10((copies - test).double().square().mean(dim=(1, 2, 3)) / 4)).mean())
    summary = page.sections[""]
    assert f"{mse:#.3g}" in summary and f"{mse / 4:#.3g}" in summary and f"{psnr:.2f} dB" in summary
    count = sum(value.size for value in tiny.weights().values())
    assert f"{count:,} parameters" in summary and "784 → 2" in summary and "392 times fewer" in summary
    last = tiny.history()[-1]
    assert f"After epoch 2: training {last.train_mse:#.3g}, test {last.test_mse:#.3g}" in page.sections["Loss"]
    train = to_model(load("mnist", "train").pixels)
    mean = float((test - train.mean(dim=0)).double().square().mean())
    assert f"mean image {mean:#.3g}" in page.sections["Loss"] and f"{mean:#.3g}" in summary
    assert found.evaluation.overall.mse == pytest.approx(mse, rel=1e-6)


def test_every_class_and_everything_known_of_the_codes_is_told(made):
    found, _ = made
    text = page_of(found).sections["What the codes are worth"]
    for each in found.evaluation.per_class:
        cells = (each.name, f"{each.count:,}", f"{each.mse:#.3g}", f"{each.psnr:.2f}", f"{each.ssim:.4f}")
        assert re.search(r"\s+".join(map(re.escape, cells)), text), each
    codes = found.probing
    for name, value in (
        ("10-NN accuracy", f"{100 * codes.knn_accuracy:.2f} %"),
        ("Linear probe", f"{100 * codes.probe_accuracy:.2f} %"),
        ("Clusters: NMI", f"{codes.nmi:.3f}"), ("Clusters: ARI", f"{codes.ari:.3f}"),
    ):  # fmt: skip
        assert f"{name}\n{value}" in text
    most = max((0, 1), key=lambda index: codes.dimensions[index].zeroed_mse)
    assert text.index(f"z{most} ") < text.index(f"z{1 - most} ")
    assert f"{codes.dimensions[most].zeroed_mse:+.4f}" in text


def test_its_pictures_are_the_digits_their_copies_and_their_errors(made, tiny):
    found, _ = made
    test = load("mnist", "test")
    first = [int((test.labels == label).nonzero()[0]) for label in range(10)]
    with torch.inference_mode():
        copies = to_pixels(tiny.model()(to_model(test.pixels))).numpy()
        errors = (tiny.model()(to_model(test.pixels)) - to_model(test.pixels)).square().mean(dim=(1, 2, 3))
    originals = test.pixels.numpy()
    hardest = errors.argsort(descending=True)[:10].tolist()
    images = [shown(image) for section, image in page_of(found).images if section == "Reconstructions"]
    assert len(images) == 60
    for at, index in enumerate(first + hardest):
        assert (images[3 * at] == originals[index]).all() and (images[3 * at + 1] == copies[index]).all()
        error = pictures.signed_error(originals[[index]], copies[[index]])[0]
        assert (images[3 * at + 2] == error).all()
    words = page_of(found).sections["Reconstructions"]
    assert f"{test.labels[hardest[0]]} · #{hardest[0]}\n{float(errors[hardest[0]]):#.3g}" in words


def test_a_traversal_is_what_the_network_decodes_when_one_number_changes(made, tiny):
    found, _ = made
    test = to_model(load("mnist", "test").pixels)
    with torch.inference_mode():
        codes = tiny.model().encode(test)
    of = found.traversals[0]
    code = codes[of.start].repeat(11, 1)
    low, high = np.percentile(codes[:, of.dimension].numpy(), (1, 99))
    code[:, of.dimension] = torch.linspace(float(low), float(high), 11)
    with torch.inference_mode():
        expected = to_pixels(tiny.model().decode(code)).numpy()
    assert np.abs(of.digits.astype(int) - expected).max() <= 1 and len(found.traversals) == 2


def test_the_film_shows_the_same_digits_through_every_kept_epoch(made, tiny):
    found, _ = made
    assert [frame.epoch for frame in found.film] == tiny.epochs() == [0, 1, 2]
    start = found.examples.originals
    with torch.inference_mode():
        expected = to_pixels(tiny.model(1)(to_model(torch.from_numpy(start)))).numpy()
    assert (found.film[1].reconstructions == expected).all()
    text = page_of(found).sections["The film of the training"]
    assert [f"epoch {epoch} " in text for epoch in (0, 1, 2, 3)] == [True, True, True, False]


def test_priors_that_were_fitted_are_shown_with_what_was_judged_of_them(made, measured):
    found, _ = made
    text = page_of(found).sections["New digits"]
    kept = sampling.kept(measured)
    assert f"N(0, 1): {100 * kept.qualities['normal'].sure:.1f} % of {kept.qualities['normal'].count}" in text
    assert "A mixture of Gaussians: " in text and "python -m cae priors" not in text
    for of in kept.qualities.values():
        assert f"{100 * of.sure:.1f} %\n{of.precision:.3f}\n{of.recall:.3f}" in text
    pictures_of = [shown(image) for section, image in page_of(found).images if section == "New digits"]
    drawn = sampling.decoded(measured.model(), kept.prior("mixture").sample(20, seed=0)).pictures
    assert len(pictures_of) == 40 and (np.array(pictures_of[20:]) == drawn).all()


def test_without_priors_a_gaussian_is_fitted_at_once_and_the_command_for_more_is_named(tiny, small_data):
    found = result_of(report.gather(tiny))
    assert [each.prior for each in found.samples.drawn] == ["normal", "gaussian"]
    assert sampling.kept(tiny) is None
    text = page_of(found).sections["New digits"]
    assert "python -m cae priors tiny" in text and f"{100 * found.samples.drawn[1].sure:.1f} % of 1,000" in text


def test_a_tsne_that_was_computed_is_drawn_where_its_digits_lie(measured):
    test = load("mnist", "test")
    places = np.stack([np.linspace(-1, 1, 100), np.linspace(1, -1, 100)], axis=1).astype(np.float32)
    digits = maps.fingerprint(test, np.arange(100))
    tsne = TSNE(MapConfig(), places, 750, 750, 1.5, 3.0, Scores(0.9876, 0.5432), digits, measured.weights_hash())
    (measured.path / mapfiles.FILE).write_bytes(mapfiles.to_bytes(tsne))
    found = result_of(report.gather(measured))
    page = page_of(found)
    ((_, image),) = [each for each in page.images if each[0] == "A map of the codes"]
    picture = pixels_of(image)[..., :3].astype(int)
    assert picture.shape == (1600, 1600, 3)
    inked = np.argwhere(np.abs(picture - pictures.GROUND).sum(axis=2) > 60)
    assert (np.abs(inked[:, 0] - inked[:, 1]) < 28).all() and 30 < found.map.shown < 100  # all along the diagonal
    assert (inked.min(axis=0) < 28).all() and (inked.max(axis=0) > 1571).all()
    text = page.sections["A map of the codes"]
    assert "0.9876" in text and "54.32 %" in text and "t-SNE" in text and "t-SNE" in page.sections["Limits"]


def test_without_a_tsne_the_codes_themselves_are_drawn(made):
    text = page_of(made[0]).sections["A map of the codes"]
    assert "their two latent dimensions are the axes" in text
    many = replace(made[0], info=replace(made[0].info, model=ModelConfig(latent_dim=32)))
    assert "python -m cae map tiny" in page_of(many).sections["A map of the codes"]


def test_options_that_differ_from_the_founding_documents_are_marked(made):
    found, _ = made
    marked = [tag for tag, given in page_of(found).tags if given.get("class") == "differs"]
    text = page_of(found).sections["Recipe"]
    assert "Latent dimensions\n2 numbers \nnot 32 numbers" in text and "Seed\n0\n" in text
    assert len(marked) == 6  # latent dimensions, width, epochs, batch size, training and validation images
    same = replace(found, info=replace(found.info, model=ModelConfig(), train=TrainConfig(), recipe="original"))
    assert "No option differs" in page_of(same).sections["Recipe"]


COMMANDS = {
    "the founding document's": ("original", ModelConfig(), TrainConfig()),
    "another width": ("original", ModelConfig(8, 4, "gelu"), TrainConfig(seed=3, rotation=5, learning_rate=1e-5)),
    "a recipe": ("fast", RECIPES["fast"].model, RECIPES["fast"].train),
    "a recipe, changed": ("best", RECIPES["best"].model, replace(RECIPES["best"].train, epochs=3, shift=0.0)),
    "all images where the recipe takes some": ("glance", ModelConfig(), TrainConfig(epochs=5)),
    "the optimizer's own decay": ("fast", ModelConfig(), replace(RECIPES["fast"].train, weight_decay=None)),
    "no recipe of today": ("gone", ModelConfig(), TrainConfig(epochs=3, validation_images=5000)),
    "two processes": ("original", ModelConfig(), TrainConfig(batch_size=128)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_it_names_trains_with_the_very_same_options(name, made):
    recipe, model, train = COMMANDS[name]
    device = "2 x cpu" if name == "two processes" else "cpu"
    info = replace(made[0].info, model=model, train=train, recipe=recipe, device=device)
    command = facts.training_command("x" * 64, info)
    assert command in page_of(replace(made[0], name="x" * 64, info=info)).sections["Train it again"]
    start, line = command.split(" -m cae ")
    assert start == ("torchrun --nproc-per-node 2" if name == "two processes" else "python")
    given = vars(cli._parser().parse_args(shlex.split(line)))
    assert len(given["name"]) == 64
    base = RECIPES[given["recipe"]]
    for mine, theirs in ((model, base.model), (train, base.train)):
        changed = {option.name: given[option.name] for option in mine.options() if given[option.name] is not None}
        assert replace(theirs, **changed) == mine


def test_a_licence_is_named_where_there_is_one_to_name(made):
    assert "CC BY-SA 3.0" in page_of(made[0]).sections["Licence"]
    assert "Licence" not in page_of(replace(made[0], dataset="my-own")).sections
    assert "MNIST: Y. LeCun" not in page_of(replace(made[0], dataset="kmnist")).text


# -- as a document


def test_the_same_facts_give_the_same_file(made, measured):
    once, again = (report.html(result_of(report.gather(measured))) for _ in range(2))
    assert once == again


def test_it_is_one_file_that_refers_to_no_other(made):
    found, folder = made
    page, text = page_of(found), (folder / "tiny.html").read_text()
    assert page.addresses and all(address.startswith("data:image/") for address in page.addresses)
    assert "http:" not in text and "https:" not in text and "@import" not in text and "url(" not in text
    assert not {"script", "iframe", "object", "embed", "link", "a"} & {tag for tag, _ in page.tags}
    assert all(image.get("alt") for _, image in page.images)
    headings = [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1" and headings.count("h1") == 1 and not {"h4", "h5", "h6"} & set(headings)
    assert len(text) < 3_000_000


def test_whatever_stands_in_its_files_is_text(made):
    found, _ = made
    info = replace(
        found.info, note=EVIL, device=EVIL, recipe=EVIL, versions={EVIL: EVIL}, threads=EVIL, finished=EVIL
    )  # fmt: skip
    per_class = tuple(replace(each, name=EVIL) for each in found.evaluation.per_class)
    evil = replace(
        found, info=info, problem=EVIL, class_names=(EVIL,) * 10,
        evaluation=replace(found.evaluation, per_class=per_class),
    )  # fmt: skip
    page = page_of(evil)
    assert page.text.count(EVIL) > 25
    assert not [given for _, given in page.tags if any(name.startswith("on") for name in given)]
    assert not {"script"} & {tag for tag, _ in page.tags}
    assert [tag for tag, _ in page.tags].count("img") == [tag for tag, _ in page_of(found).tags].count("img")


def test_it_opens_without_a_network_and_shows_every_picture(made, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    context.set_offline(True)
    page, complaints, asked = context.new_page(), [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((made[1] / "tiny.html").as_uri())
    sizes = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert len(sizes) > 100 and all(sizes)
    assert complaints == [] and not [url for url in asked if not url.startswith(("file:", "data:"))]
    ground, width = "getComputedStyle(document.body).backgroundColor", "document.documentElement.scrollWidth"
    assert page.evaluate(ground) == "rgb(22, 22, 26)"
    assert page.evaluate(width) == 390  # nothing has to be scrolled sideways on a phone
    assert page.locator("svg:visible").count() == 2 and page.get_by_role("img", name="Loss over epochs").count() == 1
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1200, "height": 900})
    assert page.evaluate(ground) == "rgb(255, 255, 255)" and page.evaluate(width) == 1200
    context.close()


def test_it_prints_on_a_few_light_pages_also_at_night(made, chromium):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto((made[1] / "tiny.html").as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    assert 4 <= len(re.findall(rb"/Type /Page\b", printed)) <= 8
    box = [float(number) for number in re.search(rb"/MediaBox \[([^]]+)\]", printed)[1].split()]
    assert box[2:] == pytest.approx([595, 842], abs=1)  # A4, in points
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(18, 18, 22)"
    context.close()


# -- runs of which less is known


def test_weights_alone_have_a_report_that_says_what_is_not_known(tiny, small_data):
    run = import_file((tiny.path / "model.safetensors").read_bytes(), "alone")
    page = page_of(result_of(report.gather(run)))
    assert "imported alone" in page.sections["Recipe"]
    assert "no record" in page.sections["Loss"]
    assert "there is no film" in page.sections["The film of the training"]
    assert run.weights_hash() in page.sections["Train it again"] and "cae train" not in page.sections["Train it again"]
    assert "are unknown" in page.sections["Limits"]
    assert len([1 for section, _ in page.images if section == "Reconstructions"]) == 60


def test_a_film_of_two_frames_and_one_with_a_damaged_frame(measured):
    (measured.path / "epochs" / "0001.safetensors").write_bytes(b"damaged")
    assert [frame.epoch for frame in result_of(report.gather(measured)).film] == [0, 2]
    (measured.path / "epochs" / "0001.safetensors").unlink()
    found = result_of(report.gather(measured))
    assert [frame.epoch for frame in found.film] == [0, 2]
    for path in (measured.path / "epochs").iterdir():
        path.unlink()
    assert "there is no film" in page_of(result_of(report.gather(measured))).sections["The film of the training"]


@pytest.mark.parametrize(("state", "words"), [("stopped", "is stopped"), ("failed", "failed")])
def test_a_run_that_has_not_finished_says_how_far_it_is(measured, state, words):
    measured.update(state=state)
    said = page_of(result_of(report.gather(measured))).sections[""]
    assert f"after 2 of 2 epochs: the training {words}." in said


def test_a_data_set_that_is_not_here_leaves_what_needs_none(measured, no_network, own_folders, monkeypatch):
    monkeypatch.setenv("CAE_DATA", str(own_folders / "nothing"))
    train = replace(measured.info.train, dataset="kmnist")
    measured.update(train=train)
    found = result_of(report.gather(Run(measured.path)))
    page = page_of(found)
    assert "kmnist is not here" in page.sections[""]
    assert not page.images and "there is nothing to show here" in page.sections["Reconstructions"]
    assert f"{measured.history()[-1].test_mse:#.3g}" in page.sections["Loss"]
    assert "--dataset kmnist" in page.sections["Train it again"]


@pytest.mark.parametrize("value", ["<b>", None, [1], {}])
def test_an_evaluation_that_came_damaged_is_measured_anew(measured, value):
    found = evaluation_errors.kept(measured)
    content = json.loads(evaluation_errors.to_bytes(found))
    content["per_class"][3]["mse"] = value
    (measured.path / "evaluation.json").write_text(json.dumps(content))
    assert result_of(report.gather(measured)).evaluation == found


def test_a_run_without_weights_or_with_damaged_ones_has_no_report(measured):
    weights = (measured.path / "model.safetensors").read_bytes()
    (measured.path / "model.safetensors").write_bytes(weights[:-4])
    with pytest.raises(Damaged, match=r"model\.safetensors"):
        result_of(report.gather(measured))
    (measured.path / "model.safetensors").unlink()
    with pytest.raises(RunNotFound, match="no weights in tiny"):
        result_of(report.gather(measured))


def test_a_data_set_of_many_classes_shows_some_and_lists_all(made):
    found, _ = made
    per_class = tuple(replace(found.evaluation.per_class[0], label=label, name=f"kind {label}") for label in range(26))
    many = replace(
        found, dataset="my-own", class_names=tuple(each.name for each in per_class),
        evaluation=replace(found.evaluation, per_class=per_class),
    )  # fmt: skip
    page = page_of(many)
    assert "of the first 10 classes" in page.sections["Reconstructions"]
    assert "kind 25" in page.sections["What the codes are worth"] and "kind 25" in page.sections["A map of the codes"]


@pytest.mark.parametrize("dimensions", [1, 40])
def test_codes_of_any_length_have_a_report(small_data, dimensions):
    run = trained("long", ModelConfig(dimensions, 4), epochs=1)
    found = result_of(report.gather(run))
    page = page_of(found)
    assert len(found.traversals) == min(dimensions, 6) and f"784 → {dimensions}" in page.sections[""]
    if dimensions == 1:  # laid out by classes: how well they are apart would say nothing
        assert "class by class" in page.sections["A map of the codes"] and found.map.scores is None
        assert "1 number \nnot 32 numbers" in page.sections["Recipe"]
    else:
        assert "principal components" in page.sections["A map of the codes"] and found.map.scores is not None


# -- from the command line


def test_a_report_is_written_beside_one_and_not_over_what_is_there(measured, run_main, own_folders):
    code, out, err = run_main("report", "tiny")
    path = own_folders / "tiny-report.html"
    assert (code, out) == (0, f"tiny-report.html, {path.stat().st_size / 10**6:.1f} MB\n")
    assert err.splitlines()[0] == "reading the data set ..." and err.splitlines()[-1] == "writing ..."
    assert path.read_text().startswith("<!DOCTYPE html>")
    path.write_text("mine")
    code, out, err = run_main("report", "tiny")
    assert (code, out, err) == (
        2,
        "",
        "cae: tiny-report.html is there already: choose another with --out, or replace it with --force.\n",
    )
    assert path.read_text() == "mine"
    assert run_main("report", "tiny", "--force")[0] == 0 and path.read_text() != "mine"


def test_what_cannot_be_written_is_one_sentence_and_no_half_file(measured, run_main, own_folders, monkeypatch):
    (own_folders / "folder.html").mkdir()
    before = {path for path in own_folders.rglob("*") if "cache" not in path.parts}

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cases = {
        "x.pdf": "must end in .html", "absent/x.html": "no folder absent", "folder.html": "it is a folder",
        "full.html": "full.html cannot be written: No space left on device.",
    }  # fmt: skip
    monkeypatch.setattr(os, "fsync", full)
    for path, words in cases.items():
        code, out, err = run_main("report", "tiny", "--out", path, "--force")
        assert (code, out) == (2, "") and words in err.splitlines()[-1], path
    code, out, err = run_main("report", "absent")
    assert (code, out) == (2, "") and "There is no run called 'absent'" in err
    assert {path for path in own_folders.rglob("*") if "cache" not in path.parts} == before


def test_a_note_that_is_no_unicode_is_written_all_the_same(measured, run_main, own_folders):
    measured.annotate("torn \ud800 note")
    assert run_main("report", "tiny", "--out", "x.html")[0] == 0
    assert "torn ? note" in (own_folders / "x.html").read_text()


def test_asked_to_stop_it_writes_nothing(measured, run_main, own_folders, monkeypatch):
    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)
        yield Step("drawing")

    monkeypatch.setattr(report, "gather", interrupted)
    code, out, err = run_main("report", "tiny")
    assert (code, out) == (2, "") and err.splitlines()[
        -1
    ] == "cae: The report of tiny was stopped, and nothing written."
    assert not list(own_folders.glob("*.html"))
