"""Files that are whole or not there: temporary file, fsync, rename, fsync of the directory."""

import contextlib
import fcntl
import json
import os

import nexus_pull

NEW_SUFFIX = ".nexus-pull-new"


def make_directory(path, mode=0o700):
    """Create `path` and its parents; only a directory that is made here gets `mode`."""
    if os.path.isdir(path):
        return
    make_directory(os.path.dirname(path), 0o755)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, mode)
        os.chmod(path, mode)  # mkdir's mode passes through the umask
        sync_directory(os.path.dirname(path))


def sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path, content, mode):
    """Write `content` beside `path` and return the temporary name, which `commit` renames."""
    temporary = path + NEW_SUFFIX
    remove(temporary)
    # O_EXCL and the mode at creation: a secret is never readable by others, not even for a moment.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    return temporary


def commit(temporary, path):
    os.replace(temporary, path)
    sync_directory(os.path.dirname(path))


def write(path, content, mode=0o600):
    commit(write_new(path, content, mode), path)


def write_json(path, value, mode=0o600):
    write(path, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode(), mode)


def read_json(path, default=None):
    """The file's value, or `default` when there is no file or no JSON in it."""
    try:
        with open(path, "rb") as stream:
            return json.loads(stream.read().decode())
    except (FileNotFoundError, ValueError):
        return default


def shipped(name):
    """Bytes that travel in the program itself. pkgutil has the same, and takes typing and importlib with it."""
    return nexus_pull.__loader__.get_data(os.path.join(os.path.dirname(nexus_pull.__file__), name))


def remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@contextlib.contextmanager
def locked(path, blocking=True):
    """Hold an exclusive lock; raises BlockingIOError when it is taken and `blocking` is false."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
