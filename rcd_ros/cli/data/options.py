"""Options of commands that store a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Dataset = Annotated[str, typer.Argument(help="Data set.")]


@dataclass(frozen=True)
class NewDataset:
    """The data set that is made."""

    name: Annotated[str, typer.Option("--name", help="Name of the new data set, such as rcd/kitchen/complete-v0.")]
    force: Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")] = False

    def claim(self, inputs: Iterable[str | Path | None]) -> None:
        """Make sure that it can be stored, apart from what is read.

        Raises:
            RcdError: the name cannot be used or is taken, or is that of an input.
        """
        from rcd_ros.data.storage.datasets import check_new_name
        from rcd_ros.data.storage.folders import dataset_folder
        from rcd_ros.outputs import keep_apart

        check_new_name(self.name, self.force)
        keep_apart({"--name": dataset_folder(self.name)}, inputs)
