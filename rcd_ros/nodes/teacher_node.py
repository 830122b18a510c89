"""The planner node with the checkpoint's diffusion teacher in place of the student: to be measured against it."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from rcd_ros.errors import RcdError
from rcd_ros.nodes.parameters import declare
from rcd_ros.nodes.planner_node import PlannerNode
from rcd_ros.ros import run_node

if TYPE_CHECKING:
    from rcd_ros.training.teacher_planner import TeacherPlanner


class TeacherNode(PlannerNode):
    """Plans in eager torch, with `nfe` evaluations of the teacher's network or the nearest number there is."""

    def make_planner(self) -> TeacherPlanner:
        """The teacher of the parameter `checkpoint`.

        Raises:
            RcdError: torch is not installed, or the checkpoint or a parameter cannot be used.
        """
        nfe = declare(self, "nfe", 80, "network evaluations per plan", lambda n: n >= 1, "at least 1")
        sampler = declare(self, "sampler", "heun", "how the teacher samples: heun, ddim or dpm_solver_pp")
        if self.engine not in ("auto", "torch"):
            raise RcdError(f"the teacher plans in eager torch only, got engine '{self.engine}': leave it at auto")
        if importlib.util.find_spec("torch") is None:
            raise RcdError("the teacher plans in PyTorch, which is not installed: pip install 'rcd_ros[train]'")
        from rcd_ros.training.teacher_planner import TeacherPlanner

        return TeacherPlanner.load(self.checkpoint, nfe, sampler, self.seed, self.threads)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `teacher_node` executable."""
    return run_node(TeacherNode, args)


if __name__ == "__main__":
    sys.exit(main())
