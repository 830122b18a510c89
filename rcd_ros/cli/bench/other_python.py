"""Options of benches of libraries that cannot be installed beside this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.given import not_with, only_for

if TYPE_CHECKING:
    from rcd_ros.benchmarks.other_environment import OtherEnvironment


@dataclass(frozen=True)
class OtherPython:
    """Which Python has the library."""

    python: Annotated[
        Path | None, typer.Option(help="Python of an environment with the library (default: the one of --install).")
    ] = None
    install: Annotated[bool, typer.Option("--install", help="Make that environment with pip first.")] = False
    base_python: Annotated[
        Path | None, typer.Option(help="Python that --install makes it with (default: this one).")
    ] = None

    def check(self, context: typer.Context) -> None:
        """Refuse options that have no effect together.

        Raises:
            RcdError: as said.
        """
        not_with(context, "--install", self.install, "python")
        only_for(context, "--install", self.install, "base_python")

    def of(self, environment: OtherEnvironment) -> Path:
        """The interpreter, installed first where that was asked for.

        Raises:
            RcdError: there is none, or it has not the library.
        """
        return environment.install(self.base_python) if self.install else environment.find(self.python)
