"""A program that is run for a step."""

import contextlib
import os
import urllib.parse

from nexus_pull import process
from nexus_pull.bootstrap import diagnose
from nexus_pull.errors import AgentError

TAIL = 40


class StepFailed(AgentError):
    """Why a step failed, with the command and its last lines when there was one."""

    def __init__(self, reason, message, command=None, exit_code=None, tail=()):
        super().__init__(reason, message)
        self.command = command
        self.exit_code = exit_code
        self.tail = list(tail)

    @property
    def permanent(self):
        return self.reason in diagnose.PERMANENT


class Commands:
    """Runs programs as somebody with root's shell would: their files get the usual modes, their words go to the log."""

    def __init__(self, paths, log, monotonic, deadline):
        self.paths = paths
        self.log = log
        self.packages = None
        self._monotonic = monotonic
        self._deadline = deadline

    def remaining_s(self):
        return max(1, int(self._deadline - self._monotonic()))

    def run(self, argv, default, **environment):
        """Its lines; raises StepFailed with the reason that they give, or `default`."""
        code, late, lines = self.attempt(argv, **environment)
        if code == 0 and not late:
            return lines
        if late:
            default = "bootstrap_deadline"
            lines.append("no end at the deadline")
        raise self.failure(argv, code, lines, default)

    def attempt(self, argv, **environment):
        """(exit code, whether the deadline passed, lines)."""
        lines = []

        def on_line(text):
            lines.append(self.log.redact(text))
            self.log.line("%s: %s" % (os.path.basename(argv[0]), text))

        before = os.umask(0o022)
        try:
            env = process.environment(self.paths, **environment)
            code, late = process.run(argv, env, "/", self.remaining_s(), on_line)
        except OSError as error:
            raise StepFailed("bootstrap_step_failed", "%s does not start: %s" % (argv[0], error), " ".join(argv)) from error
        finally:
            os.umask(before)
        return code, late, lines

    def failure(self, argv, code, lines, default):
        reason = diagnose.reason_of(lines, default, _proxies())
        command = argv[: 3 if argv[1:2] == ["-m"] else 2]
        said = "%s ended with %d: %s" % (" ".join(command), code, diagnose.telling_line(lines))
        return StepFailed(reason, said, " ".join(argv), code, lines[-TAIL:])


def _proxies():
    found = set()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        with contextlib.suppress(ValueError):
            url = urllib.parse.urlsplit(os.environ.get(name, ""))
            if url.hostname:
                found.add("%s:%d" % (url.hostname, url.port or 80))
    return found
