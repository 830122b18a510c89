"""YAML with the line of each value, for error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from rcd_ros.errors import RcdError

KeyPath = tuple[str | int, ...]
DEEPEST = 32
"""Levels of nesting; an anchor that contains itself would nest without end."""


def read_yaml(text: str, name: str) -> tuple[object, dict[KeyPath, int]]:
    """The content of a YAML text, and the line of each path of keys.

    Raises:
        RcdError: it is not YAML, or gives a key twice; `name` is what to call it.
    """
    lines: dict[KeyPath, int] = {}
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return (_plain(loader, node, (), lines) if node is not None else None), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or str(error)
        raise RcdError(f"{name}{where}: not valid YAML: {' '.join(str(reason).split())}") from error
    except RecursionError as error:
        raise RcdError(f"{name}: not valid YAML: it is nested too deeply") from error
    except ValueError as error:
        raise RcdError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


def line_of(lines: Mapping[KeyPath, int], keys: Sequence[str | int]) -> int:
    """Line of a path of keys, or of the nearest above it that there is."""
    path = tuple(keys)
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """YAML 1.2: 1e-3 is a number; 7:14 (base 60 in YAML 1.1), yes and on are text."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"])
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


def _plain(loader: yaml.SafeLoader, node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> object:
    """A node as plain values; notes the line of each."""
    if len(path) > DEEPEST:
        raise yaml.constructor.ConstructorError(None, None, "it is nested too deeply", node.start_mark)
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, each, (*path, i), lines) for i, each in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node, deep=True)
    loader.flatten_mapping(node)
    result: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in result:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' is given twice", key_node.start_mark)
        place = (*path, key)
        result[key] = _plain(loader, value_node, place, lines)
        lines[place] = key_node.start_mark.line + 1
    return result
