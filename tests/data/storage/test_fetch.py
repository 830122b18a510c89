import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import minari
import pytest

from rcd_ros.data.storage.datasets import load_dataset, save_dataset
from rcd_ros.data.storage.fetch import fetch_dataset
from rcd_ros.errors import RcdError
from tests.data.demonstrations import synthetic_episodes


@pytest.fixture(autouse=True)
def nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINARI_REMOTE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a remote that answers, and knows nothing."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{listening.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    yield address
    listening.shutdown()
    thread.join()
    listening.server_close()


def save(name: str, count: int = 1) -> None:
    save_dataset(name, synthetic_episodes(count), task=None, origin={}, description="")


def test_offline_it_ends_with_one_sentence(datasets_root: Path) -> None:
    with pytest.raises(RcdError, match=r"remote/b-v0.*http://127\.0\.0\.1:9") as caught:
        fetch_dataset("remote/b-v0")
    assert "\n" not in str(caught.value)
    assert list(datasets_root.iterdir()) == []


def test_an_existing_data_set_is_not_fetched_over(datasets_root: Path) -> None:
    save("remote/b-v0")
    with pytest.raises(RcdError, match="remote/b-v0"):
        fetch_dataset("remote/b-v0")


def test_a_fetched_data_set_appears_whole(datasets_root: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minari, "download_dataset", save)
    assert fetch_dataset("remote/b-v0") == ["remote/b-v0"]
    assert len(load_dataset("remote/b-v0").episodes) == 1
    assert not list(datasets_root.glob(".rcd*"))


def test_a_broken_download_leaves_nothing(datasets_root: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(name: str) -> None:
        save(name)
        raise OSError("connection\nreset")

    monkeypatch.setattr(minari, "download_dataset", break_off)
    with pytest.raises(RcdError, match=f"remote/b-v0.*{server}.*connection reset"):
        fetch_dataset("remote/b-v0")
    assert list(datasets_root.iterdir()) == []
