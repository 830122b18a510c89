"""The planner node with the checkpoint's diffusion teacher in place of the student: to be measured against it."""

from __future__ import annotations

import importlib.util
import sys
from typing import ClassVar

from rcd_ros.choices import SamplerName
from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.parameters import LATER, PlannerParameters
from rcd_ros.nodes.planner.planner_node import PlannerNode
from rcd_ros.nodes.ros.parameters import parameter
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.planning.planner import Planner


class TeacherParameters(PlannerParameters):
    """The planner's, and how the teacher samples."""

    nfe: int = parameter(80, "network evaluations per plan" + LATER, minimum=1)
    sampler: SamplerName = parameter("heun", "how the teacher samples" + LATER)


class TeacherNode(PlannerNode):
    """Plans in eager torch, with `nfe` evaluations of the teacher's network or the nearest number there is."""

    model: ClassVar[type[TeacherParameters]] = TeacherParameters

    def make_planner(self, parameters: TeacherParameters) -> Planner:
        """The teacher of the parameter `checkpoint`.

        Raises:
            RcdError: torch is not installed, or the checkpoint or a parameter cannot be used.
        """
        if parameters.engine not in ("auto", "torch"):
            raise RcdError(f"the teacher plans in eager torch only, got engine '{parameters.engine}': leave it at auto")
        if importlib.util.find_spec("torch") is None:
            raise RcdError("the teacher plans in PyTorch, which is not installed: pip install 'rcd_ros[train]'")
        from rcd_ros.training.policies import load_policy

        return load_policy(
            parameters.checkpoint,
            "teacher",
            parameters.nfe,
            parameters.sampler,
            parameters.seed,
            parameters.threads,
        )


def main(args: list[str] | None = None) -> int:
    """Entry point of the `teacher_node` executable."""
    return run_node(TeacherNode, args)


if __name__ == "__main__":
    sys.exit(main())
