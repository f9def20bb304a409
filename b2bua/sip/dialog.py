"""Dialogs (RFC 3261 §12): the state that two user agents share, early and confirmed.

A dialog knows how to build its requests (route set, target, CSeq) and whose requests count in it; what they mean is its
owner's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.sip.message import Request, Response
from b2bua.sip.values import NameAddr, SipError, Uri

if TYPE_CHECKING:
    from b2bua.sip.flow import Flow
    from b2bua.sip.transaction import InviteServer

Key = tuple[str, str, str]


class Dialog:
    """One dialog. `local_text` and `remote_text` are From and To of our requests, tags included.

    `key` is (Call-ID, local tag, remote tag). `pending_ack` is the INVITE of the peer whose 2xx waits for its ACK.
    """

    __slots__ = (
        "call_id", "local_tag", "remote_tag", "local_text", "remote_text", "local_seq", "remote_seq", "remote_target", "route_set",
        "flow", "host", "owner", "confirmed", "pending_ack", "roams",
    )  # fmt: skip

    def __init__(self, call_id: str, local_tag: str, remote_tag: str, flow: Flow, owner: Any) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local_text = ""
        self.remote_text = ""
        self.local_seq = 0
        self.remote_seq = -1
        self.remote_target = ""
        self.route_set: tuple[str, ...] = ()
        self.flow = flow
        self.host = flow.remote[0]
        self.owner = owner
        self.confirmed = False
        self.roams = False  # the peer is a trunk: its Contact may be another host, and counts
        self.pending_ack: InviteServer | None = None

    @property
    def key(self) -> Key:
        return (self.call_id, self.local_tag, self.remote_tag)

    def trusts(self, flow: Flow) -> bool:
        """Whether a request over `flow` may speak in this dialog: its own flow, its host, or what its owner vouches for."""
        host = flow.remote[0]
        if host == self.host or flow.key == self.flow.key:
            return True
        if self.roams and Uri.parse(self.remote_target).host == host:
            return True
        return self.owner is not None and bool(self.owner.trusts(flow))

    def learn_target(self, message: Request | Response) -> None:
        """Target refresh from Contact (RFC 3261 §12.2.1.2): kept where the message has none. Raises `SipError(400)`."""
        contact = message.get("contact")
        if contact is not None:
            address = NameAddr.parse(contact)
            if address.uri.scheme not in ("sip", "sips"):
                raise SipError(400, "Bad Contact")
            self.remote_target = address.uri_text

    def request_target(self) -> tuple[str, str]:
        """Request-URI and Route header lines of a request in this dialog, loose or strict (RFC 3261 §12.2.1.1)."""
        if not self.route_set:
            return self.remote_target, ""
        first = NameAddr.parse(self.route_set[0])
        if "lr" in first.uri.params:
            return self.remote_target, "".join(f"Route: {route}\r\n" for route in self.route_set)
        rest = "".join(f"Route: {route}\r\n" for route in self.route_set[1:])
        return first.uri_text, f"{rest}Route: <{self.remote_target}>\r\n"

    def next_hop(self) -> str:
        """The URI text that decides where a request of this dialog is sent: the first route, else the remote target."""
        return NameAddr.parse(self.route_set[0]).uri_text if self.route_set else self.remote_target


def checked_routes(routes: list[str]) -> tuple[str, ...]:
    """A route set whose first hop can be used, so that no later request of the dialog stumbles over it. Raises `SipError(400)`."""
    if routes and NameAddr.parse(routes[0]).uri.scheme not in ("sip", "sips"):
        raise SipError(400, "Bad Record-Route")
    return tuple(routes)


def server_dialog(request: Request, flow: Flow, local_tag: str, owner: Any) -> Dialog:
    """The dialog a UAS enters with its first response above 100 (RFC 3261 §12.1.1). Raises `SipError(400)`."""
    dialog = Dialog(request.call_id, local_tag, request.from_.tag, flow, owner)
    to_text = request.get("to") or ""
    dialog.local_text = to_text if request.to.tag else f"{to_text};tag={local_tag}"
    dialog.remote_text = request.get("from") or ""
    dialog.remote_seq = request.cseq
    dialog.route_set = checked_routes(request.values("record-route"))
    dialog.learn_target(request)
    if not dialog.remote_target:
        raise SipError(400, "Missing Contact")
    return dialog


def client_dialog(response: Response, flow: Flow, owner: Any) -> Dialog:
    """The dialog a UAC enters with a response that carries a To tag (RFC 3261 §12.1.2). Raises `SipError(400)`."""
    dialog = Dialog(response.call_id, response.from_.tag, response.to.tag, flow, owner)
    dialog.local_text = response.get("from") or ""
    dialog.remote_text = response.get("to") or ""
    dialog.local_seq = response.cseq
    refresh_client_dialog(dialog, response)
    return dialog


def refresh_client_dialog(dialog: Dialog, response: Response) -> None:
    """Route set and target from a later response: the 2xx has the last word on both (RFC 3261 §13.2.2.4)."""
    if not dialog.confirmed:
        dialog.route_set = checked_routes(response.values("record-route")[::-1])
    dialog.learn_target(response)
