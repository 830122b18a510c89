"""`rcd compare`: results of several planners and training seeds in one table."""

from __future__ import annotations

import os
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
    from rcd_ros.outputs import claim_all, write_json

    named = _named(results)
    claim_all({"--json": json_file}, [file for files in named.values() for file in files], force)
    rows = [pool(label, [read_summary(file) for file in files]) for label, files in named.items()]
    if json_file is not None:
        write_json(json_file, {"rows": rows})
    Console(width=max(Console().width, 130)).print(comparison_table(rows))


def _named(arguments: list[str]) -> dict[str, list[Path]]:
    """The files of each label.

    Raises:
        RcdError: an argument is not written as label=file, a label comes twice, or a file twice under one label.
    """
    named: dict[str, list[Path]] = {}
    for argument in arguments:
        label, separator, text = argument.partition("=")
        if not separator or not label or not all(text.split(",")):
            raise RcdError(f"cannot read '{argument}': write label=file, or label=file,file for several seeds")
        if label in named:
            raise RcdError(f"the label '{label}' comes twice: write its files as {label}=file,file")
        named[label] = [Path(file) for file in text.split(",")]
        places = [os.path.realpath(file) for file in named[label]]
        for place, file in zip(places, named[label], strict=True):
            if places.count(place) > 1:
                raise RcdError(f"'{label}' names '{file}' twice: a training seed counts once, name one file for each")
    return named
