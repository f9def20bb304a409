"""What peers can use up of the transports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What peers can use up at most. Sizes in bytes, times in seconds."""

    message_size: int = 65_535  # one message on a stream, header and body
    header_size: int = 16_384  # the header of one message on a stream
    message_seconds: float = 10.0  # from the first byte of a message on a stream to its last; also for the goodbye of a stream
    first_message_seconds: float = 60.0  # from a peer's opening of a stream to its first whole message
    idle_seconds: float = 900.0  # a stream on which nothing arrives
    connect_seconds: float = 5.0
    connections: int = 20_000
    connections_per_host: int = 1_000
    write_buffer: int = 1_048_576  # unsent bytes of one stream; more means that the peer does not read
    udp_queue: int = 1_048_576  # bytes waiting for room in the send buffer of one UDP socket
    udp_flows: int = 10_000  # remembered remote addresses of one UDP socket


DEFAULT_LIMITS = Limits()
