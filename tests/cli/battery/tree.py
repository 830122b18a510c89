"""The tree of `rcd`: its commands, and command lines for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import typer

from rcd_ros.cli import app, lazy


@dataclass(frozen=True)
class Call:
    """One call of `rcd`.

    Attributes:
        command: its name, such as `data import`.
        about: parameter and kind of the bad value.
        arguments: of the whole command line.
        certain: whether it can only be refused.
        variables: of the environment.
    """

    command: str
    about: str
    arguments: tuple[str, ...]
    certain: bool
    variables: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        line = re.sub(r"x{100,}", "xxx[...]", " ".join(self.arguments))
        return f"{self.command}: {self.about}: rcd {line[:400]}"


@cache
def commands() -> dict[str, Any]:
    """Every command of `rcd` that does something, by its whole name."""
    return dict(_leaves(root(), ()))


@cache
def root() -> Any:
    """`rcd` itself; built once, since that takes most of the time of a call."""
    return typer.main.get_command(app)


def line(command: Any, name: str, values: Mapping[str, object], room: Path) -> tuple[str, ...]:
    """The command line for these values, arguments in their order."""
    options, arguments = [], []
    for parameter in command.params:
        value = values.get(str(parameter.name))
        if value is None or value is False:
            continue
        given = [str(each).replace("{room}", str(room)) for each in (value if isinstance(value, list) else [value])]
        if parameter.param_type_name == "argument":
            arguments += given
        elif value is True:
            options.append(parameter.opts[0])
        else:
            options += [text for each in given for text in (parameter.opts[0], each)]
    return *name.split(), *options, *arguments


def _leaves(command: Any, above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield " ".join(above), command
        return
    for name in command.commands:
        inner = command.commands[name]
        if isinstance(command, lazy.LazyGroup) and name in command.subcommands:
            inner = typer.main.get_command(lazy.load(name, command.subcommands[name]))
        yield from _leaves(inner, (*above, name))
