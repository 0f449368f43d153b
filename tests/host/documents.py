"""infra/host/DEPLOY.md: what it shows can be run, and what it names is there. Run by `check`.

Its SQL is run against the real tables, its reconciliation with a stand-in for AWS IoT, its drop-in is judged like the unit.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import database
import host
import mariadb
import package
import unit

PAGE = mariadb.HOST / "DEPLOY.md"
# What AWS IoT has, and what the restored records say of it.
ACCOUNT = """\
{a}\tACTIVE\t2026-01-01T00:00:00+00:00
{b}\tACTIVE\t2026-01-02T00:00:00+00:00
{c}\tINACTIVE\t2026-01-03T00:00:00+00:00
{d}\tINACTIVE\t2026-01-04T00:00:00+00:00
"""
CERTIFICATES = {name: name * 64 for name in "abcde"}


def blocks(text, language):
    """Each block of a language, without the indentation that a list gives it."""
    for indentation, block in re.findall(rf"(?ms)^( *)```{language}\n(.*?)^ *```", text):
        yield "".join(line.removeprefix(indentation) for line in block.splitlines(keepends=True))


def links(text, page=PAGE):
    """Files and headings that are linked are there."""
    for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text):
        if target and not (page.parent / target).exists():
            yield f"there is no {target}"
    for path, heading in re.findall(r"\]\(([^)#]*)#([^)]*)\)", text):
        there = (page.parent / path if path else page).read_text(encoding="utf-8")
        slugs = [re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"(?m)^#+ (.*)$", there)]
        if heading not in slugs:
            yield f"{path} has no heading {heading}"


def names(text):
    """Settings, installed files and alarms that are named are there; every alarm has its row."""
    for name in re.findall(r"`([a-z]+(?:_[a-z]+)*)(?: = [^`]*)?`", text):
        if name.startswith("cvm_") and name not in metrics() | {"cvm_admin", "cvm_server"}:
            yield f"there is no metric {name}"
        elif "_" in name and not name.startswith("cvm_") and name not in host.SETTINGS | {"credential_process"}:
            yield f"there is no setting {name}"
    for name in re.findall(r"CVM_([A-Z]+(?:_[A-Z]+)+)", text):
        if name.lower() not in host.SETTINGS:
            yield f"there is no setting CVM_{name}"
    installed = {"/" + (target + pathlib.Path(source).name if target.endswith("/") else target) for source, target, _ in package.ASSETS}
    for path in re.findall(r"/usr/(?:share|lib)/[a-z/.-]*cvm[a-z/.-]*", text):
        if path not in installed:
            yield f"the package does not have {path}"
    template = (mariadb.HOST / "template.yaml").read_text(encoding="utf-8")
    alarms = set(re.findall(r"^  (\w+Alarm):$", template, re.MULTILINE))
    rows = set(re.findall(r"^\| `(\w+Alarm)` \|", text, re.MULTILINE))
    yield from (f"no row for {name}" for name in sorted(alarms - rows))
    yield from (f"there is no alarm {name}" for name in sorted(rows - alarms))
    if alarms and "### When an alarm rings" not in text:
        yield "the section that alarms name is not there"
    for output in re.findall(r"outputs? `(\w+)`", text):
        if not re.search(rf"^  {output}:\n(?:    Condition: .*\n)?    Description: ", template, re.MULTILINE):
            yield f"there is no output {output}"


def metrics():
    """The server's metrics: its own, and those that the functions have as well, by the other name."""
    own = re.findall(r'"(cvm_\w+)"', (mariadb.HOST / "src/prometheus.rs").read_text(encoding="utf-8"))
    shared = (mariadb.HOST.parent.parent / "shared/aws/src/meters.rs").read_text(encoding="utf-8")
    named = re.findall(r'"([A-Z][A-Za-z]+)"', shared)
    return set(own) | {"cvm" + re.sub(r"[A-Z]", lambda letter: "_" + letter.group().lower(), name) + "_total" for name in named}


def shell(text):
    """Every command is one to sh."""
    for block in blocks(text, "sh"):
        ended = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True)
        if ended.returncode:
            yield f"{block.splitlines()[0]}: {ended.stderr}"


def drop_in(text):
    """The unit with the drop-in for a port below 1024 still passes."""
    for block in blocks(text, "ini"):
        own = unit.UNIT.read_text(encoding="utf-8")
        for line in unit.settings(block):
            own = re.sub(rf"(?m)^{line.split('=')[0]}=.*\n", "", own)
        yield from (f"the drop-in: {wrong}" for wrong in unit.judge(own.replace("\n[Install]", block.replace("[Service]", "") + "\n[Install]")))


