"""An end for a whole exchange with a server: a socket's own timeout begins anew with each byte that comes."""

import contextlib
import signal


@contextlib.contextmanager
def within(seconds):
    """TimeoutError in the block once the time is over. In the main thread only."""

    def late(number, frame):
        raise TimeoutError("no end after %g s" % seconds)

    before = signal.signal(signal.SIGALRM, late)
    # And once more each second: what is raised while an object is destroyed gets lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
