"""What a launch is: its arguments, and the nodes that their values ask for.

A `Bringup` knows nothing of how nodes are started: `rcd_ros.launching.supervisor` does that where ROS 2 is a set of
wheels, `rcd_ros.launching.launch_file` under `ros2 launch`. That runs under ROS 2's own Python, which need not have
what the nodes need: what describes a launch imports PyYAML alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from rcd_ros.errors import RcdError
from rcd_ros.launching.node_process import NodeProcess
from rcd_ros.suggest import did_you_mean

Kind = Literal["text", "integer", "number", "boolean", "names"]
Value = str | int | float | bool | list[str]
"""Of a parameter."""


@dataclass(frozen=True)
class LaunchArgument:
    """One `name:=value` of a launch; an empty default leaves the choice to the parameter file."""

    name: str
    default: str
    description: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def parse(self, text: str) -> Value:
        """The text as the value of a parameter; raises `RcdError` when it is none of this kind."""
        if self.choices and text not in self.choices:
            raise RcdError(f"{self.name}:={text}: choose {' or '.join(self.choices)}{did_you_mean(text, self.choices)}")
        try:
            value = _PARSERS[self.kind](text)
        except ValueError as error:
            raise RcdError(f"{self.name}:={text}: expected {_EXPECTED[self.kind]}") from error
        if isinstance(value, (int, float)):
            self._check_range(text, value)
        return value

    def _check_range(self, text: str, value: float) -> None:
        if self.least is not None and value < self.least:
            raise RcdError(f"{self.name}:={text}: must be {self.least:g} or more")
        if self.most is not None and value > self.most:
            raise RcdError(f"{self.name}:={text}: must be {int(self.most)} at most")


@dataclass(frozen=True)
class Bringup:
    """A launch by name: its arguments, and the processes that their values (all of them, as text) ask for."""

    name: str
    description: str
    arguments: tuple[LaunchArgument, ...]
    nodes: Callable[[Mapping[str, str]], list[NodeProcess]]

    def resolve(self, given: Mapping[str, str]) -> dict[str, str]:
        """Every argument's value: the given one or the default.

        Raises:
            RcdError: an argument is not one of this launch's (the nearest is named), or is not of its kind.
        """
        known = {argument.name: argument for argument in self.arguments}
        for name, text in given.items():
            if name not in known:
                raise RcdError(
                    f"launch '{self.name}' has no argument '{name}'{did_you_mean(name, known)}; "
                    f"see rcd launch {self.name} --show-args"
                )
            if text:
                known[name].parse(text)
        return {name: given.get(name, argument.default) for name, argument in known.items()}

    def parameters(self, values: Mapping[str, str], names: tuple[str, ...]) -> dict[str, object]:
        """The named arguments as parameters, without those that are left to the parameter file."""
        known = {argument.name: argument for argument in self.arguments}
        return {name: known[name].parse(values[name]) for name in names if values[name]}


def starts_nodes_itself(values: Mapping[str, str]) -> bool:
    """Whether a launch with these arguments configures and activates its managed nodes, instead of each node itself."""
    return values.get("autostart", "true").lower() == "false"


def _boolean(text: str) -> bool:
    known = {"true": True, "false": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.strip("[]").split(",")]
    if not all(names):
        raise ValueError(text)
    return names


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_PARSERS: dict[Kind, Callable[[str], Value]] = {
    "text": str,
    "integer": int,
    "number": _number,
    "boolean": _boolean,
    "names": _names,
}
_EXPECTED: dict[Kind, str] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "names": "names with commas between them",
}
