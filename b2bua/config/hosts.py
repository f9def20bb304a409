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


def media_places(config: Config) -> tuple[tuple[str, str], tuple[str, str] | None]:
    """Where sound comes to: the address that is bound and the one that descriptions name; and both again for IPv6, if there are any.

    A `media.address` of loopback is the one of a listener that phones can reach, if there is one: who has written the latter and
    forgotten the former means it.
    """
    bound = config.media.address
    if ip_address(bound).is_loopback:
        listens = [each.host for each in config.listen if not ip_address(each.host).is_loopback and not ip_address(each.host).is_unspecified]
        bound = next((host for host in listens if (":" in host) == (":" in bound)), bound)
    public = (config.advertise or "").strip("[]")
    shown = public if _is_address(public) and (":" in public) == (":" in bound) else bound
    other = config.media.address6
    if other is None:
        return (bound, shown), None
    return (bound, shown), (other, public if _is_address(public) and ":" in public else other)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
