"""A photo of one digit into ink, on pictures drawn here."""

import io
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from cae.data import photo
from cae.errors import UnreadablePicture

SIZE = (600, 480)  # width, height
SEVEN = [(-0.45, -0.8), (0.45, -0.8), (-0.1, 0.9)]  # a stroke, in units of half the height
FIVE = [(-0.3, -0.8), (-0.35, -0.1), (0.2, -0.15), (0.4, 0.3), (0.1, 0.8), (-0.4, 0.7)]
FIVE_BAR = [(-0.15, -0.86), (0.45, -0.9)]


def strokes(*lines, size=SIZE, centre=(0.5, 0.5), height=240, width=18) -> Image.Image:
    """A mask of the ink, 255 where it is."""
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    for line in lines:
        points = [(centre[0] * size[0] + x * height / 2, centre[1] * size[1] + y * height / 2) for x, y in line]
        draw.line(points, fill=255, width=width, joint="curve")
    return mask.filter(ImageFilter.GaussianBlur(1))


def paint(mask: Image.Image, ink=(40, 40, 60), paper=(235, 232, 225)) -> np.ndarray:
    """The picture (H, W, 3) in [0, 255] of this ink on this paper."""
    share = np.asarray(mask, np.float32)[..., None] / 255
    return share * np.array(ink, np.float32) + (1 - share) * np.array(paper, np.float32)


def encoded(picture, kind="PNG", **options) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def overlap(found: np.ndarray, mask: Image.Image) -> float:
    """Intersection over union of the ink that was found and the ink that was drawn."""
    drawn = np.asarray(mask.resize((found.shape[1], found.shape[0]))) > 127
    return float(((found > 0.5) & drawn).sum() / ((found > 0.5) | drawn).sum())


def grain(sigma: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, sigma, (SIZE[1], SIZE[0], 1))


def assert_found(mask: Image.Image, picture, kind="JPEG", at_least: float = 0.8, **options):
    """The ink that was drawn, and hardly anything else, is found in the picture."""
    assert overlap(photo.read(encoded(picture, kind, **options)).ink, mask) > at_least


def on_lines(mask: Image.Image, ink, printed_ink, both: bool) -> np.ndarray:
    """The picture of this ink on ruled or squared paper."""
    share = np.zeros((SIZE[1], SIZE[0], 1), np.float32)
    share[::40] = share[1::40] = 1
    if both:
        share[:, ::40] = share[:, 1::40] = 1
    paper = paint(Image.new("L", SIZE, 0)) * (1 - share) + share * np.array(printed_ink)
    return np.minimum(paint(mask, ink), paper) + grain(3)


@pytest.mark.parametrize("ink", [(20, 20, 20), (40, 60, 160), (130, 130, 130), (205, 40, 50)])
def test_pen_pencil_and_felt_are_found_on_paper_of_any_tint(ink):
    mask = strokes(SEVEN)
    for paper in ((255, 255, 255), (240, 225, 190), (200, 200, 205)):
        assert_found(mask, paint(mask, ink, paper) + grain(3))


