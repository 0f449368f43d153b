"""A server's boot from the template: its script, run here against a real MariaDB, with stand-ins for AWS. Run by `check`.

What the script writes goes into a folder, and what it calls of the machine (apt-get, systemctl, chown) only notes that it
was called. `mariadb`, `jq` and `sha256sum` are the real ones, and so is what they do to the database. With HOST_CHECK_BINARY,
that program migrates, and judges the server.toml of every set of parameters; otherwise a stand-in does.
"""

import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

import yaml

import host
import mariadb
import render

HOST = mariadb.HOST
REGION = "us-east-1"
PACKAGE = b"a package\n"
ADMIN, OWN = "Adm1n'$`\\x;#\"", "Serv3rsOwnPassw0rd"  # RDS makes passwords with nearly every sign
BINARY = os.environ.get("HOST_CHECK_BINARY")
# What stands in for a command: each notes its words in $CALLS.
NOTE = '#!/bin/sh\nprintf "%s\\n" "$(basename "$0") $*" >> "$CALLS"\n'
STANDINS = {
    "apt-get": "",
    "chown": "",
    "sleep": "",
    "systemctl": "",
    "dpkg": "echo arm64\n",
    "aws": """if [ -n "$DENIED_AT_FIRST" ] && [ "$2" != signal-resource ] && [ "$(grep -c "^aws $1 $2" "$CALLS")" -lt 3 ]; then exit 254; fi
case "$1 $2" in
"s3 cp") for last; do :; done; printf 'a package\\n' > "$last" ;;
"secretsmanager get-secret-value") for word; do case $word in arn:*) cat "$SECRETS/${word##*:}" ;; esac; done ;;
"cloudformation signal-resource") [ -z "$NOBODY_WAITS" ] ;;
esac
""",
    "curl": """for word; do [ "$previous" = --output ] && to=$word; previous=$word; done
case "$previous" in
*bundle.pem|*/database.pem) cp "$CA" "$to" ;;
*/readyz) [ -z "$NEVER_READY" ] ;;
esac
""",
    # As the real one: it needs a user who may make tables.
    "cvm-server": """[ -z "$MIGRATION_FAILS" ] || exit 1
user=${CVM_DATABASE_URL#mysql://}
sql() { MYSQL_PWD=$(cat "$CVM_DATABASE_PASSWORD_FILE") mariadb --no-defaults --host=127.0.0.1 --user="${user%%@*}" \
  --ssl-ca="$CA" --ssl-verify-server-cert "$@"; }
sql --execute "SELECT 1 FROM cvm.cvm_bundles" || sql < "$TABLES"
""",
}

if BINARY:
    STANDINS["cvm-server"] = f'[ -z "$MIGRATION_FAILS" ] || exit 1\nexec {BINARY} "$@"\n'


