"""Filming: an MP4 where the machine can draw, one sentence where it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.camera import Film
from rcd_ros.simulation.drawing.video import VideoWriter
from tests.nodes.bridge.test_episodes import Door


class Visible(Door):
    def render(self) -> NDArray[np.uint8]:
        return np.full((48, 64, 3), 200, np.uint8)


class Invisible(Door):
    def render(self) -> NDArray[np.uint8]:
        raise RcdError("no OpenGL here: apt install libosmesa6")


def test_frames_become_a_film(tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    warnings: list[str] = []
    film = Film(Visible(), tmp_path / "film.mp4", warnings.append)
    for _ in range(20):
        film.add_frame()
    assert not (tmp_path / "film.mp4").exists(), "the name belongs to a complete film"
    film.close()
    film.close()
    film.add_frame()
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "film.mp4"))
    assert (frames, warnings) == (20, [])
    assert seconds == pytest.approx(2.0, abs=0.1), "the speed of life: a frame is a control period of 0.1 s"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_machine_that_cannot_draw_says_so_once(tmp_path: Path) -> None:
    warnings: list[str] = []
    film = Film(Invisible(), tmp_path / "film.mp4", warnings.append)
    for _ in range(3):
        film.add_frame()
    film.close()
    assert warnings == ["no video: no OpenGL here: apt install libosmesa6"]
    assert list(tmp_path.iterdir()) == []


def test_another_format_than_mp4_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match=r"film\.gif"):
        VideoWriter(tmp_path / "film.gif", 10.0)
