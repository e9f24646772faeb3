"""Where a broker listens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Host and UDP port of a broker.

    Attributes:
        host: Name or number, IPv4 or IPv6.
        port: UDP port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
