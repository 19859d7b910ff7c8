"""Report vm.booted."""

import json
import time

from nexus_pull import VERSION, config as configs, delivery, events, facts
from nexus_pull.console import say
from nexus_pull.errors import AgentError
from nexus_pull.events.spool import Spool


def boot(paths, now=time.time, sleep=time.sleep):
    """Returns a sentence on what was done."""
    config = configs.load(paths)
    receiver = config["receiver"]
    record_booted(paths, config, now)
    if receiver is None:
        return "no receiver is configured: vm.booted is not sent"
    try:
        attempts = _send(paths, receiver, now, sleep)
    except AgentError as error:
        say(paths, "vm.booted could NOT be delivered to %s: %s" % (receiver["url"], error.message))
        raise
    return "vm.booted was delivered (%d attempt%s)" % (attempts, "" if attempts == 1 else "s")


def record_booted(paths, config, now=time.time):
    """heartbeat_s is left out: no heartbeat is sent, so none may be promised."""
    return events.Recorder(paths, config, now).record(
        "vm.booted",
        addresses=facts.addresses(paths),
        agent_version=VERSION,
        agent_sha256=config["agent"]["sha256"],
        generation=config["generation"],
        hostname=facts.hostname(),
        os=facts.operating_system(paths),
    )


def _send(paths, receiver, now, sleep):
    spool = Spool(paths)
    attempts = 0
    for one in spool.waiting():
        body = one.read()
        attempts += delivery.deliver(receiver, _key(paths), json.loads(body)["id"], body, now, sleep)
        spool.finish([one])
    return attempts


def _key(paths):
    try:
        with open(paths.secret("receiver_key"), encoding="ascii") as source:
            return source.read().strip()
    except OSError as error:
        raise AgentError("secret_missing", "secret receiver_key cannot be read: %s" % error.strerror) from error
