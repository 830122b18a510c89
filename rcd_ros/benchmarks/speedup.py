"""The one-step student against the diffusion teacher it was distilled from, both from observation to commands.

Two ratios from one run. Same engine: the gain of one evaluation, everything else equal. As deployed: the gain over a
teacher in eager torch, as diffusion planners usually run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from rcd_ros.benchmarks.timing import (
    Subject,
    ratio_of_medians,
    rehearsal,
    summarize_times,
    take_turns,
    time_calls,
    varied_observations,
)
from rcd_ros.choices import SamplerName
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Record
from rcd_ros.generative.edm import karras_grid
from rcd_ros.generative.samplers import SAMPLERS, evaluations_of, grid_size_for
from rcd_ros.planning.checkpoint import load_tensors, verify
from rcd_ros.planning.engines.base import Engine, Network
from rcd_ros.planning.engines.choose import load_network
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.representation import Normalizer
from rcd_ros.training.export import denoiser_program
from rcd_ros.training.policies import load_policy

TEACHERS: tuple[tuple[SamplerName, int], ...] = (("heun", 80), ("heun", 20), ("ddim", 20), ("dpm_solver_pp", 10))
"""Sampler, and about how many network evaluations it makes."""

STUDENT_TURN = 10
"""Plans of the student in a row. A plan of the teacher runs in warm caches from its second evaluation on; so may the
student from its second plan on: the noise of all ten is drawn before them."""

STUDENT_WARM_UP, TEACHER_WARM_UP = 200, 3
Times = NDArray[np.int64]


class SamplingNetwork:
    """Runs a teacher's denoiser down a noise grid in the engine under test; an `Engine` takes it for the student.

    A deployed teacher samples in torch instead (`training.policies.TeacherSampler`).

    Observation and chunk are normalised and denormalised once a plan, not once an evaluation.

    Args:
        denoiser: D(x, sigma, observation), normalised, loaded (`training.export.denoiser_program`).
        manifest: of the checkpoint.
        sampler: a name in `generative.samplers.SAMPLERS`.
        nfe: network evaluations per plan; a sampler that cannot make just as many makes the nearest number.

    Attributes:
        nfe: the number really made.
    """

    def __init__(self, denoiser: Network, manifest: Manifest, sampler: SamplerName, nfe: int) -> None:
        self.name = denoiser.name
        self._denoiser = denoiser
        self._x, self._sigma, self._observation = denoiser.inputs
        self._history = np.zeros((1, manifest.history, manifest.task.observation_size), np.float32)
        self._noise, self.output = np.zeros_like(self._x), np.zeros_like(self._x)
        self.inputs: Sequence[NDArray[np.float32]] = (self._history, self._noise)
        self._normalizer = Normalizer(manifest.normalizer)
        levels, noise = grid_size_for(sampler, nfe), manifest.noise
        self.nfe = evaluations_of(sampler, levels)
        self._sampler = SAMPLERS[sampler]
        self._grid: list[float] = karras_grid(levels, noise.sigma_min, noise.sigma_max, noise.rho).tolist()

    def run(self) -> None:
        """See `Network`."""
        self._observation[...] = self._normalizer.normalize_observation(self._history).reshape(1, -1)
        chunk = self._sampler(self._denoise, self._grid[0] * self._noise, self._grid)
        self.output[...] = self._normalizer.denormalize_command(chunk)

    def close(self) -> None:
        """Release the denoiser."""
        self._denoiser.close()

    def _denoise(self, x: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
        self._x[...] = x
        self._sigma.fill(sigma)
        self._denoiser.run()
        # Solvers look back at what the next run overwrites.
        denoised: NDArray[np.float32] = self._denoiser.output.copy()
        return denoised


class Side(NamedTuple):
    """One side of a comparison.

    Attributes:
        versus: the teacher in this comparison: "teacher heun 79 NFE".
        nfe: evaluations that it really makes.
        who: student or teacher in an engine, or the teacher as it is deployed today.
        engine: where it runs; of the deployed teacher, torch's device.
    """

    versus: str
    nfe: int
    who: Literal["student", "teacher", "deployed"]
    engine: str


class Speedup(Record):
    """The student against one teacher in one engine; times are of plans, from the observation to commands, ms.

    Attributes:
        versus: the teacher: "teacher heun 79 NFE".
        engine: that student and teacher both run in.
        nfe: network evaluations that the teacher makes a plan.
        ratio_same_engine: median of the teacher over that of the student, both in `engine`.
        ratio_same_engine_ci95: its bootstrap interval over the rounds.
        ratio_as_deployed: median of the teacher in eager torch over that of the student in its fastest engine.
        ratio_as_deployed_ci95: likewise.
        engine_as_deployed: the student's fastest.
        device_as_deployed: torch's, of the teacher as it is deployed.
        student_p50_ms: likewise the 99th percentile, and the number of plans.
        teacher_p50_ms: in `engine`.
        teacher_deployed_p50_ms: in eager torch.
    """

    versus: str
    engine: str
    nfe: int
    ratio_same_engine: float
    ratio_same_engine_ci95: tuple[float, float]
    ratio_as_deployed: float
    ratio_as_deployed_ci95: tuple[float, float]
    engine_as_deployed: str
    device_as_deployed: str
    student_p50_ms: float
    student_p99_ms: float
    student_plans: int
    teacher_p50_ms: float
    teacher_p99_ms: float
    teacher_plans: int
    teacher_deployed_p50_ms: float
    teacher_deployed_p99_ms: float
    teacher_deployed_plans: int


def load_sides(checkpoint: Path, engines: Sequence[str], threads: int) -> dict[Side, Subject]:
    """All sides to be timed, in the order of their turns.

    Args:
        checkpoint: the folder.
        engines: that student and teacher both run in; "auto" takes the student's fastest.
        threads: of each engine, and of torch in the whole process.

    Raises:
        RcdError: the checkpoint does not verify or holds no teacher, or an engine cannot run it here.
    """
    manifest = verify(checkpoint)
    if "teacher.safetensors" not in manifest.files:
        raise RcdError(f"checkpoint '{checkpoint}' holds no teacher: name one that was written with its teacher")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    observations = varied_observations(manifest)
    students = {
        planner.engine.name: planner for planner in (Planner.load(checkpoint, e, threads=threads) for e in engines)
    }
    program = denoiser_program(manifest, load_tensors(checkpoint, "teacher", manifest), f"teacher of '{checkpoint}'")
    networks = {name: load_network(name, program, threads) for name in students}

    def subject(planner: Planner) -> Subject:
        return Subject(rehearsal(planner, observations), planner.prepare)

    sides: dict[Side, Subject] = {}
    for sampler, wanted in TEACHERS:
        deployed = load_policy(checkpoint, "teacher", nfe=wanted, sampler=sampler, threads=threads)
        versus, nfe = f"teacher {sampler} {deployed.nfe} NFE", deployed.nfe
        for name, student in students.items():
            ahead = functools.partial(student.prepare, STUDENT_TURN)
            network = SamplingNetwork(networks[name], manifest, sampler, wanted)
            teacher = Planner(manifest, Engine(network), nfe=network.nfe)
            sides[Side(versus, nfe, "student", name)] = Subject(rehearsal(student, observations), ahead, STUDENT_TURN)
            sides[Side(versus, nfe, "teacher", name)] = subject(teacher)
        sides[Side(versus, nfe, "deployed", device)] = subject(deployed)
    return sides


def time_sides(sides: Mapping[Side, Subject], repeats: int, tick: Callable[[], object]) -> dict[Side, Times]:
    """Warm up all sides, then time them in turns.

    Returns:
        Durations (repeats, turn) of each side, ns. `tick` is called after every round.
    """
    for side, subject in sides.items():
        warm_up = STUDENT_WARM_UP if side.who == "student" else TEACHER_WARM_UP
        time_calls(subject.call, np.zeros(0, np.int64), warm_up, prepare=subject.prepare)
    return dict(zip(sides, take_turns([side.time for side in sides.values()], repeats, tick), strict=True))


def speedup_rows(times: Mapping[Side, Times]) -> list[Speedup]:
    """One row per teacher and engine; `ratio_as_deployed` is of the student in the engine where it is fastest."""
    medians: dict[str, list[float]] = {}
    for side, table in times.items():
        if side.who == "student":
            medians.setdefault(side.engine, []).append(float(np.median(table)))
    best = min(medians, key=lambda engine: sum(medians[engine]))
    (device,) = {side.engine for side in times if side.who == "deployed"}
    rows = []
    for side, student in times.items():
        if side.who != "student":
            continue
        teacher = times[side._replace(who="teacher")]
        deployed = times[side._replace(who="deployed", engine=device)]
        rows.append(
            Speedup(
                versus=side.versus,
                engine=side.engine,
                nfe=side.nfe,
                **_ratio("ratio_same_engine", teacher, student),
                **_ratio("ratio_as_deployed", deployed, times[side._replace(engine=best)]),
                engine_as_deployed=best,
                device_as_deployed=device,
                **_percentiles("student", student),
                **_percentiles("teacher", teacher),
                **_percentiles("teacher_deployed", deployed),
            )
        )
    return rows


def _ratio(name: str, slow: Times, fast: Times) -> dict[str, object]:
    ratio = ratio_of_medians(slow, fast)
    return {name: ratio.value, f"{name}_ci95": (ratio.low, ratio.high)}


def _percentiles(name: str, times: Times) -> dict[str, float]:
    latency = summarize_times(times)
    return {f"{name}_p50_ms": latency.p50_ms, f"{name}_p99_ms": latency.p99_ms, f"{name}_plans": latency.plans}


def speedup_table(rows: Sequence[Speedup]) -> Table:
    """The rows as a table: ratios of medians with their 95 % intervals, and medians."""
    headings = "engine", "same engine", "student", "teacher", "as deployed", "teacher, eager torch"
    table = Table("student against", *headings, box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            row.versus,
            row.engine,
            _times_faster(row.ratio_same_engine, *row.ratio_same_engine_ci95),
            f"{row.student_p50_ms:.3f} ms",
            f"{row.teacher_p50_ms:.2f} ms",
            _times_faster(row.ratio_as_deployed, *row.ratio_as_deployed_ci95),
            f"{row.teacher_deployed_p50_ms:.2f} ms",
        )
    return table


def _times_faster(ratio: float, low: float, high: float) -> str:
    return f"{ratio:.1f}x ({low:.1f} to {high:.1f})"
