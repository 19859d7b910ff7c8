"""The ansible.cfg that ansible-playbook will read in the checkout, found in ansible's own order."""

import os

from nexus_pull import process

SYSTEM_CONFIG = "/etc/ansible/ansible.cfg"


class Settings(dict):
    """[defaults] of one file. `path`: the file, or None; `folder`: what its relative paths are relative to."""

    def __init__(self, values, path, folder):
        super().__init__(values)
        self.path, self.folder = path, folder

    def paths(self, *names):
        """The list of paths under the first of `names` that is there, absolute where the file says it relatively."""
        text = next((self[name] for name in names if self.get(name)), "")
        return in_folder(text, self.folder)


def read(paths, checkout):
    """ansible runs in the checkout: its ansible.cfg, else the account's, else the system's; a link
    is read where it leads to, and its paths are relative to where it lies."""
    for path in (checkout + "/ansible.cfg", process.home() + "/.ansible.cfg", paths.at(SYSTEM_CONFIG)):
        if os.path.isfile(path):
            return Settings(_defaults(path), path, os.path.dirname(path))
    return Settings({}, None, checkout)


def in_folder(text, folder):
    """What a path list of a file in `folder` means."""
    parts = [part.strip().replace("{{CWD}}", folder) for part in text.split(":") if part.strip()]
    return [part if part[0] in "/~$" else os.path.normpath(os.path.join(folder, part)) for part in parts]


def expanded(path):
    """With the account's home for ~; other variables are the run's and not known here."""
    return process.home() + path[1:] if path == "~" or path.startswith("~/") else path


def _defaults(path):
    """Empty when it cannot be read, which ansible itself will say."""
    import configparser

    parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None, strict=False)
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            parser.read_file(stream)
    except (configparser.Error, OSError):
        return {}
    return dict(parser["defaults"]) if parser.has_section("defaults") else {}
