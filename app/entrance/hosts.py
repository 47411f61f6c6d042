"""Under which names the studio answers, from which pages, and which addresses stay here. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

OPEN_TO_ALL = (
    "This studio would be open to everybody who reaches this computer, without a sign-in. It was not "
    "opened. Start it with `character studio`, which stays on this computer, or for a team with "
    "`character studio --share`."
)
OWN_NAMES = ("localhost", "127.0.0.1", "::1")


def host_name(host: str) -> str | None:
    """The name in a Host header, lower case and without its port; None when it is no plain host."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname.rstrip(".") if parts.hostname else None


def answers_to(host: str, names: tuple[str, ...]) -> bool:
    """Whether a Host header is one of our names: a page elsewhere cannot pass for this studio."""
    return host_name(host) in {name.casefold().strip("[]").rstrip(".") for name in names}


def same_origin(origin: str, host: str, url: str = "") -> bool:
    """Whether an Origin header names the very host that was asked, or the address that people type."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if url and origin.casefold() == url.casefold():
        return True
    return bool(parts.netloc) and parts.netloc.casefold() == host.casefold()


def stays_here(address: str | None) -> bool:
    """Whether a server bound to an address can only be reached from this computer."""
    if address is None:
        return False
    if address == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def place_of(address: str | None) -> str:
    """Where a visitor comes from, as wrong passwords are counted: who has one IPv6 address has 2^64."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
