"""What this machine says. `Recorder(paths, config).record(type, **data)` is all that the other modules need.

recorder  makes a CloudEvent (contract/event.schema.json) and puts it into the spool, on disk, before any network
spool     the events that wait; hands out seq; loses nothing by kill -9, power loss or a full disk without saying so
stream    which machine speaks, and its counters
reserve   room on the disk that is taken before it is needed
limits    what the contract allows of lengths
signing   Standard Webhooks headers
"""

from nexus_pull.events.recorder import Recorder, config_digest

__all__ = ["Recorder", "config_digest"]
