"""Managed nodes that wait are brought up by the manager; one that cannot be ends it with a clear word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.nodes.conftest import Peer, Process
from tests.nodes.planner.test_planner_node import FIRST, PERIOD, Robot

Start = Callable[..., Process]


def test_a_waiting_planner_is_configured_and_activated(start: Start, peer: Peer, tiny: Path) -> None:
    start("planner_node", checkpoint=tiny, engine="onnxruntime", use_sim_time=True, autostart=False)
    assert start("lifecycle_manager_node", node_names="[planner]").wait() == 0
    Robot(peer).show(PERIOD, FIRST)
    peer.until(lambda: PERIOD in peer.trajectories(), "a plan")


def test_a_node_that_cannot_be_configured_ends_the_manager(start: Start, peer: Peer, tmp_path: Path) -> None:
    planner = start("planner_node", checkpoint=tmp_path / "nowhere", autostart=False)
    manager = start("lifecycle_manager_node", node_names="[planner]")
    assert manager.wait() == 2
    assert "planner did not configure" in manager.output
    assert planner.output.count("there is no checkpoint folder") == 1
    assert planner.interrupt() == 0


def test_it_wants_to_know_which_nodes(start: Start, domain: int) -> None:
    manager = start("lifecycle_manager_node")
    assert manager.wait() == 2
    assert "parameter 'node_names' of lifecycle_manager must be a list of node names" in manager.output
