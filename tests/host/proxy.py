"""nginx.conf between a client and a server: the source address cannot be forged, no token is logged. Run by `check`.

nginx runs with the file as it is but for places and ports; the server is a stand-in that answers with what it was sent.
"""

import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings

import mariadb

CONF = mariadb.HOST / "nginx.conf"
TOKEN = "5ecret-t0ken"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers with the request's headers; breaks off where it is told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        if "break" in self.path or self.server.gone:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if "large" in self.path:
            answer = TOKEN.encode() * 400_000
        else:
            answer = json.dumps({"headers": self.headers.items(), "path": self.path, "body": body}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Proxy:
    """nginx with this text as its configuration, in a folder, in front of a stand-in."""

    def __init__(self, folder, text):
        self.folder = folder
        self.port, upstream = free_port(), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        upstream.daemon_threads, upstream.gone = True, False
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        self.upstream = upstream
        mariadb.authority(folder)
        self.conf = folder / "nginx.conf"
        self.conf.write_text(self.moved(text), encoding="utf-8")

    def moved(self, text):
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.upstream.server_address[1]}")
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl")
        text = text.replace("/etc/cvm/tls/certificate", str(self.folder / "cert.pem")).replace("/etc/cvm/tls/key", str(self.folder / "key.pem"))
        text = re.sub(r"/var/log/nginx/|/run/(?=nginx\.pid)", f"{self.folder}/", text)
        places = "".join(f"{name}_temp_path {self.folder}/temp;\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = text.replace("http {\n", f"http {{\n{places}", 1)
        return text if os.geteuid() == 0 else text.replace("user www-data;", "")

    def nginx(self, *options):
        return subprocess.run(["nginx", "-p", self.folder, "-c", self.conf, "-e", self.folder / "start.log", *options], capture_output=True, text=True)

    def __enter__(self):
        self.folder.chmod(0o755)
        self.process = subprocess.Popen(
            ["nginx", "-p", self.folder, "-c", self.conf, "-e", self.folder / "start.log", "-g", "daemon off;"], stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError("nginx does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.upstream.shutdown()
        self.upstream.server_close()

    def curl(self, path, *options, host="cvm.example.com"):
        """Status and body of one request."""
        command = ["curl", "--silent", "--max-time", "10", "--cacert", self.folder / "ca.pem", "--write-out", "\n%{http_code}"]
        command += ["--connect-to", f"{host}:443:127.0.0.1:{self.port}", *options, f"https://{host}{path}"]
        body, _, status = subprocess.run(command, capture_output=True, text=True).stdout.rpartition("\n")
        return int(status), body

    def logged(self):
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def judge(text, checks=None):
    with tempfile.TemporaryDirectory(prefix="proxy-") as name:
        folder = pathlib.Path(name)
        proxy = Proxy(folder, text)
        tested = proxy.nginx("-t")
        if tested.returncode or "[warn]" in tested.stderr and os.geteuid() == 0:
            yield f"nginx -t: {tested.stderr}"
            return
        with proxy:
            for check in checks or (source, tokens, bounds, names, limits):
                yield from check(proxy)


def source(proxy):
    """Whatever a client says of where it comes from, the server is told the one address."""
    claims = ["X-Forwarded-For: 203.0.113.9", "x-forwarded-for: 203.0.113.9, 203.0.113.10", "X_Forwarded_For: 203.0.113.9"]
    claims += ["X-Forwarded-For;", "Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9"]
    for claim in [[claim] for claim in claims] + [claims[:2]]:
        options = [word for one in claim for word in ("--header", one)]
        status, body = proxy.curl("/v1/nonce", *options)
        headers = json.loads(body)["headers"] if status == 200 else []
        told = [value for key, value in headers if key.lower() == "x-forwarded-for"]
        if told != ["127.0.0.1"] or "203.0.113" in body:
            yield f"source: with {claim} the server is told {told} ({status})"
    status, body = proxy.curl("/v1/nonce")
    if status != 200 or ["Host", "cvm.example.com"] not in json.loads(body)["headers"]:
        yield f"source: the server is not told the host ({status} {body[:200]})"


def tokens(proxy):
    """No token of a query, a header or a body is logged, whether all goes well or not; nothing comes to the disk."""
    asked = [
        (f"/getcert?serialNumber=SN-1&deviceToken={TOKEN}", []),
        (f"/getcert?deviceToken={TOKEN}&break", []),
        (f"//getcert?deviceToken={TOKEN}&break", []),
        (f"/v1/nonce?deviceToken={TOKEN}&break", []),
        (f"/getcert?deviceToken={TOKEN}&large", ["--limit-rate", "8M"]),
        (f"/getcert?deviceToken={TOKEN}", ["--header", "x: " + "y" * 40_000]),
        ("/v1/certificates", ["--data", json.dumps({"deviceToken": TOKEN + "x" * 30_000})]),
        ("/v1/certificates", ["--data", TOKEN * 4_000]),
        ("/v1/certificates/1", ["--header", f'authorization: CVM1-TOKEN serial="SN-1",token="{TOKEN}"']),
        (f"/getcert?deviceToken={TOKEN}", ["--referer", f"https://example.com/?token={TOKEN}", "--user-agent", TOKEN]),
    ]
    for path, options in asked:
        proxy.curl(path, *options)
    time.sleep(0.2)
    told = proxy.logged()
    if TOKEN in told:
        yield "tokens: logged: " + next(line for line in told.splitlines() if TOKEN in line)[:300]
    if '"path":"/getcert"' not in told:
        yield "tokens: requests are not logged at all"
    left = [path for path in (proxy.folder / "temp").rglob("*") if path.is_file()]
    if left:
        yield f"tokens: {left} is on the disk"
    proxy.upstream.gone = True
    status, _ = proxy.curl(f"/getcert?deviceToken={TOKEN}")
    proxy.upstream.gone = False
    if status != 502 or TOKEN in proxy.logged():
        yield f"tokens: without a server, {status}, and perhaps a token in the log"


def bounds(proxy):
    """Too much is refused before it comes to the server."""
    status, _ = proxy.curl("/v1/certificates", "--data", "x" * 40_000)
    if status != 413:
        yield f"bounds: a body of 40 kB is answered with {status}"


def names(proxy):
    """Another host gets no certificate; old TLS no answer."""
    if proxy.curl("/v1/nonce", "--insecure", host="other.example.com")[0] != 0:
        yield "names: another host is answered"
    context = ssl.create_default_context(cafile=proxy.folder / "ca.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is out of date is why it is tried
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with socket.create_connection(("127.0.0.1", proxy.port)) as raw, context.wrap_socket(raw, server_hostname="cvm.example.com"):
            yield "names: TLS 1.1 is spoken"
    except OSError:
        pass


def limits(proxy):
    """A flood from one address is told to wait (429), also where it carries a token, and that is not logged either."""
    urls = [f"https://cvm.example.com/getcert?deviceToken={TOKEN}&n=[1-150]"]
    command = ["curl", "--silent", "--parallel", "--parallel-max", "30", "--output", "/dev/null", "--cacert", proxy.folder / "ca.pem"]
    command += ["--connect-to", f"cvm.example.com:443:127.0.0.1:{proxy.port}", "--write-out", "%{http_code}\n", *urls]
    told = subprocess.run(command, capture_output=True, text=True).stdout.split()
    if "429" not in told or TOKEN in proxy.logged():
        yield f"limits: {len(told)} at once, {told.count('429')} told to wait"


# By the check that must notice; without one, nginx itself.
PLANTS = [
    ("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for", source),
    ('            proxy_set_header Forwarded "";\n', "", source),
    ("Host $host", "Host $proxy_host", source),
    ('"path":"$uri"', '"path":"$request_uri"', tokens),
    ('"method":"$request_method"', '"agent":"$http_user_agent"', tokens),
    ("error.log crit;", "error.log error;", tokens),
    ("    client_max_body_size 32k;\n", "", bounds),
    ("    ssl_reject_handshake on;\n", "    ssl_certificate /etc/cvm/tls/certificate; ssl_certificate_key /etc/cvm/tls/key;\n", names),
    ("TLSv1.2 TLSv1.3;\n    ssl_ciphers ", "TLSv1.1 TLSv1.2 TLSv1.3;\n    ssl_ciphers ALL:@SECLEVEL=0:", names),
    ("limit_req zone=asks burst=40 nodelay;", "", limits),
    ("limit_req_status 429;", "", limits),
    ("server_tokens off;", "server_token off;", None),
]


def main():
    text = CONF.read_text(encoding="utf-8")
    wrong = list(judge(text))
    for old, new, check in PLANTS:
        if old not in text:
            wrong.append(f"nothing to plant in place of {old!r}")
        elif not list(judge(text.replace(old, new), [check] if check else [bounds])):
            wrong.append(f"{old!r} -> {new!r} is not noticed")
    print("\n".join(wrong) if wrong else f"{len(PLANTS)} planted mistakes found, no other")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
