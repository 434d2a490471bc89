"""Arrays into pictures."""

import base64
import io

import numpy as np
from PIL import Image

from cae.plots import pictures


def one_pixel(value: int) -> np.ndarray:
    return np.full((1, 28, 28), value, np.uint8)


def error_colour(original: int, reconstruction: int) -> np.ndarray:
    picture = pictures.signed_error(one_pixel(original), one_pixel(reconstruction))
    assert picture.shape == (1, 28, 28, 3)
    return picture[0, 0, 0]


def test_no_difference_is_black_missing_ink_is_blue_and_added_ink_is_red_the_stronger_the_more_up_to_half():
    assert (error_colour(100, 100) == 0).all()
    assert tuple(error_colour(255, 0)) == pictures.MISSING and tuple(error_colour(0, 255)) == pictures.ADDED
    strengths = [error_colour(0, ink).max() / 255 for ink in (32, 64, 127, 128, 255)]
    assert strengths[0] < strengths[1] < strengths[2] <= strengths[3] == strengths[4]
    assert abs(strengths[1] - error_colour(64, 0).max() / 255) < 0.02


def opened(uri: str, kind: str) -> Image.Image:
    head, body = uri.split(",")
    image = Image.open(io.BytesIO(base64.b64decode(body)))
    assert head == f"data:image/{kind};base64" and image.format == kind.upper()
    return image


def test_a_data_uri_holds_every_pixel_and_blown_up_without_smoothing():
    pixels = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28).astype(np.uint8)
    image = np.asarray(opened(pictures.png_uri(pixels, scale=3), "png"))
    np.testing.assert_array_equal(image, np.kron(pixels, np.ones((3, 3))))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    assert (np.asarray(opened(pictures.webp_uri(pixels), "webp").convert("RGB")) == pixels).all()
    rgb = pictures.to_rgb(one_pixel(7))
    assert rgb.shape == (1, 28, 28, 3) and (rgb == 7).all()


def scattered(places, pixels=None, side=200):
    """Pictures full of ink at these places, each in a tint of its own."""
    places = np.array(places, float)
    pixels = np.full((len(places), 28, 28), 255, np.uint8) if pixels is None else pixels
    tints = np.stack([np.full(3, 40 + 20 * number, np.uint8) for number in range(len(places))])
    found, shown = pictures.scattered(pixels, places, tints, side)
    assert found.shape == (side, side, 3) and found.dtype == np.uint8
    return found, shown.tolist(), tints


def test_pictures_lie_on_a_map_as_their_positions_do_the_second_upwards():
    found, shown, tints = scattered([(-1, -1), (1, 1), (1, -1)])
    assert shown == [0, 1, 2]
    assert (found[-28:, :28] == tints[0]).all() and (found[:28, -28:] == tints[1]).all()
    assert (found[-28:, -28:] == tints[2]).all() and (found[:28, :28] == pictures.GROUND).all()


def test_no_picture_on_a_map_covers_another_and_the_first_of_them_is_shown():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(400, 2))
    pixels = np.zeros((400, 28, 28), np.uint8)
    pixels[:, 10:18, 8:20] = 255
    tints = rng.integers(60, 256, (400, 3)).astype(np.uint8)
    found, shown = pictures.scattered(pixels, places, tints, 300)
    assert 0 in shown and 20 < len(shown) < 400 and sorted(shown.tolist()) == shown.tolist()
    assert (found != pictures.GROUND).any(axis=2).sum() == len(shown) * 8 * 12  # the ink of each, whole
    assert all((found == tint).all(axis=2).sum() >= 8 * 12 for tint in tints[shown])
    again = pictures.scattered(pixels, places, tints, 300)
    assert (again[0] == found).all() and (again[1] == shown).all()


def test_a_picture_without_ink_takes_no_place_and_a_fifth_of_the_ink_a_fifth_of_the_tint():
    pixels = np.full((3, 28, 28), 255, np.uint8)
    pixels[0] = 0
    _, shown, _ = scattered([(0, 0), (0, 0), (0, 0)], pixels)  # one place for all
    assert shown == [1]
    picture, _, tints = scattered([(0, 0)], np.full((1, 28, 28), 51, np.uint8), side=28)
    assert (picture == np.round(np.array(pictures.GROUND) * 0.8 + tints[0] * 0.2)).all()


def test_a_qr_code_has_its_three_corners_a_white_margin_and_its_text_in_it():
    code = pictures.qr_code("https://laboratory.example.org/wall?class=physics-3b", scale=1)
    assert set(np.unique(code)) == {0, 255} and code.shape[0] == code.shape[1]
    inside = code[4:-4, 4:-4]
    assert (code == 255).sum() == (inside == 255).sum() + code.size - inside.size
    corner = np.array([[max(abs(x - 3), abs(y - 3)) != 2 for x in range(7)] for y in range(7)])  # ISO/IEC 18004
    for seen in (inside[:7, :7], inside[:7, -7:], inside[-7:, :7]):
        np.testing.assert_array_equal(seen == 0, corner)
    assert (inside[-7:, -7:] == 0).tolist() != corner.tolist()
    assert (pictures.qr_code("https://laboratory.example.org/wall?class=physics-3c", scale=1) != code).any()
    assert pictures.qr_code("x", scale=3).shape == (3 * (21 + 8),) * 2
