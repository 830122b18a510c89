"""`rcd compare`: results of several planners and training seeds in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.errors import RcdError


def compare(
    results: Annotated[
        list[str], typer.Argument(help="label=file[,file...]; the files of one label are its training seeds.")
    ],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Put what `rcd eval --json` measured side by side, training seeds pooled.

    Example:

      rcd compare rewarded=r-seed0.json,r-seed1.json plain=p-seed0.json,p-seed1.json
    """
    from rich.console import Console

    from rcd_ros.evaluation.comparison import comparison_table, pool, read_summary
    from rcd_ros.outputs import claim, write_json

    if json_file is not None:
        claim(json_file, force)
    rows = []
    for argument in results:
        label, separator, files = argument.partition("=")
        if not separator or not files:
            raise RcdError(f"cannot read '{argument}': write label=file, or label=file,file for several seeds")
        rows.append(pool(label, [read_summary(Path(file)) for file in files.split(",")]))
    if json_file is not None:
        write_json(json_file, {"rows": rows})
    Console(width=max(Console().width, 130)).print(comparison_table(rows))
