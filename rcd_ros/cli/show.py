"""`rcd show`: prints a checkpoint's card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")]) -> None:
    """Print a checkpoint's card: task, shapes, provenance and measured scores, after verifying every file's hash.

    Example: rcd show models/kitchen-complete
    """
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify

    manifest = verify(checkpoint)
    typer.echo(f"{checkpoint} {manifest} {checkpoint_sha256(checkpoint)}")
