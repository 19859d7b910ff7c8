"""The time that goes into a signature: this machine's, or, once a receiver refused that, the receiver's."""

import email.utils
import time

from nexus_pull import facts


class Clock:
    """Everything of time and chance that the flusher needs, so that a test can bring its own."""

    def __init__(self, now=time.time, monotonic=time.monotonic, sleep=time.sleep, synced=facts.clock_synced):
        self.now, self.monotonic, self.sleep, self.synced = now, monotonic, sleep, synced
        self._corrected = None

    def timestamp(self):
        """Seconds since 1970."""
        if self._corrected is None:
            return int(self.now())
        # Not an offset to our clock, which jumps when it gets its time at last.
        date, since = self._corrected
        return int(date + self.monotonic() - since)

    def correct(self, date):
        """Take the time of an answer's Date header. False when there is none in it, or it changes nothing."""
        try:
            told = email.utils.parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError, IndexError, OverflowError):
            return False
        if abs(told - self.timestamp()) < 2:
            return False
        self._corrected = (told, self.monotonic())
        return True

    def wait_for_time(self, longest_s, pause_s=5):
        """Until the kernel says that the clock is synchronized, but not longer than that."""
        end = self.monotonic() + longest_s
        while not self.synced() and self.monotonic() < end:
            self.sleep(pause_s)
