"""The only SIP sockets: the asyncio shell over the sans-IO stack, UDP, streams, and where to send (RFC 3263).

Nothing here knows what a message means; it moves bytes between sockets and `SipStack` and reports broken ways.
"""
