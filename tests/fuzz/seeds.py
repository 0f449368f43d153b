#!/usr/bin/env python3
"""Writes the seeds in corpus/, one folder for each target. Run it by hand; its output is committed.

With the argument "csr" the signing requests are made anew, too: that needs openssl, and their keys are
thrown away. The formats are told in the targets' own files; seeds_texts.py has the texts.
"""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import seeds_texts as texts

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE / "../../shared/vectors"


def write(target, seeds):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    # What lies there besides is left alone: it was found.
    for name, content in seeds.items():
        content = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(content)


def openssl(*args):
    return subprocess.run(["openssl", *args], check=True, capture_output=True).stdout


def request(key, subject="/CN=SN-1", extensions=None, digest="-sha256", attributes=None):
    """A signing request in PEM for a fresh key, made by `openssl genpkey` with these options."""
    with tempfile.TemporaryDirectory() as folder:
        path, config = f"{folder}/key", pathlib.Path(f"{folder}/config")
        openssl("genpkey", *key, "-out", path)
        config.write_text(
            "[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\nstring_mask=utf8only\n"
            + ("req_extensions=ext\n" if extensions else "")
            + ("attributes=attributes\n" if attributes else "")
            + "[dn]\nCN=unused\n"
            + f"[ext]\n{extensions or ''}\n[attributes]\n{attributes or ''}\n"
        )
        args = ["req", "-new", "-key", path, "-config", str(config), digest]
        if not attributes:
            args += ["-subj", subject]
        return openssl(*args).decode()


def der_of(pem):
    return base64.b64decode("".join(l for l in pem.splitlines() if not l.startswith("-")))


def pem_of(der, label="CERTIFICATE REQUEST"):
    body = base64.b64encode(der).decode()
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def tlv(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def rsa_request(modulus, exponent=65537):
    """A request of an RSA key, signed by nobody: what is wrong with the key comes first."""
    oid = lambda text: tlv(6, bytes.fromhex(text))
    algorithm = lambda text: tlv(0x30, oid(text) + b"\x05\x00")
    key = tlv(3, b"\0" + tlv(0x30, integer(modulus) + integer(exponent)))
    spki = tlv(0x30, algorithm("2a864886f70d010101") + key)
    info = tlv(0x30, b"\x02\x01\x00\x30\x00" + spki + b"\xa0\x00")
    signature = tlv(3, b"\0" + b"\1" * (modulus.bit_length() // 8))
    return tlv(0x30, info + algorithm("2a864886f70d01010b") + signature)


EC = lambda curve: ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"]
RSA = lambda bits: ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"]


def csrs():
    p256 = EC("P-256")
    good = request(p256)
    subject = "/C=DE/ST=BY/L=M/O=Acme GmbH/OU=a/OU=b/CN=SN-1"
    full = request(p256, subject)
    asked = (
        "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth"
    )
    wanted = request(p256, extensions=asked)
    seeds = {
        "p256": good,
        "p384": request(EC("P-384"), digest="-sha384"),
        "rsa2048": request(RSA(2048)),
        "rsa4096": request(RSA(4096), digest="-sha512"),
        "rsa1024": request(RSA(1024)),
        "rsa-sha1": request(RSA(2048), digest="-sha1"),
        "p224": request(EC("P-224")),
        "secp256k1": request(EC("secp256k1")),
        "ed25519": request(["-algorithm", "ED25519"]),
        "explicit-curve": request([*p256, "-pkeyopt", "ec_param_enc:explicit"]),
        "full-subject": full,
        "no-subject": request(p256, "/"),
        "other-subject": request(p256, "/CN=SN-2"),
        "two-names": request(p256, "/CN=SN-1/CN=SN-1"),
        "odd-subject": request(p256, "/CN=SN-1/serialNumber=7/title=x"),
        "extensions": wanted,
        "authority": request(p256, extensions="basicConstraints=critical,CA:TRUE"),
        "other-host": request(p256, extensions="subjectAltName=DNS:example.com,IP:10.0.0.1"),
        "own-host": request(p256, extensions="subjectAltName=DNS:SN-1"),
        "poison": request(p256, extensions="1.3.6.1.4.1.11129.2.4.3=critical,DER:05:00"),
        "password": request(p256, attributes="challengePassword=hunter2-hunter2"),
        "crlf": good.replace("\n", "\r\n"),
        "new-label": good.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        "text-around": f"a: b\n\n{good}\nhunter2",
        "twice": good + good,
        "certificate-label": good.replace(" REQUEST", ""),
        "key-label": pem_of(b"hunter2-hunter2", "PRIVATE KEY"),
        "no-end": good[:-30],
        "one-line": "".join(good.splitlines()),
        "der": b"d" + der_of(good),
        "der-trailing": b"d" + der_of(good) + b"\0",
        "der-cut": b"d" + der_of(good)[:-1],
        "der-indefinite": b"d\x30\x80" + der_of(good)[3:] + b"\0\0",
        "der-huge": b"d\x30\x84\xff\xff\xff\xff" + b"\0" * 16,
        "der-deep": b"d" + nested(200),
        "anew": b"s" + der_of(good),
        "anew-full": b"s" + der_of(full),
        "anew-extensions": b"s" + der_of(wanted),
        "even-exponent": b"d" + rsa_request(3**1292, 4),
    }
    for line in (VECTORS / "csr-moduli.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, modulus = line.split()
            seeds[f"modulus-{name}"] = b"d" + rsa_request(int(modulus, 16))
    return seeds


def nested(depth):
    der = b""
    for _ in range(depth):
        der = tlv(0x30, der)
    return der


def proofs():
    vectors = json.loads((VECTORS / "proof.json").read_text())
    seals = json.loads((VECTORS / "seal.json").read_text())["vectors"]
    seeds = dict(texts.PROOF)
    for kind in ("server_nonces", "server_nonces_negative"):
        for number, vector in enumerate(vectors[kind]):
            seeds[f"{kind}-{number}"] = "n" + vector["nonce_b64u"]
    for number, vector in enumerate(vectors["proof_encoding_negative"]):
        seeds[f"encoding-{number}"] = "p" + vector["text"]
    for vector in vectors["request_proofs"]:
        seeds[f"header-{vector['id']}"] = "c" + vector["authorization_header"]
    for vector in seals:
        seeds[f"seal-{vector['id']}"] = b"o" + bytes.fromhex(vector["sealed_hex"])
        seeds[f"bundle-{vector['id']}"] = "b" + vector["bundle"]
    return seeds


def main():
    write("http", texts.http())
    if "csr" in sys.argv[1:]:
        write("csr", csrs())
    write("message", texts.MESSAGE)
    write("proof", proofs())
    write("import", texts.IMPORT)


if __name__ == "__main__":
    main()
