#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Makes a filesystem on a disk that is empty, and on no other."""

from __future__ import annotations

import json
import os
import stat
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: nexus_disk
short_description: A filesystem on an empty disk
description:
  - Formats only what has nothing on it - no filesystem, partition, RAID, LVM or other signature, no holder, no mount, and
    zeros at its beginning and end. Takes a filesystem of the kind wanted as it is. Refuses everything else.
options:
  device: { description: The disk or partition., type: path, required: true }
  filesystem: { description: ext4 or xfs., type: str, choices: [ext4, xfs], required: true }
  mount_point: { description: Where it may be mounted already., type: path, required: true }
author: the nexus-vm-pull project
"""
EXAMPLES = """
- nexus_disk: { device: /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi1, filesystem: ext4, mount_point: /srv/nexus }
"""
RETURN = """
uuid: { description: The filesystem's UUID; empty in a check of an empty disk., returned: success, type: str }
"""
# What is read of a disk to see whether it is empty: its beginning and its end.
LOOKED_AT = 16 * 1024 * 1024
CHUNK = 1024 * 1024


class Refused(Exception):
    pass


def run(*argv):
    """(exit code, output)."""
    done = subprocess.run(
        argv,
        env={**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def signatures(device):
    """{what is on it, by libblkid}, read from the disk and not from a cache."""
    code, said = run("blkid", "--probe", "--output", "export", device)
    if code not in (0, 2) or (code == 2 and "ambivalent" in said):
        raise Refused("what is on it cannot be told (%s)" % (said or "blkid ended with %d" % code))
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def uses(device):
    """What uses it: partitions, mapped devices, RAID; each with its mounts. Its own mounts beside."""
    code, said = run("lsblk", "--json", "--paths", "--output", "NAME,MOUNTPOINT,TYPE", device)
    if code != 0:
        raise Refused("lsblk does not know it (%s)" % said)
    top = json.loads(said)["blockdevices"][0]
    below = ["%s (%s)" % (child["name"], child["type"]) for child in top.get("children") or []]
    mounts = [top["mountpoint"]] if top.get("mountpoint") else []
    return below, mounts


def is_blank(device):
    with open(device, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        for start, end in ((0, min(LOOKED_AT, size)), (max(0, size - LOOKED_AT), size)):
            stream.seek(start)
            while stream.tell() < end:
                if stream.read(min(CHUNK, end - stream.tell())).strip(b"\0"):
                    return False
    return True


def look(device, filesystem, mount_point):
    """UUID of the filesystem that is there, None where the disk is empty."""
    if not os.path.exists(device):
        raise Refused("it is not there: ls -l /dev/disk/by-id shows the disks of this machine")
    if not stat.S_ISBLK(os.stat(device).st_mode):
        raise Refused("it is no block device")
    device = os.path.realpath(device)
    found = signatures(device)
    below, mounts = uses(device)
    if below:
        raise Refused("it is in use by %s" % ", ".join(below))
    elsewhere = [place for place in mounts if place != mount_point]
    if elsewhere:
        raise Refused("it is mounted at %s" % ", ".join(elsewhere))
    kind = found.get("TYPE") or found.get("PTTYPE")
    if kind == filesystem and found.get("USAGE") == "filesystem":
        return found["UUID"]
    if kind or found.get("USAGE"):
        raise Refused("it has %s on it, and %s is wanted" % (kind or found["USAGE"], filesystem))
    if not is_blank(device):
        raise Refused("it has data on it of which the kind is not known")
    return None


def make(device, filesystem, mount_point):
    # Without a terminal mkfs.ext4 overwrites what is there, whatever its options: the last look is ours.
    if look(device, filesystem, mount_point) is not None:
        raise Refused("a filesystem was made on it meanwhile")
    code, said = run("mkfs." + filesystem, *(["-q"] if filesystem == "ext4" else []), os.path.realpath(device))
    if code != 0:
        raise Refused("mkfs.%s failed: %s" % (filesystem, said[-400:]))


def main():
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path", "required": True},
            "filesystem": {"type": "str", "choices": ["ext4", "xfs"], "required": True},
            "mount_point": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        uuid = look(asked["device"], asked["filesystem"], asked["mount_point"])
        changed = uuid is None
        if changed and not module.check_mode:
            make(asked["device"], asked["filesystem"], asked["mount_point"])
            uuid = look(asked["device"], asked["filesystem"], asked["mount_point"])
    except Refused as error:
        module.fail_json(
            msg="nexus_blob_disk_device %s is left as it is: %s. Only a disk that is empty is formatted; wipe it yourself "
            "(wipefs, blkdiscard) if nothing on it is needed, or name another one" % (asked["device"], error)
        )
    module.exit_json(changed=changed, uuid=uuid or "")


if __name__ == "__main__":
    main()
