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
            app = load(args[0], self.subcommands[args[0]])
            self.add_command(typer.main.get_command(app), args[0])
        return super().resolve_command(ctx, args)


def lazy_app(group: type[LazyGroup], help: str, epilog: str | None = None) -> typer.Typer:
    """An application that lists the subcommands of `group`, between `help` and `epilog`."""
    app = typer.Typer(
        cls=group,
        help=help,
        epilog=epilog,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for name, subcommand in group.subcommands.items():
        app.command(name, help=subcommand.summary)(_placeholder)
    return app


def load(name: str, subcommand: Subcommand) -> typer.Typer:
    """The application that a subcommand stands for, under `name`; imports its module."""
    target = getattr(importlib.import_module(f"rcd_ros.cli.{subcommand.module}"), subcommand.attribute)
    if isinstance(target, typer.Typer):
        return target
    app = typer.Typer(add_completion=False)
    app.command(name)(target)
    return app


def _placeholder() -> None:
    raise AssertionError("a placeholder is replaced before it is called")
