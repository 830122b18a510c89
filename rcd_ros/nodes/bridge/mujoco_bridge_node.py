"""Any MuJoCo world as a robot with ROS topics: a task, a model file, a Gymnasium environment, a suite task."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.episodes import GAP
from rcd_ros.nodes.bridge.simulation_bridge import SimulationBridge
from rcd_ros.nodes.ros.parameters import declare
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.models import environment_task, model_file_task, suite_task
from rcd_ros.tasks.task import Task


class MujocoBridge(SimulationBridge):
    """The bridge of whatever one of the parameters `task`, `model`, `env` and `suite` names.

    A trajectory without a stamp begins when it arrives; so that no observation has that stamp, time begins later.
    """

    begin_at = GAP
    zero_is_now = True
    any_task = True

    def __init__(self) -> None:
        """See `SimulationBridge`."""
        super().__init__("mujoco_bridge")

    def make_task(self) -> Task:
        """The one that is asked for."""
        steps = declare(
            self, "episode_steps", 0, "control periods in an episode, 0: its own", _not_negative, "0 or more"
        )
        period = declare(
            self, "control_period", 0.0, "model: s between commands, 0: 0.02", _not_negative, "0 or more (s)"
        )
        keyframe = declare(self, "keyframe", "", "model: where episodes begin")
        makers: dict[str, tuple[str, Callable[[str], Task]]] = {
            "task": (
                "task of this package",
                lambda name: get_task(name, **({"episode_steps": steps} if steps else {})),
            ),
            "model": ("MJCF or URDF file", lambda path: model_file_task(path, period, keyframe, steps)),
            "env": ("Gymnasium environment", lambda name: environment_task(name, steps)),
            "suite": ("dm-control task, domain/task", lambda name: suite_task(name, steps)),
        }
        given = {name: declare(self, name, "", description) for name, (description, _) in makers.items()}
        chosen = [name for name, value in given.items() if value]
        self.any_task = chosen != ["task"]  # what a model file or an environment is called says nothing of its task
        if len(chosen) != 1:
            has = f"got {' and '.join(chosen)}" if chosen else "got none"
            raise RcdError(f"say what to simulate by exactly one of {', '.join(makers)}: {has}")
        return makers[chosen[0]][1](given[chosen[0]])


def _not_negative(value: float) -> bool:
    return value >= 0


def main(args: list[str] | None = None) -> int:
    """Entry point of the `mujoco_bridge_node` executable."""
    return run_node(MujocoBridge, args)


if __name__ == "__main__":
    sys.exit(main())
