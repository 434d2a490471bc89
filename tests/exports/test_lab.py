"""The laboratory as one file: opened from the disk in a real headless Chromium that has no network."""

import base64
import gzip
import re
import resource
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import options, trained, weights_of, write_idx
from playwright.sync_api import Page, expect
from safetensors.numpy import load
from test_canvas import SEVEN, draw, seen
from test_map import PLACE, rests, under_pointer
from visitors import pixels_of

from cae.commands import cli
from cae.config import MapConfig, ModelConfig
from cae.data import images as data_images
from cae.data.ink import normalise_ink
from cae.disk.files import SHIPPED_RUNS
from cae.errors import Damaged, DataUnavailable, DoesNotFit, InvalidOption, RunNotFound
from cae.exports import lab
from cae.latent import mapfiles, maps
from cae.latent.explore import from_bytes, latent_space
from cae.latent.space import LatentSpace, sample
from cae.network.model import ConvAutoencoder
from cae.runs.run import Run
from cae.runs.weights import write_weights
from cae.steps import result_of

NOTE = '</script><script>alert("note")</script><b>&amp;'
EIGHT = ModelConfig(latent_dim=8, width=4, activation="gelu")
READY = {"steer": ".steer[data-ready]", "draw": ".draw[data-ready]", "map": ".map[data-ready]"}
PATIENCE = 30_000  # milliseconds


@dataclass(frozen=True)
class Made:
    """A trained run of eight numbers, its latent space and its t-SNE, and the page that is made of them, as a file."""

    run: Run
    space: LatentSpace
    tsne: mapfiles.TSNE
    content: bytes
    path: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory, small_data_folder):
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        for name, place in {
            "CHECKPOINTS": folder / "runs",
            "CACHE": folder / "cache",
            "DATA": small_data_folder,
        }.items():
            patch.setenv(f"CAE_{name}", str(place))
        run = trained("eight", EIGHT, epochs=6, learning_rate=1e-2)
        run.update(note=NOTE)
        tsne = with_tsne(run)
        page = result_of(lab.make(run))
        assert (page.digits, page.available, page.remarks) == (100, 100, ())
        (folder / "page.html").write_bytes(page.content)
        return Made(run, latent_space(run), tsne, page.content, folder / "page.html")


@pytest.fixture
def at_home(made, small_data, monkeypatch):
    """The run of `made`, where it was trained: everything about it is known already."""
    monkeypatch.setenv("CAE_CHECKPOINTS", str(made.run.path.parent))
    monkeypatch.setenv("CAE_CACHE", str(made.path.parent / "cache"))
    return made.run


def with_tsne(run: Run) -> mapfiles.TSNE:
    """Gives a run a t-SNE of the hundred test digits, not one that was computed, but kept where such a one is."""
    images = data_images.load("mnist", "test")
    positions = np.random.default_rng(0).uniform(-1, 1, (len(images), 2)).astype(np.float32)
    digits = maps.fingerprint(images, np.arange(len(images)))
    found = mapfiles.TSNE(
        MapConfig(), positions, 10, 10, 1.0, 1.0, mapfiles.Scores(1.0, 1.0), digits, run.weights_hash()
    )
    (run.path / mapfiles.FILE).write_bytes(mapfiles.to_bytes(found))
    return found


def file_in(content: bytes, name: str) -> bytes:
    """A file that a page carries."""
    packed = re.search(rf'<script type="text/plain" id="{re.escape(name)}">([^<]*)</script>'.encode(), content)[1]
    return gzip.decompress(base64.b64decode(packed))


