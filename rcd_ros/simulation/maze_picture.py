"""A maze from above, for matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.maze_layout import LAYOUTS
from rcd_ros.simulation.maze_task import GOAL_RADIUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_maze(axes: Axes, spec: TaskSpec) -> None:
    """Walls, and the circle within which the benchmark's goal counts as reached; in m."""
    from matplotlib.patches import Circle, Rectangle

    layout = LAYOUTS[spec.name]
    for i, row in enumerate(layout.rows):
        for j, cell in enumerate(row):
            if cell == "#":
                x, y = layout.center((i, j))
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1.0, 1.0, color="0.8", linewidth=0.0))
    x, y = layout.center(layout.goal_cell)
    axes.add_patch(Circle((x, y), GOAL_RADIUS, color="tab:red", alpha=0.2, linewidth=0.0))
    axes.set(xlim=(-0.5 * layout.width, 0.5 * layout.width), ylim=(-0.5 * layout.height, 0.5 * layout.height))
    axes.set_aspect("equal")
