"""One machine of test_delivery.py: two writers and a flusher, each a process that is killed -9 and started again.

    delivery_agent.py PROGRAM ROOT CONFIG SEED WRITERS EVENTS KILLS

A writer adds a line to ROOT/acknowledged for each event, after `record` returned: from then on it must not be lost.
"""

import ctypes
import json
import os
import random
import signal
import sys
import time

PAUSE_EVERY, LONGEST_REST_S = 200, 5
SHORTEST_LIFE_S, LONGEST_LIFE_S = 0.02, 0.4


class Machine:
    def __init__(self, root, config, seed, writers, each, kills):
        self.root, self.config, self.each, self.kills = root, config, each, kills
        self.random = random.Random(seed)
        self.roles = ["writer-%d" % number for number in range(writers)] + ["flusher"]
        self.running = {}

    def live(self):
        for role in self.roles:
            self.start(role)
        # Kill while there is work; then let the last flusher bring everything home.
        while self.kills > 0 and self.writing():
            time.sleep(self.random.uniform(SHORTEST_LIFE_S, LONGEST_LIFE_S))
            role = self.random.choice(self.roles)
            self.kill(role)
            self.kills -= 1
            self.start(role)
        while self.writing():
            time.sleep(0.02)
        self.kill("flusher")
        flush(self.root, self.random.random(), for_ever=False)

    def writing(self):
        return any(acknowledged(self.root, role) < self.each for role in self.roles if role != "flusher")

    def start(self, role):
        seed = self.random.random()
        pid = os.fork()
        if pid == 0:
            die_with_parent()
            try:
                flush(self.root, seed) if role == "flusher" else write(self.root, self.config, role, self.each)
            finally:
                os._exit(0)
        self.running[role] = pid

    def kill(self, role):
        os.kill(self.running[role], signal.SIGKILL)
        os.waitpid(self.running[role], 0)


def die_with_parent():
    """Whatever ends the test, nothing of it stays behind: PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def acknowledged(root, role):
    try:
        with open("%s/acknowledged-%s" % (root, role), "rb") as stream:
            return stream.read().count(b"\n")
    except FileNotFoundError:
        return 0


def write(root, config, role, each):
    recorder = events.Recorder(Paths(root), config)
    book = os.open("%s/acknowledged-%s" % (root, role), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in range(acknowledged(root, role), each):
        event = recorder.record("run.queued", run_id="%s-%d" % (role, number), trigger="timer")
        os.write(book, ("%s %s\n" % (event["id"], event["data"]["run_id"])).encode())
        if number % PAUSE_EVERY == PAUSE_EVERY - 1:
            rest(root)


def rest(root):
    """Until the spool has run empty: what the last number was must be known by more than the files that wait."""
    spool, end = Spool(Paths(root)), time.monotonic() + LONGEST_REST_S
    while spool.waiting() and time.monotonic() < end:
        time.sleep(0.01)


def flush(root, seed, for_ever=True):
    # Small batches, so that the network has more to spoil; and the pauses are what they are, in hundredths.
    answers.LIMITS["batch_events"] = random.Random(seed).choice((1, 5, 20, 100))
    clock = Clock(sleep=lambda seconds: time.sleep(min(seconds / 100, 0.05)))
    flusher = Flusher(Paths(root), clock, chance=random.Random(seed).random)
    while flusher.run() or for_ever:
        time.sleep(0.02)


if __name__ == "__main__":
    die_with_parent()
    sys.path.insert(0, sys.argv[1])
    from nexus_pull import events
    from nexus_pull.events import answers
    from nexus_pull.events.clock import Clock
    from nexus_pull.events.flusher import Flusher
    from nexus_pull.events.spool import Spool
    from nexus_pull.paths import Paths

    sys.stderr = open(os.devnull, "w", encoding="ascii")  # a proxy that answers 500 is no news here
    writers, each, kills = (int(argument) for argument in sys.argv[5:8])
    Machine(sys.argv[2], json.loads(sys.argv[3]), sys.argv[4], writers, each, kills).live()
