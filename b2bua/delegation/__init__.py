"""Pure delegation domain: who is called, as whom, and how long it rings. No SIP, no I/O, no clock; standard library only."""
