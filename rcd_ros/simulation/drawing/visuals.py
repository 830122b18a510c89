"""A MuJoCo body's geoms as the visual elements of a URDF link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.transforms import conjugate_quaternions, multiply_quaternions, rotate_vectors
from rcd_ros.simulation.mujoco_library import mujoco

SHOWN_GROUPS = (0, 1, 2)
"""Geoms of other groups are for collisions; MuJoCo's viewer hides them as well."""
MESH_FILES = (".stl", ".obj", ".dae")
"""What RViz can read."""
GROUND_M = 10.0
"""Side of the square that stands for an infinite plane."""
_STRAIGHT = np.array([1.0, 0.0, 0.0, 0.0])

Shape = tuple[str, dict[str, str], NDArray[np.float64], NDArray[np.float64]]
"""URDF element, its attributes, and its pose in the geom's frame: position (3,) and orientation (4,)."""


def add_visuals(link: Element, model: mujoco.MjModel, body: int, mesh_folders: Sequence[Path]) -> None:
    """Add a body's visible geoms to its link."""
    first = int(model.body_geomadr[body])
    for geom in range(first, first + int(model.body_geomnum[body])):
        color = _color(model, geom)
        if model.geom_group[geom] not in SHOWN_GROUPS or color[3] <= 0.0:
            continue
        for word, attributes, position, orientation in _shapes(model, geom, mesh_folders):
            visual = SubElement(link, "visual")
            place = model.geom_pos[geom] + rotate_vectors(model.geom_quat[geom], position)
            add_origin(visual, place, multiply_quaternions(model.geom_quat[geom], orientation))
            SubElement(SubElement(visual, "geometry"), word, attributes)
            SubElement(SubElement(visual, "material", name=f"geom_{geom}"), "color", rgba=numbers(color))


def _color(model: mujoco.MjModel, geom: int) -> NDArray[np.float64]:
    material = int(model.geom_matid[geom])
    return np.asarray(model.geom_rgba[geom] if material < 0 else model.mat_rgba[material], np.float64)


def _shapes(model: mujoco.MjModel, geom: int, mesh_folders: Sequence[Path]) -> Iterator[Shape]:
    kind, size, here = model.geom_type[geom], model.geom_size[geom], np.zeros(3)
    types = mujoco.mjtGeom
    if kind in (types.mjGEOM_SPHERE, types.mjGEOM_ELLIPSOID):
        radius = size[0] if kind == types.mjGEOM_SPHERE else size.mean()
        yield "sphere", {"radius": f"{radius:.9g}"}, here, _STRAIGHT
    elif kind in (types.mjGEOM_CYLINDER, types.mjGEOM_CAPSULE):
        yield "cylinder", {"radius": f"{size[0]:.9g}", "length": f"{2.0 * size[1]:.9g}"}, here, _STRAIGHT
        if kind == types.mjGEOM_CAPSULE:
            for end in (-size[1], size[1]):
                yield "sphere", {"radius": f"{size[0]:.9g}"}, np.array([0.0, 0.0, end]), _STRAIGHT
    elif kind == types.mjGEOM_BOX:
        yield _box(size, here)
    elif kind == types.mjGEOM_PLANE:
        width, depth = (2.0 * side if side > 0.0 else GROUND_M for side in size[:2])
        yield _box(np.array([0.5 * width, 0.5 * depth, 5e-4]), np.array([0.0, 0.0, -5e-4]))
    elif kind == types.mjGEOM_MESH:
        yield _mesh(model, geom, mesh_folders)


def _box(half_sides: NDArray[np.float64], position: NDArray[np.float64]) -> Shape:
    return "box", {"size": numbers(2.0 * half_sides)}, position, _STRAIGHT


def _mesh(model: mujoco.MjModel, geom: int, folders: Sequence[Path]) -> Shape:
    """A mesh by its file, whose vertices MuJoCo has moved to their own centre; without a file the box around it."""
    mesh = int(model.geom_dataid[geom])
    file = _mesh_file(model, mesh, folders)
    if file is None:
        return _box(model.geom_aabb[geom, 3:], model.geom_aabb[geom, :3].copy())
    turned_back = conjugate_quaternions(model.mesh_quat[mesh])
    attributes = {"filename": file.resolve().as_uri(), "scale": numbers(model.mesh_scale[mesh])}
    return "mesh", attributes, -rotate_vectors(turned_back, model.mesh_pos[mesh]), turned_back


def _mesh_file(model: mujoco.MjModel, mesh: int, folders: Sequence[Path]) -> Path | None:
    """The file that a mesh was read from; the compiled model holds its path relative to a folder of meshes."""
    begin = int(model.mesh_pathadr[mesh])
    if begin < 0:
        return None
    path = Path(bytes(model.paths)[begin:].split(b"\0", 1)[0].decode())
    if path.suffix.lower() not in MESH_FILES:
        return None
    for folder in folders:
        if (folder / path).is_file():
            return folder / path
        for found in sorted(folder.rglob(path.name)):
            if found.as_posix().endswith(f"/{path.as_posix().removeprefix('./')}"):
                return found
    return None


def numbers(values: NDArray[np.float64]) -> str:
    """Numbers with spaces between them."""
    return " ".join(f"{value:.9g}" for value in values)


def add_origin(element: Element, position: NDArray[np.float64], orientation: NDArray[np.float64]) -> None:
    """Add an element's pose: position (3,) in m, orientation (4,) as w, x, y, z."""
    SubElement(element, "origin", xyz=numbers(position), rpy=numbers(roll_pitch_yaw(orientation)))


def roll_pitch_yaw(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """A quaternion (4,) as w, x, y, z in URDF's fixed-axis angles (3,): first about x, then y, then z."""
    w, x, y, z = orientation / np.linalg.norm(orientation)
    # Not SciPy's Rotation: it warns where roll and yaw are one rotation, and MuJoCo converts no Euler angles back.
    sine = np.clip(2.0 * (w * y - z * x), -1.0, 1.0)
    if abs(sine) > 1.0 - 1e-12:  # straight up or down: roll and yaw are one rotation
        return np.array([0.0, np.copysign(np.pi / 2, sine), -2.0 * np.copysign(np.arctan2(x, w), sine)])
    roll = np.arctan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return np.array([roll, np.arcsin(sine), yaw])
