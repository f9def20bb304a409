"""A PJSUA2 phone as a process of its own: commands as JSON lines on standard input, events as JSON lines on standard output.

One thread does everything; the library is polled. PJSUA2 frees what a `getInfo()` returned as soon as Python lets go of it, so
every result is kept in a name while its parts are used. Run: `python -m tests.support.pjsua_phone '{"ip": …}'`.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import Any

import pjsua2 as pj

POLL_MS = 10
KEY_MS = 80
"""How long a key is held: as long as a quick finger does."""


def emit(kind: str, **details: Any) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **details}) + "\n")
    sys.stdout.flush()


class Call(pj.Call):
    """A call of the phone: the one that its keys work on, or the other one."""

    def __init__(self, phone: Phone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, call_id)
        self.phone = phone

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802 - PJSUA2's names
        if self.phone.other is self:
            if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED:
                emit("other closed")
                self.phone.other = None
                self.phone.ended.append(self)
            return
        if self.phone.call is not self:  # one that came while the phone was busy
            return
        info = self.getInfo()
        state, status, reason = info.state, int(info.lastStatusCode), str(info.lastReason)
        if state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            emit("ringing", status=status, remote=str(info.remoteUri))
        elif state == pj.PJSIP_INV_STATE_CONFIRMED:
            emit("established", remote=str(info.remoteUri))
        elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
            emit("closed", status=status, reason=reason)
            self.phone.call = None
            self.phone.ended.append(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        for index, media in enumerate(info.media):
            status = media.status
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            sounds = media.audioConfSlot != pj.PJSUA_INVALID_ID  # an inactive stream has no place in the mixer
            if sounds and status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
                audio = self.getAudioMedia(index)
                self.phone.player.startTransmit(audio)
                self.phone.listen_to(audio)
            emit("media", status=_MEDIA.get(status, str(status)))

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:  # noqa: N802
        emit("digit", digit=str(prm.digit))

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:  # noqa: N802
        emit("transfer", status=int(prm.statusCode))

_MEDIA = {
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active", pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local hold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote hold", pj.PJSUA_CALL_MEDIA_NONE: "none", pj.PJSUA_CALL_MEDIA_ERROR: "error",
}  # fmt: skip


class Phone(pj.Account):
    """An account with one call, a tone and a recorder."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings
        self.call: Call | None = None
        self.other: Call | None = None
        self.ended: list[Call] = []
        self.audio: pj.AudioMedia | None = None
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(settings["tone"])
        self.recorder: pj.AudioMediaRecorder | None = None
        self.record(settings["record"])
        self.create(self._config())

    def _config(self) -> pj.AccountConfig:
        settings = self.settings
        config = pj.AccountConfig()
        config.idUri = f"sip:{settings['user']}@{settings['domain']}"
        if settings["server"]:
            config.regConfig.registrarUri = f"sip:{settings['domain']}"
            config.sipConfig.proxies.append(f"sip:{settings['server']};lr;transport={settings['transport']}")
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", settings["user"], 0, settings["password"]))
        config.mediaConfig.transportConfig.boundAddress = settings["ip"]
        config.mediaConfig.transportConfig.publicAddress = settings["ip"]
        config.mediaConfig.transportConfig.port = 12000
        return config

    def onRegState(self, prm: pj.OnRegStateParam) -> None:  # noqa: N802
        good = prm.code // 100 == 2
        emit(("registered" if prm.expiration else "unregistered") if good else "register failed", status=int(prm.code))

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        call = Call(self, prm.callId)
        info = call.getInfo()
        answer = pj.CallOpParam(True)
        if self.call is not None:
            answer.statusCode = pj.PJSIP_SC_BUSY_HERE
            call.answer(answer)
            self.ended.append(call)
            return
        self.call = call
        answer.statusCode = pj.PJSIP_SC_RINGING
        call.answer(answer)
        emit("incoming", remote=str(info.remoteUri), message=str(prm.rdata.wholeMsg))

    def listen_to(self, audio: pj.AudioMedia) -> None:
        self.audio = audio
        if self.recorder is not None:
            audio.startTransmit(self.recorder)

    def record(self, path: str) -> None:
        """Closes the recording and begins another one."""
        if self.recorder is not None and self.audio is not None and self.call is not None:
            self.audio.stopTransmit(self.recorder)
        self.recorder = None
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(path)
        if self.audio is not None and self.call is not None:
            self.audio.startTransmit(self.recorder)
        emit("recording", path=path)

    def obey(self, command: dict[str, Any]) -> bool:
        """Does what it is told; False for the end."""
        what = command["do"]
        parameter = pj.CallOpParam(True)
        if what == "dial":
            self.dial(command, parameter)
        elif what == "record":
            self.record(command["path"])
        elif what == "hang up all":
            pj.Endpoint.instance().hangupAllCalls()
        elif what == "quit":
            return False
        elif self.call is not None:
            self._handle(self.call, command, parameter)
        return True

    def dial(self, command: dict[str, Any], parameter: pj.CallOpParam) -> None:
        """Begins a call; the one that there is becomes the other one."""
        if self.call is not None:
            self.other = self.call
        for name, value in command["headers"].items():
            header = pj.SipHeader()
            header.hName, header.hValue = name.replace("_", "-"), value
            parameter.txOption.headers.append(header)
        self.call = Call(self)
        self.call.makeCall(command["uri"], parameter)

    def _press(self, call: Call, command: dict[str, Any]) -> None:
        keys = pj.CallSendDtmfParam()
        keys.digits = command["digits"]
        keys.duration = KEY_MS
        keys.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if command.get("info") else pj.PJSUA_DTMF_METHOD_RFC2833
        call.sendDtmf(keys)

    def _handle(self, call: Call, command: dict[str, Any], parameter: pj.CallOpParam) -> None:
        what = command["do"]
        if what == "answer":
            parameter.statusCode = pj.PJSIP_SC_OK
            call.answer(parameter)
        elif what == "hold":
            call.setHold(parameter)
        elif what == "resume":
            parameter.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(parameter)
        elif what == "hangup":
            call.hangup(parameter)
        elif what == "press":
            self._press(call, command)
        elif what == "transfer":
            call.xfer(command["uri"], parameter)
        elif what == "transfer to other" and self.other is not None:
            self.other.xferReplaces(call, parameter)


