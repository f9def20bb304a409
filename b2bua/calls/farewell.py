"""The end of a dialog: a BYE, and the dialog is gone when it is answered or nobody answers."""

from __future__ import annotations

from b2bua.calls.retry import Credentials, may_retry
from b2bua.sip.dialog import Dialog
from b2bua.sip.flow import Flow
from b2bua.sip.message import Request, Response
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import ClientTransaction, InviteServer, ServerTransaction


class Farewell:
    """Owns a dialog from our BYE to its removal. Requests that cross the BYE are answered, nothing else happens any more."""

    __slots__ = ("_stack", "_dialog", "_credentials", "_headers", "_tried")

    def __init__(self, stack: SipStack, dialog: Dialog, credentials: Credentials | None, headers: str = "") -> None:
        self._stack = stack
        self._dialog = dialog
        self._credentials = credentials
        self._headers = headers
        self._tried = False
        dialog.owner = self
        ahead = credentials.ahead("BYE", dialog.request_target()[0], b"") if credentials is not None else ""
        stack.request_in(dialog, "BYE", owner=self, now=stack.now, headers=headers + ahead)

    def trusts(self, flow: Flow) -> bool:
        return False

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        if response.status in (401, 407) and not self._tried and may_retry(self._credentials, response):
            assert self._credentials is not None
            line = self._credentials.answer(response, "BYE", tx.uri, b"")
            if line is not None:
                self._tried = True
                self._stack.request_in(self._dialog, "BYE", owner=self, now=now, headers=self._headers + line)
                return
        self._stack.remove_dialog(self._dialog)

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        self._stack.remove_dialog(self._dialog)

    def on_request(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self._stack.respond(tx, 200 if request.method == "BYE" else 481, now=now)

    def on_ack(self, tx: InviteServer, request: Request, now: float) -> None:
        pass

    def on_no_ack(self, tx: InviteServer, now: float) -> None:
        pass

    def on_cancel(self, tx: InviteServer, request: Request, now: float) -> None:
        pass
