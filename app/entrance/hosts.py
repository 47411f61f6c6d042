"""Under which names the studio answers, and which addresses stay on this computer. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

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


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header names the very host that was asked."""
    return urlsplit(origin).netloc.casefold() == host.casefold()


def stays_here(address: str | None) -> bool:
    """Whether a server bound to an address can only be reached from this computer."""
    if address is None:
        return False
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
