"""The module nexus_disk on loop devices: what it formats, and all that it leaves as it is. Root and a kernel with loop."""

import os
import shutil
import subprocess
import tempfile
import unittest

from tests.machine import Machine
from tests.role import nexus_disk
from tests.support import unavailable

SIZE = 48 * 1024 * 1024


class Disk(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0 or not shutil.which("losetup") or not os.path.exists("/dev/loop-control"):
            unavailable("disks are tried as root, on loop devices")
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        self.folder = tempfile.mkdtemp(prefix="nexus-pull-disk-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.image = self.folder + "/image"
        with open(self.image, "wb") as stream:
            stream.truncate(SIZE)
        self.device = self.run_(["losetup", "--find", "--show", self.image]).strip()
        self.addCleanup(self.run_, ["losetup", "--detach", self.device])

    def run_(self, argv):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.decode()

    def content(self):
        with open(self.image, "rb") as stream:
            return stream.read()

    def look(self, filesystem="ext4", mount_point="/srv/nexus"):
        return nexus_disk.look(self.device, filesystem, mount_point)

    def refused(self, words, **asked):
        before = self.content()
        with self.assertRaises(nexus_disk.Refused) as caught:
            self.look(**asked)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(self.content(), before)

    def test_an_empty_disk_is_formatted_once(self):
        self.assertIsNone(self.look())
        nexus_disk.make(self.device, "ext4", "/srv/nexus")
        uuid = self.look()
        self.assertRegex(uuid, "^[0-9a-f-]{36}$")
        self.assertEqual(self.look(), uuid)
        self.refused("it has ext4 on it, and xfs is wanted", filesystem="xfs")

    def test_a_disk_with_a_partition_table_is_left(self):
        with open(self.image, "r+b") as stream:
            # One partition of kind 83 from sector 2048 on.
            stream.seek(446)
            stream.write(bytes([0, 0, 0, 0, 0x83, 0, 0, 0]) + (2048).to_bytes(4, "little") + (4096).to_bytes(4, "little"))
            stream.seek(510)
            stream.write(b"\x55\xaa")
        self.run_(["blockdev", "--flushbufs", self.device])
        self.refused("dos")

    def test_a_disk_with_data_of_no_known_kind_is_left(self):
        for place in (0, 1024 * 1024 + 5, SIZE - 3):
            with open(self.image, "r+b") as stream:
                stream.truncate(0)
                stream.truncate(SIZE)
                stream.seek(place)
                stream.write(b"x")
            self.run_(["blockdev", "--flushbufs", self.device])
            self.refused("data on it of which the kind is not known")

    def test_swap_and_other_filesystems_are_left(self):
        self.run_(["mkswap", self.image])
        self.run_(["blockdev", "--flushbufs", self.device])
        self.refused("swap")

    def test_a_disk_that_is_mounted_elsewhere_is_left(self):
        nexus_disk.make(self.device, "ext4", "/srv/nexus")
        place = self.folder + "/mounted"
        os.mkdir(place)
        self.run_(["mount", self.device, place])
        self.addCleanup(self.run_, ["umount", place])
        with self.assertRaises(nexus_disk.Refused) as caught:
            self.look()
        self.assertIn("it is mounted at " + place, str(caught.exception))
        self.assertTrue(self.look(mount_point=place))

    def test_what_is_no_disk_is_said(self):
        for path, words in ((self.image, "no block device"), (self.folder + "/none", "it is not there")):
            with self.assertRaises(nexus_disk.Refused) as caught:
                nexus_disk.look(path, "ext4", "/srv/nexus")
            self.assertIn(words, str(caught.exception))

    def test_what_came_since_the_look_is_not_overwritten(self):
        nexus_disk.make(self.device, "ext4", "/srv/nexus")
        uuid = self.look()
        with self.assertRaises(nexus_disk.Refused):
            nexus_disk.make(self.device, "ext4", "/srv/nexus")
        self.assertEqual(self.look(), uuid)


PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: { name: nexus, tasks_from: disk }
"""


class OnAMachine(unittest.TestCase):
    """The role's tasks around the module, on a machine in namespaces that has the loop device as its disk."""

    run_ = Disk.run_

    def setUp(self):
        Disk.setUp(self)
        self.machine = Machine()
        self.addCleanup(self.machine.close)
        # Where lsblk looks; the roles' other tests need none of it.
        self.assertEqual(self.machine.run("mount", "-t", "sysfs", "-o", "ro", "sysfs", "/sys"), (0, ""))
        with open(self.machine.share + "/disk.yml", "w", encoding="ascii") as stream:
            stream.write(PLAY)

    def play(self, *arguments, expected=0, **changes):
        asked = {"nexus_blob_disk_device": self.device, "nexus_blob_disk_path": "/srv/nexus", **changes}
        code, said, recap = self.machine.play("/share/disk.yml", *arguments, **asked)
        self.assertEqual(code, expected, said)
        return " ".join(said.split()), recap

    def test_an_empty_disk_is_formatted_and_mounted_once_and_a_check_does_neither(self):
        before = Disk.content(self)
        self.assertGreater(self.play("--check")[1]["changed"], 0)
        self.assertEqual(Disk.content(self), before)
        self.play()
        self.assertEqual(self.machine.run("mountpoint", "/srv/nexus")[0], 0)
        self.assertRegex(self.machine.read("/etc/fstab"), r"(?m)^UUID=[0-9a-f-]{36} /srv/nexus ext4 defaults,nofail 0 2$")
        self.machine.run("touch", "/srv/nexus/blob")
        said, recap = self.play()
        self.assertEqual(recap["changed"], 0, said)
        # After a boot that did not mount it: what is on it is still there.
        self.machine.run("umount", "/srv/nexus")
        self.assertEqual(self.play()[1]["changed"], 1)
        self.assertEqual(self.machine.run("ls", "/srv/nexus/blob")[0], 0)
        # A folder with files in it is not hidden.
        self.machine.run("umount", "/srv/nexus")
        self.machine.run("touch", "/srv/nexus/of-the-system")
        self.assertIn("which a disk mounted there would hide", self.play(expected=2)[0])


if __name__ == "__main__":
    unittest.main()
