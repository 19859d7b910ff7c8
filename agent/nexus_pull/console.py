"""What somebody at the hypervisor must see: the console, and standard error (journal, cloud-init-output.log)."""

import contextlib
import os
import sys


def say(paths, message):
    line = "nexus-pull: " + " ".join(str(message).split())
    print(line, file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        # Non-blocking: a serial console that nobody reads must not stop the machine from being configured.
        descriptor = os.open(paths.console, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_APPEND)
        try:
            os.write(descriptor, (line + "\r\n").encode(errors="replace"))
        finally:
            os.close(descriptor)
