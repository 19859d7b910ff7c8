"""What somebody at the hypervisor must see: the console, and standard error (journal, cloud-init-output.log)."""

import contextlib
import os
import sys


def plain(text):
    """What a terminal shows and does not obey, on one line: these words may be a server's."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def say(paths, message):
    line = "nexus-pull: " + plain(" ".join(str(message).split()))
    print(line, file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        # Non-blocking: a serial console that nobody reads must not stop the machine from being configured.
        descriptor = os.open(paths.console, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_APPEND)
        try:
            os.write(descriptor, (line + "\r\n").encode(errors="replace"))
        finally:
            os.close(descriptor)
