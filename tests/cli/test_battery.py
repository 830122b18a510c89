"""Bad values on every option and argument of every command: each is refused in a sentence, and nothing is overwritten.

This is a part of all calls, drawn from a seed; `make battery` tries all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.battery import tables
from tests.cli.battery.calls import all_calls, sample
from tests.cli.battery.run import findings, place
from tests.cli.battery.tree import Call, commands, line
from tests.cli.battery.values import role

DRAWN = 520
ALWAYS = (": cannot be", "no effect: ", "what is read", ": the same path", "option: ", "MINARI_DATASETS_PATH: ")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("battery").resolve()
    with place(folder):
        yield folder


@pytest.fixture(scope="module")
def calls(room: Path) -> list[Call]:
    return all_calls(room)


def test_every_parameter_of_every_command_is_tried(calls: list[Call]) -> None:
    tried = {(call.command, name) for call in calls for name in call.about.partition(":")[0].split(", ")}
    for command, found in commands().items():
        wanted = {(command, str(each.name)) for each in found.params if role(command, each) != "flag"}
        assert wanted <= tried
        assert command in tables.CALLS, f"'{command}' has no call in tests/cli/battery/tables.py that is right"


def test_right_calls_reach_their_work(room: Path) -> None:
    """Otherwise bad values would be refused for another reason than that they are bad."""
    calls = [
        Call(name, "nothing", line(command, name, tables.CALLS[name], room), certain=True)
        for name, command in commands().items()
        if name not in tables.NEVER_RIGHT
    ]
    found = findings(calls, room)
    assert {call.command for call in calls} == {each.partition(":")[0] for each in found if "not refused" in each}


def test_the_battery_finds_what_is_not_refused_and_what_is_overwritten(room: Path) -> None:
    right = Call("show", "nothing", ("show", str(room / "planner")), certain=True)
    deletes = Call("data delete", "nothing", ("data", "delete", tables.TINY), certain=False)
    first, second = findings([right, deletes], room)
    assert "not refused" in first
    assert "changed or removed" in second


def test_what_can_only_be_wrong_is_refused(calls: list[Call], room: Path) -> None:
    chosen = [call for call in calls if any(part in call.about for part in ALWAYS)]
    assert not (found := findings(chosen, room)), "\n".join(found)


@pytest.mark.parametrize("part", range(4))
def test_bad_values_are_refused_in_a_sentence(part: int, calls: list[Call], room: Path) -> None:
    chosen = sample(calls, DRAWN, seed=0)[part::4]
    assert not (found := findings(chosen, room)), "\n".join(found)
