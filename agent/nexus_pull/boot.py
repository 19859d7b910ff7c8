"""Record vm.booted: this machine is there, and this is what it is."""

from nexus_pull import VERSION, config as configs, events, facts, files
from nexus_pull.events.spool import Spool


def boot(paths):
    """Returns a sentence on what was done."""
    config = configs.load(paths)
    event = events.Recorder(paths, config).record("vm.booted", **what_it_is(paths, config, Spool(paths)))
    if config["receiver"] is None:
        return "no receiver is configured: vm.booted is not sent"
    return "vm.booted is in the spool (seq %d)" % event["data"]["seq"]


def what_it_is(paths, config, spool):
    """The data of vm.booted. `spool` is None for whoever holds its lock."""
    return {
        "addresses": facts.addresses(paths),
        "agent_version": VERSION,
        "agent_sha256": config["agent"]["sha256"],
        "generation": config["generation"],
        "hostname": facts.hostname(),
        "hardware": facts.hardware(paths) or None,
        "os": facts.operating_system(paths),
        "heartbeat_s": config["receiver"]["heartbeat_s"] if config["receiver"] else None,
        "spool": spool.counts() if spool else None,
        # Why it goes on with the settings that it had.
        **(files.read_json(paths.not_adopted) or {}),
    }
