"""The machine that a figure was measured on: a time means nothing without it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from rcd_ros.planning.engines.choose import has_nvidia_gpu

PACKAGES = (
    "torch",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "numpy",
    "mujoco",
    "gymnasium-robotics",
    "ros-rclpy",
)
BUSY = 0.5
"""Load per core above which something else is likely to run beside a measurement."""


@dataclass(frozen=True)
class Machine:
    """What a reader needs to judge a figure, and nothing that tells whose machine it was.

    Attributes:
        cpu: its model.
        cores: that this process may use.
        memory_gb: of the machine, 10^9 bytes.
        system: distribution and kernel.
        python: its version.
        versions: of the packages that plan, simulate and transport, where installed.
        gpu: model and driver, None where there is none.
        threads: that one plan may use.
        date: UTC, ISO 8601.
        load: average number of busy processes over the last minute.
    """

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]
    gpu: str | None
    threads: int
    date: str
    load: float

    def as_json(self) -> dict[str, object]:
        """The fields, for a JSON file."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The fields for people; the last line is a warning when the machine is busy."""
        lines = [
            f"machine: {self.cpu}, {self.cores} cores, {self.memory_gb:.0f} GB, GPU: {self.gpu or 'none'}",
            f"system: {self.system}, Python {self.python}, "
            + ", ".join(f"{name} {version}" for name, version in self.versions.items()),
            f"threads: {self.threads}, date: {self.date}, load: {self.load:.1f}",
        ]
        if self.load > BUSY * self.cores:
            lines.append(
                f"warning: the machine is busy (load {self.load:.1f} on {self.cores} cores), the figures are not clean"
            )
        return lines


def describe_machine(threads: int) -> Machine:
    """This machine, now; to be called before the measurement, which loads it."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        system=_system(),
        python=platform.python_version(),
        versions=installed(PACKAGES),
        gpu=_gpu(),
        threads=threads,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        load=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.is_file() else None
    return " ".join(named[1].split()) if named else platform.processor() or platform.machine()


def _system() -> str:
    """Distribution and kernel, the latter by its number alone: builders write machine names behind it."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = "unknown distribution"
    kernel = re.match(r"[\d.]+", platform.release())
    return f"{name}, {platform.system()} {kernel[0] if kernel else ''}".strip()


def installed(packages: Sequence[str]) -> dict[str, str]:
    """Package -> version, of those that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _gpu() -> str | None:
    if not has_nvidia_gpu():
        return None
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip():
            name, _, driver = answer.stdout.splitlines()[0].partition(", ")
            return f"{name}, driver {driver}"
    if importlib.util.find_spec("torch") is not None:
        import torch

        if torch.cuda.is_available():
            return f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}"
    return "present, model unknown"
