"""users.sql, grants.sql and database.cnf, by a real MariaDB: who may do what, and what is refused. Run by `check`."""

import configparser
import pathlib
import re
import sys

import mariadb

HOST = mariadb.HOST
# What operators alone use: the test of cvmctl runs under the operator's rights.
OPERATORS = {"batches.rs", "listing.rs", "orders.rs", "rows.rs"}
CODE = [path for path in [*(HOST.parent.parent / "shared/mysql/src").glob("*.rs"), *(HOST / "src").glob("*.rs")] if path.name not in OPERATORS]
# Who may not is refused before the database looks for rows.
VERBS = {
    "SELECT": "SELECT * FROM cvm.{t}",
    "INSERT": "INSERT INTO cvm.{t} ({k}) SELECT 1 FROM DUAL WHERE FALSE",
    "UPDATE": "UPDATE cvm.{t} SET {k} = '1' WHERE FALSE",
    "DELETE": "DELETE FROM cvm.{t}",
    "ALTER": "ALTER TABLE cvm.{t} ADD COLUMN IF NOT EXISTS more INT",
    "INDEX": "CREATE INDEX IF NOT EXISTS more ON cvm.{t} ({k})",
    "TRUNCATE": "TRUNCATE TABLE cvm.{t}",
    "DROP": "DROP TABLE cvm.{t}",
    "GRANT": "GRANT SELECT ON cvm.{t} TO 'cvm_auditor'@'%'",
}
ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
SERVER = {
    "_sqlx_migrations": {"SELECT"},
    "cvm_batch_rows": {"SELECT", "DELETE"},
    "cvm_batches": {"SELECT", "DELETE"},
    "cvm_bundles": ALL,
    "cvm_dead_letters": ALL,
    "cvm_devices": {"SELECT", "INSERT", "UPDATE"},
    "cvm_guard": {"SELECT", "INSERT", "DELETE"},
    "cvm_marks": {"SELECT", "INSERT", "UPDATE"},
    "cvm_orders": ALL,
    "cvm_trails": {"SELECT", "INSERT"},
}
AUDITOR = {table: set() for table in mariadb.TABLES}
AUDITOR |= {table: {"SELECT"} for table in ("cvm_devices", "cvm_trails", "cvm_orders", "cvm_dead_letters")}
OPERATOR = {
    "_sqlx_migrations": {"SELECT"},
    "cvm_batch_rows": {"SELECT", "INSERT", "DELETE"},
    "cvm_batches": {"SELECT", "INSERT"},
    "cvm_bundles": {"SELECT"},
    "cvm_dead_letters": {"SELECT", "UPDATE", "DELETE"},
    "cvm_devices": {"SELECT", "INSERT", "UPDATE"},
    "cvm_guard": {"SELECT", "INSERT"},
    "cvm_marks": {"SELECT"},
    "cvm_orders": {"SELECT", "INSERT"},
    "cvm_trails": {"SELECT", "INSERT"},
}
MIGRATE = {table: ALL | {"ALTER", "INDEX", "DROP", "TRUNCATE"} for table in mariadb.TABLES}
RIGHTS = {"cvm_server": SERVER, "cvm_operator": OPERATOR, "cvm_auditor": AUDITOR, "cvm_migrate": MIGRATE}
# Rights that no statement of the server asks for, with the reason.
SPARE = {
    ("SELECT", "_sqlx_migrations"): "asked when it starts",
    ("SELECT", "cvm_batch_rows"): "what is old is looked for before it goes",
    ("DELETE", "cvm_batch_rows"): "batches.rs, which is the operator's but for this",
    ("SELECT", "cvm_batches"): "what is old is looked for before it goes",
    ("DELETE", "cvm_batches"): "batches.rs, which is the operator's but for this",
}
# What this test sets otherwise, or the database shows in another form.
NOT_COMPARED = {"innodb_buffer_pool_size", "log_bin", "require_secure_transport", "skip_name_resolve", "sql_mode", "tls_version"}


