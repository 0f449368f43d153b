"""The unit under a systemd of its own: does a server get what it needs, and nothing else? Run by `check`, as root.

A systemd runs as the first process of a namespace of its own, over this machine's files with a layer on top; it knows the
unit as it ships, and the folders that the package makes. The server is a stand-in that says what it sees. With
HOST_CHECK_BINARY, that program is started in its place as well, as the least of users on a real MariaDB: it must come up,
answer, and end in peace.
"""

import concurrent.futures
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import mariadb

HOST = pathlib.Path(__file__).resolve().parent.parent.parent / "infra/host"
UNIT = HOST / "cvm-server.service"
# Units that ours refers to, and nothing of this machine's.
TARGETS = ["basic", "multi-user", "network-online", "shutdown", "sysinit"]
STAND_IN = r"""#!/bin/bash
[ "$1" = --check-config ] && { echo "checked $3"; exit "$(cat /etc/cvm/verdict)"; }
echo "started $*"
echo "user $(id -un):$(id -gn)"
echo "password $(cat /run/credentials/cvm-server.service/database-password)"
echo "environment $AWS_REGION"
for place in /etc/cvm/open/x /etc/cvm/x /var/x /usr/x /home/x /x; do (: > $place) 2>/dev/null && echo "writes $place"; done
(: > /tmp/x) && echo "own tmp $(ls /tmp)"
cat /etc/cvm/tls/key > /dev/null 2>&1 && echo "reads the key"
cat /etc/cvm/database-password > /dev/null 2>&1 && echo "reads root's password"
ls /root /home/* > /dev/null 2>&1 && echo "looks into homes"
[ -e /proc/1/environ ] && echo "sees other processes"
[ -e /dev/kmsg ] && echo "sees devices"
unshare --user true 2>/dev/null && echo "makes namespaces"
grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status | tr -s '\t\n' ' '
echo; ulimit -c -n
trap 'echo stopped; exit 0' TERM
echo ready
while :; do sleep 0.1; done
"""
# In the namespace, before systemd: layers over what is written to, and a place for everything that systemd writes.
ENTER = r"""set -eu
mount --make-rshared /
mkdir "$W/over"; mount -t tmpfs tmpfs "$W/over"
for place in etc usr/bin; do
  mkdir -p "$W/over/$place/up" "$W/over/$place/work"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$W/over/$place/up,workdir=$W/over/$place/work" "/$place"
done
mount -t tmpfs tmpfs /run
touch "$W/console"; [ ! -e /dev/console ] || mount --bind "$W/console" /dev/console
sed -i '/^cvm-server:/d' /etc/passwd /etc/group
echo 'cvm-server:x:987:987::/:/usr/sbin/nologin' >> /etc/passwd; echo 'cvm-server:x:987:' >> /etc/group
install -d -m 0755 /etc/cvm; install -d -m 0750 -g 987 /etc/cvm/tls
install -d -m 0777 /etc/cvm/open
install -m 0640 -g 987 /dev/null /etc/cvm/tls/key
echo AWS_REGION=nowhere-1 > /etc/cvm/environment
echo "$VERDICT" > /etc/cvm/verdict
[ -z "$PASSWORD" ] || { printf %s "$PASSWORD" > /etc/cvm/database-password; chmod 0600 /etc/cvm/database-password; }
cp "$W"/etc/* /etc/cvm/ 2>/dev/null || true
install -m 0755 "$W/cvm-server" /usr/bin/cvm-server
export SYSTEMD_UNIT_PATH="$W/units" container=docker
exec /lib/systemd/systemd --system --unit=cvm-server.service --log-target=console
"""


