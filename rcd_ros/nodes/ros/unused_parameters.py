"""Warns of parameters that are given and have no effect: a misspelt limit is a limit that is not set."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import yaml
from rclpy.node import Node

from rcd_ros.suggest import did_you_mean


def warn_of_unknown(node: Node) -> None:
    """Warn of parameters that this node does not have.

    Those of `qos_overrides.` count, too: call this when the publishers and subscriptions are there.
    """
    known, given = list(node._parameters), node._parameter_overrides  # rclpy has no public names for them
    for name in sorted(given):
        if name not in known:
            of_topics = name.startswith("qos_overrides.")
            candidates = [other for other in known if other.startswith("qos_overrides.") == of_topics]
            near = did_you_mean(name, candidates)
            node.get_logger().warning(f"parameter '{name}' is not one of {node.get_name()}{near}: it has no effect")


def warn_of_unread_files(node: Node, arguments: Sequence[str]) -> None:
    """Warn of parameter files in which this node's name seems to be misspelt, so that nothing of them is read.

    Args:
        node: that was started.
        arguments: of its process.
    """
    for flag, file in pairwise(arguments):
        if flag != "--params-file":
            continue
        names = _nodes_in(yaml.safe_load(Path(file).read_text()))  # rcl has read it already
        if node.get_name() not in names and not any("*" in name for name in names):
            near = difflib.get_close_matches(node.get_name(), names, n=1, cutoff=0.75)
            if near:
                node.get_logger().warning(
                    f"the parameter file '{file}' has nothing for '{node.get_name()}', but for '{near[0]}': it has no "
                    "effect here"
                )


def _nodes_in(content: object) -> set[str]:
    """Names of nodes, without namespaces, in the content of a parameter file."""
    if not isinstance(content, dict):
        return set()
    inner = {name for value in content.values() for name in _nodes_in(value)}
    own = {str(key) for key, value in content.items() if isinstance(value, dict) and "ros__parameters" in value}
    return inner | {name.rpartition("/")[2] for name in own}