class Machine:
    """A fresh machine: a folder with what cloud-init has written, and the stand-ins."""

    def __init__(self, folder, server, **chosen):
        self.folder, self.calls = folder, folder / "calls"
        parameters = host.parameters(REGION)[2] | {"PackageSha256": hashlib.sha256(PACKAGE).hexdigest(), "Migrations": "on-start"}
        stack = render.render(render.load(HOST / "template.yaml"), REGION, parameters | chosen)
        self.document = yaml.safe_load(host.user_data(stack))
        for place in ("etc/cvm/tls", "run", "cloud/data", "sbin", "bin", "secrets"):
            (folder / place).mkdir(parents=True)
        (folder / "cloud/data/instance-id").write_text("i-0123456789abcdef0")
        self.environment = os.environ | {
            "CA": str(server.ca),
            "CALLS": str(self.calls),
            "MYSQL_TCP_PORT": str(server.port),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "SECRETS": str(folder / "secrets"),
            "TABLES": str(folder / "tables.sql"),
            "DENIED_AT_FIRST": "",
            "NOBODY_WAITS": "",
            "NEVER_READY": "",
            "MIGRATION_FAILS": "",
        }
        (folder / "tables.sql").write_text(mariadb.MAKE_TABLES)
        self.calls.touch()
        for name, more in STANDINS.items():
            (folder / "bin" / name).write_text(NOTE + more)
            (folder / "bin" / name).chmod(0o755)
        for file in self.document["write_files"]:
            if file["path"].startswith(("/usr/local/sbin/", "/etc/cvm/")):
                path = folder / file["path"].replace("/usr/local/", "").lstrip("/")
                path.write_text(self.moved(file["content"]))
                path.chmod(0o755)
        secrets = {
            "rds!db-cvm-Database-1A2B3C": {"username": "cvm_admin", "password": ADMIN},
            "cvm-ServerPassword-1A2B3C": {"username": "cvm_server", "password": OWN},
            "database-1A2B3C": {"password": OWN},
            "tls-1A2B3C": {"certificate": "CERT\nCHAIN\n", "key": "KEY\n"},
        }
        for name, value in secrets.items():
            (folder / "secrets" / name).write_text(json.dumps(value) + "\n")

    def moved(self, script):
        """The script with its places in the folder, and the database on this machine."""
        for old, new in (("/etc/cvm", "etc/cvm"), ("/run/cvm-boot", "run/cvm-boot"), ("/usr/local/sbin", "sbin"), ("/var/lib/cloud", "cloud")):
            script = script.replace(old, str(self.folder / new))
        script = script.replace("/usr/share/cvm-server", str(HOST))
        script = script.replace(":3306/", f":{self.environment['MYSQL_TCP_PORT']}/")
        return re.sub(r"cvm-Database-[a-z0-9A-Z.-]+\.rds\.amazonaws\.com|mysql\.example\.com", "127.0.0.1", script)

    def boot(self, **environment):
        return subprocess.run([self.folder / "sbin/cvm-boot"], cwd=self.folder, env=self.environment | environment, capture_output=True, text=True)

    def told(self):
        return re.findall(r"^aws cloudformation signal-resource .*--status (\w+)$", self.calls.read_text(), re.MULTILINE)

    def called(self, pattern):
        return re.search(pattern, self.calls.read_text(), re.MULTILINE) is not None

    def holding(self, text):
        """Files that hold it; where the stand-ins have their secrets aside."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and "secrets" not in path.parts]
        return [str(path.relative_to(self.folder)) for path in paths if text in path.read_text(errors="replace")]


def fresh(server):
    """A database as RDS hands it over: an administrator, and nothing of ours."""
    escaped = ADMIN.replace("\\", "\\\\").replace("'", "\\'")
    server.root(
        "DROP DATABASE IF EXISTS cvm; DROP USER IF EXISTS 'cvm_server'@'%', 'cvm_migrate'@'%', 'cvm_auditor'@'%', 'cvm_admin'@'%';"
        f"CREATE USER 'cvm_admin'@'%' IDENTIFIED BY '{escaped}'; GRANT ALL ON *.* TO 'cvm_admin'@'%' WITH GRANT OPTION;"
    )


def first_boot(folder, server):
    """Users, tables, rights and password are there; the administrator's password is nowhere."""
    fresh(server)
    machine = Machine(folder, server, MoreSettings="CVM_POLL_SECONDS=3 CVM_GRACE_HOURS=48")
    done = machine.boot()
    if done.returncode or machine.told() != ["SUCCESS"]:
        yield f"first boot: {machine.told()}\n{done.stdout}{done.stderr}"
        return
    for sql, may in (("SELECT * FROM cvm.cvm_orders", True), ("DELETE FROM cvm.cvm_devices", False), ("DELETE FROM cvm.cvm_trails", False)):
        if (server.user("cvm_server", OWN, sql).returncode == 0) != may:
            yield f"first boot: the server {'may not' if may else 'may'}: {sql}"
    password = folder / "etc/cvm/database-password"
    if password.read_text() != OWN or stat.S_IMODE(password.stat().st_mode) != 0o600:
        yield "first boot: the server's password is not where it should be, or not root's alone"
    if machine.holding(ADMIN) or (folder / "run/cvm-boot").exists():
        yield f"first boot: the administrator's password is in {machine.holding(ADMIN)}"
    if machine.holding(OWN) != ["etc/cvm/database-password"]:
        yield f"first boot: the server's password is in {machine.holding(OWN)}"
    for text in (done.stdout, done.stderr):
        if ADMIN in text or OWN in text:
            yield "first boot: a password is in the log"
    if (folder / "etc/cvm/environment").read_text() != f"AWS_REGION={REGION}\nCVM_POLL_SECONDS=3\nCVM_GRACE_HOURS=48\n":
        yield f"first boot: environment is {(folder / 'etc/cvm/environment').read_text()!r}"
    order = [machine.calls.read_text().find(call) for call in ("apt-get install", "cvm-server migrate", "systemctl enable --now cvm-server\n", "/readyz")]
    if order != sorted(order) or -1 in order:
        yield f"first boot: out of order: {order}"
    server.root("INSERT INTO cvm.cvm_guard (guard) VALUES ('one')")
    second = Machine(folder / "second", server)
    if second.boot(DENIED_AT_FIRST="1").returncode or second.told() != ["SUCCESS"] or "one" not in server.root("SELECT guard FROM cvm.cvm_guard").stdout:
        yield "second boot, with rights that come late: is not like the first, or loses what was there"


