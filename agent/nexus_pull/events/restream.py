"""Begin a new stream: the state of this machine went back, as after a snapshot, and its numbers were used before.

What waits goes over into the new stream, after a vm.booted that says so. Staged first, then begun by one write of
stream.json, then moved: whenever the power goes, each event is in exactly one stream.
"""

import json
import os

from nexus_pull import files


WITHIN_S = 3600
MOST = 3


def is_of_current_stream(spool, one):
    """What waits of a stream before it has no other stream to go over to."""
    with spool.locked() as record:
        return one.epoch == record["epoch"]


def is_too_often(spool, now):
    """A recovery that brings itself about again is none: so many within an hour, then the ordinary pauses."""
    with spool.locked() as record:
        return len(_recent(record, now)) >= MOST


def _recent(record, now):
    return [at for at in record.get("restreamed", []) if 0 <= now - at < WITHIN_S]


def begin(spool, introduce, now):
    """`introduce(stream, seq, old stream)` gives the bytes of the new stream's first event. Returns (old, new)."""
    with spool.locked() as record:
        for name in os.listdir(spool.staged):
            files.remove(spool.staged + "/" + name)
        old = record["stream"]
        random_id, new = spool.stream.another()
        contents = [introduce(new, 1, old)]
        for one in spool.waiting():
            if one.epoch == record["epoch"]:
                contents.append(_renumbered(one.read(), new, len(contents) + 1))
        for seq, content in enumerate(contents, 1):
            files.write("%s/%06d-%016d.json" % (spool.staged, record["epoch"] + 1, seq), content)
        record["restreamed"] = [*_recent(record, now), round(now)]
        spool.stream.begin(random_id)
        spool.settle()
    return old, new


def _renumbered(content, stream, seq):
    event = json.loads(content.decode())
    event["id"] = "%s-%d" % (stream, seq)
    event["data"].update(stream=stream, seq=seq)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
