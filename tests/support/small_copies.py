"""Small copies of datasets, written to the letter of their layouts."""

import struct
import zlib

import numpy as np
from PIL import Image

SIZE = (4, 6)  # height, width


def write_image(path, *, level=100, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path)


def write_indices(path, values, *, palette=False):
    """Write rows of numbers as an 8-bit PNG, shown in colours if it has a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values, np.uint8))
    if palette:
        picture.putpalette(bytes((37 * part) % 256 for part in range(768)))
    picture.save(path)


def write_colors(path, colors):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(colors, np.uint8)).save(path)


def write_16_bits(path, first, second):
    """Write a PNG of three channels with 16 bits each, as the format's specification has it."""
    height, width = first.shape
    pixels = np.zeros((height, width, 3), ">u2")  # the most significant byte first
    pixels[..., 0], pixels[..., 1] = first, second
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # no filter

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)  # 16 bits, colour type 2: RGB
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def plane(*values):
    """Return rows of SIZE that begin with these values and go on with the last of them."""
    flat = np.full(SIZE[0] * SIZE[1], values[-1])
    flat[: len(values)] = values
    return flat.reshape(SIZE)
