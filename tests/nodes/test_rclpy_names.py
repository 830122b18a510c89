"""Our nodes are subclasses of rclpy's: an attribute that it has too would be overwritten, which shows only there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rcd_ros

ROOM = Path(rcd_ros.__file__).parent
BASES = {"Node", "LifecycleNode", "ManagedNode"}
OF_RCLPY = """
    _allow_undeclared_parameters _callbacks _clients _clock _context _default_callback_group _descriptors _guards
    _logger _managed_entities _on_set_parameters_callbacks _parameter_event_publisher _parameter_overrides
    _parameter_service _parameters _post_set_parameters_callbacks _pre_set_parameters_callbacks _publishers _rate_group
    _service_change_state _service_get_available_states _service_get_available_transitions _service_get_state
    _service_get_transition_graph _services _state_machine _subscriptions _time_source _timers
    _type_description_service _wake_executor clients context default_callback_group executor guards handle publishers
    services subscriptions timers waitables
"""
"""Attributes of rclpy's Node and LifecycleNode in Jazzy that no subclass means to replace."""


def node_classes() -> Iterator[tuple[str, ast.ClassDef]]:
    classes = {
        node.name: (str(path.relative_to(ROOM)), node)
        for path in (*ROOM.glob("nodes/**/*.py"), ROOM / "ros" / "managed_node.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }

    def is_node(name: str) -> bool:
        bases = [base.id for base in classes[name][1].bases if isinstance(base, ast.Name)] if name in classes else []
        return name in BASES or any(map(is_node, bases))

    return ((f"{path}:{node.name}", node) for path, node in classes.values() if is_node(node.name))


def assigned(node: ast.ClassDef) -> set[str]:
    """Attributes that a class sets on itself, in its body or in its methods."""
    names = {
        target.attr
        for statement in ast.walk(node)
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    }
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("node", [pytest.param(node, id=where) for where, node in node_classes()])
def test_no_node_overwrites_what_rclpy_keeps(node: ast.ClassDef) -> None:
    assert assigned(node) & set(OF_RCLPY.split()) == set()


def test_all_nodes_are_looked_at() -> None:
    assert len(list(node_classes())) >= 7
