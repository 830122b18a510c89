"""Mazes of square cells: which are free, where they are, and how to get from one to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError

Cell = tuple[int, int]
"""Row from the top, column from the left."""

GOAL_RADIUS = 0.45  # m, PointMaze's; D4RL's first version had 0.5
NEIGHBOURS = ((0, 1), (0, -1), (-1, 0), (1, 0))


@dataclass(frozen=True)
class MazeLayout:
    """A maze as text, a row a line: `#` wall, `O` free, `G` free and the goal that D4RL's benchmark has there.

    Cells are 1 m wide, the origin is the middle of the maze, x points right and y up.
    """

    rows: tuple[str, ...]

    @property
    def width(self) -> float:
        """From the left wall's outer side to the right one's, m."""
        return float(len(self.rows[0]))

    @property
    def height(self) -> float:
        """From the lower wall's outer side to the upper one's, m."""
        return float(len(self.rows))

    @property
    def free_cells(self) -> list[Cell]:
        """All cells that are not wall, row by row."""
        return [(i, j) for i, row in enumerate(self.rows) for j, cell in enumerate(row) if cell != "#"]

    @property
    def goal_cell(self) -> Cell:
        """The benchmark's goal."""
        return next((i, j) for i, j in self.free_cells if self.rows[i][j] == "G")

    @property
    def walls(self) -> list[list[int]]:
        """The maze as gymnasium-robotics takes it: 1 where there is wall."""
        return [[int(cell == "#") for cell in row] for row in self.rows]

    def center(self, cell: Cell) -> NDArray[np.float64]:
        """Middle of a cell, (2,) m."""
        return np.array([cell[1] + 0.5 - 0.5 * self.width, 0.5 * self.height - cell[0] - 0.5])

    def cell_at(self, position: ArrayLike) -> Cell:
        """The cell that holds a position (2,) m, of the maze or not."""
        x, y = np.asarray(position, np.float64)
        return math.floor(0.5 * self.height - y), math.floor(x + 0.5 * self.width)

    def check_free(self, position: ArrayLike, what: str) -> None:
        """Refuse a position where no ball can be; `what` names it.

        Raises:
            RcdError: it is no point of the plane, lies outside the maze, or inside a wall.
        """
        try:
            point = np.asarray(position, np.float64)
        except (TypeError, ValueError, OverflowError):
            point = np.empty(0)
        if point.shape != (2,) or not np.isfinite(point).all():
            shown = position.tolist() if isinstance(position, np.ndarray) else position
            raise RcdError(f"{what} must be two finite numbers, x and y in m, got {shown}")
        i, j = self.cell_at(point)
        named = f"{what} ({point[0]:g}, {point[1]:g})"
        if not (0 <= i < len(self.rows) and 0 <= j < len(self.rows[0])):
            raise RcdError(
                f"{named} lies outside the maze, which reaches from ({-0.5 * self.width:g}, {-0.5 * self.height:g}) to "
                f"({0.5 * self.width:g}, {0.5 * self.height:g}) m"
            )
        if self.rows[i][j] == "#":
            nearest = min(self.free_cells, key=lambda cell: float(np.linalg.norm(self.center(cell) - point)))
            x, y = self.center(nearest)
            raise RcdError(f"{named} lies inside a wall; the nearest free cell's middle is ({x:g}, {y:g}) m")

    def distances(self, goal: Cell) -> dict[Cell, int]:
        """Steps from each cell to the goal along free cells; cells that no way leads from are left out."""
        found = {goal: 0}
        queue = [goal]
        for cell in queue:
            for step in NEIGHBOURS:
                beside = (cell[0] + step[0], cell[1] + step[1])
                if beside not in found and self.rows[beside[0]][beside[1]] != "#":
                    found[beside] = found[cell] + 1
                    queue.append(beside)
        return found

    def route(self, start: Cell, goal: Cell) -> list[Cell]:
        """A shortest way from start to goal, both included."""
        remaining = self.distances(goal)
        way = [start]
        while way[-1] != goal:
            i, j = way[-1]
            way.append(min(((i + a, j + b) for a, b in NEIGHBOURS), key=lambda cell: remaining.get(cell, math.inf)))
        return way


LAYOUTS: dict[str, MazeLayout] = {
    "maze-umaze": MazeLayout(("#####", "#GOO#", "###O#", "#OOO#", "#####")),
    "maze-medium": MazeLayout(
        ("########", "#OO##OO#", "#OO#OOO#", "##OOO###", "#OO#OOO#", "#O#OO#O#", "#OOO#OG#", "########")
    ),
    "maze-large": MazeLayout(
        (
            "############",
            "#OOOO#OOOOO#",
            "#O##O#O#O#O#",
            "#OOOOOO#OOO#",
            "#O####O###O#",
            "#OO#O#OOOOO#",
            "##O#O#O#O###",
            "#OO#OOO#OGO#",
            "############",
        )
    ),
}
"""D4RL's mazes (Fu et al. 2020), by the name of the task."""
