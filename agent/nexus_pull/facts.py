"""Facts about the machine that go into vm.booted. A fact that cannot be had is left out, never guessed."""

import contextlib
import ctypes
import json
import os
import subprocess

from nexus_pull.process import environment

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
# Documentation addresses: connecting a UDP socket sends nothing, it only asks the routing table.
PROBES = (("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8::1"))
MOST_ADDRESSES = 8


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
        return source.read().strip()


def uptime_s():
    with open("/proc/uptime", encoding="ascii") as source:
        return float(source.read().split()[0])


def clock_synced():
    """What the kernel says. The buffer is zero, so modes = 0: nothing is set."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return False
    return 0 <= state < TIME_ERROR


def addresses(paths):
    """Global addresses, the default route's first."""
    found = [address for family, probe in PROBES for address in _source_address(family, probe)]
    found += _interface_addresses(paths)
    return list(dict.fromkeys(found))[:MOST_ADDRESSES]


def _source_address(family, probe):
    import socket

    with contextlib.suppress(OSError), socket.socket(getattr(socket, family), socket.SOCK_DGRAM) as probing:
        probing.connect((probe, 9))
        address = probing.getsockname()[0]
        if not address.startswith(("127.", "::1", "fe80:")):
            return [address]
    return []


def _interface_addresses(paths):
    argv = ["ip", "-j", "address", "show", "up", "scope", "global"]
    try:
        done = subprocess.run(argv, env=environment(paths), capture_output=True, timeout=10, check=True)
        links = json.loads(done.stdout.decode())
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    return [info["local"] for link in links for info in link.get("addr_info", []) if "local" in info]


def operating_system(paths):
    try:
        with open(paths.os_release, encoding="utf-8") as source:
            pairs = [line.strip().split("=", 1) for line in source if "=" in line]
    except OSError:
        return None
    values = {key: value.strip("\"'") for key, value in pairs}
    if "ID" not in values or "VERSION_ID" not in values:
        return None
    return {"id": values["ID"][:32], "version": values["VERSION_ID"][:32], "kernel": os.uname().release[:64]}


def hostname():
    return os.uname().nodename[:253]


def disk_free_mib(path):
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize // 1048576


def reboot_required(paths):
    """What the package manager says; a fact on Debian and its kin only, elsewhere unknown."""
    if os.path.exists(paths.at("/run/reboot-required")) or os.path.exists(paths.at("/var/run/reboot-required")):
        return True
    return False if os.path.exists(paths.at("/usr/bin/dpkg")) else None
