"""extra_vars from Vault: merged over run.extra_vars by ansible itself, from a file that only root reads."""

import json
import os

from nexus_pull.errors import AgentError


def checked(paths):
    """The file to hand to ansible, or None: the fetched one itself, which is in memory, and no copy of it on the disk.

    A value that begins as JSON must be a JSON object; YAML is ansible's to read.
    """
    source = paths.secret("extra_vars")
    if not os.path.exists(source):
        return None
    with open(source, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    try:
        value = json.loads(text)
    except ValueError:
        # A YAML mapping has a key on its first line; a plain sentence or a list has none.
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "---"))]
        value = {} if lines and ":" in lines[0] and not lines[0].startswith(("-", " ")) else None
    if not isinstance(value, dict):
        raise AgentError("extra_vars_invalid", "the secret extra_vars is no mapping")
    return source
