"""The files that calls are about: good ones to begin from, and broken ones of every kind that is read."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from rcd_ros.tasks.catalogue import get_task
from tests.data.bags.bag_files import observe, trajectory, write_bag
from tests.data.demonstrations import write_archive
from tests.evaluation.test_comparison import summary
from tests.planning.tiny import tiny_manifest, write_tiny
from tests.training.tiny_recipe import RECIPE, save_random_episodes

MODELS = Path(__file__).parents[3] / "models"
DEEP = "[" * 100_000
State = dict[str, tuple[int, int, int, str]]
"""What lies in a room: path -> inode, size, time of its last change, target of a link."""


def furnish(room: Path) -> None:
    """Fill an empty folder; data sets go to `MINARI_DATASETS_PATH`, which must lie inside it."""
    for name in ("datasets", "broken", "empty", "work"):
        (room / name).mkdir()
    write_tiny(room / "planner", tiny_manifest(get_task("kitchen").spec, history=2, horizon=8, execute=4), gain=0.01)
    save_random_episodes()
    (room / "recipe.yaml").write_text(RECIPE)
    for name in ("result.json", "other.json"):
        (room / name).write_text(json.dumps(summary(50.0, 75.0)))
    bag = [event for k in range(3) for event in observe(k * 10**8, k * 10**8, [0.0] * 5)]
    write_bag(room / "bag", [*bag, trajectory(10, 0, [[0.1, 0.1]] * 4)])
    (room / "sweep.yaml").write_text(_SWEEP.format(recipe=room / "recipe.yaml", output=room / "work" / "sweep"))
    cell = room / "results" / "kitchen" / "student" / "seed-0"
    cell.mkdir(parents=True)
    (cell / "eval.json").write_text(json.dumps(summary(50.0, 75.0)))
    (cell / "cell.json").write_text(json.dumps({"dataset": "kitchen", "method": "student", "seed": 0}))
    (room / "arm.xml").write_text((MODELS / "mjcf" / "small_arm.xml").read_text())
    write_archive(room / "archive.npz", _kitchen_episodes())
    os.symlink(room / "nowhere", room / "link")
    os.symlink(room / "loop", room / "loop")
    os.symlink(room, room / "alias")
    _break(room / "broken")


_SWEEP = """
output: {output}
datasets: {{tiny: {{dataset: rcd/kitchen/tiny-v0, recipe: {recipe}}}}}
methods: {{student: {{}}}}
seeds: [0]
"""


def _kitchen_episodes() -> list[object]:
    from rcd_ros.data.storage.datasets import load_dataset

    return list(load_dataset("rcd/kitchen/tiny-v0").episodes)


def _break(folder: Path) -> None:
    """Files that are there and cannot be used, whatever is looked for."""
    texts = {
        "empty": "",
        "words.txt": "a letter to nobody\n",
        "list.json": "[1, 2]",
        "deep.json": DEEP,
        "keys.json": json.dumps({"task": "kitchen", "episode_results": []}),
        "nan.json": json.dumps(summary(float("nan"))),
        "types.json": json.dumps(summary(1.0) | {"score_mean": "high", "episode_results": [{"score": None}]}),
        "list.yaml": "- a\n- b\n",
        "deep.yaml": DEEP,
        "tag.yaml": "name: !!python/object:os.system {}\n",
        "keys.yaml": "{1: 2, null: [], ? [a] : b}\n",
        "numbers.yaml": "task: 7\nname: .nan\ndatasets: -1\nobservations: 5\n",
        "bad.xml": "<mujoco><worldbody>",
        "other.xml": "<html/>",
        "bad.urdf": "<robot><joint/></robot>",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 8)
    (folder / "utf16.yaml").write_text("name: a\n", encoding="utf-16")
    for name in ("bag.mcap", "bag.db3", "data.hdf5", "policy.zip"):
        (folder / name).write_bytes(b"\x89MCAP0\r\n" + bytes(100))
    with zipfile.ZipFile(folder / "members.npz", "w") as archive:
        archive.writestr("state", "plain")
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    (folder / "array.npz").write_bytes(stream.getvalue())
    whole = io.BytesIO()
    np.savez(whole, state=np.zeros((4, 59)), action=np.zeros((4, 9)), episode_ends=np.array([4]))
    (folder / "short.npz").write_bytes(whole.getvalue()[:-40])
    np.savez(folder / "nan.npz", state=np.full((4, 59), np.nan), action=np.zeros((4, 9)), episode_ends=np.array([4]))
    np.savez(folder / "shape.npz", state=np.zeros(4), action=np.zeros((4, 9, 2)), episode_ends=np.array([[4]]))
    np.savez(folder / "ends.npz", state=np.zeros((4, 59)), action=np.zeros((4, 9)), episode_ends=np.array([-1, 9]))


def state(room: Path) -> State:
    """Every file, folder and link below a room."""
    found: State = {}
    for folder, folders, files in os.walk(room):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            is_folder = os.path.isdir(path) and not os.path.islink(path)
            target = os.readlink(path) if os.path.islink(path) else "/" if is_folder else ""
            found[path] = (status.st_ino, 0, 0, target) if is_folder else _facts(status, target)
    return found


def _facts(status: os.stat_result, target: str) -> tuple[int, int, int, str]:
    return status.st_ino, status.st_size, status.st_mtime_ns, target
