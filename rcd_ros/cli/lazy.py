"""Groups of subcommands whose modules are imported only when they are called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup


class Subcommand(NamedTuple):
    """Where a subcommand lives: a `typer.Typer` or a plain function in `rcd_ros.cli.<module>`."""

    module: str
    attribute: str
    summary: str


class LazyGroup(TyperGroup):
    """Replaces a subcommand's placeholder by the real one at the moment it is called."""

    subcommands: ClassVar[Mapping[str, Subcommand]]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Loads the subcommand that `args` begins with, then resolves as usual."""
        if args and args[0] in self.subcommands:
            self.add_command(_load(args[0], self.subcommands[args[0]]), args[0])
        return super().resolve_command(ctx, args)


def lazy_app(group: type[LazyGroup], **options: Any) -> typer.Typer:
    """An application that lists the subcommands of `group`; `options` are those of `typer.Typer`."""
    app = typer.Typer(cls=group, add_completion=False, no_args_is_help=True, **options)
    for name, subcommand in group.subcommands.items():
        app.command(name, help=subcommand.summary)(_placeholder)
    return app


def _load(name: str, subcommand: Subcommand) -> Any:
    target = getattr(importlib.import_module(f"rcd_ros.cli.{subcommand.module}"), subcommand.attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        target.command(name)(function)
    return typer.main.get_command(target)


def _placeholder() -> None:
    raise AssertionError("a placeholder is replaced before it is called")
