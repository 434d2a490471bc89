"""Whatever cae/web computes against its twin in Python, in a real Chromium, on the files that the pages are sent."""

import base64
import json
import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers import trained
from PIL import Image, ImageDraw
from safetensors.numpy import save

from cae.config import ModelConfig
from cae.data.images import Images, load, to_model, to_pixels
from cae.data.ink import normalise_ink
from cae.disk.files import SHIPPED_RUNS
from cae.latent import mapfiles, maps, projection
from cae.latent.explore import explore, from_bytes, to_bytes
from cae.latent.space import LatentSpace, neighbours, off_manifold, vote
from cae.network.model import ConvAutoencoder
from cae.runs.run import Run
from cae.runs.weights import write_weights
from cae.web import bundle

pytestmark = pytest.mark.quick
WIDGETS = (
    "address",
    "digits",
    "chart",
    "runs",
    "steer",
    "draw",
    "reading",
    "kept",
    "map",
    "samples",
    "morph",
    "atlas",
    "table",
)
ACTIVATIONS = ("relu", "gelu", "silu")
DIMENSIONS = (1, 2, 32, 256)

# Arrays go to the browser as base64, and come back as lists.
SET_UP = """
() => {
  globalThis.imported = async (text) => {
    const address = URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
    try {
      return await import(address);
    } finally {
      URL.revokeObjectURL(address);
    }
  };
  const unpacked = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  globalThis.tensors = (text) => cae.readTensors(unpacked(text));
  globalThis.singles = (text) => new Float32Array(unpacked(text));
  globalThis.doubles = (text) => new Float64Array(unpacked(text));
}
"""


def packed(content: bytes | np.ndarray) -> str:
    return base64.b64encode(content if isinstance(content, bytes) else content.tobytes()).decode()


@pytest.fixture(scope="module")
def page(chromium):
    """An empty page with the modules that compute in it, merged as `cae`."""
    found = chromium.new_page()
    found.evaluate(SET_UP)
    merge = "async (text) => { globalThis.cae = {...globalThis.cae, ...await imported(text)}; }"
    for name in ("network", "ink", "codes"):
        found.evaluate(merge, bundle.script(name))
    yield found
    found.close()


# -- the files as the browser gets them


@pytest.mark.parametrize("name", WIDGETS)
def test_the_script_of_a_widget_is_one_module_that_exports_mount(page, name):
    text = bundle.script(name)
    assert not re.search(r"^\s*import\b|\bimport\s*\(", text, re.MULTILINE)
    assert page.evaluate("async (text) => typeof (await imported(text)).mount", text) == "function"


@pytest.mark.parametrize("name", WIDGETS)
def test_the_style_of_a_widget_is_one_sheet_that_the_browser_understands(page, name):
    text = bundle.style(name)
    assert "@import" not in text
    count = "(text) => { const sheet = new CSSStyleSheet(); sheet.replaceSync(text); return sheet.cssRules.length; }"
    assert page.evaluate(count, text) >= (1 if text.strip() else 0)


def test_a_module_that_is_imported_twice_is_there_once_and_keeps_its_names_to_itself():
    text = bundle.script("steer")
    assert len(re.findall(r"^const web_network = ", text, re.MULTILINE)) == 1
    assert text.index("const web_network = ") < text.index("const web_page = ")  # which imports it
    assert re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.MULTILINE) == ["mount", "unmount"]


def test_a_module_takes_things_from_others_under_names_of_its_own(page, tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / f"{name}.js").write_text(f'export function mount() {{\n  return "{name}";\n}}\n')
    imports = 'import {mount as first} from "./one.js";\nimport {mount as second} from "./two.js";\n'
    (tmp_path / "both.js").write_text(imports + "export const found = [first(), second()];\n")
    monkeypatch.setattr(bundle, "_FOLDERS", (tmp_path,))
    assert page.evaluate("async (text) => (await imported(text)).found", bundle.script("both")) == ["one", "two"]


