"""A node in its own process, as a launch describes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

OWN_CLOCK = ("/clock", "clock")
"""Remapping for nodes beside a simulator: they follow the simulated clock of their own namespace."""


@dataclass(frozen=True)
class NodeProcess:
    """What to start.

    Attributes:
        executable: one of the package's.
        name: of the node and of its process.
        parameters: values by name; they win over those of `parameter_files`.
        parameter_files: in ROS 2's layout.
        namespace: of the node.
        remappings: pairs of names.
        required: whether the launch ends when this node ends.
        lifecycle: whether the node is managed.
    """

    executable: str
    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    parameter_files: tuple[Path, ...] = ()
    namespace: str = ""
    remappings: tuple[tuple[str, str], ...] = ()
    required: bool = False
    lifecycle: bool = False

    def command(self) -> list[str]:
        """The command line, with the parameters as ROS arguments."""
        rules = [f"__node:={self.name}"]
        if self.namespace:
            rules.append(f"__ns:=/{self.namespace.strip('/')}")
        rules += [f"{source}:={target}" for source, target in self.remappings]
        # JSON is YAML, with every string quoted.
        values = [f"{name}:={json.dumps(value)}" for name, value in self.parameters.items()]
        options = [
            *(("-r", rule) for rule in rules),
            *(("--params-file", str(path)) for path in self.parameter_files),
            *(("-p", value) for value in values),
        ]
        start = [sys.executable, "-m", "rcd_ros.nodes", self.executable, "--ros-args"]
        return start + [part for option in options for part in option]


def waiting(node: NodeProcess) -> NodeProcess:
    """The node, with `autostart` off if it is managed: a lifecycle manager or launch file starts it."""
    return replace(node, parameters={**node.parameters, "autostart": False}) if node.lifecycle else node


def lifecycle_manager(nodes: Sequence[NodeProcess]) -> NodeProcess:
    """The node that configures and activates the managed ones of `nodes`, one after another, without `ros2 launch`."""
    managed = [node for node in nodes if node.lifecycle]
    return NodeProcess(
        executable="lifecycle_manager_node",
        name="lifecycle_manager",
        parameters={"node_names": [node.name for node in managed]},
        namespace=managed[0].namespace,
    )