_KEPT: dict[str, Any] = {}


class Log(pj.LogWriter):
    """The library's own log files are written when 4 KiB are full: too late for who looks into them during a call."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until the process ends

    def write(self, entry: pj.LogEntry) -> None:
        self._file.write(entry.msg)


def endpoint(settings: dict[str, Any]) -> pj.Endpoint:
    """The library, bound to the phone's address, without threads of its own and without a sound card."""
    library = pj.Endpoint()
    library.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = 4
    config.logConfig.consoleLevel = 4  # of what the writer gets, too
    config.logConfig.writer = _KEPT.setdefault("log", Log(settings["log"]))
    config.logConfig.msgLogging = 1
    config.medConfig.clockRate = 8000
    config.medConfig.sndClockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    config.medConfig.hasIoqueue = True
    library.libInit(config)
    transport = pj.TransportConfig()
    transport.port = settings["port"]
    transport.boundAddress = settings["ip"]
    kind = pj.PJSIP_TRANSPORT_TCP if settings["transport"] == "tcp" else pj.PJSIP_TRANSPORT_UDP
    library.transportCreate(kind, transport)
    library.libStart()
    library.audDevManager().setNullDev()
    for codec in library.codecEnum2():
        library.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith(settings["codec"]) else 0)
    return library


def main() -> None:
    settings = json.loads(sys.argv[1])
    library = endpoint(settings)
    phone = Phone(settings)
    emit("ready")
    pending = b""
    running = True
    while running:
        library.libHandleEvents(POLL_MS)
        if not select.select([0], [], [], 0)[0]:
            continue
        data = os.read(0, 65536)
        running = bool(data)
        pending += data
        *lines, pending = pending.split(b"\n")
        for line in lines:
            try:
                running = phone.obey(json.loads(line)) and running
            except pj.Error as error:
                emit("error", text=str(error.info()))
    sys.stdout.flush()
    os._exit(0)  # PJSUA2 destroys in an order of its own that Python's garbage collector may not like


if __name__ == "__main__":
    main()
