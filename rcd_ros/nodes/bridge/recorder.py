"""Films a simulation while it is driven, where this machine can draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rcd_ros.errors import RcdError
from rcd_ros.simulation.drawing.video import VideoWriter
from rcd_ros.simulation.interface import Simulation


class Recorder:
    """One frame a control period, shown at the speed of life. A machine that cannot draw is told so once."""

    def __init__(self, simulation: Simulation, path: Path, warn: Callable[[str], object]) -> None:
        """Film `simulation` into `path`, replacing it; `warn` takes the sentence that says why there is no film."""
        self._simulation = simulation
        self._warn = warn
        self._video: VideoWriter | None = VideoWriter(path, 1.0 / simulation.spec.control_period)

    def frame(self) -> None:
        """Add the simulation's present state."""
        if self._video is None:
            return
        try:
            self._video.append(self._simulation.render())
        except RcdError as error:
            self._video = None
            self._warn(f"no video: {error}")

    def close(self) -> None:
        """Complete the film."""
        if self._video is not None:
            self._video.close()
            self._video = None
