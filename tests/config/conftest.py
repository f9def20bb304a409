"""Two files as the contract has them, ready to be spoilt."""

from pathlib import Path

import pytest

SERVER = r"""domain: acme.test
listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]
advertise: null
http: {listen: 127.0.0.1:8080}
directory: directory.yaml
state: ../var
drain_seconds: 300
trunks:
  - name: carrier
    uri: sip:127.0.0.2:5090
    addresses: [127.0.0.2]
    trusted: true
    numbers: ['^\+?[0-9]{6,15}$']
    auth: null
emergency: ["112", "911"]
digest: [SHA-256, MD5]
feature_codes: {push_back: "##20"}
media: {mode: auto, address: 127.0.0.1, ports: 20000-20999}
"""
DIRECTORY = """organisation: Acme
limits: {assistants_per_executive: 10, executives_per_assistant: 10}
users:
  - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667", "+6221500600"], location: HQ}
  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"], location: HQ}
  - {extension: "677", name: Ana Aide, password: ana-677, location: HQ}
executives:
  - extension: "667"
    caller_id: "+6221500600"
    filtering: {enabled: true, mode: simple, type: all}
    alerting:
      mode: ring_all
      ring_seconds: 30
      executive: none
      minimum_seconds: 0
      name: originator_executive
      number: originator
    rollover: {after_seconds: null, action: hangup}
    assistants:
      - {extension: "676", ring_seconds: 15, rights: [receive, call, pick_up_held, join]}
      - "677"
"""


class Files:
    """The two files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.server = folder / "b2bua.yaml"
        self.directory = folder / "directory.yaml"
        self.server.write_text(SERVER)
        self.directory.write_text(DIRECTORY)

    def change(self, file: Path, *changes: tuple[str, str]) -> None:
        """Replaces text that must be there."""
        text = file.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        file.write_text(text)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)
