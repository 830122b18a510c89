"""`rcd show` and `rcd export`: a checkpoint's card, and the graph that a robot runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.options import Checkpoint
from rcd_ros.errors import RcdError


def show(checkpoint: Checkpoint) -> None:
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


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder with a trained student.")],
    compact: Annotated[
        Path | None, typer.Option(help="Write a copy half as large into this folder, for shipping, and nothing else.")
    ] = None,
    notes: Annotated[str, typer.Option(help="With --compact: what the copy's card says in place of its notes.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace what was exported before.")] = False,
) -> None:
    """Write student.onnx and the reference pairs that every inference engine is checked against.

    The graph takes `history`, the last observations in physical units, and standard normal `noise`; it gives `commands`
    in physical units, before they are clamped to their limits.

    Training does this by itself; export again after PyTorch or ONNX have changed.

    A compact copy holds the same graph, the teacher in half precision, and no weights of the student beside its graph.

    Examples:

      rcd export runs/my-planner/checkpoint --force

      rcd export runs/my-planner/checkpoint --compact models/my-planner
    """
    from rcd_ros.outputs import check_folder, keep_apart
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify, write_compact
    from rcd_ros.planning.engines.choose import STUDENT
    from rcd_ros.planning.planner import Planner

    if compact is not None:
        keep_apart({"--compact": compact}, [checkpoint])
        check_folder(compact.absolute().parent)
        write_compact(checkpoint, compact, notes, force)
        Planner.load(compact, engine="onnxruntime").close()
        typer.echo(f"wrote {compact}; it reproduces the reference pairs")
        return
    if notes:
        raise RcdError("--notes are for --compact FOLDER: give both, or leave the notes to training")
    if STUDENT in verify(checkpoint).files and not force:
        raise RcdError(f"'{checkpoint}' holds a {STUDENT} already: pass --force to export it again")
    from rcd_ros.training.export import export_student

    export_student(checkpoint)
    Planner.load(checkpoint, engine="onnxruntime").close()
    typer.echo(f"wrote {checkpoint / STUDENT}; it reproduces the reference pairs")
    typer.echo(f"checkpoint_sha256: {checkpoint_sha256(checkpoint)}")
