"""A MuJoCo model file (MJCF or URDF) as a world without rewards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.simulation.model_layout import name_of
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.suggest import did_you_mean

USUAL_PERIOD = 0.02
"""s between two commands, rounded to whole steps of the model, where none is asked for."""


class ModelFile:
    """A model whose episodes start from a keyframe, or from the compiled state; seeds change nothing.

    An episode ends where the simulation diverges.
    """

    def __init__(self, path: Path, control_period: float = 0.0, keyframe: str = "") -> None:
        """Compile a model.

        Args:
            path: of the file.
            control_period: s between two commands, 0: about `USUAL_PERIOD`.
            keyframe: to begin in.

        Raises:
            RcdError: there is no such file, it does not compile (with MuJoCo's message), it has no such
                keyframe, or the period is no multiple of its time step.
        """
        self.model = load_model(path)
        self.data = mujoco.MjData(self.model)
        self.mesh_folders = (path.parent,)
        step = float(self.model.opt.timestep)
        self._substeps = max(1, round((control_period or USUAL_PERIOD) / step))
        self.control_period = self._substeps * step
        if control_period and abs(self.control_period - control_period) > 1e-9:
            raise RcdError(
                f"control_period must be a multiple of the model's time step of {step:g} s, got {control_period:g}"
            )
        self._keyframe = _keyframe(self.model, keyframe) if keyframe else None

    def reset(self, seed: int) -> None:
        """Start an episode."""
        if self._keyframe is None:
            mujoco.mj_resetData(self.model, self.data)
        else:
            mujoco.mj_resetDataKeyframe(self.model, self.data, self._keyframe)
        mujoco.mj_forward(self.model, self.data)

    def step(self, control: NDArray[np.float64]) -> tuple[float, bool]:
        """One control period."""
        self.data.ctrl[:] = control
        before = self._divergences()
        mujoco.mj_step(self.model, self.data, self._substeps)
        return 0.0, self._divergences() > before

    def close(self) -> None:
        """Nothing to free."""

    def _divergences(self) -> int:
        bad = (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC)
        return int(sum(self.data.warning[kind].number for kind in bad))


def load_model(path: Path) -> mujoco.MjModel:
    """Compile a model file; raises `RcdError` with MuJoCo's message, which names file and line.

    MuJoCo's compiler reads it, not dm-control's mjcf: that one loses file and line of an error, renames meshes, and
    does not find those of files included from another folder.
    """
    if not path.is_file():
        raise RcdError(f"there is no model file '{path}'")
    try:
        return mujoco.MjModel.from_xml_path(str(path))
    except ValueError as error:
        message = "; ".join(str(error).split("\n")).strip("; ")
        raise RcdError(f"the model '{path}' does not compile: {message}") from error


def _keyframe(model: mujoco.MjModel, keyframe: str) -> int:
    names = [name_of(model, mujoco.mjtObj.mjOBJ_KEY, index) for index in range(model.nkey)]
    if keyframe not in names:
        has = f"it has: {', '.join(names)}" if names else "it has none"
        raise RcdError(f"the model has no keyframe '{keyframe}'{did_you_mean(keyframe, names)}; {has}")
    return names.index(keyframe)
