"""An example of each kind of entry, for the API's description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {
    "organisation": {"organisation": "Acme", "time_zone": "Asia/Jakarta", "limits": {"assistants_per_executive": 10}, "acceptance": False},
    "sites": {"name": "HQ", "emergency_location": "12th floor, Jalan Sudirman 1"},
    "cost_centres": {"name": "Sales", "code": "4711"},
    "schedules": {"key": "office", "value": {"hours": {"mon-fri": "08:00-12:00, 13:00-17:00"}, "holidays": ["01-01"]}},
    "caller_groups": {"key": "press", "value": ["+1555700*"]},
    "users": {"extension": "667", "name": "Olivia Boss", "numbers": ["+6221500667", "+6221500600"], "location": "HQ", "email": "olivia@acme.example"},
    "phones": {"mac": "00:15:65:aa:bb:cc", "name": "Desk of Olivia", "model": "Yealink T54W", "user": "667", "site": "HQ"},
    "executives": {
        "extension": "667",
        "caller_id": "+6221500600",
        "filtering": {"enabled": True, "type": "all"},
        "alerting": {"mode": "ring_all", "ring_seconds": 30},
        "rollover": {"action": "hangup"},
        "assistants": [{"extension": "676", "rights": ["receive", "call", "pick_up_held", "join"]}, "677"],
    },
    "groups": {"extension": "500", "name": "Sales", "members": ["601", "602"], "rollover": {"action": "forward", "forward": "600"}},
    "services": {"extension": "510", "name": "Help desk", "agents": ["600", {"extension": "601", "direction": "out"}], "rollover": {"action": "hangup"}},
    "duty_profiles": {"name": "Help desk early", "code": "1", "agents": ["600", "601"], "responsible_for": ["510"]},
    "conferences": {"number": "800", "name": "Board room", "moderators": ["667", "676"]},
}