@pytest.mark.slow
def test_a_digit_may_be_small_or_fill_the_picture_or_stand_in_chalk_on_a_dark_board():
    for height in (80, 440):
        mask = strokes(SEVEN, height=height, width=height // 12)
        assert_found(mask, paint(mask) + grain(4))
    mask = strokes(SEVEN)
    assert_found(mask, paint(mask, (225, 225, 215), (40, 60, 50)) + grain(6), "PNG")


def test_a_shadow_across_the_digit_and_a_vignette_are_not_ink():
    mask = strokes(SEVEN)
    y, x = np.indices((SIZE[1], SIZE[0]))[..., None] / np.array(SIZE[::-1])[:, None, None, None] - 0.5
    shadow = 1 - 0.5 / (1 + np.exp(-(x + 0.3 * y) / 0.01))
    vignette = 1 - 1.2 * (x**2 + y**2)
    for light in (shadow, vignette):
        assert_found(mask, paint(mask) * light + grain(3))


def test_ruled_and_squared_paper_is_not_ink_even_where_it_is_as_dark_as_the_pencil_that_crosses_it():
    for both in (False, True):
        assert_found(strokes(SEVEN), on_lines(strokes(SEVEN), (40, 60, 150), (150, 185, 215), both))
    assert_found(strokes(FIVE), on_lines(strokes(FIVE), (125, 125, 125), (125, 125, 125), False))


def test_what_leans_on_the_edge_and_specks_are_left_out():
    mask = strokes(SEVEN)
    picture = paint(mask)
    picture[:, :40] = (60, 45, 30)  # the desk under the sheet
    picture[420:426, 500:506] = picture[60:64, 480:484] = 30
    found = photo.read(encoded(picture + grain(3)))
    assert overlap(found.ink, mask) > 0.8
    assert found.ink[400:, 480:].max() == 0 and found.ink[:, :45].max() == 0 and found.digits == 1


def test_the_detached_bar_of_a_five_stays_with_it():
    mask = strokes(FIVE, FIVE_BAR)
    found = photo.read(encoded(paint(mask) + grain(3)))
    assert found.digits == 1 and overlap(found.ink, mask) > 0.85
    assert overlap(np.asarray(strokes(FIVE)) / 255, mask) < 0.85


def test_of_several_digits_the_largest_is_taken_and_the_number_is_said():
    largest = strokes(FIVE, height=200, centre=(0.5, 0.5))
    others = [strokes(SEVEN, height=150, centre=(x, 0.5)) for x in (0.2, 0.8)]
    mask = Image.fromarray(np.maximum.reduce([np.asarray(m) for m in (largest, *others)]))
    found = photo.read(encoded(paint(mask) + grain(3)))
    assert found.digits == 3 and any("3 digits" in remark for remark in found.remarks)
    assert overlap(found.ink, largest) > 0.8


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_of_28_pixels_keeps_its_grey_values(inverted):
    digit = np.asarray(strokes(SEVEN, size=(280, 280), height=200, width=24).resize((28, 28), Image.Resampling.BOX))
    found = photo.read(encoded(255 - digit if inverted else digit))
    back = np.asarray(Image.fromarray(found.ink).resize((28, 28), Image.Resampling.BOX)) * 255
    assert min(found.ink.shape) > 200
    assert np.abs(back - digit).mean() < 6 and np.corrcoef(back.ravel(), digit.ravel())[0, 1] > 0.97


def test_every_stage_is_shown_and_the_ink_is_in_range_and_soft():
    found = photo.read(encoded(paint(strokes(SEVEN, size=(3000, 2400), height=1200, width=90)), "JPEG"))
    assert len(found.steps) >= 4
    for step in found.steps:
        assert step.title and step.explanation.endswith(".") and step.picture.dtype == np.uint8
        assert max(step.picture.shape[:2]) <= 400 and step.picture.ndim in (2, 3)
    assert found.ink.dtype == np.float32 and found.ink.min() == 0 and found.ink.max() == 1
    assert max(found.ink.shape) <= 800 and ((found.ink > 0.2) & (found.ink < 0.8)).any()
    assert found.digits == 1 and found.remarks == ()


def test_the_orientation_of_the_camera_is_followed():
    mask = strokes(SEVEN)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    lying = Image.fromarray(paint(mask).astype(np.uint8)).transpose(Image.Transpose.ROTATE_90)
    found = photo.read(encoded(lying, "JPEG", exif=exif))
    assert found.ink.shape == SIZE[::-1] and overlap(found.ink, mask) > 0.8


@pytest.mark.slow
def test_strokes_on_transparency_are_ink_whether_dark_or_light():
    mask = strokes(SEVEN)
    for ink in (0, 255):
        for picture in (Image.new("RGB", SIZE, (ink, ink, ink)), Image.new("L", SIZE, ink)):
            picture.putalpha(mask)
            for kind in ("PNG", "WEBP"):
                assert_found(mask, picture, kind)
    picture = Image.fromarray((np.asarray(mask) < 128).astype(np.uint8), "P")
    picture.putpalette([30, 30, 90, 0, 0, 0])
    assert_found(mask, picture, "PNG", transparency=1)


@pytest.mark.slow
def test_cmyk_and_sixteen_bits_and_one_bit_are_read():
    mask = strokes(SEVEN)
    colour = Image.fromarray(paint(mask).astype(np.uint8))
    sixteen = Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257)
    assert sixteen.mode == "I;16"
    pictures = ((colour.convert("CMYK"), "JPEG"), (sixteen, "PNG"), (colour.convert("1"), "PNG"), (colour, "WEBP"))
    for picture, kind in pictures:
        assert_found(mask, picture, kind, at_least=0.75)


