"""The names and addresses by which this server is known."""

from __future__ import annotations

from ipaddress import ip_address

from b2bua.config.server import Config


class Hosts:
    """The names of this server: its domain and aliases, the addresses it listens on; any address when it listens on all."""

    def __init__(self, config: Config) -> None:
        names = {config.domain, *config.aliases, *([config.advertise] if config.advertise else [])}
        listening = {listen.host for listen in config.listen}
        self._names = {name.strip("[]").lower() for name in names | listening}
        self._any_address = any(ip_address(host).is_unspecified for host in listening)

    def __contains__(self, host: object) -> bool:
        if not isinstance(host, str):
            return False
        if host in self._names:
            return True
        name = host.strip("[]").lower()
        return name in self._names or (self._any_address and _is_address(name))


def own_address(config: Config) -> str:
    """The address that our session descriptions carry in their origin line: one by which we are known beyond this machine, if there is one."""
    candidates = [(config.advertise or "").strip("[]"), config.media.address, *(listen.host for listen in config.listen)]
    for host in candidates:
        if _is_address(host) and not ip_address(host).is_loopback and not ip_address(host).is_unspecified:
            return host
    return config.media.address


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
