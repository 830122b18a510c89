"""A damaged heap of texts is refused before HDF5 reads it, which would not come to an end."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.formats.hdf5 import check_heaps


def texts(path: Path, count: int) -> int:
    """A file with texts of different lengths; returns where its first heap begins."""
    with h5py.File(path, "w") as file:
        file["texts"] = ["x" * number for number in range(count)]
        file.attrs["env_args"] = "a" * 50
    return path.read_bytes().index(b"GCOL")


@pytest.mark.parametrize("count", [0, 1, 3, 500])
def test_whole_files_pass(tmp_path: Path, count: int) -> None:
    texts(tmp_path / "a.hdf5", count)
    check_heaps(tmp_path / "a.hdf5")


def test_files_without_texts_pass(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["numbers"] = np.arange(1000)
    (tmp_path / "empty").touch()
    for name in ("a.hdf5", "empty"):
        check_heaps(tmp_path / name)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("length", [0, 2**64 - 16, 2**64 - 1, 5000])
def test_objects_that_lead_nowhere_are_refused(tmp_path: Path, number: int, length: int) -> None:
    file = tmp_path / "a.hdf5"
    begin = texts(file, 3)
    content = bytearray(file.read_bytes())
    struct.pack_into("<HHxxxxQ", content, begin + 16, number, 1, length)
    file.write_bytes(content)
    if number and not length:
        check_heaps(file)  # an empty text
    else:
        with pytest.raises(RcdError, match="damaged"):
            check_heaps(file)
