"""Executors, where the embedded runtime must do as rclpy does; these tests run under both."""

from __future__ import annotations

from functools import partial

from rcd_ros.ros import Node, SingleThreadedExecutor, spin_once


def test_a_node_that_is_spun_by_itself_leaves_its_executor(ros: None) -> None:
    """Pins that tests passed here and waited for ever under rclpy, as a node's executor went on serving the others."""
    calls: list[str] = []
    spun, other = Node("spun"), Node("other")
    executor = SingleThreadedExecutor()
    for node in (spun, other):
        executor.add_node(node)
        node.create_timer(0.01, partial(calls.append, node.get_name()))
    for _ in range(20):
        spin_once(spun, timeout_sec=0.1)
    assert set(calls) == {"spun"}
    assert executor.get_nodes() == [other]
    executor.shutdown()
    for node in (spun, other):
        node.destroy_node()