def test_half_precision_becomes_the_very_numbers_it_stands_for(page):
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    script = """
    (file) => {
      const {shape, values} = tensors(file).tensors.all;
      return [shape, Array.from(values), values.constructor.name];
    }
    """
    shape, found, kind = page.evaluate(script, packed(save({"all": halves.reshape(256, 256)})))
    assert (shape, kind) == ([256, 256], "Float32Array")
    np.testing.assert_array_equal(np.array(found), halves.astype(np.float64))
    numbers = ~np.isnan(halves)
    assert (np.signbit(found) == np.signbit(halves))[numbers].all()  # of zeros, too


# -- the network


def network_file(model: ConvAutoencoder, folder) -> bytes:
    """The weights as the pages send them."""
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    write_weights(folder / "weights.safetensors", weights, model.config)
    return (folder / "weights.safetensors").read_bytes()


def in_the_browser(page, content: bytes, images: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Codes of images (N, 784), pictures of codes (M, D), and D, as the browser has them."""
    script = """
    ([file, images, codes]) => {
      const {tensors: arrays, metadata} = tensors(file);
      const network = cae.network(arrays, JSON.parse(metadata.model).activation);
      const run = (step, rows) => rows.map((row) => Array.from(step(network, singles(row))));
      return [run(cae.encode, images), run(cae.decode, codes), network.latentDim];
    }
    """
    rows = [[packed(row) for row in part.astype(np.float32)] for part in (images, codes)]
    encoded, decoded, dimensions = page.evaluate(script, [packed(content), *rows])
    return np.array(encoded), np.array(decoded), dimensions


def some_images() -> np.ndarray:
    """Digits, noise, paper, ink and a single dot, (N, 784) in [-1, 1]."""
    digits = to_model(load("mnist", "test").pixels[:4]).numpy().reshape(4, -1)
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 784))
    dot = np.where(np.arange(784) == 27, 1.0, -1.0)[None]
    return np.concatenate([digits, noise, np.full((1, 784), -1.0), np.full((1, 784), 1.0), dot]).astype(np.float32)


def agree(page, model: ConvAutoencoder, content: bytes):
    images = some_images()
    torch_codes = model.encode(torch.from_numpy(images).view(-1, 1, 28, 28)).detach().numpy()
    drawn = np.random.default_rng(1).normal(0, 3, (3, model.config.latent_dim))
    codes = np.concatenate([torch_codes[:3], drawn, np.zeros((1, model.config.latent_dim))]).astype(np.float32)
    pictures = model.decode(torch.from_numpy(codes)).detach().numpy().reshape(len(codes), 784)
    encoded, decoded, dimensions = in_the_browser(page, content, images, codes)
    assert dimensions == model.config.latent_dim
    np.testing.assert_allclose(encoded, torch_codes, rtol=0, atol=1e-5)
    np.testing.assert_allclose(decoded, pictures, rtol=0, atol=1e-5)
    assert np.ptp(pictures) > 0.01 and np.ptp(torch_codes) > 0.01  # there was something to get wrong


@pytest.mark.parametrize("latent_dim", DIMENSIONS)
@pytest.mark.parametrize("width", [4, 16, 24])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_encode_and_decode_are_those_of_the_model_whatever_its_shape(page, tmp_path, width, latent_dim, activation):
    config = ModelConfig(latent_dim=latent_dim, width=width, activation=activation)
    model = ConvAutoencoder(config, torch.Generator().manual_seed(7))
    agree(page, model, network_file(model, tmp_path))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_encode_and_decode_are_those_of_a_trained_model(page, small_data, activation):
    run = trained("run", ModelConfig(latent_dim=8, width=8, activation=activation), learning_rate=1e-2, epochs=6)
    agree(page, run.model(), run.weights_file().read_bytes())


@pytest.mark.parametrize("name", ["original", "fast", "best"])
def test_encode_and_decode_are_those_of_a_shipped_run(page, name):
    run = Run(SHIPPED_RUNS / name)
    agree(page, run.model(), run.weights_file().read_bytes())


def test_pixels_become_what_the_network_reads_and_back(page):
    pixels = torch.arange(256, dtype=torch.uint8)
    read = np.array(page.evaluate("(pixels) => Array.from(cae.toModel(pixels))", pixels.tolist()))
    expected = to_model(pixels.view(1, 16, 16)).numpy().reshape(-1)
    np.testing.assert_allclose(read, expected, rtol=0, atol=2**-23)
    painted = np.concatenate([np.linspace(-1.5, 1.5, 1001), expected]).astype(np.float32)
    back = np.array(page.evaluate("(text) => Array.from(cae.toPixels(singles(text)))", packed(painted)))
    twin = to_pixels(torch.from_numpy(painted).view(-1, 1, 1, 1)).numpy().reshape(-1)
    assert np.abs(back - twin.astype(int)).max() <= 1 and (back[1001:] == np.arange(256)).all()


# -- ink


def stroke(points, width: int, size=(280, 280)) -> np.ndarray:
    """A line with round ends, (H, W) in [0, 1], drawn at four times its size and shrunk: soft edges as a canvas has."""
    large = Image.new("L", (size[0] * 4, size[1] * 4))
    pen, points = ImageDraw.Draw(large), [(4 * x, 4 * y) for x, y in points]
    pen.line(points, fill=255, width=4 * width, joint="curve")
    for x, y in points:
        pen.ellipse([x - 2 * width, y - 2 * width, x + 2 * width, y + 2 * width], fill=255)
    return np.asarray(large.resize(size, Image.Resampling.BOX)) / 255


def scribble(seed: int, count: int = 12, size=(280, 280)) -> np.ndarray:
    generator = np.random.default_rng(seed)
    points = [tuple(point) for point in generator.uniform(0.05, 0.95, (count, 2)) * size]
    return stroke(points, int(generator.integers(4, 36)), size)


def filled(shape, *box, value: float = 1.0) -> np.ndarray:
    ink = np.zeros(shape)
    rows, columns = box or (slice(None), slice(None))
    ink[rows, columns] = value
    return ink


ONE = [(140, 50), (150, 220)]
SEVEN = [(70, 60), (210, 60), (120, 230)]
TWO = [(80, 90), (140, 50), (200, 100), (80, 220), (210, 220)]
INKS = {
    **{f"a seven with a brush of {width}": stroke(SEVEN, width) for width in (2, 6, 12, 18, 27, 36, 60)},
    **{f"a two with a brush of {width}": stroke(TWO, width) for width in (6, 18, 36)},
    "a one": stroke(ONE, 18),
    "a hair": stroke(ONE, 1),
    "a small seven": stroke([(x / 6 + 10, y / 6 + 200) for x, y in SEVEN], 4),
    "a seven at the edge": stroke([(x - 80, y - 70) for x, y in SEVEN], 18),
    "a wide sheet": stroke([(30, 20), (560, 90), (300, 40)], 9, (600, 100)),
    "a high sheet": stroke([(20, 30), (40, 500)], 9, (60, 640)),
    "a level line": filled((280, 280), slice(140, 150), slice(20, 260)),
    "a dot": stroke([(140, 140), (140, 140)], 18),
    "a pixel": filled((280, 280), slice(3, 4), slice(270, 271)),
    "a sheet of one pixel": filled((1, 1)),
    "an empty sheet": filled((280, 280), value=0),
    "a sheet too faint": filled((280, 280), value=0.3),
    "a full sheet": filled((280, 280)),
    "a full sheet of grey": filled((64, 48), value=0.5),
    "a grey seven": stroke(SEVEN, 18) * 0.6,
    "two greys": np.maximum(stroke(SEVEN, 18), 0.45 * stroke(TWO, 18)),
    "a frame": filled((280, 280)) - filled((280, 280), slice(20, 260), slice(20, 260)),
    "noise": np.random.default_rng(5).uniform(0, 1, (50, 40)),
    **{f"scribble {seed}": scribble(seed) for seed in range(8)},
    "scribble on a wide sheet": scribble(9, 20, (500, 200)),
}


@pytest.mark.parametrize("name", INKS)
def test_ink_is_normalised_as_in_python(page, name):
    ink = INKS[name]
    script = "([text, width, height]) => Array.from(cae.normaliseInk(doubles(text), width, height))"
    found = np.array(page.evaluate(script, [packed(ink), ink.shape[1], ink.shape[0]])).reshape(28, 28)
    expected = normalise_ink(ink).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert expected.any() == (name not in ("an empty sheet", "a sheet too faint"))


@pytest.mark.parametrize("index", range(12))
def test_a_digit_put_on_the_sheet_is_normalised_as_in_python(page, index):
    ink = load("mnist", "test").pixels[index].numpy() / np.float32(255)
    script = "(text) => Array.from(cae.normaliseInk(singles(text), 28, 28))"
    found = np.array(page.evaluate(script, packed(ink))).reshape(28, 28)
    assert np.abs(found - normalise_ink(ink).astype(int)).max() <= 1


# -- a code among those of real digits


@dataclass
class Explored:
    """A latent space, read back from its file, and the file."""

    space: LatentSpace
    content: bytes

    def codes(self) -> np.ndarray:
        """On references, between two, near, far and further, (N, D)."""
        points, generator = self.space.real.codes(), np.random.default_rng(3)
        spread = points.std(axis=0)
        real = points[generator.integers(len(points), size=20)]
        near = real + generator.normal(0, 0.3, real.shape) * spread
        far = generator.normal(0, 4, (8, points.shape[1])) * spread
        middle = (points[:4] + points[4:8]) / 2
        return np.concatenate([points[:6], middle, near, far, 100 * far, 0 * far[:1]]).astype(np.float32)


@pytest.fixture(scope="module", params=[1, 2, 32], ids="{} dimensions".format)
def explored(request):
    """The latent space of an untrained network on 500 digits."""
    found = load("mnist", "train")
    images = Images(found.pixels[:500], found.labels[:500], found.class_names)
    inked = np.stack([normalise_ink(digit / np.float32(255)) for digit in images.pixels.numpy()])
    space = explore(ConvAutoencoder(ModelConfig(latent_dim=request.param, width=4)), images, inked)
    content = to_bytes(space)
    return Explored(from_bytes(content), content)


def among_references(page, explored: Explored, group: str) -> list:
    """For every code the positions, distances, shares, off-manifold distance and percentile, and the place on a map."""
    script = """
    ([file, group, codes, map]) => {
      const {tensors: arrays, metadata} = tensors(file);
      const among = cae.references(arrays, group), classes = JSON.parse(metadata.space).class_names.length;
      return codes.map((text) => {
        const near = cae.nearest(among, singles(text)), off = cae.offManifold(among, near);
        return [near.positions, near.distances, [...cae.vote(among, near, classes)], off.distance, off.percentile,
          cae.place(near, near.positions.map((position) => map[position]))];
      });
    }
    """
    points = map_of(explored).tolist()
    return page.evaluate(script, [packed(explored.content), group, [packed(code) for code in explored.codes()], points])


def map_of(explored: Explored) -> np.ndarray:
    return np.random.default_rng(4).uniform(-50, 50, (len(explored.space.real.labels), 2)).round(3)


@pytest.mark.parametrize("group", ["real", "inked"])
def test_neighbours_vote_distance_and_place_are_those_of_python(page, explored, group):
    references, points = getattr(explored.space, group), map_of(explored)
    percentiles = []
    for code, found in zip(explored.codes(), among_references(page, explored, group), strict=True):
        positions, away, shares, distance, percentile, place = found
        nearest, distances = neighbours(references, code)
        assert positions == nearest.tolist()
        np.testing.assert_allclose(away, distances, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(shares, vote(references, code, 10), atol=1e-5)
        assert distance == pytest.approx(off_manifold(references, code)[0], rel=1e-6)
        low, high = (np.interp(distance * (1 + by), references.usual, np.arange(101)) for by in (-1e-6, 1e-6))
        for share in (percentile, off_manifold(references, code)[1]):  # it may leap where digits lie on a line
            assert low - 0.01 <= share <= high + 0.01
        np.testing.assert_allclose(place, projection.place(distances, points[nearest].astype(np.float32)), atol=1e-3)
        percentiles.append(percentile)
    assert min(percentiles) < 50 and max(percentiles) == 100  # both ends were met


def test_as_many_neighbours_as_are_asked_for_and_no_more_than_there_are(page, explored):
    script = """
    ([file, code, wanted]) =>
      cae.nearest(cae.references(tensors(file).tensors, "real"), singles(code), wanted).positions
    """
    code, count = explored.space.mean, len(explored.space.real.labels)
    for wanted in (1, 3, count + 5):
        found = page.evaluate(script, [packed(explored.content), packed(code), wanted])
        assert found == neighbours(explored.space.real, code, wanted)[0].tolist()
        assert len(found) == min(wanted, count)


def test_the_words_about_a_latent_space_reach_the_browser(page, explored):
    words = json.loads(page.evaluate("(file) => tensors(file).metadata.space", packed(explored.content)))
    assert words["class_names"] == list("0123456789") and len(words["attributes"]) == 4
    shapes = page.evaluate(
        "(file) => Object.fromEntries(Object.entries(tensors(file).tensors).map(([name, {shape}]) => [name, shape]))",
        packed(explored.content),
    )
    dimensions = len(explored.space.mean)
    assert shapes["mean"] == [dimensions] and shapes["class_means"] == [10, dimensions]
    assert shapes["directions"] == [4, dimensions] and shapes["covariance"] == [dimensions, dimensions]


# -- a map


@pytest.fixture(scope="module", params=[2, 32], ids="{} dimensions".format)
def mapped(request):
    """The digits of a map of an untrained network, and their file."""
    found = load("mnist", "test")
    images = Images(found.pixels[:400], found.labels[:400], found.class_names)
    model = ConvAutoencoder(ModelConfig(latent_dim=request.param, width=4))
    points = maps._points(model, images, np.arange(400, dtype=np.int32), "f" * 64, np.zeros(400, np.float32))
    return points, mapfiles.for_browser(points)


PATHS = {
    "a curve": [[-0.9, -0.7], [-0.2, 0.1], [0.1, 0.1], [0.1, 0.4], [0.8, 0.9]],
    "a line": [[-1.0, 0.0], [1.0, 0.2]],
    "one place": [[0.3, 0.3], [0.3, 0.3]],
    "one corner": [[0.3, -0.3]],
    "far away": [[30.0, 30.0], [40.0, 30.0]],
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_codes_along_a_path_are_those_of_python(page, mapped, path):
    points, content = mapped
    script = """
    ([file, path, stations]) => {
      const {tensors: arrays} = tensors(file), among = cae.references(arrays, "map");
      const {values, shape: [, columns]} = arrays.flat;
      const [xs, ys] = [0, 1].map((axis) => Float32Array.from(among.labels, (_, row) => values[row * columns + axis]));
      return cae.along(path, xs, ys, among, stations).map((code) => [...code]);
    }
    """
    scale = float(np.abs(points.flat[:, :2]).max())
    path = (scale * np.array(path)).tolist()
    found = np.array(page.evaluate(script, [packed(content), path, 17]))
    expected = projection.along(np.array(path), points.positions(2), points.codes.codes(), 17)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max() + 1e-6)


def test_the_nearest_digits_of_a_map_are_those_of_python(page, mapped):
    points, content = mapped
    script = """
    ([file, codes]) => {
      const among = cae.references(tensors(file).tensors, "map");
      return codes.map((code) => cae.nearest(among, singles(code), 16).positions);
    }
    """
    some = range(0, 400, 7)
    codes = points.codes.codes()[list(some)].astype(np.float32)
    found = page.evaluate(script, [packed(content), [packed(code) for code in codes]])
    for index, nearest in zip(some, found, strict=True):
        assert nearest[0] == index and nearest[1:] == points.neighbours[index].tolist()


@pytest.mark.parametrize(("percentile", "words"), [
    (0, "0 % of real digits"), (56.6, "57 % of real digits"), (99.4, "99 % of real digits"),
    (99.5, "more than 99 % of real digits"), (99.95, "more than 99 % of real digits"), (100, "every real digit"),
])  # fmt: skip
def test_further_out_than_every_digit_is_said_where_it_is_so(page, percentile, words):
    script = "async ([text, percentile]) => (await imported(text)).beyond({percentile})"
    assert page.evaluate(script, [bundle.script("words"), percentile]) == f"further out than {words}"
