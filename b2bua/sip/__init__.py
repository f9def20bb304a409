"""The SIP core, sans-IO: bytes and a clock reading in, bytes and events out (RFC 3261 and its extensions).

Nothing in this package opens a socket, reads a clock or imports anything but the standard library.
"""
