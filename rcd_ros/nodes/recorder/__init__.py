"""The node that records topics into a bag."""

RECORDER = "recorder"
"""The node's name, by which launches start it and bridges wait for it."""