def matrix(server):
    """Every user, table and verb: tried, in the user's name."""
    for user in RIGHTS:
        for table in mariadb.TABLES:
            yield from tried(server, user, table)


def tried(server, user, table):
    """Every verb, of one user on one table."""
    for verb, sql in VERBS.items():
        done = server.user(user, "secret", sql.format(t=table, k=f"`{mariadb.TABLES[table]}`"))
        denied = "denied" in done.stderr
        # 1364: it may, and would have to name more columns.
        if done.returncode and not denied and "ERROR 1364" not in done.stderr:
            yield f"{user}, {verb} {table}: {done.stderr}"
        elif denied == (verb in RIGHTS[user][table]):
            yield f"{user} {'may not' if denied else 'may'} {verb} {table}"
        if verb == "DROP" and not denied:
            anew(server)


def anew(server):
    """The tables as after a migration; what users may do to them stays."""
    server.root("DROP DATABASE cvm; CREATE DATABASE cvm")
    return server.root(mariadb.MAKE_TABLES)


def used():
    """What the server's statements ask for: verb and table. A table that is left open is a queue, of which there are two."""
    found = set()
    for path in sorted(CODE):
        text = re.sub(r"\\\n\s*|`", "", path.read_text(encoding="utf-8").split("#[cfg(test)]")[0])
        for verb, table in re.findall(r"(INSERT INTO|UPDATE|DELETE FROM|FROM|CREATE|DROP|ALTER|TRUNCATE) (cvm_\w+|_sqlx_\w+|\{(?:table)?\})", text):
            tables = ["cvm_orders", "cvm_dead_letters"] if table.startswith("{") else [table]
            found |= {({"INSERT INTO": "INSERT", "DELETE FROM": "DELETE", "FROM": "SELECT"}.get(verb, verb), each) for each in tables}
        # What it does to a row that is there already.
        found |= {("UPDATE", table) for table in re.findall(r"INSERT INTO (\w+)[^;]*?ON DUPLICATE KEY UPDATE", text)}
    return found


def needed(asked):
    """What the server has and what its statements ask for are the same, but for what is named."""
    have = {(verb, table) for table, verbs in SERVER.items() for verb in verbs}
    yield from (f"the server asks for {verb} on {table}, which grants.sql does not give" for verb, table in sorted(asked - have))
    yield from (f"grants.sql gives {verb} on {table}, which the server never asks for" for verb, table in sorted(have - asked - SPARE.keys()))
    yield from (f"SPARE: {verb} on {table} has its statement by now" for verb, table in sorted(SPARE.keys() & asked - {("SELECT", "_sqlx_migrations")}))


def reasons(text):
    """Every right has its reason above it."""
    reason = False
    for line in text.splitlines():
        if line.startswith("--"):
            reason = True
        elif not line:
            reason = False
        elif not reason and line.startswith("GRANT"):
            yield f"no reason for {line}"


