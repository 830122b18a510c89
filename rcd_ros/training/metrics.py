"""Where a training's numbers go: JSON lines for programs, TensorBoard for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class MetricsLog:
    """Append metrics by step to `metrics.jsonl` and to TensorBoard event files in `folder`.

    A resumed training drops what was written after the step it resumes from.
    """

    def __init__(self, folder: Path, resume_step: int) -> None:
        """Open the log; lines of steps beyond `resume_step` are dropped."""
        self._path = folder / "metrics.jsonl"
        kept = []
        if resume_step and self._path.is_file():
            for line in self._path.read_text().splitlines():
                try:
                    if json.loads(line)["step"] <= resume_step:
                        kept.append(line + "\n")
                except json.JSONDecodeError:
                    continue  # the last line of a killed process may be cut
        self._path.write_text("".join(kept))
        self._stream = self._path.open("a", buffering=1)
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=resume_step or None)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """One line of metrics after `step` steps."""
        self._stream.write(json.dumps({"step": step, **{k: float(v) for k, v in metrics.items()}}) + "\n")
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush both."""
        self._stream.close()
        self._writer.close()
