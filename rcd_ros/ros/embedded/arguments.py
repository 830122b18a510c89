"""`--ros-args`: remappings, parameters, parameter files and log levels from a command line."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from rcd_ros.errors import RcdError
from rcd_ros.ros.embedded.names import Remapping


@dataclass(frozen=True)
class ParameterOverride:
    """One parameter given from outside, for the nodes that `pattern` matches (full names, ROS 2's wildcards)."""

    pattern: str
    name: str
    value: Any


@dataclass
class RosArguments:
    """What a command line says to the ROS runtime."""

    remappings: list[Remapping] = field(default_factory=list)
    overrides: list[ParameterOverride] = field(default_factory=list)
    log_level: str = "info"
    node_log_levels: dict[str, str] = field(default_factory=dict)

    def node_name(self, node: str, default: str) -> str:
        """The name after `-r __node:=`."""
        return self._special("__node", node) or self._special("__name", node) or default

    def namespace(self, node: str, default: str) -> str:
        """The namespace after `-r __ns:=`."""
        return self._special("__ns", node) or default

    def parameters_of(self, full_node_name: str) -> dict[str, Any]:
        """Overrides for one node, the later ones winning."""
        return {item.name: item.value for item in self.overrides if _matches(item.pattern, full_node_name)}

    def _special(self, key: str, node: str) -> str | None:
        rules = (rule for rule in self.remappings if rule.match == key and rule.node in (None, node))
        return next((rule.replacement for rule in rules), None)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RcdError(f"--ros-args: {message}")


def parse_ros_arguments(arguments: Sequence[str]) -> RosArguments:
    """Read every `--ros-args ... [--]` section of a command line; the rest belongs to the program itself.

    Raises:
        RcdError: an argument or a parameter file cannot be understood.
    """
    parser = _Parser(prog="--ros-args", add_help=False, allow_abbrev=False)
    parser.add_argument("-r", "--remap", action="append", default=[])
    parser.add_argument("-p", "--param", action=_InOrder, dest="sources")
    parser.add_argument("--params-file", action=_InOrder, dest="sources")
    parser.add_argument("--log-level", action="append", default=[])
    parsed = parser.parse_args(_ros_section(arguments))

    result = RosArguments(remappings=[_remapping(rule) for rule in parsed.remap])
    for option, text in parsed.sources or []:
        overrides = read_parameter_file(Path(text)) if option == "--params-file" else [_assignment(text)]
        result.overrides.extend(overrides)
    for level in parsed.log_level:
        node, separator, name = level.rpartition(":=")
        if name.lower() not in ("debug", "info", "warn", "error", "fatal"):
            raise RcdError(f"--log-level '{level}': use debug, info, warn, error or fatal")
        if separator:
            result.node_log_levels[node] = name.lower()
        else:
            result.log_level = name.lower()
    return result


def read_parameter_file(path: Path) -> list[ParameterOverride]:
    """Parameters of a YAML file in ROS 2's layout: node name (or wildcard), `ros__parameters`, values.

    Raises:
        RcdError: the file is missing, is no YAML, or has another layout.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RcdError(f"parameter file '{path}' cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RcdError(f"parameter file '{path}' is not valid YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return []
    if not isinstance(content, dict):
        raise RcdError(f"parameter file '{path}' must hold node names with 'ros__parameters' under them")
    return list(_node_sections(content, "", path))


def _node_sections(content: dict[Any, Any], prefix: str, path: Path) -> Iterator[ParameterOverride]:
    for key, value in content.items():
        if not isinstance(value, dict):
            raise RcdError(f"parameter file '{path}': '{key}' must hold 'ros__parameters' with values under it")
        if key == "ros__parameters":
            for name, parameter in _flatten(value, ""):
                yield ParameterOverride(prefix or "/**", name, parameter)
        else:
            yield from _node_sections(value, f"{prefix}/{str(key).strip('/')}", path)


def _flatten(values: dict[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _matches(pattern: str, full_node_name: str) -> bool:
    """ROS 2's wildcards: `*` stands for one name, `**` for any number of them."""
    return _match_tokens(pattern.strip("/").split("/"), full_node_name.strip("/").split("/"))


def _match_tokens(pattern: list[str], tokens: list[str]) -> bool:
    if not pattern:
        return not tokens
    if pattern[0] == "**":
        return any(_match_tokens(pattern[1:], tokens[skipped:]) for skipped in range(len(tokens) + 1))
    return bool(tokens) and fnmatch.fnmatchcase(tokens[0], pattern[0]) and _match_tokens(pattern[1:], tokens[1:])


class _InOrder(argparse.Action):
    """Collects (option, text) pairs, so that parameters and files override each other in the order given."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        collected = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*collected, (option_string, values)])


def _ros_section(arguments: Sequence[str]) -> list[str]:
    section: list[str] = []
    inside = False
    for argument in arguments:
        if argument == "--ros-args":
            inside = True
        elif argument == "--" and inside:
            inside = False
        elif inside:
            section.append(argument)
    return section


def _remapping(text: str) -> Remapping:
    match, separator, replacement = text.partition(":=")
    if not separator or not match or not replacement:
        raise RcdError(f"-r '{text}': write from:=to")
    node, colon, name = match.rpartition(":")
    return Remapping(name, replacement, node if colon else None)


def _assignment(text: str) -> ParameterOverride:
    name, separator, value = text.partition(":=")
    if not separator or not name:
        raise RcdError(f"-p '{text}': write name:=value")
    node, colon, parameter = name.rpartition(":")
    try:
        parsed = yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        raise RcdError(f"-p '{text}': '{value}' is not a YAML value") from error
    return ParameterOverride(f"/**/{node.strip('/')}" if colon else "/**", parameter, parsed)
