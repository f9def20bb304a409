"""The organisation in a database of its own: its directory, who may sign in, the audit and the imports. SQLite or PostgreSQL.

`open_organisation` is all the composition root needs; others see the protocols of `store.ports`.
"""

from __future__ import annotations

from b2bua.store.organisation.database import Organisation, open_organisation

__all__ = ["Organisation", "open_organisation"]
