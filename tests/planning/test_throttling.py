"""Pauses between pieces of work, in the thread that is throttled and in no other."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from rcd_ros.planning import throttling
from rcd_ros.planning.checkpoint import MANIFEST, checkpoint_sha256
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.throttling import pause, throttled
from tests.planning.tiny import write_tiny


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(throttling, "time", type("Clock", (), {"sleep": staticmethod(taken.append)}))
    return taken


def test_only_the_thread_that_is_throttled_pauses(pauses: list[float]) -> None:
    pause()
    with throttled():
        other = threading.Thread(target=pause)
        other.start()
        other.join()
        assert pauses == []
        pause()
        assert pauses == [throttling.PAUSE_S]
    pause()
    assert len(pauses) == 1


def test_a_planner_is_loaded_and_warmed_up_in_pieces(pauses: list[float], tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    write_tiny(folder)
    with throttled():
        planner = Planner.load(folder, "onnxruntime")
        loading = len(pauses)
        planner.warm_up(plans=20)
    assert loading >= 8, "files, engine, reference pairs"
    assert len(pauses) - loading == 20
    planner.close()


def test_what_is_hashed_in_pieces_is_the_files_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tiny"
    write_tiny(folder)
    content = (folder / MANIFEST).read_bytes()
    monkeypatch.setattr("rcd_ros.planning.checkpoint.PIECE_BYTES", 7)
    assert checkpoint_sha256(folder) == hashlib.sha256(content).hexdigest()
