"""Facts about the machine that go into vm.booted. A fact that cannot be had is left out, never guessed."""

import contextlib
import ctypes
import json
import os
import re
import struct
import subprocess

from nexus_pull.process import environment

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
# Documentation addresses: connecting a UDP socket sends nothing, it only asks the routing table.
PROBES = (("AF_INET", "192.0.2.1"), ("AF_INET6", "2001:db8::1"))
MOST_ADDRESSES = 8
GENERATION_ID_AT = 40
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


def hardware(paths):
    """What Proxmox VE changes for a clone, for a restored backup, and (the second) for a snapshot that is restored."""
    found = {"smbios_uuid": _text(paths.at("/sys/class/dmi/id/product_uuid"))}
    # The VM generation id lies in the firmware's file where QEMU has it for the guest's tables.
    raw = _bytes(paths.at("/sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw"))
    if len(raw) >= GENERATION_ID_AT + 16:
        one, two, three, rest = struct.unpack_from("<IHH8s", raw, GENERATION_ID_AT)
        found["generation_id"] = "%08x-%04x-%04x-%s-%s" % (one, two, three, rest[:2].hex(), rest[2:].hex())
    return {name: value for name, value in found.items() if UUID.fullmatch(value)}


def _text(path):
    return _bytes(path).decode("ascii", errors="replace").strip().lower()


def _bytes(path):
    try:
        with open(path, "rb") as source:
            return source.read(4096)
    except OSError:
        return b""


def reboot_required(paths):
    """What the package manager says; a fact on Debian and its kin only, elsewhere unknown."""
    if os.path.exists(paths.at("/run/reboot-required")) or os.path.exists(paths.at("/var/run/reboot-required")):
        return True
    return False if os.path.exists(paths.at("/usr/bin/dpkg")) else None
