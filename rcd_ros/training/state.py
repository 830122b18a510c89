"""What a training writes to its folder: the state that it can be resumed from, and its metrics.

The state is one safetensors file with weights, averaged weights and optimiser, replaced atomically. No pickle: tensors
keep their names, the few plain numbers go into the file's metadata as JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from rcd_ros.errors import RcdError
from rcd_ros.training.method import Objective


@dataclass(frozen=True)
class Progress:
    """Where a training stands: steps done, and the best held-out loss with the step it was reached at."""

    step: int
    best_loss: float
    best_step: int


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write tensors and JSON-able metadata; the file at `path` is at every moment the old one or the new one, whole."""
    room = path.with_name(path.name + ".partial")
    contents = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(contents, room, metadata={"state": json.dumps(dict(metadata))})
    with open(room, "rb") as stream:
        os.fsync(stream.fileno())
    os.replace(room, path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a file written by `save_tensors`.

    Raises:
        RcdError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("state", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise RcdError(f"training state '{path}' cannot be read ({error}): use --force to start again") from error


def read_metadata(path: Path) -> dict[str, object]:
    """Metadata of a file written by `save_tensors`; raises `RcdError` where the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads((file.metadata() or {}).get("state", "{}")))
    except (SafetensorError, OSError, ValueError) as error:
        raise RcdError(f"training state '{path}' cannot be read ({error}): use --force to start again") from error


def save_state(
    path: Path, objective: Objective[nn.Module], optimizer: torch.optim.Optimizer, progress: Progress, fingerprint: str
) -> None:
    """Everything that continuing needs. `fingerprint` identifies the recipe, so that no other one continues it."""
    tensors = {f"trained.{name}": t for name, t in objective.net.state_dict().items()}
    tensors |= {f"averaged.{name}": t for name, t in objective.ema.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    save_tensors(path, tensors, {**progress.__dict__, "fingerprint": fingerprint})


def restore_state(
    path: Path, objective: Objective[nn.Module], optimizer: torch.optim.Optimizer, fingerprint: str
) -> Progress:
    """The inverse of `save_state`: load everything in place and tell where the training stood.

    Raises:
        RcdError: the file is damaged or belongs to another recipe.
    """
    tensors, metadata = read_tensors(path)
    if metadata.pop("fingerprint", None) != fingerprint:
        raise RcdError(
            f"'{path}' was made by another recipe or data set: continue with the same one, or choose another --output"
        )
    objective.net.load_state_dict(_under("trained.", tensors))
    objective.ema.load_state_dict(_under("averaged.", tensors))
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer.", tensors).items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = tensor
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return Progress(**metadata)


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


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
