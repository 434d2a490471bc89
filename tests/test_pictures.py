"""Arrays into pictures."""

import base64
import io

import numpy as np
from PIL import Image

from cae import pictures


def one_pixel(value: int) -> np.ndarray:
    return np.full((1, 28, 28), value, np.uint8)


def test_no_difference_is_black_missing_ink_is_blue_and_added_ink_is_red():
    same = pictures.signed_error(one_pixel(100), one_pixel(100))
    missing = pictures.signed_error(one_pixel(255), one_pixel(0))
    added = pictures.signed_error(one_pixel(0), one_pixel(255))
    assert same.shape == (1, 28, 28, 3) and (same == 0).all()
    assert tuple(missing[0, 0, 0]) == pictures.MISSING and tuple(added[0, 0, 0]) == pictures.ADDED


def test_the_error_map_is_symmetric_and_grows_until_half_the_range():
    def strength(original: int, reconstruction: int) -> float:
        picture = pictures.signed_error(one_pixel(original), one_pixel(reconstruction))[0, 0, 0]
        return picture.max() / 255

    assert strength(0, 32) < strength(0, 64) < strength(0, 127) <= strength(0, 128) == strength(0, 255)
    assert abs(strength(0, 64) - strength(64, 0)) < 0.02


def test_a_data_uri_holds_the_picture_blown_up_without_smoothing():
    pixels = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28).astype(np.uint8)
    head, body = pictures.png_uri(pixels, scale=3).split(",")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    assert head == "data:image/png;base64" and image.shape == (84, 84)
    assert (image[::3, ::3] == pixels).all() and (image[2::3, 1::3] == pixels).all()


def test_grey_becomes_rgb_of_equal_parts():
    rgb = pictures.to_rgb(one_pixel(7))
    assert rgb.shape == (1, 28, 28, 3) and (rgb == 7).all()
