"""Send what waits in the spool: in order, in batches, signed anew at each attempt, until nothing waits."""

import contextlib
import json
import os
import random
import sys

from nexus_pull import boot, config as configs, deadline, files, heartbeat
from nexus_pull.console import say
from nexus_pull.errors import AgentError
from nexus_pull.events import Recorder, answers, limits, restream, signing, standing, transport
from nexus_pull.events.clock import Clock
from nexus_pull.events.recorder import source_of
from nexus_pull.events.spool import Spool

FIRST_PAUSE_S = 1
LONGEST_PAUSE_S = 300
TRIM_EVERY_S = 60
ARRAY_BYTES = 2 + 100  # brackets and commas
LONGEST_WAIT_S = 60
TOO_OFTEN = "%s; several streams were begun within an hour, so this waits"


@contextlib.contextmanager
def alone(paths, once):
    """Be the only flusher. Waits for another one: to end at once would make systemd's path unit start it again and again.
    With `once`, which somebody asked for, not for ever: the other one may try for days."""
    files.make_directory(paths.run)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(files.locked(paths.flush_lock, blocking=False))
        except BlockingIOError:
            _wait(paths, once, held)
        with contextlib.suppress(OSError), open(paths.flush_lock, "w", encoding="ascii") as stream:
            stream.write(str(os.getpid()))
        yield


def _wait(paths, once, held):
    with open(paths.flush_lock, encoding="ascii") as stream:
        other = "the flusher that runs (process %s)" % (stream.read() or "?")
    limit = ", %d s at most" % LONGEST_WAIT_S if once else ""
    print("nexus-pull: waiting for %s to end%s" % (other, limit), file=sys.stderr, flush=True)
    try:
        with deadline.within(LONGEST_WAIT_S) if once else contextlib.nullcontext():
            held.enter_context(files.locked(paths.flush_lock))
    except TimeoutError:
        said = "%s still sends what waits, or tries to: see nexus-pull-agent status" % other
        raise AgentError("already_running", said) from None


