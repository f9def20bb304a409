"""A SIP back-to-back user agent (RFC 7092) that gives any set of SIP phones executive/assistant call delegation."""

__version__ = "0.1.0"
