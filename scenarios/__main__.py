"""`python -m scenarios list | write | load`: the scenarios for use by hand, without pytest.

list                        every scenario with the feature rows it shows
write DIR [--net 127.66]    the server's two configuration files, and a folder per scenario with its SIPp files and run.sh; in DIR/direct
                            the same for a server through which no sound passes
load DIR [--rate N] …       a load profile: the configuration, the SIPp files, and the commands that play it
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from scenarios import load
from scenarios.office import HOSTS, Draft, write
from scenarios.registry import drafts, scenarios


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scenarios", description="SIPp scenarios for the server")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every scenario with the feature rows it shows")
    for name, what in (("write", "the configuration and all SIPp files"), ("load", "the files and commands of a load profile")):
        command = commands.add_parser(name, help=what)
        command.add_argument("folder", type=Path, metavar="DIR")
        command.add_argument("--net", default="127.66", help="loopback network of all parties (default 127.66)")
        if name == "load":
            command.add_argument("--rate", type=float, default=20.0, help="calls per second, all kinds together (default 20)")
            command.add_argument("--seconds", type=float, default=60.0, help="how long new calls are begun (default 60)")
    arguments = parser.parse_args()
    if arguments.command == "list":
        _say("\n".join(f"{each.name:36} {each.rows:24} {each.summary}" for each in scenarios()))
    elif arguments.command == "write":
        _write(arguments.folder, arguments.net)
    else:
        _say(load.write(arguments.folder, arguments.net, arguments.rate, arguments.seconds))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _write(folder: Path, net: str) -> None:
    made = drafts(net)
    for mode in HOSTS:
        place = folder if mode == "auto" else folder / mode
        played = [draft for draft in made if draft.media == mode]
        config = write(place, played, net)
        for draft in played:
            _write_scenario(place / draft.name, draft)
        _say(f"b2bua run --config {config}     then: sh {place}/NAME/run.sh")


def _write_scenario(folder: Path, draft: Draft) -> None:
    """The SIPp files, and a shell script that plays them: registrations, those who wait, those who call."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "#!/bin/sh",
        f"# {draft.name}: plays every party; the exit status of each is printed",
        f"cd {shlex.quote(str(folder.resolve()))}",
    ]
    ordered = sorted(draft.scripts, key=lambda script: (not script.before, script.act, script.calls))
    act = 1
    for script in ordered:
        if script.act > act and not script.before:
            lines.append("wait")
            act = script.act
        xml = folder / f"{script.name}.xml"
        xml.write_text(script.xml(), encoding="utf-8")
        for name, data in script.files.items():
            (folder / name).write_bytes(data)
        command = shlex.join([*script.command(draft.server, xml.name), "-trace_msg", "-message_file", f"{script.name}.messages"])
        if script.names:
            lines.append(f"# names the dialog of {script.names}, which only the test suite can fill in: {command}")
            continue
        if script.silent:
            lines.append(f"# must be left alone: {command}")
            continue
        played = f"{command} >/dev/null 2>{script.name}.errors; echo {script.name}: $?"
        lines.append(played if script.before else f"({played}) &")
        if not script.before and not script.calls:
            lines.append("sleep 0.3")
    (folder / "run.sh").write_text("\n".join([*lines, "wait", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
