"""Where the DDS traffic goes: the domain id and the network it may use.

Without a word from the user everything stays on the loopback interface. Loopback has no multicast in containers, so
participants find each other by unicast to the ports of the first `_MAX_PARTICIPANTS` participants of the domain.
"""

from __future__ import annotations

import os
import threading
from collections import Counter

from cyclonedds.core import Entity
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.qos import Policy, Qos

from rcd_ros.errors import RcdError

_MAX_PARTICIPANTS = 32
_LOOPBACK = f"""<CycloneDDS><Domain Id="any">
<General>
  <Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>
  <AllowMulticast>false</AllowMulticast>
  <MaxMessageSize>65500B</MaxMessageSize>
  <FragmentSize>65000B</FragmentSize>
</General>
<Discovery>
  <ParticipantIndex>auto</ParticipantIndex>
  <MaxAutoParticipantIndex>{_MAX_PARTICIPANTS}</MaxAutoParticipantIndex>
  <Peers><Peer Address="127.0.0.1"/></Peers>
</Discovery>
</Domain></CycloneDDS>"""

_domains: dict[int, Domain] = {}
_members: Counter[int] = Counter()
_lock = threading.Lock()


def domain_id_from_environment() -> int:
    """`ROS_DOMAIN_ID`, 0 when unset; raises `RcdError` when it is no domain id."""
    text = os.environ.get("ROS_DOMAIN_ID", "").strip() or "0"
    if not text.isdigit() or int(text) > 232:
        raise RcdError(f"ROS_DOMAIN_ID is '{text}': set it to a number from 0 to 232")
    return int(text)


def create_participant(domain_id: int) -> DomainParticipant:
    """A participant on the loopback interface, or on the network that the user's environment names.

    `CYCLONEDDS_URI` is the user's own configuration and wins; `ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET` leaves the choice
    of interfaces to Cyclone DDS.
    """
    with _lock:
        if domain_id not in _domains and _stays_local():
            _domains[domain_id] = Domain(domain_id, _LOOPBACK)
        participant = DomainParticipant(domain_id, Qos(Policy.Userdata(b"enclave=/;")))
        _members[domain_id] += 1
    return participant


def leave(participant: DomainParticipant, domain_id: int) -> None:
    """Delete a participant; with the last one of a domain its sockets are closed, too."""
    with _lock:
        delete(participant)
        _members[domain_id] -= 1
        if not _members[domain_id] and domain_id in _domains:
            delete(_domains.pop(domain_id))


def delete(entity: Entity) -> None:
    """Delete a DDS entity now rather than when Python forgets it; a second call does nothing."""
    entity.__del__()  # the binding's only way


def _stays_local() -> bool:
    if os.environ.get("CYCLONEDDS_URI"):
        return False
    wanted = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST").upper()
    if wanted not in ("LOCALHOST", "SUBNET", "SYSTEM_DEFAULT", "OFF"):
        raise RcdError(f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{wanted}': use LOCALHOST or SUBNET")
    return wanted in ("LOCALHOST", "OFF")
