"""Inference engines: each runs the exported student; one of them is enough on a robot."""
