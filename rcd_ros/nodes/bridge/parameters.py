"""The parameters of a bridge that may change while it runs."""

from __future__ import annotations

from rcd_ros.nodes.ros.live_parameters import NodeParameters, parameter


class BridgeParameters(NodeParameters):
    """How fast time runs, when the robot holds, and what the requests without arguments mean."""

    speed: float = parameter(1.0, "realtime: times faster than life", minimum=1e-3, maximum=1e6)
    command_timeout: float = parameter(
        0.0, "after the newest trajectory until the robot holds, 0: until its last point", unit="s", minimum=0.0
    )
    enforce_command_limits: bool = parameter(False, "approach each command no faster than the motion limits allow")
    plan_timeout: float = parameter(
        30.0, "to wait for a plan; realtime: only for the first", unit="s", minimum=1e-3, maximum=1e6
    )
    reset_to: str = parameter("", "what ~/reset begins from: a keyframe, seed:7, or where the episode began")
    steps: int = parameter(1, "control periods that ~/step makes", minimum=1, maximum=1_000_000)
