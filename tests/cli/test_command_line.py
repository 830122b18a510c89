"""The contract of `rcd`: one line and an exit code for whatever goes wrong, nothing heavy for `--help`."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable

import pytest

from rcd_ros import cli
from rcd_ros.errors import RcdError

HEAVY = ("torch", "mujoco", "gymnasium", "minari", "matplotlib", "onnxruntime", "pandas")


def _replace_show(monkeypatch: pytest.MonkeyPatch, show: object) -> None:
    module = types.ModuleType("rcd_ros.cli.checkpoint")
    module.show = show  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rcd_ros.cli.checkpoint", module)


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    """Pins that subcommands are imported when they are used."""
    program = (
        "import sys\nfrom rcd_ros.cli import main\nsys.argv = ['rcd', '--help']\n"
        "try:\n    main()\nfinally:\n    print('LOADED', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    text, _, loaded = done.stdout.partition("LOADED")
    assert all(name in text for name in cli.SUBCOMMANDS)
    assert not {name.partition(".")[0] for name in loaded.split()} & set(HEAVY)


@pytest.mark.parametrize("name", list(cli.SUBCOMMANDS))
def test_each_command_explains_itself(name: str, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd(name, "--help") == 0
    assert "Usage: rcd " + name in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("arguments", [("evaluate",), ("eval",), ("eval", "x", "--episodes", "0"), ("show", "--what")])
def test_wrong_usage_ends_with_two(arguments: tuple[str, ...], rcd: Callable[..., int]) -> None:
    assert rcd(*arguments) == 2


def test_bad_input_is_one_line_and_two(
    rcd: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> None:
        raise RcdError("the file 'x' is broken: copy it again")

    _replace_show(monkeypatch, show)
    assert rcd("show") == 2
    assert capsys.readouterr().err == "rcd: error: the file 'x' is broken: copy it again\n"


def test_interruption_is_one_line_and_130(
    rcd: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> None:
        raise KeyboardInterrupt("3 of 5 episodes are in x.json")

    _replace_show(monkeypatch, show)
    assert rcd("show") == 130
    assert capsys.readouterr().err == "rcd: interrupted: 3 of 5 episodes are in x.json\n"


def test_missing_extra_is_named(
    rcd: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> None:
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco.mjx")

    _replace_show(monkeypatch, show)
    assert rcd("show") == 2
    assert "pip install 'rcd_ros[sim]'" in capsys.readouterr().err


def test_a_mistake_in_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        raise ZeroDivisionError

    _replace_show(monkeypatch, show)
    monkeypatch.setattr(sys, "argv", ["rcd", "show"])
    with pytest.raises(ZeroDivisionError):
        cli.main()
