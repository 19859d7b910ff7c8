"""run.progress: still at work, and at what. At most one event every ten seconds."""

import contextlib
import threading

from nexus_pull.runs import evidence

EVERY_S = 10


@contextlib.contextmanager
def reported(record, run_id, evidence_path, redact, monotonic):
    """While the block runs, say what the evidence file has that was not said yet."""
    ended, begun = threading.Event(), monotonic()

    def watch():
        said = -1
        while not ended.wait(EVERY_S):
            found = evidence.read(evidence_path, redact)
            totals = found.totals()
            if totals is None or totals["tasks_run"] == said:
                continue
            said = totals["tasks_run"]
            task = found.last_task["task"] if found.last_task else None
            with contextlib.suppress(OSError):
                record(
                    "run.progress",
                    run_id=run_id,
                    task=task,
                    tasks_run=said,
                    changed=totals["changed"],
                    failed=totals["failed"],
                    duration_s=int(monotonic() - begun),
                )

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(5)
