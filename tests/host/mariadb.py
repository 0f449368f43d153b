"""A MariaDB of one's own for a test, set up with infra/host/database.cnf, with TLS by an authority made for it."""

import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import time

HOST = pathlib.Path(__file__).resolve().parent.parent.parent / "infra/host"
# Each table, with its key. They are made by the real migrations, and one is of the tool that carries those out.
TABLES = {
    "_sqlx_migrations": "version",
    "cvm_batch_rows": "batch",
    "cvm_batches": "batch",
    "cvm_bundles": "bundle",
    "cvm_dead_letters": "id",
    "cvm_devices": "productid",
    "cvm_guard": "guard",
    "cvm_marks": "mark",
    "cvm_orders": "id",
    "cvm_trails": "productid",
}
MIGRATIONS = sorted((HOST.parent.parent / "shared/mysql/migrations").glob("*.sql"))
MAKE_TABLES = """USE cvm;
CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL);
""" + "".join(path.read_text(encoding="utf-8") for path in MIGRATIONS)


class Server:
    """A running database: its port, its authority, and SQL in a user's name."""

    def __init__(self, folder, port):
        self.folder, self.port, self.ca = folder, port, folder / "ca.pem"

    def root(self, sql):
        """As its administrator, over the socket."""
        return self.client(["--socket", self.folder / "socket", "--user=root"], sql)

    def user(self, user, password, sql, tls=True):
        """As somebody, over the network; without TLS only to see that it is refused."""
        how = ["--ssl-ca", self.ca, "--ssl-verify-server-cert"] if tls else ["--skip-ssl"]
        return self.client(["--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}", f"--user={user}", *how], sql, password)

    def client(self, options, sql, password=""):
        command = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", *options]
        return subprocess.run(command, input=sql, env=os.environ | {"MYSQL_PWD": password}, capture_output=True, text=True)


@contextlib.contextmanager
def running():
    """For as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="cvm-") as name:
        folder = pathlib.Path(name)
        authority(folder)
        user = [f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', 'nobody')}"]
        data = f"--datadir={folder / 'data'}"
        install = ["mariadb-install-db", "--no-defaults", data, *user, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["mariadbd", f"--defaults-file={HOST / 'database.cnf'}", data, *user, f"--socket={folder / 'socket'}"]
        command += [f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M"]
        command += [f"--ssl-ca={folder / 'ca.pem'}", f"--ssl-cert={folder / 'cert.pem'}", f"--ssl-key={folder / 'key.pem'}"]
        log = (folder / "log").open("w+")
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            server = Server(folder, port)
            ready(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait(60)


def ready(server, process, log):
    """Waits until it answers."""
    for _ in range(300):
        if server.root("SELECT 1").returncode == 0:
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"MariaDB does not start:\n{log.read_text()[-3000:]}")


def authority(folder):
    """ca.pem, and a certificate of it for this machine."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    run = lambda *words: subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    run("req", "-x509", *key, "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=DNS:localhost,DNS:cvm.example.com,IP:127.0.0.1\n")
    run("req", *key[:-2], "-subj", "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "request.pem")
    run("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem")
