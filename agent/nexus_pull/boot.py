"""Report vm.booted: the one event that this agent sends."""

import datetime
import json
import time

from nexus_pull import VERSION, config as configs, delivery, facts, identity
from nexus_pull.console import say
from nexus_pull.errors import AgentError


def boot(paths, now=time.time, sleep=time.sleep):
    """Returns a sentence on what was done."""
    config = configs.load(paths)
    receiver = config["receiver"]
    if receiver is None:
        return "no receiver is configured: vm.booted is not sent"
    event = booted_event(paths, config, now())
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        attempts = delivery.deliver(receiver, _key(paths), event["id"], body, now, sleep)
    except AgentError as error:
        say(paths, "vm.booted could NOT be delivered to %s: %s" % (receiver["url"], error.message))
        raise
    return "vm.booted was delivered (%d attempt%s)" % (attempts, "" if attempts == 1 else "s")


def booted_event(paths, config, now):
    """CloudEvents 1.0 (contract/event.schema.json). Unknown is absent, never null; heartbeat_s too: none is sent."""
    who = config["identity"]
    stream, seq, first = identity.Stream(paths).take("vm.booted")
    data = {
        "fleet": who["fleet"],
        "vm": who["vm"],
        "instance_id": who["instance_id"],
        "stream": stream,
        "seq": seq,
        "boot_id": facts.boot_id(),
        "uptime_s": facts.uptime_s(),
        "clock_synced": facts.clock_synced(),
        "addresses": facts.addresses(paths),
        "agent_version": VERSION,
        "agent_sha256": config["agent"]["sha256"],
        "generation": config["generation"],
        "hostname": facts.hostname(),
        "first_boot": first,
    }
    system = facts.operating_system(paths)
    if system is not None:
        data["os"] = system
    return {
        "specversion": "1.0",
        "id": "%s-%d" % (stream, seq),
        "source": "/fleets/%s/vms/%s" % (who["fleet"], who["vm"]),
        "type": "io.nexus-pull.vm.booted",
        "time": datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": data,
    }


def _key(paths):
    try:
        with open(paths.secret("receiver_key"), encoding="ascii") as source:
            return source.read().strip()
    except OSError as error:
        raise AgentError("secret_missing", "secret receiver_key cannot be read: %s" % error.strerror) from error
