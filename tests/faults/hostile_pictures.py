"""Pictures that somebody may send: odd but right ones, damaged ones, and bombs. As a program: reads them."""

import contextlib
import functools
import io
import itertools
import json
import random
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from helpers import PROJECT, environment
from mutations import of_bytes
from PIL import Image

from cae.data import photo
from cae.errors import CaeError
from cae.imports import sources
from cae.imports.run import import_file

ROWS = 168  # of the picture that the odd ones show: six times 28
SEVEN = np.zeros((ROWS, ROWS), bool)
SEVEN[30:48, 48:120] = True
for row in range(90):
    SEVEN[48 + row, 104 - row // 2 : 120 - row // 2] = True


def grey(ink: int = 20, paper: int = 230) -> np.ndarray:
    """The seven, uint8 (168, 168)."""
    return np.where(SEVEN, ink, paper).astype(np.uint8)


def encoded(picture: Image.Image, kind: str, **how) -> bytes:
    buffer = io.BytesIO()
    if "append_images" in how:  # copies, since Pillow leaves its options on what it has saved
        how["append_images"] = [each.copy() for each in how["append_images"]]
    picture.copy().save(buffer, kind, **how)
    return buffer.getvalue()


@functools.cache
def odd() -> dict[str, tuple[bytes, int]]:
    flat, colour = Image.fromarray(grey()), Image.fromarray(np.stack([grey()] * 3, axis=-1))
    alpha = Image.new("L", flat.size, 20)
    alpha.putalpha(Image.fromarray(np.where(SEVEN, 255, 0).astype(np.uint8)))
    listed = Image.fromarray(SEVEN.astype(np.uint8), "P")
    listed.putpalette([230, 230, 230, 20, 20, 20])
    others = [Image.fromarray(grey(200, 20)), Image.fromarray(grey(90, 90))]
    cmyk = np.zeros((ROWS, ROWS, 4), np.uint8)
    cmyk[..., 3] = 255 - grey()
    found = {
        "png-l": (encoded(flat, "PNG"), 0),
        "png-1": (encoded(Image.fromarray(~SEVEN), "PNG"), 25), "png-la": (encoded(alpha, "PNG"), 25),
        "png-rgba": (encoded(alpha.convert("RGBA"), "PNG"), 25), "png-palette": (encoded(listed, "PNG"), 1),
        "png-palette-transparent": (encoded(listed, "PNG", transparency=0), 25),
        "png-palette-shades": (encoded(listed, "PNG", transparency=bytes([255, 255])), 1),
        "png-16": (encoded(Image.fromarray(grey().astype(np.uint16) * 257), "PNG"), 0),
        "png-rgb-key": (encoded(colour, "PNG", transparency=(230, 230, 230)), 25),
        "png-animated": (encoded(flat, "PNG", save_all=True, append_images=others), 0),
        "png-interlaced": (png(ROWS, ROWS, zlib.compress(adam7(grey())), interlaced=True), 0),
        "jpeg-l": (encoded(flat, "JPEG", quality=95), 12),
        "jpeg-progressive": (encoded(colour, "JPEG", quality=95, progressive=True), 12),
        "jpeg-cmyk": (encoded(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=95), 14),
        "jpeg-restarts": (encoded(flat, "JPEG", quality=95, restart_marker_blocks=1), 12),
        "jpeg-two": (encoded(flat, "MPO", quality=95, save_all=True, append_images=others), 14),
        "jpeg-comments": (segments(encoded(flat, "JPEG", quality=95), 300, b"\xff\xfe\x00\x05abc"), 12),
        "webp-lossless": (encoded(colour, "WEBP", lossless=True), 1),
        "webp-lossy": (encoded(colour, "WEBP", quality=95), 16),
        "webp-alpha": (encoded(alpha.convert("RGBA"), "WEBP", lossless=True), 25),
        "webp-animated": (encoded(colour, "WEBP", lossless=True, save_all=True, append_images=others), 1),
        "gif": (encoded(flat, "GIF"), 2),
        "gif-animated": (encoded(flat, "GIF", save_all=True, append_images=others), 2),
        "gif-transparent": (encoded(listed, "GIF", transparency=0), 25), "bmp": (encoded(colour, "BMP"), 0),
        "bmp-1": (encoded(Image.fromarray(~SEVEN), "BMP"), 25), "ppm": (encoded(colour, "PPM"), 0),
        "pgm": (encoded(flat, "PPM"), 0),
        "pgm-text": (b"P2 168 168 # a comment\n255\n" + b" ".join(b"%d" % each for each in grey().flat), 0),
        "pgm-100": (b"P5 168 168 100\n" + (grey() // 3).astype(np.uint8).tobytes(), 40),
        "tiff": (encoded(flat, "TIFF"), 0), "tiff-lzw": (encoded(colour, "TIFF", compression="tiff_lzw"), 0),
        "tiff-deflate": (encoded(flat, "TIFF", compression="tiff_adobe_deflate"), 0),
        "tiff-fax": (encoded(Image.fromarray(~SEVEN), "TIFF", compression="group4"), 25),
        "tiff-jpeg": (encoded(colour, "TIFF", compression="jpeg"), 25),
        "tiff-big": (encoded(flat, "TIFF", big_tiff=True), 0),
        "tiff-cmyk": (encoded(Image.fromarray(cmyk, "CMYK"), "TIFF"), 2),
        "tiff-16": (encoded(Image.fromarray(grey().astype(np.uint16) * 257), "TIFF"), 0),
        "tiff-fractions": (encoded(Image.fromarray(grey().astype(np.float32) / 255), "TIFF"), 24),
        "tiff-pages": (encoded(flat, "TIFF", save_all=True, append_images=others), 0),
    }  # fmt: skip
    exif = Image.Exif()
    for turn, stored in enumerate(turns(grey()), start=1):
        exif[0x0112] = turn
        for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
            how = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
            content = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **how)
            found[f"{kind.lower()}-turned-{turn}"] = (content, 14)
    for turn in (0, 9, 255, 65535):
        exif[0x0112] = turn
        found[f"png-turned-{turn}"] = (encoded(flat, "PNG", exif=exif), 0)
    found["png-exif-nonsense"] = (png_with(flat, (b"eXIf", b"MM\0*\xff\xff\xff\xff" + bytes(range(256)))), 0)
    return found


def turns(upright: np.ndarray) -> list[np.ndarray]:
    """How a picture is stored that its EXIF orientation 1 to 8 brings upright."""
    flip, across = upright[:, ::-1], upright.T
    return [upright, flip, upright[::-1, ::-1], upright[::-1], across, np.rot90(upright), across[::-1, ::-1],
            np.rot90(upright, -1)]  # fmt: skip


def adam7(picture: np.ndarray) -> bytes:
    """The rows of the seven passes of an interlaced PNG, unfiltered."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    return b"".join(
        b"\0" + row.tobytes() for top, left, down, across in passes for row in picture[top::down, left::across]
    )


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, data: bytes, *, bits=8, colour=0, interlaced=False) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png_with(picture: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    content = encoded(picture, "PNG")
    return content[:33] + b"".join(chunk(*each) for each in chunks) + content[33:]


def segments(content: bytes, count: int, segment: bytes) -> bytes:
    return content[:2] + count * segment + content[2:]


def zeros(count: int) -> bytes:
    """So many zeros, deflated a piece at a time."""
    packer, block = zlib.compressobj(9), bytes(1_000_000)
    return b"".join([*(packer.compress(block) for _ in range(count // len(block))), packer.flush()])


def scans(width: int, height: int, count: int) -> bytes:
    """A progressive JPEG, empty, whose every scan goes over all of its blocks in a hundred bytes."""
    blocks = -(-width // 8) * -(-height // 8)
    bits = ("0" + "1" * 14) * -(-blocks // 32767)
    bits += "1" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    table = bytes([1] + [0] * 15)
    head = (
        b"\xff\xd8\xff\xdb\x00\x43\x00" + bytes([1] * 64)
        + b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + bytes([1, 0x11, 0])
        + b"\xff\xc4" + struct.pack(">HB", 20, 0x00) + table + b"\x00"
        + b"\xff\xc4" + struct.pack(">HB", 20, 0x10) + table + b"\xe0"
        + b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes([1, 0, 0, 0, 0]) + bytes(-(-blocks // 8))
    )  # fmt: skip
    return head + count * (b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes([1, 0, 1, 63, 0]) + body) + b"\xff\xd9"


def tiff(tags: dict[int, tuple[int, int, bytes]], data: bytes = b"") -> bytes:
    """A TIFF of these tags: type, count and value each; `data` follows them."""
    end, entries, values = 8 + 2 + 12 * len(tags) + 4, b"", b""
    for tag, (kind, count, value) in sorted(tags.items()):
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", end + len(values))
        values += b"" if len(value) <= 4 else value + b"\0" * (len(value) % 2)
        entries += struct.pack("<HHI", tag, kind, count) + place
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values + data


def short(*values: int) -> tuple[int, int, bytes]:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(*values: int) -> tuple[int, int, bytes]:
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def one_strip(width: int, height: int, data: bytes, *, bits=8, packed=1, **more) -> bytes:
    others = {int(tag[1:]): short(value) for tag, value in more.items()}
    tags = {256: long(width), 257: long(height), 258: short(bits), 259: short(packed), 262: short(1), 273: long(0),
            277: short(1), 278: long(height), 279: long(len(data)), **others}  # fmt: skip
    tags[273] = long(len(tiff(tags)))
    return tiff(tags, data)


def strips(height: int) -> bytes:
    """As many strips as rows, all at the same place."""
    of_each = {273: (3, height, bytes(2 * height)), 279: (3, height, b"\x08\0" * height)}
    return tiff({256: long(8), 257: long(height), 258: short(8), 259: short(1), 262: short(1), 277: short(1),
                 278: long(1), **of_each})  # fmt: skip


def gif(comment: bytes = b"", frames: int = 1, size: tuple[int, int] = (64, 64)) -> bytes:
    content = encoded(Image.new("P", (64, 64), 1), "GIF")
    start = 13 + 3 * 2 ** ((content[10] & 7) + 1)
    head = content[:6] + struct.pack("<HH", *size) + content[10:start]
    return head + comment + content[start:-1] * frames + b";"


def tags_that_share(count: int) -> bytes:
    """EXIF whose every tag is all of it: what it holds is the square of what it is."""
    entries = b"".join(struct.pack("<HHII", 1000 + number, 7, 12 * count, 0) for number in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4)


@functools.cache
def bombs(large: bool) -> dict[str, bytes]:
    """Small files, or files of up to 20 MB where `large`, that ask a decoder for much."""
    flat = Image.fromarray(grey())
    jpeg, times = encoded(flat, "JPEG"), 1 if large else 20
    exif = b"Exif\0\0" + tags_that_share(5000)
    tile = {256: long(64), 257: long(64), 258: short(8), 259: short(1), 262: short(1), 277: short(1)}
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\xff" * 6 + bytes(60)
    found = {
        "png-50000": png(50_000, 50_000, zeros(4_000_000)),
        "png-claims-all": png(2**31 - 1, 2**31 - 1, zeros(1_000_000)),
        "png-forty-million": png(8000, 5000, zeros(41_000_000)), "png-thin": png(8, 4_999_999, zeros(45_000_000)),
        "png-wide": png(4_999_999, 8, zeros(41_000_000)),
        "png-chunks": png_with(flat, *[(b"teSt", b"")] * (1_600_000 // times)),
        "png-text": png_with(flat, *[(b"zTXt", b"k\0\0" + zeros(1_000_000))] * 500),
        "png-itxt": png_with(flat, (b"iTXt", b"k\0\1\0\0\0" + zeros(300_000_000 // times))),
        "png-profile": png_with(flat, (b"iCCP", b"k\0\0" + zeros(300_000_000 // times))),
        "png-exif-shares": png_with(flat, (b"eXIf", tags_that_share(60_000))),
        "jpeg-scans": scans(8900, 8900, 20_000 // times),
        "jpeg-hidden-scans": segments(scans(8900, 8900, 20_000 // times), 1, b"\xff\x01"),
        "jpeg-exifs": segments(jpeg, 1_300_000 // times, b"\xff\xe1\x00\x0cExif\0\0ABCD"),
        "jpeg-segments": segments(jpeg, 4_000_000 // times, b"\xff\xe5\x00\x02"),
        "jpeg-padding": segments(jpeg, 19_000_000 // times, b"\xff"),
        "jpeg-junk": segments(jpeg, 19_000_000 // times, b"a"),
        "jpeg-exif-shares": segments(jpeg, 1, b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif),
        "gif-frames": gif(frames=170_000 // times),
        "gif-comment": gif(b"!\xfe" + b"\x01a" * (9_000_000 // times) + b"\0"), "gif-65535": gif(size=(65_535, 65_535)),
        "webp-16777216": b"RIFF" + struct.pack("<I", len(webp)) + webp,
        "webp-forty-million": encoded(Image.new("RGB", (8000, 4990)), "WEBP", lossless=True, quality=0, method=0)
        if large else b"RIFF",
        "tiff-strips": strips(4_900_000 // times),
        "tiff-tiles": tiff({**tile, 322: long(1), 323: long(1), 324: (3, 4_000_000, bytes(8_000_000)),
                            325: (3, 4_000_000, bytes(8_000_000))}),
        "tiff-huge-tile": tiff({**tile, 322: long(2**31 - 16), 323: long(2**31 - 16), 324: long(8), 325: long(8)}),
        "tiff-deflated": one_strip(8000, 4990, zeros(40_000_000), packed=8),
        "tiff-deflated-more": one_strip(64, 64, zeros(300_000_000 // times), packed=8),
        "tiff-fractions": one_strip(8000, 4990, zeros(160_000_000), packed=8, bits=32, t339=3),
        "tiff-samples": one_strip(64, 64, bytes(4096), t277=60_000),
        "tiff-directories": b"II*\0" + struct.pack("<I", 8) + b"".join(
            struct.pack("<HI", 0, 14 + 6 * number) for number in range(3_000_000 // times)),
        "tiff-loop": tiff({256: long(28)})[:-4] + struct.pack("<I", 8), "tiff-shares": tags_that_share(60_000),
        "tiff-nan": one_strip(28, 28, np.full(784, np.nan, "<f4").tobytes(), bits=32, t339=3),
        "tiff-below-zero": one_strip(28, 28, np.full(784, -5, "<i4").tobytes(), bits=32, t339=2),
        "tiff-beyond": one_strip(28, 28, np.full(784, 2**30, "<i4").tobytes(), bits=32, t339=2),
        "pfm-nan": b"Pf\n28 28\n-1.0\n" + np.full(784, np.nan, "<f4").tobytes(),
        "pgm-comments": b"P2\n28 28\n255\n" + b"#\n" * (9_000_000 // times) + b"1 " * 784,
        "pgm-comment": b"P2\n#" + b"a" * (19_000_000 // times) + b"\n28 28\n255\n" + b"1 " * 784,
        "pgm-text": b"P2\n3000 3000\n255\n" + b"1 " * (9_000_000 // times),
        "pgm-254": b"P5\n4000 4900\n254\n" + b"1" * (19_600_000 // times),
        "ppm-claims": b"P6\n99999999 99999999\n255\nabc",
        "bmp-claims": b"BM" + struct.pack("<IHHIIiiHH", 100, 0, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24) + bytes(24),
    }  # fmt: skip
    return found


@functools.cache
def others() -> dict[str, bytes]:
    """What is no picture that we read, or one with another ending."""
    flat, archive = Image.fromarray(grey()), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("digit.png", encoded(flat, "PNG"))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(x) run\nshowpage\n%%EOF\n"
    found = {
        "empty": b"", "zeros": bytes(10_000), "text": "seven, sept, sieben, 七".encode(), "zip": archive.getvalue(),
        "eps": eps, "eps-dos": b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, len(eps)) + bytes(18) + eps,
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "html": b"<img src=x onerror=alert(1)>", "pdf": encoded(flat, "PDF"), "ico": encoded(flat, "ICO"),
        "tga": encoded(flat, "TGA"), "pcx": encoded(flat, "PCX"), "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
        "msp": encoded(flat.convert("1"), "MSP"),
        "psd": b"8BPS\0\1" + bytes(100), "fits": b"SIMPLE  =                    T" + b" " * 5000,
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(100), "png-only-head": b"\x89PNG\r\n\x1a\n",
        "jpeg-only-head": b"\xff\xd8\xff", "png-one-pixel": encoded(Image.new("L", (1, 1)), "PNG"),
        "png-line": encoded(Image.new("L", (1, 60_000)), "PNG"),
        "png-flat": encoded(Image.new("L", (300, 8), 7), "PNG"),
        "more-than-20-mb": b"\x89PNG\r\n\x1a\n" + bytes(20_000_001),
        "png-no-palette": png(32, 32, zeros(4_000_000), colour=3), "png-no-size": png(0, 0, zeros(1_000_000)),
    }  # fmt: skip
    with contextlib.suppress(KeyError, OSError):  # where Pillow was built without it
        found["avif"] = encoded(flat, "AVIF")
    return found


def broken(count: int, seed: int) -> dict[str, bytes]:
    """Odd pictures cut off, with bits and bytes exchanged, and pieces of others in them."""
    rng, whole, found = random.Random(seed), list(odd().items()), {}
    for number in range(count):
        name, (content, *_) = rng.choice(whole)
        harmed, way = bytearray(content), number % 3
        if way == 0:
            harmed = bytearray(of_bytes(content, rng)[1])
        elif way == 1:  # in the head, where it hurts most
            for _ in range(rng.randrange(1, 6)):
                harmed[rng.randrange(2, min(120, len(harmed)))] = rng.choice((0, 1, 127, 128, 254, 255))
        else:
            at, other = rng.randrange(len(harmed)), rng.choice(whole)[1][0]
            harmed[at : at + 200] = other[: rng.randrange(1, 400)]
        right = name.startswith("png") and rng.random() < 0.7
        found[f"{name}~{number}"] = with_right_sums(bytes(harmed)) if right else bytes(harmed)
    return found


def with_right_sums(content: bytes) -> bytes:
    """A PNG whose checksums are right again, as far as it can be followed: what is behind them is then looked at."""
    at, done = 8, content[:8]
    while at + 12 <= len(content) and (length := int.from_bytes(content[at : at + 4], "big")) <= len(content) - at - 12:
        done += chunk(content[at + 4 : at + 8], content[at + 8 : at + 8 + length])
        at += 12 + length
    return done + content[at:]


def read_within(megabytes: int, ways: str, contents: dict[str, bytes], folder: Path, **settings) -> list[dict]:
    """What becomes of each content in each of these ways, read in a process that takes at most so much memory more."""
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, __file__, str(folder), str(megabytes), ways], capture_output=True, text=True, timeout=900,
        check=False, env=environment(PYTHONPATH=f"{PROJECT}:{PROJECT / 'tests'}", **settings),
    )  # fmt: skip
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    last = outcomes[-1]["name"] if outcomes else "nothing"
    is_whole = done.returncode == 0 and len(outcomes) == len(ways.split()) * len(contents)
    assert is_whole, f"after {last}: {done.stderr[-500:]}"
    return outcomes


def most() -> float:
    """MB that this process has had at once; 0 where the system does not say."""
    status = Path("/proc/self/status")
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024 if status.exists() else 0


def read_all(folder: Path, megabytes: int, ways: list[str]) -> None:
    """Reads every file in a folder in these ways, in at most so much memory more; a line of JSON for each."""
    warnings.simplefilter("ignore")
    for kind in ("PNG", "TIFF", "WEBP"):  # now, or what they import would count as theirs
        sources.read(encoded(Image.fromarray(grey()), kind))
    photo.read(encoded(Image.fromarray(grey()), "PNG"))
    if sys.platform.startswith("linux"):
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
    before, reads = most(), {"page": photo.read, "import": sources.read, "run": lambda it: import_file(it, "new")}
    for path, way in itertools.product(sorted(folder.iterdir()), ways):
        content, start = path.read_bytes(), time.process_time()
        try:
            reads[way](content)
            outcome = "read"
        except CaeError as error:
            outcome = f"{type(error).__name__}: {error}"
        except BaseException as error:  # which is what is looked for
            outcome = f"!{type(error).__name__}: {error}"
        seconds, grown = time.process_time() - start, most() - before
        line = {"name": path.name, "way": way, "outcome": outcome, "seconds": seconds, "grown": grown}
        print(json.dumps(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    read_all(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split())
