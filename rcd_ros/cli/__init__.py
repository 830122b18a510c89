"""The command `rcd`: data, training, evaluation, benchmarks, launches and bags.

A subcommand's module is imported only when that subcommand is used, so that `rcd --help` is quick and works with
the robot's part alone installed. Whatever a subcommand raises ends here as one line and an exit code:
`RcdError` 2, Ctrl-C 130, a file that the system refuses 2.
"""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

import typer

import rcd_ros
from rcd_ros.cli.lazy import LazyGroup, Subcommand, lazy_app
from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.installation import MISSING

SUBCOMMANDS = {
    "demo": Subcommand("demo", "demo", "Watch a shipped planner drive the simulated arm through the nodes."),
    "launch": Subcommand("launch", "launch", "Start the nodes of a launch file, with or without ROS 2."),
    "data": Subcommand("data", "app", "Import, fetch, list, show, replay and roll out data sets."),
    "task": Subcommand("task", "app", "Describe your own robot: propose and check a task file."),
    "train": Subcommand("train", "train", "Train teacher, critic and student from a recipe."),
    "eval": Subcommand("evaluate", "evaluate", "Drive seeded episodes with a checkpoint and score them."),
    "bench": Subcommand("bench", "app", "Measure latency, speed-up, loop and real time; baselines and peers."),
    "sweep": Subcommand("sweep", "sweep", "Train and evaluate data sets x methods x seeds, into one table."),
    "faults": Subcommand("faults", "faults", "Inject faults into the running nodes and judge the outcome."),
    "record": Subcommand("bags", "record", "Record the topics of the nodes into a bag (MCAP)."),
    "replay": Subcommand("bags", "replay", "Plan a recorded run again and compare the plans."),
    "compare": Subcommand("compare", "compare", "Put several evaluations side by side, training seeds pooled."),
    "choose": Subcommand("compare", "choose", "Choose between planners by their data, without driving any."),
    "show": Subcommand("checkpoint", "show", "Print a checkpoint's card."),
    "export": Subcommand("checkpoint", "export", "Write a checkpoint's ONNX student and reference pairs."),
}

EXTRA_OF_MODULE = {
    "gymnasium": "sim",
    "gymnasium_robotics": "sim",
    "imageio": "sim",
    "imageio_ffmpeg": "sim",
    "matplotlib": "sim",
    "minari": "sim",
    "mujoco": "sim",
    "h5py": "sim",
    "huggingface_hub": "sim",
    "omegaconf": "train",
    "onnx": "train",
    "onnxscript": "train",
    "tensorboard": "train",
    "jax": "datagen",
    "ray": "sweep",
    "rliable": "sweep",
    "sbx": "datagen",
    "stable_baselines3": "datagen",
    "torch": "train",
}


class Commands(LazyGroup):
    """All of `rcd`; what the user can mend ends as one sentence instead of a traceback."""

    subcommands = SUBCOMMANDS

    def invoke(self, ctx: Any) -> object:
        """Runs the subcommand."""
        try:
            return super().invoke(ctx)
        except RcdError as error:
            _end(f"error: {error}", 2)
        except KeyboardInterrupt as interrupt:
            _end(f"interrupted: {interrupt}" if str(interrupt) else "interrupted", 130)
        except OSError as error:
            if error.filename is None:  # not of a file: the terminal, the network
                raise
            _end(f"error: cannot use '{_shortened(str(error.filename))}' ({error.strerror}): name another path", 2)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing == "rclpy":
                _end(f"error: {MISSING}", 2)
            if missing not in EXTRA_OF_MODULE:
                raise
            extra = EXTRA_OF_MODULE[missing]
            _end(f"error: this needs the package '{missing}': install it with pip install 'rcd_ros[{extra}]'", 2)


def _shortened(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:200]}..."


def _end(line: str, code: int) -> NoReturn:
    typer.echo(f"rcd: {line}", err=True)
    raise typer.Exit(code)


app = lazy_app(
    Commands,
    help="Plan a robot's motion in one network evaluation: train, evaluate and run consistency-distilled planners.",
    epilog="Try `rcd demo`, then `rcd COMMAND --help`.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rcd_ros {rcd_ros.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Console script `rcd`."""
    app(prog_name="rcd")
