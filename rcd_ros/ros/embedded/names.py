"""ROS names: expansion (`joint_states`, `~/reset`, `/clock`), remapping, and the names on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rcd_ros.errors import RcdError

_TOKEN = r"[A-Za-z_][A-Za-z0-9_]*"
_FULL_NAME = re.compile(rf"(/{_TOKEN})+")


@dataclass(frozen=True)
class Remapping:
    """One `-r [node:]from:=to` rule."""

    match: str
    replacement: str
    node: str | None = None


def check_node_name(name: str) -> str:
    """The name itself; raises `RcdError` when it is no ROS node name."""
    if not re.fullmatch(_TOKEN, name):
        raise RcdError(f"'{name}' is no node name: use letters, digits and underscores, not starting with a digit")
    return name


def normalize_namespace(namespace: str) -> str:
    """A namespace with its leading and without its trailing slash; raises `RcdError` when it is none."""
    full = "/" + namespace.strip("/")
    if full != "/" and not _FULL_NAME.fullmatch(full):
        raise RcdError(f"'{namespace}' is no ROS namespace: use names of letters, digits and underscores between '/'")
    return full


def expand(name: str, namespace: str, node: str) -> str:
    """The full name of a topic or service: absolute, private (`~/x`) or relative to the namespace."""
    prefix = namespace.rstrip("/")
    if name == "~" or name.startswith("~/"):
        full = f"{prefix}/{node}{name[1:]}"
    else:
        full = name if name.startswith("/") else f"{prefix}/{name}"
    full = full.replace("{node}", node).replace("{ns}", prefix.lstrip("/"))
    if not _FULL_NAME.fullmatch(full):
        raise RcdError(f"'{name}' (expanded '{full}') is no ROS name: use letters, digits and underscores between '/'")
    return full


def remap(full_name: str, rules: Iterable[Remapping], namespace: str, node: str) -> str:
    """A full name after the first rule that matches it."""
    for rule in rules:
        if rule.match.startswith("__") or rule.node not in (None, node):
            continue
        if expand(rule.match, namespace, node) == full_name:
            return expand(rule.replacement, namespace, node)
    return full_name


def topic_on_wire(full_name: str) -> str:
    """DDS topic of a ROS topic: `/joint_states` -> `rt/joint_states`."""
    return f"rt{full_name}"


def request_on_wire(full_name: str) -> str:
    """DDS topic of a service's requests: `/reset` -> `rq/resetRequest`."""
    return f"rq{full_name}Request"


def reply_on_wire(full_name: str) -> str:
    """DDS topic of a service's replies: `/reset` -> `rr/resetReply`."""
    return f"rr{full_name}Reply"
