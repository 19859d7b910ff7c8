"""Ansible 2.19 and newer print why a task failed on a line of its own, before the result that no_log hides: also for no_log.

Such lines are held back until the result says whether it is hidden.
"""

FIRST = "[ERROR]: Task failed"
RESULTS = ("fatal: [", "failed: [")
# Where the result of the task before can no longer come.
AFTER = ("TASK [", "PLAY [", "PLAY RECAP", "RUNNING HANDLER [", "ok: [", "changed: [")
HIDDEN = FIRST + ": no_log hides why"
MOST_HELD = 200


class NoLogFilter:
    """`write` gets the lines that may be shown."""

    def __init__(self, write):
        self._write = write
        self._held = []

    def line(self, text):
        if text.startswith(FIRST):
            self.end()
            self._held = [text]
        elif not self._held:
            self._write(text)
        elif text.startswith(RESULTS):
            self._release(hide="'no_log: true'" in text or '"censored":' in text)
            self._write(text)
        elif text.startswith(AFTER) or len(self._held) >= MOST_HELD:
            self.end()
            self._write(text)
        else:
            self._held.append(text)

    def end(self):
        """Nothing more comes. Whether what is held was hidden nobody said: it stays hidden."""
        self._release(hide=True)

    def _release(self, hide):
        for text in [HIDDEN] if self._held and hide else self._held:
            self._write(text)
        self._held = []
