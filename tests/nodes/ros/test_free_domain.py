"""Domains in which a node runs are not free."""

from __future__ import annotations

import pytest
from rclpy.node import Node

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.free_domain import DOMAINS, free_domain


def test_the_domain_of_a_running_node_is_not_free(ros: None, domain: int) -> None:
    node = Node("somebody")
    with pytest.raises(RcdError, match=str(domain)):
        free_domain([domain])
    node.destroy_node()


def test_looking_does_not_occupy_it() -> None:
    found = free_domain()
    assert found in DOMAINS
    assert free_domain([found]) == found
