"""What one connection has counted. Kinds: counters only grow, gauges are of this moment.

Each name ends in its unit. ``docs/reference/statistics.md`` maps each to libsrt's.

Source: libsrt docs, API/statistics.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReceiverStatistics:
    """Counters of a receiver.

    Attributes:
        received_packets: Data packets that came, doubles and resent ones included.
        received_payload_bytes: Their payload, without headers.
        unique_packets: Data packets that came for the first time and in time.
        lost_packets: Packets found missing when a later one came.
        recovered_packets: Of those, the ones that came when sent again, in time.
        dropped_packets: Packets given up at their delivery time.
        belated_packets: Packets that came after they had been delivered or given up.
        duplicate_packets: Packets that came again while the first still waited for delivery.
        overflowed_packets: Packets that found the buffer full; the sender has to send them again.
        delivered_packets: Packets handed to the application.
        acks_sent_packets: Acknowledgements sent, light ones included.
        naks_sent_packets: Loss reports sent.
        ackacks_received_packets: Acknowledgements of acknowledgements that came.
    """

    received_packets: int = 0
    received_payload_bytes: int = 0
    unique_packets: int = 0
    lost_packets: int = 0
    recovered_packets: int = 0
    dropped_packets: int = 0
    belated_packets: int = 0
    duplicate_packets: int = 0
    overflowed_packets: int = 0
    delivered_packets: int = 0
    acks_sent_packets: int = 0
    naks_sent_packets: int = 0
    ackacks_received_packets: int = 0


@dataclass(slots=True)
class SenderStatistics:
    """Counters of a sender.

    Attributes:
        sent_packets: Data packets sent, resent ones included.
        sent_payload_bytes: Their payload, without headers.
        resent_packets: Data packets sent again.
        reported_lost_packets: Packets that the peer's loss reports named.
        dropped_packets: Packets given up before the peer had acknowledged them.
        acks_received_packets: Acknowledgements that came, light ones included.
        naks_received_packets: Loss reports that came.
        ackacks_sent_packets: Acknowledgements of acknowledgements sent.
    """

    sent_packets: int = 0
    sent_payload_bytes: int = 0
    resent_packets: int = 0
    reported_lost_packets: int = 0
    dropped_packets: int = 0
    acks_received_packets: int = 0
    naks_received_packets: int = 0
    ackacks_sent_packets: int = 0


@dataclass(slots=True)
class ConnectionStatistics:
    """Everything about one connection.

    Attributes:
        sender: Counters of the sending side.
        receiver: Counters of the receiving side.
        rtt_us: Smoothed round trip (gauge).
        rtt_variance_us: Its mean deviation (gauge).
        send_buffer_packets: Packets sent or waiting that the peer has not acknowledged (gauge).
        receive_buffer_packets: Packets that wait for their delivery time (gauge).
        ignored_packets: Malformed or misplaced packets, by reason.
    """

    sender: SenderStatistics = field(default_factory=SenderStatistics)
    receiver: ReceiverStatistics = field(default_factory=ReceiverStatistics)
    rtt_us: int = 0
    rtt_variance_us: int = 0
    send_buffer_packets: int = 0
    receive_buffer_packets: int = 0
    ignored_packets: Counter[str] = field(default_factory=Counter)
