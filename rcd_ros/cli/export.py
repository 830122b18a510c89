"""`rcd export`: writes the graph that a robot runs into a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.errors import RcdError


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder with a trained student.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a graph that was exported before.")] = False,
) -> None:
    """Write student.onnx and the reference pairs that every inference engine is checked against.

    The graph takes `history`, the last observations in physical units, and standard normal `noise`; it gives `commands`
    in physical units, before they are clamped to their limits.

    Training does this by itself; export again after PyTorch or ONNX have changed.

    Example:

      rcd export runs/my-planner/checkpoint --force
    """
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.planning.engines.choose import STUDENT
    from rcd_ros.planning.planner import Planner

    if STUDENT in verify(checkpoint).files and not force:
        raise RcdError(f"'{checkpoint}' holds a {STUDENT} already: pass --force to export it anew")
    from rcd_ros.training.export import export_student

    export_student(checkpoint)
    Planner.load(checkpoint, engine="onnxruntime").close()
    typer.echo(f"wrote {checkpoint / STUDENT}; it reproduces the reference pairs")
    typer.echo(f"checkpoint_sha256: {checkpoint_sha256(checkpoint)}")
