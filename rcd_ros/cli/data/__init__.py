"""`rcd data ...`: where data sets come from, what is in them, and where they go."""

from __future__ import annotations

from rcd_ros.cli.lazy import LazyGroup, Subcommand, lazy_app

SUBCOMMANDS = {
    "import": Subcommand("data.import_", "import_", "Import recordings of other formats."),
    "from-bag": Subcommand("data.import_", "from_bag", "Turn recorded runs into a data set."),
    "fetch": Subcommand("data.stored", "fetch", "Download a data set from Minari's remote."),
    "make": Subcommand("data.make", "make", "Make data with a task's own controller, or by D4RL's recipe."),
    "replay": Subcommand("data.simulate", "replay", "Replay demonstrations with feedback and noise."),
    "rollout": Subcommand("data.simulate", "rollout", "Record a planner's own episodes in the simulator."),
    "list": Subcommand("data.stored", "list_", "List the data sets on this machine."),
    "show": Subcommand("data.stored", "show", "Show origin, lengths, returns and ranges of a data set."),
    "view": Subcommand("data.view", "view", "Open a data set in Rerun."),
    "export": Subcommand("data.export", "export", "Write a data set for LeRobot, robomimic, ACT, D4RL or NumPy."),
    "delete": Subcommand("data.stored", "delete", "Delete a data set from this machine."),
}


class DataCommands(LazyGroup):
    """All of `rcd data`."""

    subcommands = SUBCOMMANDS


app = lazy_app(DataCommands, help="Import, export, make, list and look at data sets (Minari).")
