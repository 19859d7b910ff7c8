#!/usr/bin/env python3
"""What the agent adds to ansible-pull: `nexus-pull-agent run` against a bare `ansible-pull` of the same commit.

Both run the same playbook with the same ansible-core on one machine, in turns, so that what else goes on there hits both.
The best of each counts: noise only ever adds. Wanted: at most 1.05 times and 0.5 s more, when nothing changes and when all
does. The exit status is 1 when either is exceeded by more than 1.25 times (1.3125 times, 0.625 s): of processor time always,
on the clock where it can be told, which is when the machine had a processor free for most of the bare runs: then the median
of their clock by their processor time is at most 1.15. On a busy machine the clock is printed and judges nothing.
Where it is red, up to two times as many rounds more are taken: a slow minute of the machine's passes, a slow agent stays.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "agent"))

from tests import PROGRAM  # noqa: E402 - found by the line above
from tests.support import ansible_core  # noqa: E402
from truth.machine import Machine  # noqa: E402

RATIO, MORE_S, RED = 1.05, 0.5, 1.25
ATTEMPTS = 3
QUIET = 1.15
TASK = """    - name: file %d
      ansible.builtin.copy:
        dest: "{{ target }}/%d"
        content: "%d"
        mode: "0600"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", default="2.19", help="series of ansible-core (tools/ansible-cores.sh)")
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    core = ansible_core(arguments.core)
    if core is None:
        raise SystemExit("ansible-core %s is not there: run tools/ansible-cores.sh" % arguments.core)
    machine = Machine("bench", core, PROGRAM, "http://127.0.0.1:9/webhook")
    try:
        red = [_compare(machine, arguments, everything) for everything in (False, True)]
    finally:
        machine.close()
    return 1 if any(red) else 0


def _compare(machine, arguments, everything):
    tasks = "".join(TASK % (number, number, number) for number in range(arguments.tasks))
    commit = machine.commit({"site.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n" + tasks})
    bare, agent = [], []
    for _ in range(ATTEMPTS):
        for number in range(arguments.rounds + 1):
            turns = [(_bare, bare), (_agent, agent)]
            _round(machine, commit, turns if number % 2 else reversed(turns), everything or number == 0)
        # The first round warms the caches of both.
        lines, red = judge(bare[1:], agent[1:])
        if not red:
            break
    print("\n".join(["all changed" if everything else "nothing changed", *lines]), flush=True)
    return red


def _round(machine, commit, turns, everything):
    for run, times in turns:
        if everything:
            shutil.rmtree(machine.target, ignore_errors=True)
            os.makedirs(machine.target)
        begun, worked = time.monotonic(), _processor_s()
        run(machine, commit)
        times.append((time.monotonic() - begun, _processor_s() - worked))


def judge(bare, agent):
    """(lines to print, whether it is missed by more than noise explains), of [(clock, processor)] of each."""
    busy = statistics.median(clock / processor for clock, processor in bare)
    lines, red = [], False
    for index, name in enumerate(("clock", "processor")):
        before, after = min(times[index] for times in bare), min(times[index] for times in agent)
        ratio, more = after / before, after - before
        held = "held" if ratio <= RATIO and more <= MORE_S else "MISSED"
        if name == "clock" and busy > QUIET:
            held = "not judged: the machine is busy, a bare run takes %.2f times its processor time" % busy
        elif ratio > RED * RATIO or more > RED * MORE_S:
            held, red = "MISSED by more than %s times" % RED, True
        said = "  %-10s ansible-pull %.2f s, nexus-pull-agent run %.2f s: %.3f times, %+.2f s: %s"
        lines.append(said % (name, before, after, ratio, more, held))
    return lines, red


def _processor_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _bare(machine, commit):
    checkout = machine.root + "/bare/checkout"
    inventory = machine.root + "/bare/inventory"
    if not os.path.exists(inventory):
        line = 'localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'
        machine.place("/bare/inventory", line)
    argv = [machine.root + "/usr/local/bin/ansible-pull", "--url", machine.repository.url, "--checkout", commit]
    argv += ["--full", "--directory", checkout, "--inventory", inventory, "--extra-vars", "target=" + machine.target, "site.yml"]
    env = {**os.environ, "HOME": machine.root + "/bare", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
    subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)


def _agent(machine, commit):
    status = machine.run()
    if status != 0:
        raise SystemExit(machine.log())


if __name__ == "__main__":
    sys.exit(main())
