"""MP4 files from rendered frames."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError


class VideoWriter:
    """Encodes frames one at a time; the file takes its name when it is complete."""

    def __init__(self, path: Path, frames_per_second: float) -> None:
        """Write to `path` (.mp4), replacing what is there; the size is that of the first frame.

        Raises:
            RcdError: the file is not called .mp4.
        """
        if path.suffix != ".mp4":
            raise RcdError(f"videos are written as .mp4, got '{path}'")
        self.path = path
        self.frames = 0
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._rate = frames_per_second
        self._encoder: Generator[None, NDArray[np.uint8] | None, None] | None = None

    def append(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame (height, width, 3)."""
        if self._encoder is None:
            self._encoder = self._open(frame)
        self._encoder.send(np.ascontiguousarray(frame))
        self.frames += 1

    def close(self) -> None:
        """Complete the file; without a frame no file is made."""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None
            self._partial.replace(self.path)

    def _open(self, frame: NDArray[np.uint8]) -> Generator[None, NDArray[np.uint8] | None, None]:
        try:
            import imageio_ffmpeg
        except ImportError as error:
            raise RcdError(f"videos need imageio-ffmpeg ({error}): pip install 'rcd_ros[sim]'") from error
        self.path.parent.mkdir(parents=True, exist_ok=True)
        height, width = frame.shape[:2]
        encoder: Generator[None, NDArray[np.uint8] | None, None] = imageio_ffmpeg.write_frames(
            str(self._partial), (width, height), fps=self._rate, macro_block_size=2, ffmpeg_log_level="error"
        )
        encoder.send(None)
        return encoder