def test_of_an_animation_the_first_frame_is_read():
    first, second = strokes(SEVEN), strokes(FIVE, centre=(0.2, 0.5))
    frames = [Image.fromarray(paint(mask).astype(np.uint8)) for mask in (first, second)]
    found = photo.read(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    assert overlap(found.ink, first) > 0.8 and any("first" in remark for remark in found.remarks)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims this size; its data are a single row."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(width + 1)))


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("digit.png", encoded(paint(strokes(SEVEN))))
    return buffer.getvalue()


def blank(mode: str, size=SIZE, colour=255) -> Image.Image:
    return Image.new(mode, size, colour)


UNREADABLE = [
    (b"", "not a picture"), (b"seven", "not a picture"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"), (archive(), "not a picture"),
    (encoded(paint(strokes(SEVEN)), "GIF"), "not a picture"),
    (encoded(paint(strokes(SEVEN)))[:1500], "damaged"), (encoded(paint(strokes(SEVEN)), "JPEG")[:3000], "damaged"),
    (encoded(paint(strokes(SEVEN)), "WEBP")[:500], "not a picture|damaged"),
    (png_of(60000, 60000), "too many pixels"), (png_of(8000, 6251), "megapixels"),
    (b"\x89PNG\r\n\x1a\n" + bytes(20_000_001), "MB"), (encoded(blank("L", (1, 1))), "1 × 1"),
    (encoded(blank("L", (3000, 4))), "3000 × 4"), (encoded(blank("L", (28, 28))), "[Nn]o ink"),
    (encoded(blank("RGB", colour=(255, 255, 255))), "[Nn]o ink"),
    (encoded(blank("RGB", colour=(90, 20, 20)), "JPEG"), "[Nn]o ink"),
    (encoded(blank("RGBA", colour=(0, 0, 0, 0))), "[Nn]o ink"),
    (encoded(paint(blank("L", colour=0)) + grain(6), "JPEG"), "[Nn]o ink"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_read_is_refused_in_a_sentence_and_at_once(content, sentence):
    start = time.perf_counter()
    with pytest.raises(UnreadablePicture, match=sentence) as refusal:
        photo.read(content)
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)
    assert time.perf_counter() - start < 3


@pytest.mark.slow
def test_a_phone_photo_of_fifty_megapixels_is_read_and_a_larger_one_refused_before_it_is_decoded():
    mask = strokes(SEVEN)
    large = Image.fromarray(paint(mask).astype(np.uint8)).resize((8160, 6528), Image.Resampling.NEAREST)
    content, larger = encoded(large, "JPEG"), encoded(blank("L", (8000, 6500)))
    del large
    start = time.perf_counter()
    assert overlap(photo.read(content).ink, mask) > 0.8 and time.perf_counter() - start < 6
    start = time.perf_counter()
    with pytest.raises(UnreadablePicture, match="8000 × 6500"):
        photo.read(larger)
    assert time.perf_counter() - start < 0.1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow, on damaged EXIF data
def test_a_damaged_file_never_ends_in_anything_but_a_refusal_or_ink():
    rng = np.random.default_rng(0)
    small = np.asarray(Image.fromarray(paint(strokes(SEVEN)).astype(np.uint8)).resize((60, 48)))
    exif = Image.Exif()
    exif[0x0112] = 6
    refused = 0
    for content in (encoded(small), encoded(small, "JPEG", exif=exif), encoded(small, "WEBP", exif=exif)):
        for _ in range(25):
            broken = bytearray(content)
            for place in rng.integers(8, len(broken), 4):
                broken[place] = rng.integers(256)
            try:
                assert photo.read(bytes(broken)).digits >= 1
            except UnreadablePicture:
                refused += 1
    assert refused
