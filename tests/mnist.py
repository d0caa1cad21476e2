"""A data folder with the first images of MNIST alone: tests learn enough from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedclient import data


def write_few_images(folder: Path, train: int = 2_000, test: int = 2_000) -> Path:
    """Write so many images into a folder, and return it."""
    with np.load(data.SHIPPED / "mnist.npz") as whole:
        few = {
            key: whole[key][: train if key.endswith("train") else test]
            for key in whole.files
        }
    np.savez(folder / "mnist.npz", **few)
    return folder
