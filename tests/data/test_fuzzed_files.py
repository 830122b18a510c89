"""Damaged files through the readers that the commands use: each is read, or refused in one sentence.

Every case has a seed of its own. `RCD_FUZZ_CASES=2000 pytest tests/data/test_fuzzed_files.py` is the long form.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from numpy.random import Generator
from rosbags.rosbag2 import StoragePlugin

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.episodes import read_episodes
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.data.storage.dataset_task import task_of_dataset
from rcd_ros.data.storage.datasets import list_datasets, load_dataset, save_dataset
from rcd_ros.data.summary import summarize
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.bag_plans import RecordedPlans
from rcd_ros.formats.recording import Export, RecordedEpisode
from rcd_ros.formats.registry import DataFormat, open_recording, written
from rcd_ros.planning.checkpoint import MANIFEST, SEAL, load_tensors, verify, write_checkpoint
from rcd_ros.planning.engines.torch_modules import build_planner, one_step
from rcd_ros.planning.manifest import model_card
from rcd_ros.planning.planner import Planner
from tests.data.bags.bag_files import PERIOD, Event, completed, observe, trajectory, write_bag
from tests.data.damage import damaged_bytes, damaged_values
from tests.data.demonstrations import synthetic_episodes
from tests.planning.tiny import tiny_manifest, tiny_spec, write_tiny

CASES = int(os.environ.get("RCD_FUZZ_CASES", "25"))
SPARE_BYTES = 3 << 30
"""What a damaged file may make a reader ask for: no more than a machine has."""
NAME = "rcd/test/fuzzed-v0"


def recorded(keys: tuple[str, ...], rewards: bool = True) -> list[RecordedEpisode]:
    random = np.random.default_rng(1)
    return [
        RecordedEpisode(
            str(number),
            {key: random.normal(size=(length, 3)) for key in keys},
            rewards=random.normal(size=length) if rewards else None,
            terminated=number == 0,
        )
        for number, length in enumerate((5, 9))
    ]


def read_recording(path: Path) -> None:
    problems = [episode.problem for episode in open_recording(path) if episode.problem]
    if problems:
        raise RcdError(problems[0])


def write_npz(file: Path, compression: int, members: dict[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, values in members.items():
            stream = io.BytesIO()
            np.save(stream, values)
            archive.writestr(f"{name}.npy", stream.getvalue())


def npz(compression: int) -> Callable[[Path], None]:
    random = np.random.default_rng(0)
    members = {
        "state": random.normal(size=(30, 4)).astype(np.float32),
        "action": random.normal(size=(30, 2)),
        "episode_ends": np.array([10, 30]),
    }
    return lambda room: write_npz(room / "a.npz", compression, members)


def compressed_hdf5(room: Path) -> None:
    random = np.random.default_rng(0)
    with h5py.File(room / "a.hdf5", "w") as file:
        for key, values in (("observations", random.normal(size=(60, 4))), ("actions", random.normal(size=(60, 2)))):
            file.create_dataset(key, data=values, chunks=(20, 2), compression="gzip", shuffle=True, fletcher32=True)
        file["rewards"], file["terminals"] = np.zeros(60), np.arange(60) % 20 == 19


def run() -> list[Event]:
    events: list[Event] = []
    for step in range(6):
        time = step * PERIOD
        events += observe(time, time, [0.1 * step] * 5)
        events.append(trajectory(time + 10, time, [[0.1, 0.2]] * 4))
    return [*events, completed(5 * PERIOD + 20, "door")]


def read_bag(path: Path) -> None:
    bag, spec = Bag(path), tiny_spec()
    topics = TaskTopics(bag, spec)
    read_episodes(bag, spec, topics)
    RecordedPlans(bag, topics)


def make_dataset(_: Path) -> None:
    episodes = synthetic_episodes(observed=60, commanded=9)
    save_dataset(NAME, episodes, task="kitchen", origin={"seed": 3}, description="Noise.")


def read_dataset(_: Path) -> None:
    assert list(list_datasets()) == [NAME]
    dataset = load_dataset(NAME)
    task = task_of_dataset(dataset)
    summarize(dataset, task.spec if task is not None else None)


def seal(folder: Path) -> None:
    """Make the sums of a checkpoint's files those of the files as they are, as one who means harm would."""
    text = (folder / MANIFEST).read_text(errors="surrogateescape")
    for file in folder.iterdir():
        if file.name in (MANIFEST, SEAL):
            continue
        kept = hashlib.sha256((folder.parent / "whole" / file.name).read_bytes()).hexdigest()
        text = text.replace(kept, hashlib.sha256(file.read_bytes()).hexdigest())
    content = text.encode(errors="surrogateescape")
    (folder / MANIFEST).write_bytes(content)
    (folder / SEAL).write_text(f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n")


def checkpoint(room: Path) -> None:
    write_tiny(room / "planner")
    shutil.copytree(room / "planner", room / "whole")


def torch_checkpoint(room: Path) -> None:
    network = {"kind": "residual_mlp", "width": 16, "blocks": 2, "embedding": 8}
    manifest = tiny_manifest().model_copy(update={"network": network})
    weights = build_planner(manifest, "student").state_dict()
    write_checkpoint(room / "planner", manifest, {"student": {key: value.numpy() for key, value in weights.items()}})
    shutil.copytree(room / "planner", room / "whole")


def read_checkpoint(folder: Path) -> None:
    manifest = verify(folder)
    model_card(manifest)
    planner = Planner.load(folder, "onnxruntime")
    planner.plan(np.zeros((planner.history, planner.spec.observation_size)))
    planner.close()


def read_torch_checkpoint(folder: Path) -> None:
    manifest = verify(folder)
    one_step(manifest, load_tensors(folder, "student", manifest))


def damage_bytes(file: Path, random: Generator) -> None:
    file.write_bytes(damaged_bytes(file.read_bytes(), random))


def damage_values(file: Path, random: Generator) -> None:
    """As a person or another program would write them."""
    is_json = file.suffix == ".json"
    text = file.read_text()
    spoiled = damaged_values(json.loads(text) if is_json else yaml.safe_load(text), random)
    file.write_text(json.dumps(spoiled) if is_json else yaml.safe_dump(spoiled, allow_unicode=True))


@dataclass(frozen=True)
class Subject:
    """Files, how one of them is damaged, and how they are read.

    Attributes:
        make: writes them into an empty folder.
        spoiled: pattern of those of which one is damaged in each case.
        read: reads `target` within the folder.
        damage: damages one file.
        mend: what is done afterwards to `target`.
    """

    make: Callable[[Path], None]
    spoiled: str
    target: str
    read: Callable[[Path], None]
    damage: Callable[[Path, Generator], None] = damage_bytes
    mend: Callable[[Path], None] = lambda target: None


def file(make: Callable[[Path], None], name: str) -> Subject:
    return Subject(make, name, name, read_recording)


def bag(storage: StoragePlugin) -> Callable[[Path], None]:
    return lambda room: (write_bag(room / "bag", run(), storage), None)[1]


def of_format(each: DataFormat) -> Subject:
    """What a format writes; in a folder all files are damaged in turn."""

    def make(room: Path) -> None:
        assert each.write is not None
        keys = (each.state, each.action)
        names = dict.fromkeys(keys, ("a", "b", "c"))
        each.write(room / target, Export(recorded(keys, each.keeps_rewards), names, 0.05, "push"))

    target = f"set{each.suffixes[0]}" if each.suffixes else "set"
    return Subject(make, target if each.suffixes else "set/**/*.*", target, read_recording)


SUBJECTS = {name: of_format(each) for name, each in written().items()} | {
    "npz, deflated": file(npz(zipfile.ZIP_DEFLATED), "a.npz"),
    "npz, LZMA": file(npz(zipfile.ZIP_LZMA), "a.npz"),
    "npz, bzip2": file(npz(zipfile.ZIP_BZIP2), "a.npz"),
    "npz, stored": file(npz(zipfile.ZIP_STORED), "a.npz"),
    "HDF5, compressed": file(compressed_hdf5, "a.hdf5"),
    "LeRobot's values": replace(of_format(written()["lerobot"]), spoiled="set/meta/info.json", damage=damage_values),
    "MCAP bag": Subject(bag(StoragePlugin.MCAP), "bag/*", "bag", read_bag),
    "MCAP file": Subject(bag(StoragePlugin.MCAP), "bag/*.mcap", "bag/bag.mcap", read_bag),
    "SQLite bag": Subject(bag(StoragePlugin.SQLITE3), "bag/*", "bag", read_bag),
    "SQLite file": Subject(bag(StoragePlugin.SQLITE3), "bag/*.db3", "bag/bag.db3", read_bag),
    "bag's values": Subject(bag(StoragePlugin.MCAP), "bag/metadata.yaml", "bag", read_bag, damage_values),
    "Minari": Subject(make_dataset, f"{NAME}/data/*", "", read_dataset),
    "Minari's values": Subject(make_dataset, f"{NAME}/data/*.json", "", read_dataset, damage_values),
    "checkpoint": Subject(checkpoint, "planner/*", "planner", read_checkpoint),
    "checkpoint, sealed again": Subject(checkpoint, "planner/*", "planner", read_checkpoint, mend=seal),
    "manifest's values": Subject(checkpoint, "planner/*.yaml", "planner", read_checkpoint, damage_values, seal),
    "torch checkpoint, sealed again": Subject(
        torch_checkpoint, "planner/student.safetensors", "planner", read_torch_checkpoint, mend=seal
    ),
    "torch manifest's values": Subject(
        torch_checkpoint, "planner/*.yaml", "planner", read_torch_checkpoint, damage_values, seal
    ),
}


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """A damaged length is a MemoryError here, and does not take the machine's memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(subject: Subject, room: Path, seed: int) -> str:
    """Damage one file of a room, read it, and make it whole again; what was said, or empty if it was read."""
    random = np.random.default_rng(seed)
    files = sorted(path for path in room.glob(subject.spoiled) if path.is_file())
    whole = {path: path.read_bytes() for path in room.rglob("*") if path.is_file()}
    subject.damage(files[random.integers(len(files))], random)
    target = room / subject.target
    subject.mend(target)
    try:
        subject.read(target)
    except RcdError as error:
        return str(error)
    finally:
        for path, content in whole.items():
            path.write_bytes(content)
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", SUBJECTS)
def test_damaged_files_are_read_or_refused_in_one_sentence(name: str, datasets_root: Path) -> None:
    subject = SUBJECTS[name]
    subject.make(datasets_root)
    subject.read(datasets_root / subject.target)
    said = [outcome(subject, datasets_root, seed) for seed in range(CASES)]
    assert any(said), "the damage is worth something"
    assert not [sentence for sentence in said if "\n" in sentence]
    subject.read(datasets_root / subject.target)
