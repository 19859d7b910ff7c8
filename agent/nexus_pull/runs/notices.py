"""What was asked for and had no effect: worth a line each, and with run.strict a failure."""

import os

from nexus_pull.runs import callbacks

MOST = 16
MOST_LOOKED_AT = 20000
LIMIT = 512
POINTER = b"version https://git-lfs.github.com/spec/"
LOCKED = b"\0GITCRYPT\0"
VARIABLES = ("", ".yml", ".yaml", ".json")


def of_run(evidence, names):
    """What the evidence says. `names`: this VM's."""
    found = list(evidence.notices)
    if evidence.idle_plays and len(evidence.idle_plays) < evidence.plays:
        idle = ", ".join(dict.fromkeys(evidence.idle_plays))
        found.append(_notice("plays_idle", "%d of %d plays matched no host: %s" % (len(evidence.idle_plays), evidence.plays, idle)))
    hosts = [host for host in evidence.hosts() if host in names]
    if len(hosts) > 1:
        said = "the inventory has this VM %d times, and each task ran as often: %s" % (len(hosts), ", ".join(hosts))
        found.append(_notice("vm_matched_twice", said))
    return found


def of_checkout(checkout, files, names, has_inventory):
    """What the files say. `files`: of the commit, below `checkout`."""
    found = []
    replaced = [name for name in files[:MOST_LOOKED_AT] if _stands_for_another(checkout + "/" + name)]
    if replaced:
        said = "%d files are pointers of Git LFS or locked by git-crypt, and not what they stand for: %s"
        found.append(_notice("files_encrypted", said % (len(replaced), ", ".join(replaced[:5]))))
    if not has_inventory:
        own = ["host_vars/%s%s" % (name, suffix) for name in names for suffix in VARIABLES if name not in ("localhost", "127.0.0.1")]
        unused = [name for name in own if os.path.exists(checkout + "/" + name)]
        if unused:
            said = "%s has no effect: no inventory names this VM, so it is localhost in the run" % ", ".join(unused)
            found.append(_notice("host_vars_unused", said))
    return found


def of_settings(settings):
    kept_back = callbacks.withheld(settings)
    said = "ansible.cfg asks for output that no masking of secrets sees, and it is not made: %s"
    return [_notice("output_withheld", said % ", ".join(kept_back))] if kept_back else []


def _stands_for_another(path):
    try:
        if os.path.islink(path) or not os.path.isfile(path):
            return False
        with open(path, "rb") as stream:
            begins = stream.read(len(POINTER))
    except OSError:
        return False
    return begins == POINTER or begins.startswith(LOCKED)


def _notice(reason, message):
    return {"reason": reason, "message": message[:LIMIT]}