class Systemd:
    """A systemd with this unit; `log` is what the server has said."""

    def __init__(self, unit, server, password="", verdict=0, files=None):
        self.folder = tempfile.TemporaryDirectory(prefix="cvm-systemd-")
        work = pathlib.Path(self.folder.name)
        work.chmod(0o755)
        units = work / "units"
        (units / "cvm-server.service.d").mkdir(parents=True)
        (units / UNIT.name).write_text(unit, encoding="utf-8")
        (units / "cvm-server.service.d/test.conf").write_text(f"[Service]\nStandardOutput=append:{work}/log\nStandardError=append:{work}/log\n")
        for target in TARGETS:
            (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n")
        (work / "cvm-server").write_bytes(server)
        (work / "log").touch()
        (work / "etc").mkdir()
        for name, text in (files or {}).items():
            (work / "etc" / name).write_text(text)
        self.work = work
        environment = {"PATH": os.environ["PATH"], "W": str(work), "PASSWORD": password, "VERDICT": str(verdict)}
        command = ["unshare", "--kill-child", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", ENTER]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(work / "enter").open("w"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)
        self.folder.cleanup()

    @property
    def log(self):
        return (self.work / "log").read_text(errors="replace")

    def wait(self, word, times=1, seconds=8):
        """Until the server has said a word so often."""
        for _ in range(seconds * 20):
            if self.log.count(word) >= times:
                return True
            time.sleep(0.05)
        return False

    def inside(self, *command):
        """Something done in the namespace."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return subprocess.run(["nsenter", f"--target={children[0]}", "--mount", "--pid", *command], capture_output=True, text=True)

    def why(self):
        return f"{self.log[-1500:]}\n{(self.work / 'enter').read_text()}\n{(self.work / 'console').read_text()[-1500:] if (self.work / 'console').exists() else ''}"


def judge(unit):
    """What is wrong with how a server lives under this unit."""
    server = STAND_IN.encode()
    with Systemd(unit, server, password="top secret") as systemd:
        if not systemd.wait("ready\n"):
            yield f"the server does not start: {systemd.why()}"
            return
        said = systemd.log
        for wanted in (
            "checked /etc/cvm/server.toml\nstarted --config /etc/cvm/server.toml\n",
            "user cvm-server:cvm-server\n",
            "password top secret\n",
            "environment nowhere-1\n",
            "own tmp x\n",
            "reads the key\n",
            "CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2",
        ):
            if wanted not in said:
                yield f"the server does not say {wanted!r}: {said}"
        for never in ("writes ", "reads root's password", "looks into homes", "sees other processes", "sees devices", "makes namespaces"):
            if never in said:
                yield f"the server {re.search(never + '.*', said).group()}"
        systemd.inside("pkill", "-KILL", "-u", "987")
        if not systemd.wait("ready\n", times=2):
            yield "a server that was killed does not come back"
        yield from stopped(systemd)
        if "stopped\n" not in systemd.log:
            yield f"SIGTERM does not come to the server: {systemd.log[-200:]}"
    with Systemd(unit, server) as systemd:
        if not systemd.wait("password none\n"):
            yield f"without a password there is no server: {systemd.why()}"
    with Systemd(unit, server, verdict=1) as systemd:
        if not systemd.wait("checked", times=2) or "started" in systemd.log:
            yield "a server starts whose settings are wrong, or is not tried again"


def stopped(systemd):
    """What is wrong with how the server ends."""
    systemd.inside("systemctl", "stop", "cvm-server")
    shown = systemd.inside("systemctl", "show", "cvm-server", "--property=Result,ExecMainStatus,ActiveState").stdout.split()
    if {"Result=success", "ExecMainStatus=0", "ActiveState=inactive"} - set(shown):
        yield f"SIGTERM: {shown} {systemd.log[-500:]}"


def real(unit, binary):
    """The server itself under this unit, with the rights that grants.sql gives it and no other."""
    sql = lambda name: (HOST / name).read_text(encoding="utf-8")
    with mariadb.running() as database:
        opened = "".join(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'secret' ACCOUNT UNLOCK;" for user in ("cvm_server", "cvm_migrate"))
        database.root(sql("users.sql") + opened)
        (database.folder / "password").write_text("secret\n")
        ports = free_ports()
        url = f"mysql://{{}}@127.0.0.1:{database.port}/cvm"
        server_toml = (
            f'public_host = "cvm.example.com"\nlisten = "127.0.0.1:{ports[0]}"\nbehind_proxy = true\nadmin_listen = "127.0.0.1:{ports[1]}"\n'
            f'database_url = "{url.format("cvm_server")}"\ndatabase_ca = "/etc/cvm/database-ca.pem"\niot_rate = 10\n'
            'database_password_file = "/run/credentials/cvm-server.service/database-password"\n'
        )
        told = {"CVM_PUBLIC_HOST": "cvm.example.com", "CVM_BEHIND_PROXY": "true", "CVM_DATABASE_URL": url.format("cvm_migrate")}
        told |= {"CVM_DATABASE_CA": str(database.ca), "CVM_DATABASE_PASSWORD_FILE": str(database.folder / "password"), "AWS_REGION": "nowhere-1"}
        migrated = subprocess.run([binary, "migrate"], env=told, capture_output=True, text=True)
        granted = database.root(sql("grants.sql"))
        if migrated.returncode or granted.returncode:
            yield f"migrate: {migrated.stdout}{migrated.stderr}{granted.stderr}"
            return
        files = {"server.toml": server_toml, "database-ca.pem": database.ca.read_text()}
        with Systemd(unit, pathlib.Path(binary).read_bytes(), password="secret", files=files) as systemd:
            get = ["curl", "--silent", "--show-error", "--fail", "--retry", "40", "--retry-delay", "1", "--retry-all-errors"]
            for url in (f"http://127.0.0.1:{ports[1]}/readyz", f"http://127.0.0.1:{ports[1]}/metrics", f"http://127.0.0.1:{ports[0]}/v1/nonce"):
                answered = subprocess.run([*get, url], capture_output=True, text=True)
                if answered.returncode:
                    yield f"{url}: {answered.stderr[-300:]} {systemd.why()}"
                    return
            for line in systemd.log.splitlines():
                if "denied" in line.lower() and "command" in line.lower():
                    yield f"a right is missing: {line}"
            yield from stopped(systemd)
            if "stopped" not in systemd.log:
                yield f"the server was killed: {systemd.log[-500:]}"


def free_ports():
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


PLANTS = [
    ("LoadCredential=database-password:/etc/cvm/database-password\n", ""),
    ("SetCredential=database-password:none\n", ""),
    ("ProtectSystem=strict\n", ""),
    ("ProtectProc=invisible\n", ""),
    ("PrivateDevices=yes\n", ""),
    ("Restart=always\n", ""),
    ("ExecStartPre=", "#"),
    ("Group=cvm-server\n", "Group=nogroup\n"),
    ("EnvironmentFile=-/etc/cvm/environment\n", ""),
    ("StartLimitIntervalSec=0\n", "StartLimitIntervalSec=60\nStartLimitBurst=1\n"),
]


def missed(unit, old, new):
    if old not in unit:
        return f"nothing to plant in place of {old!r}"
    return None if list(judge(unit.replace(old, new))) else f"{old!r} -> {new!r} is not noticed"


def main():
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, text=True)
    if tried.returncode:
        print("not tried: no namespaces on this machine")
        return
    unit = UNIT.read_text(encoding="utf-8")
    wrong = list(judge(unit))
    if not wrong:
        with concurrent.futures.ThreadPoolExecutor(len(PLANTS)) as pool:
            wrong += filter(None, pool.map(lambda plant: missed(unit, *plant), PLANTS))
    binary = os.environ.get("HOST_CHECK_BINARY")
    if binary:
        wrong += real(unit, binary)
    print("\n".join(wrong) if wrong else f"{'the server itself; ' if binary else ''}{len(PLANTS)} planted mistakes found, no other")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
