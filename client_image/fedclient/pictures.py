"""Image files of any size as the pixels that a task's network takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Bytes = NDArray[np.uint8]


class PictureError(Exception):
    """An image cannot be read; the message names it."""


def read_digit(path: Path) -> Bytes:
    """Return a digit as `[28, 28, 1]` bytes, grey, light on dark.

    MNIST's digits are white on black. A picture whose border is light on the whole
    (ink on paper) is therefore inverted.
    """
    grey = np.asarray(_open(path).convert("L").resize((28, 28), Image.Resampling.BOX))
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    if border.mean() > 127:
        grey = 255 - grey
    return grey[..., np.newaxis]


def read_photograph(path: Path) -> Bytes:
    """Return a photograph as `[32, 32, 3]` bytes, red, green, blue."""
    size = (32, 32)
    return np.asarray(_open(path).convert("RGB").resize(size, Image.Resampling.BOX))


def _open(path: Path) -> Image.Image:
    """Return the picture upright, what is transparent in it on white."""
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{path}: not a readable image ({error})") from error
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture)
