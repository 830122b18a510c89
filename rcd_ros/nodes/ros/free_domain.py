"""A ROS domain without nodes on this machine: nodes that are measured must not receive messages of others."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

from rcd_ros.errors import RcdError

DOMAINS = range(1, 102)
"""Higher ones use the ephemeral ports of Linux, and 0 is the default of all nodes."""

PARTICIPANTS = 120
"""So many have ports of their own in each domain."""


def free_domain(candidates: Sequence[int] = DOMAINS) -> int:
    """One of the candidates, drawn at random, in which no participant runs on this machine.

    Raises:
        RcdError: all of them are in use.
    """
    for domain in random.sample(candidates, k=len(candidates)):
        if _is_free(domain):
            return domain
    domains = f"from {min(candidates)} to {max(candidates)}"
    raise RcdError(f"every ROS domain {domains} is in use on this machine: end some of the nodes that run on it")


def _is_free(domain: int) -> bool:
    # DDSI 2.1, section 9.6.1: the participants of a domain listen here for the others. Fast DDS numbers a process's
    # participants across all its domains: the only one in a domain may have any number.
    for participant in range(PARTICIPANTS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7400 + 250 * domain + 10 + 2 * participant))
            except OSError:
                return False
    return True
