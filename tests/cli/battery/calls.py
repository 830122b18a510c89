"""Which calls there are: every bad value of every parameter, and what only goes wrong between two of them."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

from tests.cli.battery import keys, tables
from tests.cli.battery.tree import Call, commands, line
from tests.cli.battery.values import bad_values, role


def all_calls(room: Path) -> list[Call]:
    """Every call that the tables give, in a fixed order."""
    found: list[Call] = []
    for name, command in commands().items():
        found += _one_by_one(name, command, room)
        found += _together(name, command, room)
    found += keys.of_train(room) + keys.of_eval(room) + keys.of_launch(room) + keys.of_the_environment(room)
    return found


def sample(calls: list[Call], count: int, seed: int) -> list[Call]:
    """Some of the calls: of each parameter one first, so that none is left out, then whatever the seed draws."""
    drawn = random.Random(seed)
    shuffled = drawn.sample(calls, len(calls))
    first: dict[tuple[str, str], Call] = {}
    for call in shuffled:
        first.setdefault((call.command, call.about.partition(":")[0]), call)
    chosen = [*first.values(), *(call for call in shuffled if call not in first.values())]
    return chosen[:count]


def _one_by_one(name: str, command: Any, room: Path) -> list[Call]:
    found = []
    for parameter in command.params:
        key = str(parameter.name)
        base = {**tables.CALLS.get(name, {}), **tables.ALSO.get((name, key), {})}
        for bad in bad_values(name, parameter, room):
            value: object = [bad.value] if parameter.multiple or parameter.nargs == -1 else bad.value
            arguments = line(command, name, {**base, key: value}, room)
            found.append(Call(name, f"{key}: {bad.kind}", arguments, bad.certain))
        if (parameter.multiple or parameter.nargs == -1) and role(name, parameter) in ("read", "data set"):
            twice = list(base.get(key, [])) * 2
            found.append(Call(name, f"{key}: twice the same", line(command, name, {**base, key: twice}, room), True))
    return found


def _together(name: str, command: Any, room: Path) -> list[Call]:
    """Outputs that are each other, or are, hold or lie inside what is read; with --force, which excuses nothing."""
    base = {**tables.CALLS.get(name, {}), "force": True}
    files = [str(each.name) for each in command.params if role(name, each) == "written file"]
    written = [str(each.name) for each in command.params if role(name, each).startswith(("written", "kept"))]
    found = []
    for one, other in itertools.combinations(written, 2):
        for kind, first, second in (
            ("the same path", "{room}/work/same.png", "{room}/work/same.png"),
            ("the same path, spelt otherwise", "{room}/work/same.png", "{room}/work/../work/same.png"),
            ("one inside the other", "{room}/work/same.png", "{room}/work/same.png/a.png"),
        ):
            values = {**base, **tables.ALSO.get((name, one), {}), one: first, other: second}
            found.append(Call(name, f"{one}, {other}: {kind}", line(command, name, values, room), True))
    for output in written:
        for source in _sources(name, command, {**base, **tables.ALSO.get((name, output), {})}):
            for kind, path in (
                ("what is read", source),
                ("what is read, by a link", "{room}/alias/" + source.removeprefix("{room}/")),
                ("inside what is read", source + "/inside.png"),
            ):
                if output not in files and kind == "inside what is read" and source.endswith(("json", "yaml", "npz")):
                    continue
                values = {**base, **tables.ALSO.get((name, output), {}), output: path}
                found.append(Call(name, f"{output}: {kind}", line(command, name, values, room), True))
    return found


def _sources(name: str, command: Any, values: tables.Values) -> list[str]:
    """Paths that a call with these values reads."""
    read = [each for each in command.params if role(name, each) in ("read", "results", "planners")]
    given = [values.get(str(each.name)) for each in read]
    texts = [
        str(each).removeprefix("a=") for value in given for each in (value if isinstance(value, list) else [value])
    ]
    return [text for text in texts if text.startswith("{room}")]
