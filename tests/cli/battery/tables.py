"""What the tree of commands does not say about itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

Values = Mapping[str, object]
"""Parameter's name in Python -> value, values, or True for a flag; `{room}` stands for the folder of the files."""

WRITTEN_FILES = ("json_file", "plot", "save_recipe", "rrd", "rerun_file")
WRITTEN_FILES_OF = {("eval", "video")}
WRITTEN_FOLDERS = ("output", "compact", "logs", "into", "workspace")
KEPT_FOLDERS = (
    ("demo", "output"),
    ("train", "output"),
    ("bench baselines", "output"),
    ("bench baselines", "into"),
    ("data make", "workspace"),
)
"""Folders that may be there already: what is in them is gone on with."""
NEW_DATASETS = ("name",)
DATASETS = ("source", "dataset", "offline", "datasets")
READ_TEXTS = (("sweep", "description"), ("train", "recipe"), ("compare", "results"))
"""Parameters of type text that name a file."""

TINY = "rcd/kitchen/tiny-v0"
NEW = "rcd/battery/new-v0"
PLANNER = "{room}/planner"
_EVAL: Values = {"checkpoint": PLANNER, "episodes": "1", "workers": "1", "episode_steps": "5"}

CALLS: dict[str, Values] = {
    "eval": _EVAL,
    "train": {"stage": "all", "recipe": "{room}/recipe.yaml", "output": "{room}/work/out", "threads": "1"},
    "export": {"checkpoint": PLANNER, "compact": "{room}/work/small"},
    "show": {"checkpoint": PLANNER},
    "compare": {"results": ["a={room}/result.json"]},
    "choose": {"planners": [PLANNER], "dataset": TINY, "steps": "1"},
    "replay": {"bag": "{room}/bag", "checkpoint": PLANNER},
    "record": {"output": "{room}/work/bag", "seconds": "1"},
    "demo": {"checkpoint": PLANNER, "output": "{room}/work/demo", "episodes": "1"},
    "faults": {"task": "kitchen", "checkpoint": PLANNER, "quick": True},
    "launch": {"name": "kitchen_sim", "arguments": ["checkpoint:={room}/planner"]},
    "sweep": {"description": "{room}/sweep.yaml"},
    "bench latency": {"checkpoint": PLANNER, "plans": "1"},
    "bench speedup": {"checkpoint": PLANNER, "repeats": "2"},
    "bench loop": {"checkpoint": PLANNER, "seconds": "1"},
    "bench realtime": {"checkpoint": PLANNER, "planners": "student", "episodes": "1"},
    "bench peers": {"checkpoint": PLANNER, "rounds": "1"},
    "bench baselines": {"datasets": [TINY], "steps": "1", "output": "{room}/work/baselines"},
    "bench report": {"folders": ["{room}/results"], "output": "{room}/work/report"},
    "data import": {"source": "{room}/archive.npz", "name": NEW, "task": "kitchen"},
    "data export": {"name": TINY, "to": "npz", "output": "{room}/work/new.npz"},
    "data view": {"name": TINY, "rrd": "{room}/work/new.rrd"},
    "data replay": {"source": TINY, "name": NEW},
    "data make": {"task": "maze-umaze", "steps": "1", "name": NEW},
    "data rollout": {"checkpoint": PLANNER, "name": NEW, "episodes": "1"},
    "data from-bag": {"bags": ["{room}/bag"], "task": "kitchen", "name": NEW},
    "data show": {"name": TINY},
    "data delete": {"name": TINY},
    "data fetch": {"name": "D4RL/kitchen/complete-v2"},
    "data list": {},
    "task init": {"model": "{room}/arm.xml"},
    "task check": {"task": "kitchen"},
}
"""A call of each command that is right. A command without one is tried with its other values missing."""
FREE_TEXTS = (("data import", "description"), ("export", "notes"), ("record", "topics"))
"""Parameters that take any text; all others name something that is looked up."""
NEVER_RIGHT = (
    "bench baselines",  # needs d3rlpy
    "bench peers",  # needs LeRobot
    "bench report",  # needs rliable, and so does `sweep`
    "bench speedup",  # needs a trained teacher
    "data delete",
    "data from-bag",  # needs a bag of the kitchen
    "replay",  # likewise
    *(() if find_spec("rerun") else ("data view",)),
    "sweep",
)
"""Commands whose call above is refused for want of something that a test has not, or does what it says at once."""

ALSO: dict[tuple[str, str], Values] = {
    ("eval", "dataset"): {"policy": "replay"},
    ("eval", "step_size"): {"gradient_steps": "2"},
    ("eval", "engine"): {"policy": "student"},
    ("eval", "decay"): {"mode": "temporal_ensemble"},
    ("eval", "overlap"): {"mode": "splice"},
    ("eval", "delay"): {"mode": "splice"},
    ("eval", "sampler"): {"policy": "teacher"},
    ("train", "save_recipe"): {"task": "kitchen", "recipe": f"dataset={TINY}", "output": None, "threads": None},
    ("train", "task"): {"recipe": f"dataset={TINY}"},
    ("data make", "episodes"): {"task": "push", "steps": None},
    ("data make", "medium"): {"task": "hopper-medium", "steps": None},
    ("data make", "expert"): {"task": "hopper-medium-expert", "steps": None},
    ("data make", "workspace"): {"task": "hopper-medium", "steps": None},
    ("data make", "version"): {"task": "hopper-medium", "steps": None},
    ("data make", "sac_steps"): {"task": "hopper-medium", "steps": None},
    ("task init", "bag"): {"model": None},
    ("task init", "lerobot"): {"model": None},
    ("task init", "urdf"): {"model": None},
    ("bench baselines", "into"): {"method": ["bc"], "seeds": "0", "output": None},
    ("bench baselines", "base_python"): {"install": True},
    ("bench peers", "base_python"): {"install": True},
}
"""What a parameter needs beside it, to be looked at; None: what must not stand beside it."""