def no_migration(folder, server):
    """By hand, and with a database of one's own, the administrator's password is not asked for."""
    own = {key: value for key, value in host.parameters(REGION)[1].items() if key != "PackageSha256"} | {"CertificateArn": ""}
    for name, chosen in (("by-hand", {"Migrations": "by-hand"}), ("own", own)):
        machine = Machine(folder / name, server, **chosen)
        done = machine.boot()
        if done.returncode or machine.told() != ["SUCCESS"]:
            yield f"{name}: {done.stdout}{done.stderr}"
            return
        if machine.called("rds!db-") or machine.called("^cvm-server migrate"):
            yield f"{name}: migrates"
    tls = folder / "own/etc/cvm/tls"
    if (tls / "certificate").read_text() != "CERT\nCHAIN\n\n" or (tls / "key").read_text() != "KEY\n\n":
        yield f"own: the certificate is {(tls / 'certificate').read_text()!r}"
    if stat.S_IMODE((tls / "key").stat().st_mode) != 0o640 or not machine.called("chown root:cvm-server .*/key.new"):
        yield "own: the key is not the server's group's alone"
    if not machine.called("systemctl enable --now cvm-certificate.timer"):
        yield "own: nobody looks for a renewed certificate"


def what_fails(folder, server):
    """Is told as a failure, and goes no further."""
    cases = {
        "package": ({"PackageSha256": "0" * 64}, {}, "^apt-get"),
        "migration": ({}, {"MIGRATION_FAILS": "1"}, "^systemctl"),
        "ready": ({}, {"NEVER_READY": "1"}, None),
    }
    for name, (chosen, environment, never) in cases.items():
        machine = Machine(folder / name, server, **chosen)
        done = machine.boot(**environment)
        if done.returncode == 0 or machine.told() != ["FAILURE"] or (folder / name / "run/cvm-boot").exists():
            yield f"{name} fails: {done.returncode}, {machine.told()}"
        if never and machine.called(never):
            yield f"{name} fails, and it goes on"
    machine = Machine(folder / "denied", server, PackageKey="another.deb")
    (folder / "denied/bin/aws").write_text(NOTE + '[ "$2" = signal-resource ]\n')
    if machine.boot().returncode == 0 or machine.told() != ["FAILURE"] or machine.called("^apt-get"):
        yield "a right that never comes is not told as a failure"
    fresh(server)
    server.root("ALTER USER 'cvm_admin'@'%' IDENTIFIED BY 'another'")
    machine = Machine(folder / "admin", server)
    if machine.boot().returncode == 0 or machine.told() != ["FAILURE"]:
        yield "a wrong password is not told as a failure"
    fresh(server)
    machine = Machine(folder / "alone", server)
    if machine.boot(NOBODY_WAITS="1").returncode:
        yield "a server that nobody waits for does not come up"


def by_role(folder, server):
    """With rds-iam, the user is given AWS's plugin, which MariaDB lacks: another one stands in for it."""
    fresh(server)
    machine = Machine(folder, server, DatabaseAuth="rds-iam")
    script = folder / "sbin/cvm-boot"
    wanted = "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' ACCOUNT UNLOCK"
    if wanted not in script.read_text():
        yield "by role: the user is not given the plugin"
    script.write_text(script.read_text().replace(wanted, "IDENTIFIED VIA unix_socket ACCOUNT UNLOCK"))
    done = machine.boot()
    if done.returncode or machine.told() != ["SUCCESS"] or (folder / "etc/cvm/database-password").exists():
        yield f"by role: {done.stdout}{done.stderr}"
    if "unix_socket" not in server.root("SHOW CREATE USER 'cvm_server'@'%'").stdout:
        yield "by role: the user has no plugin"


def after_a_later_version(folder, server):
    """An older server boots on the tables of a newer one, as when a deployment is taken back."""
    fresh(server)
    if not BINARY or Machine(folder / "first", server).boot().returncode:
        return
    server.root("INSERT INTO cvm._sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, '', 1)")
    machine = Machine(folder / "older", server)
    machine.boot()
    if machine.told() != ["SUCCESS"]:
        yield "an older server does not boot on the tables of a newer one"


def settings():
    """The server takes what the template writes, and says no to what it does not know."""
    template = render.load(HOST / "template.yaml")
    for region in ("us-east-1", "cn-north-1", "us-gov-west-1"):
        for number, chosen in enumerate(host.parameters(region)):
            text = "\n".join(host.server_toml(host.user_data(render.render(template, region, chosen))))
            for more, right in (("", True), ("\nunheard_of = 1", False)):
                with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                    file.write(text + more)
                    file.flush()
                    told = dict(word.split("=") for word in chosen.get("MoreSettings", "").split())
                    done = subprocess.run([BINARY, "--check-config", "--config", file.name], env=told, capture_output=True, text=True)
                if (done.returncode == 0) != right:
                    yield f"server.toml, {region}, parameters {number}{more}: {done.stdout}{done.stderr}"


def main():
    wrong = list(settings()) if BINARY else []
    with mariadb.running() as server:
        for number, part in enumerate((first_boot, no_migration, what_fails, by_role, after_a_later_version)):
            with tempfile.TemporaryDirectory(prefix=f"boot-{number}-") as folder:
                wrong += part(pathlib.Path(folder), server)
    print("\n".join(wrong) if wrong else f"{'with the server itself, ' if BINARY else ''}boots, fails where it should, keeps passwords to itself")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