def login(server, users):
    """Nobody logs in before there is a password, nor ever without TLS."""
    for user in RIGHTS:
        if server.user(user, "", "SELECT 1").returncode == 0:
            yield f"{user} logs in without a password"
        server.root(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'secret' ACCOUNT UNLOCK")
        if server.user(user, "secret", "SELECT 1").returncode:
            yield f"{user} cannot log in"
        if server.user(user, "secret", "SELECT 1", tls=False).returncode == 0:
            yield f"{user} logs in without TLS"
    # By the users' own lines, not by the database's setting alone.
    server.root("SET GLOBAL require_secure_transport = 0")
    for user in RIGHTS:
        if server.user(user, "secret", "SELECT 1", tls=False).returncode == 0:
            yield f"{user} logs in without TLS where the database does not ask for it"
    server.root("SET GLOBAL require_secure_transport = 1")
    # Again, as a second server that boots does: nothing is undone.
    again = server.root(users)
    if again.returncode or server.user("cvm_server", "secret", "SELECT 1").returncode:
        yield f"users.sql a second time: {again.stderr}"


def settings(server):
    """What database.cnf sets is so, and does what it is for."""
    file = configparser.ConfigParser(interpolation=None)
    file.read(HOST / "database.cnf", encoding="utf-8")
    shown = dict(line.split("\t", 1) for line in server.root("SHOW GLOBAL VARIABLES").stdout.splitlines() if "\t" in line)
    shown["transaction_isolation"] = shown.get("transaction_isolation") or shown.get("tx_isolation")
    same = {"1": "ON", "0": "OFF"}
    for key, value in file["mysqld"].items():
        if key not in NOT_COMPARED and shown.get(key) not in (value, same.get(value)):
            yield f"database.cnf: {key} is {shown.get(key)}, not {value}"
    modes = set(file["mysqld"]["sql_mode"].strip('"').split(","))
    if not modes <= set(shown["sql_mode"].split(",")):
        yield f"database.cnf: sql_mode is {shown['sql_mode']}"
    # Of a table that says nothing of its own.
    server.root("CREATE TABLE cvm.plain (id VARCHAR(3) PRIMARY KEY)")
    if server.root("INSERT INTO cvm.plain (id) VALUES ('long')").returncode == 0:
        yield "database.cnf: what is too long is cut"
    if server.root("INSERT INTO cvm.plain (id) VALUES ('sn1'), ('SN1')").returncode:
        yield "database.cnf: sn1 is SN1"
    server.root("DROP TABLE cvm.plain")


def judge():
    users, grants = ((HOST / name).read_text(encoding="utf-8") for name in ("users.sql", "grants.sql"))
    yield from reasons(users)
    yield from reasons(grants)
    if not list(reasons(grants.replace("\n-- Orders that wait", "\n\n").replace("worker: taken (UPDATE), and done with (DELETE).", ""))):
        yield "a right without a reason is not noticed"
    asked = used()
    yield from needed(asked)
    for more in (("DELETE", "cvm_devices"), ("UPDATE", "cvm_trails")):
        if not list(needed(asked | {more})):
            yield f"not noticed: {more}"
    if not list(needed(asked - {("DELETE", "cvm_bundles")})):
        yield "not noticed: a right that nobody needs"
    with mariadb.running() as server:
        for name, sql in (("users.sql", users), ("the tables", mariadb.MAKE_TABLES), ("grants.sql", grants), ("grants.sql again", grants)):
            done = server.root(sql)
            if done.returncode:
                yield f"{name}: {done.stderr}"
                return
        yield from login(server, users)
        yield from settings(server)
        yield from matrix(server)
        for plant in (
            "GRANT DELETE ON cvm.cvm_devices TO 'cvm_server'@'%'",
            "GRANT UPDATE ON cvm.cvm_trails TO 'cvm_server'@'%'",
            "GRANT UPDATE ON cvm.cvm_guard TO 'cvm_server'@'%'",
            "REVOKE INSERT ON cvm.cvm_guard FROM 'cvm_server'@'%'",
            "GRANT SELECT ON cvm.cvm_guard TO 'cvm_auditor'@'%'",
        ):
            server.root(plant)
            verb, table, user = re.search(r"(\w+) ON cvm\.(\w+) (?:TO|FROM) '(\w+)'", plant).groups()
            if not any(f"{verb} {table}" in wrong for wrong in tried(server, user, table)):
                yield f"not noticed: {plant}"
        server.root("ALTER USER 'cvm_server'@'%' REQUIRE NONE")
        if not any("without TLS" in wrong for wrong in login(server, users)):
            yield "not noticed: a user without REQUIRE SSL"


def main():
    wrong = list(judge())
    count = len(RIGHTS) * len(mariadb.TABLES) * len(VERBS)
    print("\n".join(wrong) if wrong else f"{count} times a right was tried")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
