"""Secrets that the machine fetches itself from Vault or OpenBao.

fetch      before a run: the configured secrets, into memory (/run); after it they are gone
session    a visit to the server
secret_id  unwrapped once, then kept, sealed where systemd can: it alone survives a reboot
client     the HTTP API, and what its answers mean
"""

from nexus_pull.vault.fetch import fetched, kept_how

__all__ = ["fetched", "kept_how"]
