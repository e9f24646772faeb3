"""``HOST:PORT`` as people type it."""

from typing import Final

from headrace.base.errors import HeadraceError

LOOPBACK: Final = "127.0.0.1"
ANY_HOSTS: Final = ("", "0.0.0.0", "::")  # noqa: S104 - what something listens at, not this


class AddressError(HeadraceError, ValueError):
    """Text that is no ``HOST:PORT``."""


def format_host_port(host: str, port: int) -> str:
    """Return what `parse_host_port` takes."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_from_here(host: str) -> str:
    """Return where what listens at ``host`` is reached from its own machine: 127.0.0.1 for all addresses."""
    return LOOPBACK if host in ANY_HOSTS else host


def parse_host_port(text: str, *, default_port: int) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, ``[IPV6]:PORT``, ``HOST``, ``:PORT`` or ``*:PORT``.

    The host is empty for all addresses.

    Raises:
        AddressError: The port is no number from 0 to 65535, or the brackets do not match.
    """
    host, separator, port = text.rpartition(":")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise AddressError(f"{text!r} is not an address: write IPv6 as [2001:db8::1]:8890")
        port = rest[1:]
    elif not separator or ":" in host:  # a name alone, or IPv6 without brackets and so without port
        host, port = text, ""
    if not port:
        return host.replace("*", ""), default_port
    if not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise AddressError(f"{text!r} is not an address: the port is a number up to 65535, as in {host}:8890")
    return host.replace("*", ""), int(port)
