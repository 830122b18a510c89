"""Data sets from Minari's remote: all or nothing, and a quick answer when there is no network."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import minari

from rcd_ros.data.storage.datasets import check_new_name, publish
from rcd_ros.data.storage.folders import dataset_folder, datasets_root
from rcd_ros.errors import RcdError

CONNECT_TIMEOUT = 8.0
"""s."""


def fetch_dataset(name: str, force: bool = False) -> list[str]:
    """Download a data set, and those it is combined of, from Minari's remote (`MINARI_REMOTE`).

    Args:
        name: Minari id.
        force: replace an existing data set of that name.

    Returns:
        The names of the data sets that are new here.

    Raises:
        RcdError: as `datasets.check_new_name`; no server answers within `CONNECT_TIMEOUT`; or it has no such data set.
    """
    check_new_name(name, force)
    address = _remote_address()
    if not _answers(address):
        raise RcdError(
            f"cannot fetch '{name}': {address} does not answer; check the network, or `rcd data import` a file"
        )
    # Minari downloads in place; elsewhere first, so that an interrupted download is never seen under its name.
    staging = Path(tempfile.mkdtemp(prefix=".rcd-fetching-", dir=datasets_root()))
    try:
        fetched = _download(name, address, staging)
        new = [each for each in fetched if each == name or not dataset_folder(each).exists()]
        for each in new:
            publish(staging / each, each)
        return new
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download(name: str, address: str, root: Path) -> list[str]:
    with _datasets_in(root):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                minari.download_dataset(name)
            return list(minari.list_local_datasets())
        # The remote's client raises what its HTTP library does; none of it is ours to tell apart.
        except Exception as error:
            raise RcdError(f"cannot fetch '{name}' from {address}: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def _datasets_in(root: Path) -> Iterator[None]:
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before


def _remote_address() -> str:
    if os.environ.get("MINARI_REMOTE", "").startswith("gcp://"):
        return "https://storage.googleapis.com"
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def _answers(address: str) -> bool:
    """Whether a server is there, within a time that even a silent name server cannot stretch."""
    answered = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=CONNECT_TIMEOUT):
                answered.set()
        except urllib.error.HTTPError:
            answered.set()  # it refuses this request, but it is there
        except (OSError, ValueError):
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT)
    return answered.is_set()