def sql(text, server):
    """Every statement is one to the database, on the real tables."""
    for block in blocks(text, "sql"):
        done = server.root("USE cvm;" + block)
        if done.returncode:
            yield f"{block.splitlines()[0]}: {done.stderr}"


def reconciled(text, server):
    """After a restore: who is unknown, out of use and gone is found, and nobody else; epochs have grown by one."""
    device = "INSERT INTO cvm.cvm_devices (productid, accessToken, applyState, certID, revision, generation, epoch, thingName, policyName) VALUES "
    rows = [("SN-A", -1, "a"), ("SN-D", -1, "d"), ("SN-E", -1, "e"), ("SN-F", 1, None), ("SN-G", 3, "e")]
    values = [f"('{s}', 'x', {state}, {repr(CERTIFICATES[c]) if c else 'NULL'}, 5, 1, 7, '{s}', 'p')" for s, state, c in rows]
    server.root(device + ", ".join(values))
    raised = next(block for block in blocks(text, "sql") if "epoch" in block)
    server.root("USE cvm;" + raised)
    if set(server.root("SELECT epoch FROM cvm.cvm_devices").stdout.split()) != {"8"}:
        yield "epochs have not grown by one"
    (block,) = [block for block in blocks(text, "sh") if "list-certificates" in block]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "account").write_text(ACCOUNT.format(**CERTIFICATES))
        (folder / "aws").write_text(f"#!/bin/sh\ncat {folder}/account\n")
        # The administrator is asked for a password there, and is root at the socket here.
        (folder / "mariadb").write_text(f'#!/bin/sh\nfor last; do :; done\nexec /usr/bin/mariadb --no-defaults --socket={server.folder}/socket -u root -BN cvm -e "$last"\n')
        for stand_in in ("aws", "mariadb"):
            (folder / stand_in).chmod(0o755)
        environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-eu"], input=block, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            yield f"reconciling: {done.stderr}"
            return
        found = {name: (folder / name).read_text() for name in ("unknown.txt", "out-of-use.txt", "gone.txt")}
    for name, certificate, serial in (("unknown.txt", "b", ""), ("out-of-use.txt", "d", "SN-D"), ("gone.txt", "e", "SN-E")):
        lines = found[name].splitlines()
        if len(lines) != 1 or not lines[0].startswith(CERTIFICATES[certificate]) or serial not in lines[0]:
            yield f"{name} has {lines}"


PLANTS = [
    (links, "](server.toml)", "](server.conf)"),
    (links, "#changing-a-stack", "#changing-stacks"),
    (names, "`admin_listen`", "`admin_port`"),
    (names, "`cvm_dead_letters`", "`cvm_deadletters`"),
    (names, "CVM_DATABASE_URL", "CVM_DATABASE_ADDRESS"),
    (names, "/usr/share/cvm-server/grants.sql", "/usr/share/cvm-server/rights.sql"),
    (names, "| `NoServerAlarm` |", "| `NoServersAlarm` |"),
    (names, "output `LoadBalancerHost`", "output `LoadBalancer`"),
    (shell, "sudo systemctl enable --now cvm-server\n", "sudo systemctl enable --now 'cvm-server\n"),
    (drop_in, "PrivateUsers=no", "User=root"),
]
SQL_PLANTS = [
    (sql, "SET epoch = epoch + 1", "SET epochs = epochs + 1"),
    (reconciled, "SET epoch = epoch + 1", "SET epoch = epoch"),
    (reconciled, '$2 != "ACTIVE"', '$2 == "REVOKED"'),
    (reconciled, "grep -w ACTIVE", "grep -w active"),
    (reconciled, "awk '$2 == -1'", "cat"),
]


def main():
    text = PAGE.read_text(encoding="utf-8")
    wrong = [line for check in (links, names, shell, drop_in) for line in check(text)]
    for check, old, new in PLANTS:
        if old not in text:
            wrong.append(f"nothing to plant in place of {old!r}")
        elif not list(check(text.replace(old, new))):
            wrong.append(f"{old!r} -> {new!r} is not noticed")
    with mariadb.running() as server:
        server.root((mariadb.HOST / "users.sql").read_text(encoding="utf-8"))
        for check, old, new in [(sql, "", ""), (reconciled, "", ""), *SQL_PLANTS]:
            made = database.anew(server)
            if made.returncode:
                wrong.append(made.stderr)
            told = list(check(text.replace(old, new) if old else text, server))
            if old and not told:
                wrong.append(f"{old!r} -> {new!r} is not noticed")
            wrong += told if not old else []
    print("\n".join(wrong) if wrong else f"{len(PLANTS) + len(SQL_PLANTS)} planted mistakes found, no other")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
