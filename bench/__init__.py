"""The project's own benchmark: SIPp parties around a server on one core. ``make bench``; docs/performance.md has the figures."""
