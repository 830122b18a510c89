"""Bad values of what is written as key=value: keys of recipes, options of tasks, arguments of launches, variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rcd_ros.launching.launches import BRINGUPS
from rcd_ros.training.recipe import Recipe
from tests.cli.battery import tables
from tests.cli.battery.tree import Call, commands, line
from tests.cli.battery.values import LONG, UNICODE

_NUMBERS = {"a word": "few", "NaN": ".nan", "infinite": ".inf", "a list": "[1,2]", "nothing": "null", "text": UNICODE}
_ANY = {"huge": "1" + 20 * "0", "negative": "-1", "zero": "0", "tiny": "1e-300", "true": "true", "a map": "{a: 1}"}


def of_train(room: Path) -> list[Call]:
    """`rcd train` with one key of the recipe wrong."""
    base = dict(tables.CALLS["train"])
    found = []
    for key, is_number in _keys(Recipe):
        values = {**_NUMBERS, **_ANY, "empty": "", "empty list": "[]", "too long": LONG}
        for kind, value in values.items():
            certain = is_number and kind in (*_NUMBERS, "too long", "a map", "empty list") and kind != "nothing"
            arguments = line(commands()["train"], "train", {**base, "overrides": [f"{key}={value}"]}, room)
            found.append(Call("train", f"{key}: {kind}", arguments, certain))
    for text in _TOGETHER:
        arguments = line(commands()["train"], "train", {**base, "overrides": text.split()}, room)
        found.append(Call("train", f"{text}: cannot be", arguments, True))
    return found


_TOGETHER = (
    "noise.sigma_min=100",
    "held_out=0.99",
    "seed=-1",
    "seed=99999999999999999999",
    "horizon=1000000000",
    "history=1000000000",
    "observations=[]",
    "observations=[robot_position,robot_position]",
    "observations=[nonesuch]",
    "teacher.optimizer.betas=[2,3]",
    "execute=5",
    "horizon=100 execute=1 held_out=0 network.kind=spline_mlp network.stride=99",
    "network.kind=spline_mlp network.frequencies=999",
    "network.kind=temporal_unet network.widths=[8,16,24,32,40]",
    "network.width=60000 network.blocks=900",
    "critic.widths=[-1]",
    "critic.members=0",
    "dataset=rcd/kitchen/absent-v0",
    "task=hopper",
    "task=maze-umaze",
    "task_options.goals=[nonesuch]",
    "task_options.goals=7",
    "task_options.nonesuch=1",
    "task_options.episode_steps=long",
    "student.huber=0",
    "student.levels=1",
    "name=../../away",
    "name=/etc",
)


def of_eval(room: Path) -> list[Call]:
    """`rcd eval` with options of the task, and with options that have no effect."""
    found = []
    for kind, option in {
        "no equals sign": "goals",
        "no key": "=1",
        "an unknown key": "nonesuch=1",
        "an option of its own": "episode_steps=7",
        "no list": "goals=7",
        "an unknown goal": "goals=[nonesuch]",
        "no goal": "goals=[]",
        "twice the same goal": "goals=[kettle,kettle]",
        "no YAML": "goals=[",
        "NaN": "goals=[.nan]",
        "of another task": "goal=[1,2]",
    }.items():
        values = {**tables.CALLS["eval"], "option": [option]}
        found.append(Call("eval", f"option: {kind}", line(commands()["eval"], "eval", values, room), True))
    without_effect: dict[str, dict[str, object]] = {
        "a policy's sampler": {"sampler": "ddim"},
        "a mode's decay": {"decay": "0.5"},
        "a mode's overlap": {"overlap": "2"},
        "a mode's execute": {"execute": "2", "mode": "splice"},
        "a delay beyond the horizon": {"delay": "99", "mode": "splice"},
        "a late plan": {"delay": "8"},
        "plans without --offline": {"plans": "7"},
        "episodes with --offline": {"offline": tables.TINY},
        "a data set without replay": {"dataset": tables.TINY},
        "an engine of a replay": {"dataset": tables.TINY, "policy": "replay", "engine": "torch"},
        "twice the same option": {"option": ["goals=[kettle]", "goals=[microwave]"]},
    }
    for kind, more in without_effect.items():
        arguments = line(commands()["eval"], "eval", {**tables.CALLS["eval"], **more}, room)
        found.append(Call("eval", f"no effect: {kind}", arguments, True))
    return found


def of_launch(room: Path) -> list[Call]:
    """`rcd launch` with one argument wrong."""
    found = []
    right = {"kitchen_sim": [], "mujoco_sim": [f"model:={room}/arm.xml"], "planner": [f"checkpoint:={room}/planner"]}
    for name, bringup in BRINGUPS.items():
        for argument in bringup.arguments:
            numeric = argument.kind in ("integer", "number", "boolean")
            bad = {**_NUMBERS, **_ANY, "too long": LONG, "a folder": f"{room}/empty", "unicode": UNICODE}
            for kind, value in bad.items():
                certain = numeric and kind in ("a word", "a list", "unicode", "a folder", "too long", "NaN", "infinite")
                others = [text for text in right.get(name, []) if not text.startswith(f"{argument.name}:=")]
                arguments = ("launch", name, *others, f"{argument.name}:={value}")
                found.append(Call("launch", f"{name} {argument.name}: {kind}", arguments, certain))
        for kind, text in {"no value": "seed", "unknown": "nonesuch:=1", "no name": ":=1"}.items():
            found.append(Call("launch", f"{name}: {kind}", ("launch", name, *right.get(name, []), text), True))
    seed = str(2**63)
    found.append(Call("launch", "kitchen_sim seed: 2^63", ("launch", "kitchen_sim", f"seed:={seed}"), True))
    for one, other in (("results", "video"), ("results", "record"), ("video", "record")):
        same = f"{room}/work/same.mp4"
        arguments = ("launch", "kitchen_sim", f"{one}:={same}", f"{other}:={same}")
        found.append(Call("launch", f"{one}, {other}: the same path", arguments, True))
    inside = f"results:={room}/planner/results.json"
    arguments = ("launch", "kitchen_sim", f"checkpoint:={room}/planner", inside)
    return [*found, Call("launch", "results: inside what is read", arguments, True)]


def of_the_environment(room: Path) -> list[Call]:
    """Commands about data sets, where these cannot lie."""
    found = []
    for kind, place in {
        "empty": "",
        "a file": f"{room}/recipe.yaml",
        "below a file": f"{room}/recipe.yaml/x",
        "cannot be made": "/proc/nowhere/x",
        "a link to nowhere": f"{room}/loop",
        "too long": f"{room}/{LONG}",
    }.items():
        for name in ("data list", "data show", "data delete", "data import", "data rollout", "train"):
            arguments = line(commands()[name], name, tables.CALLS[name], room)
            found.append(Call(name, f"MINARI_DATASETS_PATH: {kind}", arguments, True, {"MINARI_DATASETS_PATH": place}))
    return found


def _keys(model: type[BaseModel], prefix: str = "") -> list[tuple[str, bool]]:
    """Every key of a recipe with its sections', and whether its value is a number."""
    found = []
    for name, field in model.model_fields.items():
        inner = [each for each in _models(field.annotation) if each is not None]
        if inner:
            found += [key for each in inner for key in _keys(each, f"{prefix}{name}.")]
        else:
            found.append((prefix + name, field.annotation in (int, float)))
    return list(dict.fromkeys(found))


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in getattr(annotation, "__args__", ()) for model in _models(each)]
