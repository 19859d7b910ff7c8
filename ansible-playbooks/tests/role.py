"""The Python of the role nexus, imported as Ansible would, without Ansible: module_utils and all."""

import importlib
import os
import sys
import types

from tests.support import REPOSITORY

ROLE = os.path.join(REPOSITORY, "roles", "nexus")


class AnsibleModule:
    """Only for the import: tests call what is below main()."""


def _load():
    basic = types.ModuleType("ansible.module_utils.basic")
    basic.AnsibleModule = AnsibleModule
    there = {"ansible": types.ModuleType("ansible"), "ansible.module_utils": types.ModuleType("ansible.module_utils")}
    before = {name: sys.modules.get(name) for name in (*there, basic.__name__)}
    sys.modules.update({**there, basic.__name__: basic})
    sys.path[:0] = [os.path.join(ROLE, folder) for folder in ("module_utils", "library", "filter_plugins")]
    found = []
    for name in ("nexus_compare", "nexus_rest", "nexus_wishes", "nexus_values", "nexus_settings", "nexus_wait", "nexus_disk"):
        found.append(importlib.import_module(name))
        sys.modules["ansible.module_utils." + name] = found[-1]
    del sys.path[:3]
    for name, module in before.items():
        sys.modules.pop(name)
        if module:
            sys.modules[name] = module
    return found


nexus_compare, nexus_rest, nexus_wishes, nexus_values, nexus_settings, nexus_wait, nexus_disk = _load()
