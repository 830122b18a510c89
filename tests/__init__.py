"""Tests mirror the package: tests/<room> holds those of rcd_ros/<room>."""
