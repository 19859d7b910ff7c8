"""Runs that are cut short."""

import json
import os
import signal

from tests.support import lives
from truth.plays import WRITE, site, wait_until_ended
from truth.registry import case


@case(waits=True)
def timeout(machine, servers):
    machine.config["run"]["timeout_s"] = 10
    machine.commit(site(wait_until_ended(machine.root)))
    assert machine.run() == 1
    assert not _lives(machine)


@case
def sigterm(machine, servers):
    child = _in_the_middle(machine)
    child.send_signal(signal.SIGTERM)
    assert machine.ended(child) == 143
    assert not _lives(machine)
    told = machine.events()[-1]["data"]
    assert [task["task"] for task in told["changed_tasks"]] == ["write the file"], told
    _next_is_configured(machine)


@case
def sigterm_ansible(machine, servers):
    _kill_ansible(machine, signal.SIGTERM, 143)


@case
def sigkill_ansible(machine, servers):
    _kill_ansible(machine, signal.SIGKILL, 137)


@case
def sigkill_agent(machine, servers):
    machine.kill_tree(_in_the_middle(machine))
    _next_is_configured(machine)


@case
def reboot_mid_run(machine, servers):
    machine.kill_tree(_in_the_middle(machine))
    # The boot before had another id, which is all that the agent can know of it.
    path = "/var/lib/nexus-pull/state.json"
    state = json.loads(machine.read(path))
    state["last_run"]["boot_id"] = "5f0c6f0a-3a0e-4c0b-9d86-0d5a1c2b3e4f"
    machine.place(path, json.dumps(state), 0o600)
    _next_is_configured(machine)


def _in_the_middle(machine):
    machine.commit(site(WRITE, wait_until_ended(machine.root)))
    return machine.start("/started")


def _next_is_configured(machine):
    """What must be seen is the interruption; the run after it shows that nothing stays in the way."""
    machine.commit(site(WRITE))
    assert machine.run() == 0
    interrupted = [event for event in machine.events() if event["type"].endswith("run.interrupted")]
    assert len(interrupted) == 1
    machine.facts["last"] = interrupted[0]["id"]


def _kill_ansible(machine, number, status):
    child = _in_the_middle(machine)
    with open("/proc/%d/task/%d/children" % (child.pid, child.pid), encoding="ascii") as stream:
        os.kill(int(stream.read().split()[0]), number)
    assert machine.ended(child) == status
    assert not _lives(machine)


def _lives(machine):
    # On a slow machine the deadline may come before the task.
    if not os.path.exists(machine.root + "/started"):
        return False
    return lives(int(machine.read("/started")))
