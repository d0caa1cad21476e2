from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from fedclient import data
from fedclient.data import DataError, ImageSet

Make = Callable[..., Path]
MNIST = ImageSet("mnist", (28, 28, 1), 10)
CIFAR = ImageSet("cifar10", (32, 32, 3), 10)


def test_mnist_ships_with_the_client() -> None:
    train, test = (data.load(MNIST, None, part) for part in ("train", "test"))
    assert train.images.shape == (60_000, 28, 28, 1)
    assert test.images.shape == (10_000, 28, 28, 1)
    assert np.bincount(test.labels).sum() == 10_000


def test_a_file_in_the_data_folder_comes_first(make_npz: Make) -> None:
    found = data.load(MNIST, make_npz("mnist", (28, 28)), "train")
    assert found.images.shape == (60, 28, 28, 1)
    assert found.labels.shape == (60,)


@pytest.mark.parametrize("wanted", [MNIST, CIFAR], ids=lambda each: each.name)
def test_a_data_folder_without_the_file_is_an_error(
    tmp_path: Path, wanted: ImageSet
) -> None:
    """Neither what is shipped nor what can be fetched stands in for it."""
    with pytest.raises(DataError, match=rf"{wanted.name}\.npz: no such file; with"):
        data.load(wanted, tmp_path, "test")


def test_a_data_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mistyped" / "mnist.npz"
    with pytest.raises(DataError, match=f"{path}: no such folder; with DATA_DIR="):
        data.load(MNIST, path.parent, "train")
    with pytest.raises(DataError, match=f"{path}: no such folder; with DATA_DIR="):
        data.preload(MNIST, path.parent)


def test_labels_may_stand_in_a_column(make_npz: Make) -> None:
    folder = make_npz("cifar10", (32, 32, 3), y_train=np.ones((60, 1), np.uint8))
    assert data.load(CIFAR, folder, "train").labels.shape == (60,)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"y_test": None}, r"missing \['y_test'\]"),
        ({"x_train": np.zeros((60, 28, 28), np.float32)}, "x_train is float32"),
        ({"y_train": np.zeros(60, np.int64)}, "y_train is int64, expected uint8"),
        ({"x_train": np.zeros((60, 28, 27), np.uint8)}, r"\[60, 28, 27, 1\], expected"),
        ({"y_train": np.zeros(59, np.uint8)}, r"shape \[59\], expected \[60\]"),
        ({"y_train": np.full(60, 10, np.uint8)}, "label 10, expected 0 to 9"),
        (
            {"x_train": np.zeros((0, 28, 28), np.uint8), "y_train": b""},
            "y_train is",
        ),
    ],
)
def test_what_a_file_lacks_is_said(
    make_npz: Make, other: dict[str, object], complaint: str
) -> None:
    folder = make_npz("mnist", (28, 28), **other)
    with pytest.raises(DataError, match=complaint):
        data.load(MNIST, folder, "train")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 but not further"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"mnist\.npz: not a readable \.npz file"):
        data.load(MNIST, tmp_path, "train")


def test_a_single_array_is_no_data_set(tmp_path: Path) -> None:
    with (tmp_path / "mnist.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="not a readable"):
        data.load(MNIST, tmp_path, "train")


def test_a_set_that_is_nowhere_says_where_it_is_expected() -> None:
    with pytest.raises(DataError, match=r"other\.npz: none is shipped, expected it in"):
        data.load(ImageSet("other", (1, 1, 1), 2), None, "train")


def test_what_was_preloaded_is_shared(make_npz: Make) -> None:
    folder = make_npz("mnist", (28, 28))
    data.preload(MNIST, folder)
    (folder / "mnist.npz").unlink()
    first, second = (data.load(MNIST, folder, "train") for _ in range(2))
    assert first.images is second.images


def fake_torchvision(monkeypatch: pytest.MonkeyPatch, dataset: object) -> None:
    module = ModuleType("torchvision.datasets")
    module.CIFAR10 = dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)


def test_cifar10_is_downloaded_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def cifar10(root: str, *, train: bool, download: bool) -> SimpleNamespace:
        asked.append((root, train, download))
        count = 5 if train else 2
        return SimpleNamespace(
            data=np.full((count, 32, 32, 3), 7, np.uint8), targets=[3] * count
        )

    fake_torchvision(monkeypatch, cifar10)
    folder = tmp_path / "new"
    monkeypatch.setattr(data, "DOWNLOADS", folder)
    for _ in range(2):
        assert len(data.load(CIFAR, None, "train").labels) == 5
        assert data.load(CIFAR, None, "test").labels.tolist() == [3, 3]
    assert asked == [(str(folder), True, True), (str(folder), False, True)]
    assert [path.name for path in folder.iterdir()] == ["cifar10.npz"]


def test_a_failed_download_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cifar10(root: str, **more: bool) -> None:
        raise OSError("no route to host")

    fake_torchvision(monkeypatch, cifar10)
    monkeypatch.setattr(data, "DOWNLOADS", tmp_path)
    with pytest.raises(DataError, match=r"the download to .* failed: no route to host"):
        data.load(CIFAR, None, "train")
