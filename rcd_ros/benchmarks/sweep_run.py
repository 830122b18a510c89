"""Runs a sweep's cells on Ray: on this machine, or on a cluster that all see the same folders.

What is done is read from the results' folders and from nothing else, so that a sweep that was killed, or was given
more seeds, goes on by being started again.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from rcd_ros.benchmarks.results import Made, read_cell
from rcd_ros.benchmarks.sweep import Resources
from rcd_ros.benchmarks.sweep_jobs import Job
from rcd_ros.errors import RcdError

LOG = "log.txt"
CONNECT_TIMEOUT_S = 5.0
PASSED_ON = ("MINARI_DATASETS_PATH", "PYTHONPATH", "MUJOCO_GL", "HF_ENDPOINT")
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)

Failures = dict[str, str]
Report = Callable[[Job, str | None], None]
"""Called with each job that has ended, and why it failed (None where it did not)."""


def unfinished(jobs: Sequence[Job], force: bool = False) -> list[Job]:
    """The jobs whose cells have no result yet; with `force` all of them.

    Raises:
        RcdError: a cell was made by another description.
    """
    missing = []
    for job in jobs:
        done = None if force else read_cell(job.folder)
        if done is None or done.made.sweep is None:
            missing.append(job)
        elif done.made.sweep != job.asked:
            raise RcdError(
                f"{job.cell} in '{job.folder}' was made by another description (recipe, overrides or evaluation "
                "changed since): name another output, or --force to make everything again"
            )
    return missing


def run_job(job: Job, room: Path) -> str | None:
    """Make one cell in this process's place; returns why it failed, None where it did not.

    Args:
        job: what to do.
        room: folder that the job's paths start from.
    """
    folder = room / job.folder
    folder.mkdir(parents=True, exist_ok=True)
    resumed = (folder / "train").exists()
    try:
        for source, target in job.copied:
            (room / target).parent.mkdir(parents=True, exist_ok=True)
            if (room / source).exists():
                shutil.copyfile(room / source, room / target)
    except OSError as error:
        return f"cannot copy '{error.filename}' ({error.strerror})"
    seconds = 0.0
    with (folder / LOG).open("w") as log:
        for command in job.commands:
            log.write(f"$ rcd {' '.join(command)}\n")
            log.flush()
            started = time.monotonic()
            ended = subprocess.run(
                [sys.executable, "-m", "rcd_ros.cli", *command],
                cwd=room,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=_end_with_parent,
            )
            if command[0] == "train":
                seconds = time.monotonic() - started
            if ended.returncode:
                return f"rcd {command[0]} ended with exit code {ended.returncode}: {_last_line(folder / LOG)}"
    done = read_cell(folder)
    made = done.made if done else Made.of(job.cell)
    if job.commands[0][0] == "train":
        made = made.model_copy(update={"train_seconds": None if resumed else round(seconds, 1)})
    made.model_copy(update={"sweep": job.asked}).write(folder)
    return None


def run_jobs(jobs: Sequence[Job], address: str | None, resources: Resources, report: Report) -> Failures:
    """Make all cells on Ray, as many at a time as there is room for; returns the failed ones and why.

    Args:
        jobs: those that others need must be among them or done.
        address: of a running cluster (`auto` finds one on this machine); None starts Ray here, for this run alone.
        resources: that each cell takes.
        report: is called as each of them ends.

    Raises:
        RcdError: Ray cannot be started or reached, or no machine has the room for a cell.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is not None:
        _check_address(address)
        if _has_token():  # Ray reads its token by itself only where the address is "auto"
            os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        ray.init(
            address=address or "local",  # without one, Ray looks for a cluster first, and waits for one that has ended
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": variables} if address else None,
        )
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        where = f"reach Ray at '{address}'" if address else "start Ray here"
        raise RcdError(f"cannot {where}: {' '.join(str(error).split())}") from error
    try:
        _check_room(ray.cluster_resources(), resources)
        return _await(ray, jobs, resources, report)
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Say within seconds that nobody listens; Ray itself tries for minutes."""
    host, separator, port = address.rpartition(":")
    if not separator or "/" in address:  # "auto", or Ray Client's ray://host:port
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise RcdError(
            f"there is no Ray cluster at '{address}' ({error}): start one with `ray start --head`, or give no --address"
        ) from error


def _has_token() -> bool:
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return named or (Path.home() / ".ray" / "auth_token").is_file()


def _await(ray: ModuleType, jobs: Sequence[Job], resources: Resources, report: Report) -> Failures:
    room = Path.cwd()
    # A process for each job: what a training leaves behind does not meet the next one.
    remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_calls=1, max_retries=1)(_run_after)
    waiting: dict[object, Job] = {}
    references: dict[str, object] = {}
    for job in jobs:
        before = references.get(str(job.after))
        references[str(job.cell)] = reference = remote.remote(job, room, before)
        waiting[reference] = job
    failures: Failures = {}
    while waiting:
        (ended,), _ = ray.wait(list(waiting), num_returns=1)
        job = waiting.pop(ended)
        try:
            reason = ray.get(ended)
        except ray.exceptions.RayError as error:
            reason = f"its process ended unexpectedly ({type(error).__name__}): out of memory, or its machine was lost"
        if reason is not None:
            failures[str(job.cell)] = reason
        report(job, reason)
    return failures


def _run_after(job: Job, room: Path, before: str | None) -> str | None:
    """Ray's task; `before` is what came of the cell that this one needs."""
    if before is not None:
        return f"it needs {job.after}, which failed"
    return run_job(job, room)


def _check_room(found: dict[str, float], resources: Resources) -> None:
    for name, wanted in (("CPU", resources.cpus), ("GPU", resources.gpus)):
        if wanted > found.get(name, 0.0):
            raise RcdError(
                f"a cell takes {wanted:g} {name}s, but Ray has {found.get(name, 0.0):g} in all: lower "
                f"resources.{name.lower()}s"
            )


def _end_with_parent() -> None:
    """A training must not outlive the worker that started it: the next start of the sweep would meet it."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").replace("\r", "\n").splitlines() if line.strip()]
    return f"{lines[-1].removeprefix('rcd: error: ')} (log: {log})" if lines else f"it said nothing (log: {log})"
