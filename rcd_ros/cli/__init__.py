"""The command `rcd`: one entry for data, train, eval, show, export, launch and demo.

A subcommand's module is imported only when that subcommand is used, so that `rcd --help` is quick and works with
the robot's part alone installed. Whatever a subcommand raises ends here as one line and an exit code:
`RcdError` 2, Ctrl-C 130.
"""

from __future__ import annotations

import importlib
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup

import rcd_ros
from rcd_ros.errors import RcdError


class Subcommand(NamedTuple):
    """Where a subcommand lives: a `typer.Typer` or a plain function in `rcd_ros.cli.<module>`."""

    module: str
    attribute: str
    summary: str


SUBCOMMANDS = {
    "demo": Subcommand("demo", "demo", "Watch a shipped planner drive the simulated arm through the nodes."),
    "launch": Subcommand("launch", "launch", "Start the nodes of a launch file, with or without ROS 2."),
    "data": Subcommand("data", "app", "Import, fetch, list, show, replay and roll out data sets."),
    "train": Subcommand("train", "train", "Train teacher, critic and student from a recipe."),
    "eval": Subcommand("evaluate", "evaluate", "Drive seeded episodes with a checkpoint and score them."),
    "compare": Subcommand("compare", "compare", "Put several evaluations side by side, training seeds pooled."),
    "show": Subcommand("show", "show", "Print a checkpoint's card."),
    "export": Subcommand("export", "export", "Write a checkpoint's ONNX student and reference pairs."),
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
    "torch": "train",
}


class LazyGroup(TyperGroup):
    """Replaces a subcommand's placeholder by the real one at the moment it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Loads the subcommand that `args` begins with, then resolves as usual."""
        if args and args[0] in SUBCOMMANDS:
            self.add_command(_load(args[0]), args[0])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs the subcommand; what the user can mend ends as one sentence instead of a traceback."""
        try:
            return super().invoke(ctx)
        except RcdError as error:
            _end(f"error: {error}", 2)
        except KeyboardInterrupt as interrupt:
            _end(f"interrupted: {interrupt}" if str(interrupt) else "interrupted", 130)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in EXTRA_OF_MODULE:
                raise
            extra = EXTRA_OF_MODULE[missing]
            _end(f"error: this needs the package '{missing}': install it with pip install 'rcd_ros[{extra}]'", 2)


def _end(line: str, code: int) -> NoReturn:
    typer.echo(f"rcd: {line}", err=True)
    raise typer.Exit(code)


def _load(name: str) -> Any:
    subcommand = SUBCOMMANDS[name]
    target = getattr(importlib.import_module(f"rcd_ros.cli.{subcommand.module}"), subcommand.attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        target.command(name)(function)
    return typer.main.get_command(target)


def _placeholder() -> None:
    raise AssertionError("a placeholder is replaced before it is called")


app = typer.Typer(
    cls=LazyGroup,
    help="Plan a robot's motion in one network evaluation: train, evaluate and run consistency-distilled planners.",
    epilog="Try `rcd demo`, then `rcd COMMAND --help`.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for _name, _subcommand in SUBCOMMANDS.items():
    app.command(_name, help=_subcommand.summary)(_placeholder)


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
