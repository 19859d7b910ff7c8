"""Runs in namespaces of its own (mounts, processes, network): puts the machine together, then does what it is told.

Arguments: the root (lower layer), the work folder, the repository, ansible-core's venv, the folder of a real Nexus or nothing. Standard input: a line of JSON a
command, {"argv", "env"}; standard output: a line an answer, {"code", "said"}. Ends with its input, and all with it.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys

SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, stdout=sys.stderr)


def assemble(root, work, repository, venv, real):
    machine, layers = os.path.join(work, "machine"), os.path.join(work, "layers")
    for folder in (machine, layers):
        os.mkdir(folder)
    mount("-t", "tmpfs", "layers", layers)
    for folder in ("upper", "work"):
        os.mkdir(os.path.join(layers, folder))
    upper, lower = "upperdir=%s/upper" % layers, "lowerdir=" + root
    mount("-t", "overlay", "machine", "-o", "%s,%s,workdir=%s/work" % (lower, upper, layers), machine)
    mount("-t", "proc", "proc", machine + "/proc")
    mount("--rbind", "/dev", machine + "/dev")
    mount("-t", "tmpfs", "run", machine + "/run")
    for name, source in (("repository", repository), ("ansible", venv), ("share", os.path.join(work, "share"))):
        os.mkdir(os.path.join(machine, name))
        mount("--bind", source, os.path.join(machine, name))
    if real:
        # In place of its link, which goes out of the machine.
        for name, source in (("java-17", real + "/java"), ("nexus-server", real)):
            os.mkdir(os.path.join(machine, name))
            mount("--bind", source, os.path.join(machine, name))
    mount("-o", "remount,bind,ro", machine + "/repository")
    # A link to systemd itself would be followed.
    os.unlink(machine + "/usr/bin/systemctl")
    shutil.copy2(os.path.join(repository, "tests", "machine", "systemctl"), machine + "/usr/bin/systemctl")
    return machine


def main():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP_RUNNING))
    machine = assemble(*sys.argv[1:])
    archive = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "/share", "8099"]
    subprocess.Popen(["chroot", machine, *archive], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    for line in sys.stdin:
        command = json.loads(line)
        done = subprocess.run(
            ["chroot", machine, *command["argv"]],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", **command["env"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        print(json.dumps({"code": done.returncode, "said": done.stdout.decode("utf-8", "replace")}), flush=True)


main()
