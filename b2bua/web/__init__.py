"""What the server shows over HTTP. Speaks commands and events only, never to a Call or a Leg."""
