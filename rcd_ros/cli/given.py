"""Options that were given although they would have no effect are refused, not ignored."""

from __future__ import annotations

import typer

from rcd_ros.errors import RcdError


def was_given(context: typer.Context, parameter: str) -> bool:
    """Whether a parameter stands on the command line; `parameter` is its name in Python, such as `json_file`."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def only_for(context: typer.Context, where: str, applies: bool, *parameters: str) -> None:
    """Refuse parameters that only have an effect in one case.

    Args:
        context: of the running command.
        where: that case, as the user writes it: "--policy teacher".
        applies: whether this is the case.
        parameters: their names in Python.

    Raises:
        RcdError: it is not the case, and one of them was given.
    """
    for parameter in parameters:
        if not applies and was_given(context, parameter):
            raise RcdError(f"{_written(context, parameter)} is for {where}: omit it otherwise")


def not_with(context: typer.Context, option: str, present: bool, *parameters: str) -> None:
    """Refuse parameters that have no effect beside an option.

    Raises:
        RcdError: the option is present, and one of them was given.
    """
    for parameter in parameters:
        if present and was_given(context, parameter):
            raise RcdError(f"{_written(context, parameter)} has no effect with {option}: leave one of them away")


def _written(context: typer.Context, parameter: str) -> str:
    """A parameter as it stands on the command line: its longest option, or an argument's name."""
    for each in context.command.params:
        if each.name == parameter:
            return max(each.opts, key=len) if each.param_type_name == "option" else parameter.upper()
    raise AssertionError(f"the command has no parameter '{parameter}'")
