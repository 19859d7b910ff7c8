"""Adopt a seed: all of it or nothing, whatever moment the power goes.

1. every new file is written beside its place and fsynced;
2. a journal that names them is written: from here on the new state is the one that counts;
3. the files are renamed into place, agent.json last, and what the seed no longer names is removed;
4. systemd is told; then the journal goes away.
A crash before 2 leaves the old state; after 2 the next command of the agent finishes the work.
"""

import contextlib
import glob
import hashlib
import os
import sys

from nexus_pull import VERSION, files, seed as seeds, systemd
from nexus_pull.console import say
from nexus_pull.errors import AgentError, reason_of


def adopt(paths, seed_path, program_path=None):
    """Returns a sentence on what was done. A failure is kept until the next boot, so that the receiver is told too."""
    try:
        said = _adopt(paths, seed_path, program_path)
    except (AgentError, OSError) as error:
        with contextlib.suppress(OSError):
            files.write_json(paths.not_adopted, {"reason": reason_of(error), "message": "adopting the seed failed: %s" % error})
        raise
    files.remove(paths.not_adopted)
    return said


def _adopt(paths, seed_path, program_path):
    for folder in (paths.etc, paths.secrets, paths.var, paths.run):
        files.make_directory(folder)
    with files.locked(paths.run + "/adopt.lock"):
        finish_started(paths)
        _remove_leftovers(paths)
        seed = seeds.read(seed_path)
        generation = seed["config"]["generation"]
        adopted = (files.read_json(paths.config) or {}).get("generation")
        if adopted == generation:
            return "generation %s is adopted already" % generation[:12]
        program = _program(paths, seed["config"]["agent"], program_path or os.path.abspath(sys.argv[0]))
        _stage(paths, seed, program)
        finish_started(paths)
        return "adopted generation %s" % generation[:12]


def finish_started(paths):
    """Carry out a journal that is there. Every step may be done twice."""
    journal = files.read_json(paths.journal)
    if journal is None:
        return
    move_files(journal)
    systemd.activate(paths, journal["units"], journal["old_units"])
    for path in journal["deletes"]:
        files.remove(path)
    systemd.start(paths, journal["units"])
    files.remove(paths.journal)
    files.sync_directory(paths.etc)


def recover_files(paths):
    """What run and boot do first (the others may not write there): after a crash in the middle, see the new files, not a mix."""
    if not os.path.exists(paths.journal):
        return
    with files.locked(paths.run + "/adopt.lock"):
        journal = files.read_json(paths.journal)
        if journal is not None:
            say(paths, "an adoption was interrupted: its files are put in place now, its units at the next boot")
            move_files(journal)


def move_files(journal):
    for temporary, path in journal["moves"]:
        if os.path.lexists(temporary):
            files.commit(temporary, path)


def _program(paths, wanted, running_path):
    """The bytes to install, or None when the running program is the installed one. Wrong bytes are refused.

    An image's own program is not compared here, but by bootstrap: once the configuration is adopted, the receiver can be
    told that the image has another one. Until bootstrap has succeeded, nothing is run.
    """
    if os.path.realpath(running_path) == os.path.realpath(paths.program):
        return None
    with open(running_path, "rb") as stream:
        content = stream.read()
    seen = hashlib.sha256(content).hexdigest()
    if seen != wanted["sha256"]:
        raise AgentError(
            "agent_mismatch",
            "the configuration asks for agent %s (sha256 %s...), and this is %s (%s...)"
            % (wanted["version"], wanted["sha256"][:12], VERSION, seen[:12]),
        )
    return content


def _stage(paths, seed, program):
    """Steps 1 and 2."""
    placed = seeds.contents(paths, seed, program)
    managed = sorted(paths.at(entry["path"]) for entry in seed["files"])
    before = files.read_json(paths.managed, [])
    deletes = sorted(set(before) - set(managed)) + _stale_secrets(paths, seed)
    units = systemd.installable(paths, placed)
    moves = []
    for path, content, mode in placed:
        files.make_directory(os.path.dirname(path), 0o755)
        moves.append([files.write_new(path, content, mode), path])
    moves.append([files.write_new(paths.managed, _json(managed), 0o600), paths.managed])
    moves.append([files.write_new(paths.config, _json(seed["config"]), 0o600), paths.config])
    for folder in sorted({os.path.dirname(path) for _, path in moves}):
        files.sync_directory(folder)
    old_units = [os.path.basename(path) for path in deletes if os.path.dirname(path) == paths.units]
    files.write_json(paths.journal, {"moves": moves, "deletes": deletes, "units": units, "old_units": old_units})


def _json(value):
    return (files.json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _stale_secrets(paths, seed):
    kept = set(seed["secrets"])
    return [paths.seed_secret(name) for name in sorted(os.listdir(paths.secrets)) if name not in kept and _is_final(name)]


def _is_final(name):
    return not name.endswith(files.NEW_SUFFIX)


def _remove_leftovers(paths):
    """Temporary files of an adoption that never reached its journal: some are secrets."""
    for folder in (paths.etc, paths.secrets, paths.units, os.path.dirname(paths.program)):
        for path in glob.glob(glob.escape(folder) + "/*" + files.NEW_SUFFIX):
            files.remove(path)
