"""Libraries whose pins collide with ours: they stay in a virtual environment of their own and answer over a pipe.

A worker is a program in `benchmarks/workers/` that imports nothing of this package. It reads one JSON object a line
from its standard input and writes one a line to its standard output, so that any Python can run it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Record

WORKERS = Path(__file__).parent / "workers"
Answer = TypeVar("Answer", bound=Record)


@dataclass(frozen=True)
class OtherEnvironment:
    """What a worker needs that must not be installed beside this package.

    Attributes:
        name: of the folder that `install` makes.
        module: what the worker imports.
        requirements: pip's, pinned.
        oldest: Python that the requirements need, at least.
        why: which pins collide, for people.
    """

    name: str
    module: str
    requirements: tuple[str, ...]
    oldest: tuple[int, int]
    why: str

    @property
    def folder(self) -> Path:
        """Where `install` makes it, unless another place is named: in the user's cache."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "rcd_ros" / self.name

    def find(self, python: Path | None) -> Path:
        """The interpreter to run the worker with: the named one, else that of `folder`.

        Raises:
            RcdError: there is no such interpreter, or it cannot import the module.
        """
        chosen = python or self.folder / "bin" / "python"
        if not chosen.is_file() or not os.access(chosen, os.X_OK):
            if python is not None:
                raise RcdError(f"there is no Python at '{python}': {self._remedy()}")
            raise RcdError(f"this needs {self.module} in an environment of its own ({self.why}): {self._remedy()}")
        probe = subprocess.run(
            [chosen, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{self.module}') is None)"],
            capture_output=True,
            text=True,
        )
        if probe.returncode:
            raise RcdError(f"the Python at '{chosen}' has no {self.module}: {self._remedy()}")
        return chosen

    def install(self, base: Path | None = None) -> Path:
        """Make the environment with pip, which prints as it goes; returns its interpreter.

        Args:
            base: the Python to make it with; this one where it is not named.

        Raises:
            RcdError: that Python is too old or does not exist, or `venv` or pip fails.
        """
        if base is None and sys.version_info[:2] < self.oldest:
            raise RcdError(
                f"{self.requirements[0]} needs Python {self.oldest[0]}.{self.oldest[1]} or newer and this is "
                f"{sys.version_info[0]}.{sys.version_info[1]}: name another one with --base-python"
            )
        if base is not None and shutil.which(base) is None:
            raise RcdError(f"there is no Python at '{base}': name another one with --base-python")
        self.make(base)
        return self.find(None)

    def make(self, base: Path | None = None) -> None:
        """As `install`, without its checks.

        Raises:
            RcdError: `venv` or pip fails.
        """
        python = self.folder / "bin" / "python"
        try:
            if base is None:
                venv.create(self.folder, with_pip=True)
            else:
                subprocess.run([base, "-m", "venv", self.folder], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *self.requirements], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RcdError(f"cannot install {self.requirements[0]} in '{self.folder}': {error}") from error

    def _remedy(self) -> str:
        requirements = " ".join(self.requirements)
        return (
            f"make one with --install, or with `python -m venv DIR && DIR/bin/pip install {requirements}` "
            "(Python {}.{} or newer), and name it with --python DIR/bin/python".format(*self.oldest)
        )


class Worker:
    """A worker's process; one question and one answer after the other."""

    def __init__(self, process: subprocess.Popen[str], log: TextIO, name: str) -> None:
        self._process, self._log, self._name = process, log, name

    def ask(self, question: Record, answer: type[Answer]) -> Answer:
        """Send a question and wait for its (first) answer.

        Raises:
            RcdError: the worker has ended, or says that it cannot do it.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question.as_json()) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._ended() from error
        return self.next(answer)

    def next(self, answer: type[Answer]) -> Answer:
        """Wait for the next answer to the last question.

        Raises:
            RcdError: as `ask` says.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        told = json.loads(line)
        if "error" in told:
            raise RcdError(f"{self._name}: {told['error']}")
        return answer.model_validate(told)

    def _ended(self) -> RcdError:
        code = self._process.wait()
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return RcdError(f"{self._name} ended with exit code {code}: {lines[-1] if lines else 'it said nothing'}")


@contextlib.contextmanager
def run_worker(python: Path, program: str, arguments: Sequence[str], threads: int) -> Iterator[Worker]:
    """Start `benchmarks/workers/<program>.py` under another Python, on this process's cores; ends it at the end.

    Args:
        python: the interpreter.
        program: the worker's name.
        arguments: on its command line.
        threads: that its numerical libraries may use.
    """
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    with tempfile.TemporaryFile("w+", prefix="rcd-worker-") as log:
        process = subprocess.Popen(
            [python, WORKERS / f"{program}.py", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | limits,
        )
        try:
            yield Worker(process, log, program.replace("_", " "))
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            process.terminate()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
