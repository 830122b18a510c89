"""`python -m rcd_ros.cli` is `rcd`; `torchrun -m` starts it this way."""

from rcd_ros.cli import main

if __name__ == "__main__":
    main()
