"""What outlives the process: call history and registrations, in an embedded SQLite database under `state`.

`open_store` is all the composition root needs; others see the protocols of `ports`.
"""

from __future__ import annotations

from b2bua.store.database import Store, open_store

__all__ = ["Store", "open_store"]
