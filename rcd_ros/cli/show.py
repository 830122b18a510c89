"""`rcd show`: prints a checkpoint's card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")]) -> None:
    """Verify every file of a checkpoint and print its card: task, provenance, measured scores.

    Example:

      rcd show models/kitchen-complete
    """
    from rich.console import Console
    from rich.markdown import Markdown

    from rcd_ros.planning.checkpoint import CARD, checkpoint_sha256, read_file, verify

    manifest = verify(checkpoint)
    console = Console()
    if CARD in manifest.files:
        card = read_file(checkpoint, manifest, CARD).decode(errors="replace")
        console.print(Markdown(card) if console.is_terminal else card)
    typer.echo(f"files: {', '.join(manifest.files)} (all match their SHA-256)")
    typer.echo(f"checkpoint_sha256: {checkpoint_sha256(checkpoint)}")