@dataclass
class Reader:
    """Whoever opens a page from the disk, without a network; what was asked of others and complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def opens(self, path, where: str = "#steer") -> Page:
        self.page.goto(f"file://{path}{where}")
        return self.page

    def goes_to(self, name: str) -> None:
        self.page.get_by_role("tab", name=name.capitalize(), exact=True).click()
        self.page.locator(READY[name]).wait_for(timeout=PATIENCE)

    def is_content(self) -> None:
        foreign = [url for url in self.requests if not url.startswith(("file:", "blob:", "data:"))]
        assert not foreign and not self.complaints, (foreign, self.complaints)


@contextmanager
def reading(chromium, **settings):
    context = chromium.new_context(offline=True, **{"viewport": {"width": 1400, "height": 900}, **settings})
    found = Reader(context.new_page())
    found.page.set_default_timeout(PATIENCE)
    found.page.on("console", lambda told: found.complaints.append(told.text) if told.type == "error" else None)
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("request", lambda request: found.requests.append(request.url))
    yield found
    context.close()


@pytest.fixture
def reader(chromium):
    with reading(chromium) as found:
        yield found


def digit(page: Page) -> list[int]:
    return pixels_of(page.get_by_role("img", name="Decoded digit", exact=True))


def code_of(page: Page) -> list[float]:
    return page.locator(".steer").evaluate("(root) => [...root.wheel.code]")


def halved(run: Run) -> ConvAutoencoder:
    """The network of a run with its weights rounded to half precision."""
    model = run.model()
    model.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    return model


def decoded(model: ConvAutoencoder, code) -> np.ndarray:
    with torch.inference_mode():
        return data_images.to_pixels(model.decode(torch.tensor([code])))[0].flatten().int().numpy()


# -- in the browser


def test_a_slider_bends_the_digit_as_the_network_in_half_precision_would(made, reader):
    run = made.run
    page = reader.opens(made.path)
    page.locator(READY["steer"]).wait_for()
    before, start = digit(page), code_of(page)
    slider = page.get_by_role("slider", name="z0", exact=True)
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + box["height"] / 2, steps=5)
    bent, code = digit(page), code_of(page)
    page.mouse.up()
    assert bent != before and code[0] != start[0] and code[1:] == start[1:]
    assert np.abs(np.array(bent) - decoded(halved(run), code)).max() <= 1
    assert np.abs(np.array(before) - decoded(halved(run), start)).max() <= 1
    reader.is_content()


def test_hovering_a_point_of_the_map_shows_that_digit_and_steering_starts_from_it(made, reader):
    images = data_images.load("mnist", "test")
    page = reader.opens(made.path, "#map")
    page.locator(READY["map"]).wait_for()
    met = 0
    for view in ("t-SNE", "PCA"):
        page.get_by_role("button", name=view, exact=True).click()
        rests(page)
        for point in range(0, 100, 11):
            place = page.locator(".map").evaluate(PLACE, point)
            if not place["alone"]:
                continue
            page.mouse.move(place["x"], place["y"])
            page.wait_for_timeout(40)
            assert under_pointer(page) == (
                f"Test digit {point}, class {images.labels[point]}", images.pixels[point].flatten().tolist(),
            )  # fmt: skip
            met += 1
    assert met >= 10
    field = page.get_by_label("Find a digit by its index")
    field.fill("37")
    field.press("Enter")
    pinned = page.get_by_role("region", name="Pinned digit")
    assert not pinned.get_by_role("button", name="Reconstruct").count()  # there is no such page here
    pinned.get_by_role("button", name="Steer").click()
    expect(page.get_by_text(f"Test digit 37, class {images.labels[37]}").first).to_be_visible()
    assert pixels_of(page.get_by_role("img", name="Picture that was loaded")) == images.pixels[37].flatten().tolist()
    assert page.url.endswith("#steer") and "from=digit-37" in page.url
    reader.is_content()


def test_a_drawing_is_recognised_steered_and_found_on_the_map(made, reader):
    run = made.run
    page = reader.opens(made.path, "#draw")
    page.locator(READY["draw"]).wait_for()
    draw(page, SEVEN)
    assert page.get_by_role("status", name="Recognised digit", exact=True).inner_text() in "0123456789"
    voters = page.get_by_role("group", name="Nearest real digits").get_by_role("img", name="Real digit of class")
    expect(voters).to_have_count(10)
    drawn = seen(page)
    code = (
        halved(run).encode(data_images.to_model(torch.tensor(drawn, dtype=torch.uint8).reshape(1, 28, 28)))[0].tolist()
    )
    copy = np.array(pixels_of(page.get_by_role("img", name="Reconstruction", exact=True)))
    assert sum(drawn) > 5000 and np.abs(copy - decoded(halved(run), code)).max() <= 1
    page.get_by_role("button", name="Steer from here").click()
    expect(page.get_by_text("Your drawing", exact=True)).to_be_visible()
    assert pixels_of(page.get_by_role("img", name="Picture that was loaded")) == drawn
    page.reload()
    page.locator(READY["steer"]).wait_for()
    expect(page.get_by_role("option", name="My drawing")).to_be_enabled()  # the tab has kept it
    reader.goes_to("map")
    assert page.locator(".map").evaluate("(root) => root.atlas.scatter.marks.drawing.every(Number.isFinite)")
    reader.is_content()


def test_steering_starts_where_one_likes(made, reader):
    page = reader.opens(made.path)
    way, name = page.get_by_label("Start from"), page.locator(".steer .big figcaption")
    page.locator(READY["steer"]).wait_for()
    assert page.get_by_role("option", name="My drawing").is_disabled()
    way.select_option("Zero")
    expect(name).to_have_text("All numbers zero")
    assert code_of(page) == [0.0] * 8
    way.select_option("Class mean")
    page.get_by_label("Class of the mean").select_option("4")
    expect(name).to_have_text("The mean code of class 4")
    way.select_option("Random code")
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Seed").press("Enter")
    expect(name).to_have_text("Random code 7")
    expected = sample(made.space, 1, seed=7)[0]
    np.testing.assert_allclose(code_of(page), expected, atol=1e-6)
    way.select_option("Test digit")
    page.get_by_label("Class", exact=True).select_option("7")
    expect(name).to_have_text(re.compile("Test digit [0-9]+, class 7"))
    page.get_by_label("Index").fill("5000")
    page.get_by_label("Index").press("Enter")
    expect(name).to_have_text(re.compile("Test digit 99, "))
    expect(page.get_by_text("Test digit 5000 is not in this file; showing 99 instead.")).to_be_visible()
    reader.is_content()


LINKS = [
    ("?from=digit-12&z=9.5,0,0,0,0,0,0,1", "Test digit 12, class 9", 9.5),
    ("?z=-2,0,0,0,0,0,0,1#steer", "The code of the link", -2),
    ("?from=digit-777&z=3,0,0,0,0,0,0,1", "The code of the link", 3),
    ("?from=zero-0", "All numbers zero", 0),
    ("?from=constructor-1&z=1,2", "Test digit 0, class 7", None),
    ("?z=1e9,0,0,0,0,0,0,0#nowhere", "Test digit 0, class 7", None),
]


def test_a_link_leads_to_its_code_and_a_broken_one_to_the_usual_start(made, reader):
    for address, name, first in LINKS:
        page = reader.opens(made.path, address)
        expect(page.locator(".steer[data-ready] .big figcaption")).to_have_text(name)
        found = code_of(page)
        assert first is None or found[0] == first
    slider = page.get_by_role("slider", name="z3", exact=True)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(400)
    moved = code_of(page)
    assert moved != found
    page.reload()
    page.locator(READY["steer"]).wait_for()
    np.testing.assert_allclose(code_of(page), moved, atol=1e-4)  # the address has four digits
    reader.is_content()


def test_the_keyboard_goes_from_view_to_view_and_back_leads_back(made, reader):
    page = reader.opens(made.path, "")
    page.locator(READY["steer"]).wait_for()
    page.get_by_role("tab", name="Steer").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Draw")).to_be_focused()
    page.locator(READY["draw"]).wait_for()
    assert page.url.endswith("#draw") and page.get_by_role("tab", selected=True).first.inner_text() == "Draw"
    page.keyboard.press("Home")
    expect(page.get_by_role("tabpanel", name="Steer")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("tabpanel", name="Draw")).to_be_visible()
    reader.is_content()


def test_what_a_run_says_about_itself_is_text_and_never_a_program(made, reader):
    page = reader.opens(made.path)
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.locator(READY["steer"]).wait_for()
    expect(page.get_by_text(NOTE, exact=True)).to_be_visible()
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'alert(1)'}))")
    assert not alerts  # not even a script that somebody has smuggled in
    assert all("Content Security Policy" in complaint for complaint in reader.complaints)


def test_nobody_sees_a_white_page(made, chromium, tmp_path):
    content = made.content
    (tmp_path / "cut.html").write_bytes(content[: int(0.9 * len(content))])
    (tmp_path / "stump.html").write_bytes(content[: content.index(b'<script type="module">') + 500])
    with reading(chromium, java_script_enabled=False) as found:
        expect(found.opens(made.path).get_by_text("JavaScript, which is switched off")).to_be_visible()
    with reading(chromium) as found:
        found.page.add_init_script("delete globalThis.DecompressionStream")
        expect(found.opens(made.path).get_by_text("needs a newer browser")).to_be_visible()
    with reading(chromium) as found:
        expect(found.opens(tmp_path / "cut.html").get_by_text("This file is incomplete")).to_be_visible()
        expect(found.opens(tmp_path / "stump.html").get_by_text("this file is incomplete")).to_be_visible()


def test_where_the_browser_denies_storage_and_address_everything_else_works(made, reader):
    page = reader.page
    page.add_init_script(
        "history.replaceState = () => { throw new DOMException('denied', 'SecurityError'); };"
        "Object.defineProperty(globalThis, 'sessionStorage', {get() { throw new DOMException('denied'); }});"
    )
    reader.opens(made.path, "#draw")
    page.locator(READY["draw"]).wait_for()
    draw(page, SEVEN)
    page.get_by_role("button", name="Steer from here").click()
    page.locator(READY["steer"]).wait_for()
    before = digit(page)
    page.get_by_role("slider", name="z1", exact=True).focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert digit(page) != before
    reader.is_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_fits_a_phone_and_passes_axe(made, chromium, scheme):
    from axe_playwright_python.sync_playwright import Axe

    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    with reading(chromium, **phone) as found:
        page = found.opens(made.path)
        for view in READY if scheme == "dark" else ("steer", "draw"):
            found.goes_to(view)
            wide = page.evaluate(
                "() => [...document.querySelectorAll('body *')]"
                ".flatMap((each) => [each, ...(each.shadowRoot?.querySelectorAll('*') ?? [])])"
                ".filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('svg'))"
                ".map((each) => each.outerHTML.slice(0, 120))"
            )
            assert not wide
            rules = Axe().run(page).response["violations"]
            assert not [f"{rule['id']}: {node['html'][:200]}" for rule in rules for node in rule["nodes"]]
        found.is_content()


# -- what is made of a run


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_run_of_few_numbers_on_own_classes_works_without_a_tsne(
    dimensions, small_data_folder, own_folders, monkeypatch, reader
):
    raw = own_folders / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, split, count in (("train", "train", 60), ("t10k", "test", 30)):
        monkeypatch.setenv("CAE_DATA", str(small_data_folder))
        images = data_images.load("mnist", split)
        write_idx(raw / f"{prefix}-images-idx3-ubyte", images.pixels[:count].numpy())
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", images.labels[:count].numpy())
    monkeypatch.setenv("CAE_DATA", str(own_folders / "data"))
    run = trained("few", ModelConfig(latent_dim=dimensions, width=4), dataset="fashion-mnist", train_images=60)
    made = result_of(lab.make(run))
    assert (made.digits, made.available, made.remarks) == (30, 30, ())  # t-SNE has nothing to lay out
    (own_folders / "few.html").write_bytes(made.content)
    page = reader.opens(own_folders / "few.html")
    page.locator(READY["steer"]).wait_for()
    expect(page.get_by_role("slider", name=re.compile("z[0-9]"))).to_have_count(dimensions)
    expect(page.locator(".steer .big figcaption")).to_have_text("Test digit 0, class sneaker")
    reader.goes_to("draw")
    draw(page, SEVEN)
    read = page.get_by_role("status", name="Recognised digit", exact=True).inner_text()
    assert read in data_images.load("fashion-mnist", "test").class_names
    if dimensions == 1:
        reader.goes_to("map")
        expect(page.get_by_role("button", name="Codes", exact=True)).to_be_visible()
    reader.is_content()


def test_a_page_without_tsne_says_how_to_get_it_and_one_with_it_has_its_positions(made, at_home):
    found = result_of(lab.make(at_home, digits=40))
    assert (found.digits, found.available, found.remarks) == (40, 100, ())
    indices = load(file_in(found.content, "points.safetensors"))["indices"]
    shown = load(file_in(found.content, "tsne.safetensors"))["positions"]
    assert len(set(indices.tolist())) == 40 and (shown == made.tsne.positions[indices]).all()
    kept = (at_home.path / mapfiles.FILE).rename(at_home.path / "elsewhere")
    found = result_of(lab.make(at_home))
    kept.rename(at_home.path / mapfiles.FILE)
    assert len(found.remarks) == 1 and "python -m cae map eight" in found.remarks[0]
    assert b'id="tsne.safetensors"' not in found.content


def test_the_neighbours_in_a_page_are_its_own_digits(made):
    space = from_bytes(file_in(made.content, "space.safetensors"))
    images = data_images.load("mnist", "test")
    pictures = np.frombuffer(file_in(made.content, "pictures.gz"), np.uint8).reshape(-1, 28, 28)
    assert (pictures == images.pixels[:100].numpy()).all() and space.class_names == images.class_names
    assert (space.real.labels == images.labels[:100].numpy()).all()
    codes = made.run.model().encode(data_images.to_model(images.pixels[:100])).detach().numpy()
    np.testing.assert_allclose(space.real.codes(), codes, atol=0.51 * space.real.step + 1e-4)
    away = np.sort(np.linalg.norm(codes[:, None] - codes[None], axis=2), axis=1)[:, 1:11].mean(axis=1)
    np.testing.assert_allclose(space.real.usual, np.percentile(away, range(101)), rtol=0.01)
    inked = np.stack([normalise_ink(each / np.float32(255)) for each in pictures])
    drawn = made.run.model().encode(data_images.to_model(torch.from_numpy(inked))).detach().numpy()
    np.testing.assert_allclose(space.inked.codes(), drawn, atol=0.51 * space.inked.step + 1e-4)
    for name in (
        "mean",
        "low",
        "high",
        "directions",
        "class_means",
    ):  # measured on training digits, as in the dashboard
        assert (getattr(space, name) == getattr(made.space, name)).all()


def test_the_page_becomes_no_larger_than_it_may(made, at_home, monkeypatch):
    monkeypatch.setattr(lab, "FEWEST", 10)
    monkeypatch.setattr(lab, "LARGEST", len(made.content) - 20_000)
    smaller = result_of(lab.make(at_home))
    assert 10 <= smaller.digits < 100 and len(smaller.content) <= lab.LARGEST
    assert f"it has {smaller.digits}" in smaller.remarks[0]
    monkeypatch.setattr(lab, "LARGEST", 1_000_000)
    with pytest.raises(DoesNotFit, match="width 4 with 8 latent dimensions"):
        lab.html(at_home)


@pytest.mark.slow
def test_the_page_of_a_shipped_run_has_5000_digits_and_less_than_six_megabytes():
    found = result_of(lab.make(Run(SHIPPED_RUNS / "original")))
    assert (found.digits, found.available, found.remarks) == (5000, 10_000, ())
    assert len(found.content) < 6_000_000
    text = found.content.decode()
    assert "<dd>0.0169 <small>MSE on [-1, 1]</small>" in text and "0.0673" in text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_what_a_page_cannot_be_made_of_is_said_in_a_sentence(tiny, monkeypatch, own_folders):
    with pytest.raises(InvalidOption, match="Digits must be at least 8"):
        lab.html(tiny, digits=3)
    fresh = Run.create("fresh", tiny.info.model, options())
    with pytest.raises(RunNotFound, match="fresh"):
        lab.html(fresh)
    path, content = tiny.path / "model.safetensors", weights_of(tiny)
    path.write_bytes(content[:-20])
    with pytest.raises(Damaged, match=r"tiny/model\.safetensors"):
        lab.html(tiny)
    huge = {**load(content), "decoder.5.bias": np.full(1, 1e6, np.float32)}
    write_weights(path, huge, tiny.info.model)
    with pytest.raises(DoesNotFit, match="65,504"):
        lab.html(tiny)
    path.write_bytes(content)
    (own_folders / "a file").touch()
    monkeypatch.setenv("CAE_DATA", str(own_folders / "a file" / "data"))
    with pytest.raises(DataUnavailable, match="mnist"):
        lab.html(tiny)


def test_the_command_writes_the_page_but_over_nothing_unless_told_to(at_home, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert cli.main(["lab", "eight", "--out", str(out), "--digits", "20"]) == 0
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    assert capsys.readouterr().out == f"{out}: eight with 20 of 100 test digits, {size}\n"
    first = out.read_bytes()
    assert cli.main(["lab", "eight", "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err and out.read_bytes() == first
    assert cli.main(["lab", "eight", "--out", str(out), "--force"]) == 0
    assert out.read_bytes() != first
    assert cli.main(["lab", "eight", "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert cli.main(["lab", "absent", "--out", str(tmp_path / "absent.html")]) == 2


def test_a_full_disk_leaves_no_half_page(at_home, tmp_path, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        assert cli.main(["lab", "eight", "--out", str(tmp_path / "page.html")]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "page.html cannot be written" in capsys.readouterr().err
    assert not list(tmp_path.glob("*page.html*"))
