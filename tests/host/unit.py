"""The unit: sound, and as closed as it says. Run by `check`."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

UNIT = pathlib.Path(__file__).resolve().parent.parent.parent / "infra/host/cvm-server.service"
# Of ten, in tenths. It is 1.1 (systemd 252): the Internet 0.8, sockets of this machine 0.1, no root of its own 0.1, and the
# clock that comes with ProtectClock 0.1. A service that talks to the Internet cannot be below 0.8; the rest is room for how
# other versions of systemd count.
THRESHOLD = 15
# Lines that close something, but nothing that systemd counts.
UNCOUNTED = {"LimitCORE", "TasksMax", "LimitNOFILE", "PrivateIPC", "SystemCallErrorNumber", "DevicePolicy", "ProcSubset"}


def analyse(text, *options):
    """The exit code and what is said of a unit with this text; the server itself need not be installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / UNIT.name
        path.write_text(text.replace("/usr/bin/cvm-server", "/bin/true"), encoding="utf-8")
        ended = subprocess.run(["systemd-analyze", *options, path], capture_output=True, text=True)
        return ended.returncode, ended.stdout, ended.stderr.replace(folder, "")


def verified(text):
    """What systemd objects to."""
    code, out, err = analyse(text, "verify", "--man=no")
    said = [line for line in (out + err).splitlines() if UNIT.name in line]
    return said or ([f"verify ends with {code}"] if code else [])


def closed(text):
    return analyse(text, "security", "--offline=true", f"--threshold={THRESHOLD}")[0] == 0


def counted(text):
    """What is counted, check by check, without the words for people."""
    _, out, err = analyse(text, "security", "--offline=true", "--json=short")
    return [(check.get("json_field") or check.get("name"), check.get("set"), check.get("exposure")) for check in json.loads(out)], err


def exposure(text):
    _, out, _ = analyse(text, "security", "--offline=true")
    return re.search(r"Overall exposure level for .*: ([0-9.]+)", out).group(1)


def settings(text):
    return [line for line in text.splitlines() if re.match(r"[A-Z]\w+=", line)]


def judge(text):
    wrong = verified(text)
    if not closed(text):
        wrong.append(f"exposure {exposure(text)}")
    lines = dict(line.split("=", 1) for line in settings(text))
    if lines.get("Type") != "exec":
        wrong.append("Type: the server does not tell systemd when it is ready")
    if int(lines.get("TimeoutStopSec", 0)) < 30:
        wrong.append("TimeoutStopSec: shorter than the server needs to end what it has begun (25)")
    if lines.get("User") != "cvm-server" or lines.get("Group") != "cvm-server":
        wrong.append("User: not the one that the package makes")
    if lines.get("Restart") != "always":
        wrong.append("Restart: a server that dies stays away")
    return wrong


def superfluous(text):
    """Lines of the closed part without which nothing would be less closed."""
    whole, _ = counted(text)
    part = text[text.index("# Below is all") :]
    for line in settings(part[: part.index("[Install]")]):
        name = line.split("=")[0]
        less, _ = counted(text.replace(f"\n{line}\n", "\n", 1))
        if less == whole and name not in UNCOUNTED:
            yield f"{line}: closes nothing that is counted"


PLANTS = [
    ("NoNewPrivileges=yes\n", "NoNewPrivileges=perhaps\n"),
    ("ProtectSystem=strict\n", "ProtectSystems=strict\n"),
    ("User=cvm-server\n", "User=root\n"),
    ("CapabilityBoundingSet=\n", ""),
    ("SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n", ""),
    ("Type=exec\n", "Type=notify\n"),
    ("TimeoutStopSec=35\n", "TimeoutStopSec=10\n"),
    ("SetCredential=database-password:none\n", "SetCredential=database-password:\n"),
]


def main():
    text = UNIT.read_text(encoding="utf-8")
    wrong = judge(text) + list(superfluous(text))
    for old, new in PLANTS:
        if old not in text:
            wrong.append(f"nothing to plant in place of {old!r}")
        elif not judge(text.replace(old, new)):
            wrong.append(f"{old!r} -> {new!r} is not noticed")
    credential = "/run/credentials/cvm-server.service/database-password"
    for path in map(UNIT.with_name, ("DEPLOY.md", "user-data.yaml", "template.yaml")):
        if credential not in path.read_text(encoding="utf-8"):
            wrong.append(f"{path.name}: the password is not where the unit puts it")
    print("\n".join(wrong) if wrong else f"exposure {exposure(text)}, at most {THRESHOLD / 10}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
