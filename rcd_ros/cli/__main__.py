"""`python -m rcd_ros.cli` is `rcd`."""

from rcd_ros.cli import main

main()