class Flusher:
    """One round after the other. State that must survive is in the spool; here is only what a restart may forget."""

    def __init__(self, paths, clock=None, chance=random.random):
        self._paths = paths
        self._clock = clock or Clock()
        self._chance = chance
        self._spool = Spool(paths)
        self._failures = 0
        self._said = None
        self._one_by_one = set()
        self._known = self._opened = (None, None)
        self._next_trim = 0
        self.delivered = 0

    def run(self, once=False):
        """Until nothing waits; with `once` until something cannot be delivered. Returns how many are left waiting."""
        while True:
            pause = self.step()
            if pause is None or (once and pause > 0):
                return len(self._spool.waiting())
            if pause > 0:
                self._clock.sleep(pause)

    def step(self):
        """One request at most. Seconds to wait before the next step; None when nothing waits."""
        try:
            config = self._config()
            if config["receiver"] is None:
                self._spool.finish()
                return None
            self._trim()
            batch = self._next_batch(source_of(config))
            if not batch:
                return None
            return self._act(batch, self._post(config["receiver"], batch), config)
        except AgentError as error:
            if not self._spool.waiting():
                raise
            return self._failed(answers.Verdict(answers.RETRY, error.reason, error.message))

    def _config(self):
        """As it is now: an adoption may have put another one there."""
        try:
            stat = os.stat(self._paths.config)
            version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            version = None
        if version is None or self._known[0] != version:
            self._known = (version, configs.load(self._paths))
        return self._known[1]

    def _way(self, receiver):
        """What it takes to speak to this receiver: with TLS it costs as much as many requests."""
        if self._opened[0] != receiver:
            self._opened = (receiver, transport.opener(receiver))
        return self._opened[1]

    def _trim(self):
        # It looks at every file, of which there may be many after days.
        if self._clock.monotonic() >= self._next_trim:
            self._next_trim = self._clock.monotonic() + TRIM_EVERY_S
            self._spool.trim(self._clock.now(), self._clock.synced())

    def _next_batch(self, source):
        """[(Waiting, bytes)] of one stream, as many as one request may carry."""
        batch, size = [], ARRAY_BYTES
        for one in self._spool.waiting():
            content = one.read()
            if not self._is_ours(one, content, source):
                continue
            size += len(content) + 1
            alone = one.name in self._one_by_one
            if batch and (alone or one.epoch != batch[0][0].epoch or size > answers.LIMITS["body_bytes"]):
                break
            batch.append((one, content))
            if alone or len(batch) == answers.LIMITS["batch_events"]:
                break
        return batch

    def _is_ours(self, one, content, source):
        """A clone keeps the spool of the machine that it was made from, and a damaged file is no event."""
        try:
            claimed = json.loads(content.decode())["source"]
        except (ValueError, KeyError, TypeError):
            claimed = None
        if claimed == source:
            return True
        code = "body_malformed" if claimed is None else "source_mismatch"
        message = "not an event" if claimed is None else "an event of %s, and this is %s" % (claimed, source)
        self._set_aside([(one, content)], answers.Verdict(answers.SET_ASIDE, message=message, code=code))
        return False

    def _post(self, receiver, batch):
        if len(batch) == 1:
            body, kind = batch[0][1], "application/cloudevents+json"
            message_id = json.loads(body)["id"]
        else:
            body = b"[" + b",".join(content for _, content in batch) + b"]"
            kind = "application/cloudevents-batch+json"
            message_id = "%s-%d" % (json.loads(batch[0][1])["id"], batch[-1][0].seq)
        headers = signing.headers(self._key(), message_id, self._clock.timestamp(), body)
        headers["content-type"] = kind + "; charset=utf-8"
        return transport.post(self._way(receiver), receiver["url"], headers, body, self._clock.synced)

    def _act(self, batch, verdict, config):
        if verdict.action == answers.DONE:
            return self._succeeded(batch, config, verdict.machine)
        if verdict.corrects_clock and self._clock.correct(verdict.date):
            say(self._paths, "the receiver refuses this machine's time; signing by the receiver's")
            return 0
        if verdict.action == answers.RETRY:
            return self._failed(verdict)
        if len(batch) > 1 and (verdict.splits or verdict.begins_stream):
            self._one_by_one.update(one.name for one, _ in batch)
            return 0
        if verdict.begins_stream and restream.is_of_current_stream(self._spool, batch[0][0]):
            if restream.is_too_often(self._spool, self._clock.now()):
                return self._failed(answers.Verdict(answers.RETRY, verdict.reason, TOO_OFTEN % verdict.message))
            return self._begin_stream(config)
        self._set_aside(batch, verdict)
        return 0

    def _begin_stream(self, config):
        recorder = Recorder(self._paths, config)

        def introduce(stream, seq, old):
            data = {**boot.what_it_is(self._paths, config, spool=None), "reason": "seq_reused"}
            data["message"] = "numbers of stream %s were used before: the state of this machine went back" % old
            return limits.encode(recorder.make("vm.booted", stream, seq, True, data))

        old, new = restream.begin(self._spool, introduce, self._clock.now())
        say(self._paths, "seq_reused: the state of this machine went back; stream %s begins after %s" % (new, old))
        return 0

    def _succeeded(self, batch, config, machine):
        standing.keep(self._paths, json.loads(batch[-1][1])["data"]["stream"], machine)
        self._spool.finish([one for one, _ in batch])
        self._one_by_one.difference_update(one.name for one, _ in batch)
        self.delivered += len(batch)
        if self._said:
            say(self._paths, "events are delivered again")
        self._said, self._failures = None, 0
        self._note({"state": "delivering"})
        if self._spool.unreported_drops() > 0:
            heartbeat.record(self._paths, config)
        return 0

    def _failed(self, verdict):
        """The pause before the next attempt: at least what the receiver asks for, and never the same for a whole fleet."""
        backoff = min(FIRST_PAUSE_S * 2 ** min(self._failures, 20), LONGEST_PAUSE_S)
        pause = max(backoff * (0.5 + self._chance() / 2), verdict.retry_after_s * (1 + self._chance() / 10))
        self._failures += 1
        if self._said != verdict.reason:
            self._said = verdict.reason
            say(self._paths, "events wait in the spool: %s: %s" % (verdict.reason, verdict.message))
        self._note(
            {
                "state": "waiting",
                "reason": verdict.reason,
                "message": verdict.message,
                "remedy": verdict.remedy,
                "attempts": self._failures,
                "pause_s": round(pause),
            }
        )
        if verdict.waits_for_clock:
            self._clock.wait_for_time(pause)
            return 0.001
        return pause

    def _set_aside(self, batch, verdict):
        for one, content in batch:
            refusal = {"status": verdict.status, "code": verdict.code, "message": verdict.message}
            refusal["remedy"] = verdict.remedy
            self._spool.set_aside(one, content, refusal)
            self._one_by_one.discard(one.name)
            say(self._paths, "events_set_aside: an event was refused for good: %s" % verdict.message)

    def _note(self, delivery):
        """For `status`; on a full disk it is not worth a block."""
        try:
            files.write_json(self._paths.delivery, {**delivery, "at": round(self._clock.now())})
        except OSError:
            files.remove(self._paths.delivery + files.NEW_SUFFIX)

    def _key(self):
        try:
            with open(self._paths.secret("receiver_key"), encoding="ascii") as source:
                return source.read().strip()
        except OSError as error:
            raise AgentError("secret_missing", "secret receiver_key cannot be read: %s" % error.strerror) from error
