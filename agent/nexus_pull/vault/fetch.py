"""The configured secrets, for one run: files below /run, which is memory, readable by root alone."""

import contextlib
import os
import shutil

from nexus_pull import files, redact


@contextlib.contextmanager
def fetched(paths, settings, log, sleep):
    """While this is entered, `paths.secret(name)` leads to the fetched ones. `settings`: vault of the configuration."""
    remove(paths)
    try:
        if settings is not None:
            for folder in (paths.var, paths.run):
                files.make_directory(folder)
            from nexus_pull.vault import session

            values = session.read(paths, settings, log, sleep)
            files.make_directory(paths.fetched)
            for name, value in values.items():
                files.write(paths.fetched + "/" + name, value.encode())
        for said in redact.unmasked(paths):
            log.line(said)
        yield
    finally:
        remove(paths)


def remove(paths):
    shutil.rmtree(paths.fetched, ignore_errors=True)


def kept_how(paths):
    """For status: how the secret id is kept, or None."""
    kept = files.read_json(paths.vault) or {}
    if "secret_id" not in kept:
        return None
    return "sealed by systemd-creds" if kept["sealed"] else "in %s, readable by root alone" % os.path.basename(paths.vault)
