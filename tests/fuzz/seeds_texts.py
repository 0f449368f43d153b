"""The seeds that are texts: scripts of requests, queue messages, credentials, files of devices."""

JSON = "content-type: application/json\n\n"
SUBMIT = "POST /v1/certificates\n" + JSON
POLL = "GET /v1/certificates/@id\n"
CONFIRM = "POST /v1/certificates/@id/confirm\n"
CSR = '{"csr":"@csr"}'
PLAIN = '{"serialNumber":"SN-1","deviceToken":"@token","csr":"@csr"}'


def script(*steps):
    return "\n%%\n".join(step.rstrip("\n") if "\n\n" not in step else step for step in steps)


def life(login, body, poll=POLL):
    poll, confirm = f"{login} {poll}", f"{login} {CONFIRM}"
    return script(
        f"{login} {SUBMIT}{body}", poll, "work", poll, confirm, "again", poll, f"{login} {SUBMIT}{body}"
    )


# Bodies that are wrong in one way each (or only unusual).
BODIES = {
    "empty": "",
    "null": "null",
    "text": '"hunter2"',
    "secret-key": '{"hunter2":1}',
    "secret-array": '{"serialNumber":"SN-1","deviceToken":["hunter2"]}',
    "secret-csr": '{"serialNumber":"SN-1","deviceToken":"@token","csr":"hunter2"}',
    "array": '["SN-1","@token"]',
    "cut": '{"serialNumber":"SN-1"',
    "comma": '{"serialNumber":"SN-1",}',
    "more": PLAIN + "}",
    "second": PLAIN + PLAIN,
    "twice": '{"csr":"a","csr":"@csr"}',
    "twice-escaped": '{"csr":"a","\\u0063sr":"@csr"}',
    "unknown": '{"serialNumber":"SN-1","deviceToken":"@token","policyName":"admin"}',
    "case": '{"SerialNumber":"SN-1","deviceToken":"@token"}',
    "number": '{"serialNumber":1,"deviceToken":"@token"}',
    "object": '{"serialNumber":{"S":"SN-1"},"deviceToken":{"$ne":null}}',
    "nan": '{"serialNumber":NaN,"deviceToken":1e999}',
    "digits": '{"serialNumber":' + "9" * 400 + "}",
    "deep": '{"csr":' + "[" * 1500,
    "bom": "\ufeff" + PLAIN,
    "surrogate": '{"serialNumber":"\\ud800","deviceToken":"@token"}',
    "nul": '{"serialNumber":"SN-1\\u0000","deviceToken":"@token"}',
    "escaped-token": '{"serialNumber":"SN-1","deviceToken":"\\u0063orrect-horse-battery"}',
    "no-csr": '{"serialNumber":"SN-1","deviceToken":"@token","csr":null}',
    "bad-csr": '{"serialNumber":"SN-1","deviceToken":"@token","csr":"-----BEGIN "}',
    "wrong-token": '{"serialNumber":"SN-1","deviceToken":"hunter2-hunter2"}',
    "stranger": '{"serialNumber":"SN-9","deviceToken":"@token","csr":"@csr"}',
    "disabled": '{"serialNumber":"SN-3","deviceToken":"@token","csr":"@csr"}',
    "must-prove": '{"serialNumber":"SN-4","deviceToken":"@token","csr":"@csr"}',
    "foreign-csr": '{"serialNumber":"SN-1","deviceToken":"@token","csr":"@foreign"}',
}

# Serial numbers that have been somebody's trouble.
NAUGHTY = [
    "../../etc/passwd", "a/b", "..%2f", "' OR 1=1 -- ", "0 UNION SELECT", "'; DROP TABLE devices",
    "${iot:ClientId}", "*", "+", "#", "$aws/things", "SN-1 ", "sn-1", "\uff33\uff2e-1", "SN-1\u0301", "\u0405N-1",
    "SN-1\\r\\nx: y", "SN-1\\t", "undefined", "NULL", "true", "-1", "1e9", "\u202eSN-1", "\U0001f512",
    "<script>alert(1)</script>", "{{7*7}}", "%s%s%n", "() { :;}", "\\u0000", "x" * 129, "",
]


def http():
    seeds = {
        "life-token": life("token", CSR),
        "life-proof": life("proof", CSR),
        "life-nonce": life("nonce", CSR),
        "life-plain": script(f"plain {SUBMIT}{PLAIN}", "work", f"token {POLL}", f"token {CONFIRM}"),
        "life-keys": life("proof", "{}", POLL + "prefer: bundle=inline\n"),
        "life-must-prove": life("proof:SN-4", "{}"),
        "replay": script(f"proof {SUBMIT}{CSR}", "again", "wait 400", "again"),
        "other-key": script(f"token {SUBMIT}{CSR}", f'token {SUBMIT}{{"csr":"@other"}}', "work", "sweep"),
        "same-key": script(f"token {SUBMIT}{CSR}", f"token:SN-2 {SUBMIT}{CSR}"),
        "spy": script(f"token {SUBMIT}{CSR}", f"token:SN-2 {POLL}", f"plain {POLL}", f"proof:SN-2 {CONFIRM}"),
        "early": script(f"token {SUBMIT}{CSR}", f"token {CONFIRM}", f"token {POLL}"),
        "expired": script(f"token {SUBMIT}{CSR}", "work", "wait 700000", "sweep", f"token {POLL}", f"token {SUBMIT}{CSR}", "work"),
        "replaced": script(
            "set replace", f"token {SUBMIT}{CSR}", "work", f"token {CONFIRM}", f'token {SUBMIT}{{"csr":"@other"}}',
            "work", f"token {POLL}", f'token {SUBMIT}{{"csr":"@csr"}}', "wait 90000", "sweep",
        ),
        "never": script("set never", f"token {SUBMIT}{CSR}", "work", f"token {CONFIRM}", f'token {SUBMIT}{{"csr":"@other"}}'),
        "stuck": script(f"token {SUBMIT}{CSR}", "wait 4000", "sweep", "work", f"token {POLL}"),
        "disabled": script("set disabled", f"token {SUBMIT}{CSR}", f"proof {SUBMIT}{CSR}"),
        "proof-only": script("set proof-only", f"token {SUBMIT}{CSR}", f"proof {SUBMIT}{CSR}"),
        "nonce": script("GET /v1/nonce", "nonce POST /v1/certificates\n" + JSON + "{}", "wait 301", "again"),
        "roots": script("GET /v1/trust-bundle", "GET /v1/trust-bundle\nif-none-match: *\n", "POST /v1/trust-bundle"),
        "old-proof": script(
            SUBMIT.replace(
                "\n\n",
                '\nauthorization: CVM1 serial="SN-1",ts="1600000000",nonce="AAECAwQFBgcICQoLDA0ODw",proof="x"\n\n',
            )
            + CSR
        ),
        "headers-twice": script(f"token {SUBMIT}{PLAIN}", "token GET /v1/certificates/@id\nauthorization: Basic eDp5\n"),
        "types": script(
            "token POST /v1/certificates\ncontent-type: text/plain\n\n{}",
            "token POST /v1/certificates\n\n{}",
            "token POST /v1/certificates\ncontent-type: application/json; charset=utf-16\n\n{}",
            "token POST /v1/certificates\ncontent-encoding: gzip\ncontent-type: application/json\n\n{}",
        ),
        "encoded": script(
            f"proof POST /v1/certificates\n@base64: encode\n{JSON}{CSR}", f"proof POST /v1/certificates\n@base64: raw\n{JSON}{CSR}"
        ),
        "query": script(f"token POST /v1/certificates?token=@token\n{JSON}{CSR}", "GET /v1/nonce?", "GET /v1/trust-bundle?x"),
        "hosts": script(f"proof POST /v1/certificates\n@domain: API.example.COM\n{JSON}{CSR}"),
        "methods": script(*(f"token {method} /v1/certificates" for method in ("GET", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE"))),
        "paths": script(
            "token POST /v1//certificates", "token POST /V1/certificates", "token POST /v1/certificates/", "token POST /v1/%63ertificates",
            "token GET /v1/certificates//confirm", "token GET /v1/certificates/@id/x", "token GET /v1/certificates;a=b", "GET ",
        ),
        "faults": script("fault 8", f"token {SUBMIT}{CSR}", "work", f"token {POLL}", f"token {SUBMIT}{CSR}", "work", "sweep"),
        "legacy-get": script(
            "legacy", "GET /getcert?serialNumber=SN-1&deviceToken=@token", "work", "GET /getcert?serialNumber=SN-1&deviceToken=%63orrect-horse-battery",
            f"token {CONFIRM}", "GET /getcert?serialNumber=SN-1&deviceToken=@token",
        ),
        "legacy-post": script(
            "legacy", 'POST /getcert\n\n{"serialNumber":"SN-1","deviceToken":"@token","n":1}', "work",
            "POST /getcert\n\ndeviceToken=@token&serialNumber=SN-1", "GET /getcert", "PUT /getcert",
        ),
        "legacy-ancestor": script(
            "legacy", "POST /\n\nseriaNum=SN-1&accessToken=@token", "work", 'POST /\n\n{"seriaNum":"SN-1","accessToken":"@token"}',
            'POST /\n\n{"seriaNum":1,"accessToken":"hunter2"}', "POST /\n\nseriaNum=%zz", "POST /\n\nseriaNum=a&seriaNum=b",
        ),
        "legacy-off": script("GET /getcert?serialNumber=SN-1&deviceToken=@token", "POST /\n\nseriaNum=SN-1&accessToken=@token"),
        "too-large": f"token {SUBMIT}" + "x" * 3900,
        "not-text": f"token {SUBMIT}".encode() + b'{"csr":"\xff\xfe"}',
    }
    for name, body in BODIES.items():
        seeds[f"body-{name}"] = script(f"plain {SUBMIT}{body}")
    for start in range(0, len(NAUGHTY), 8):
        bodies = (f'plain {SUBMIT}{{"serialNumber":"{text}","deviceToken":"{text}"}}' for text in NAUGHTY[start : start + 8])
        seeds[f"naughty-{start // 8}"] = script(*bodies)
    return seeds


def order(more="", serial="SN-1", generation=1, version="1", request="@id"):
    return f'{{"v":{version},"requestId":"{request}","serialNumber":"{serial}","generation":{generation}{more}}}'


MESSAGE = {
    "keys": "0" + order(),
    "csr": "0" + order(',"csr":"@csr"'),
    "duplicate": "1" + order(',"csr":"@csr"'),
    "rival": "1" + order(',"csr":"@other"'),
    "vended": "2" + order(',"csr":"@csr"'),
    "confirmed": "3" + order(',"csr":"@csr"'),
    "vended-keys": "4" + order(),
    "old-generation": "5" + order(),
    "generation": "5" + order(generation=2),
    "future": "0" + order(generation=4294967295),
    "too-large": "0" + order(generation=4294967296),
    "unknown-device": "0" + order(serial="SN-9"),
    "disabled": "0" + order(serial="SN-3"),
    "bad-serial": "0" + order(serial="../x"),
    "foreign": "0" + order(',"csr":"@foreign"'),
    "optional": "0" + order(',"later":["x"]'),
    "null": "0" + order(',"csr":null'),
    "bad-csr": "0" + order(',"csr":"hunter2"'),
    "wrong-id": "0" + order(request="0" * 32),
    "version-2": "0" + order(version="2"),
    "version-text": "0" + order(version='"1"'),
    "version-float": "0" + order(version="1.0"),
    "fields": "P",
    "fields-csr": "Pcsr @csr\n",
    "fields-rival": "Qcsr @other\n",
    "fields-vended": "Rcsr @csr\nlater [1]\n",
    "fields-confirmed": "Scsr @csr\nserialNumber SN-1\n",
    "fields-other": "PserialNumber SN-2\ncsr @foreign\n",
    "fields-generation": "Ugeneration 2\n",
    "fields-less": "Pv\n",
    "fields-text": "Pv x\ngeneration \"1\"\n",
    "not-json": "0hunter2",
    "array": "0[1]",
    "deep": "0" + "[" * 500,
    "nul": "0\0",
    "empty": "0",
}

PROOF = {
    "token": 'cCVM1-TOKEN serial="SN-1",token="hunter2-hunter2"',
    "token-turned": 'ccvm1-token token="t=1" , serial="a:b"',
    "proof": 'cCVM1 serial="SN-1",ts="1700000000",nonce="AAECAwQFBgcICQoLDA0ODw",proof="@proof"',
    "server-nonce": 'cCVM1 serial="SN-1",ts="-",nonce="@nonce",proof="@proof"',
    "twice": 'cCVM1-TOKEN serial="a",token="t",token="u"',
    "unknown": 'cCVM1-TOKEN serial="a",token="t",x="u"',
    "unquoted": "cCVM1-TOKEN serial=a,token=t",
    "basic": "cBasic aHVudGVyMg==",
    "bad-stamp": 'cCVM1 serial="a",ts="01",nonce="AAECAwQFBgcICQoLDA0ODw",proof="x"',
    "stamp": "s1700000000",
    "stamp-most": "s18446744073709551615",
    "stamp-more": "s18446744073709551616",
    "stamp-none": "s-",
    "stamp-plus": "s+1",
    "nonce-own": "nAAECAwQFBgcICQoLDA0ODw",
    "nonce-server": "n@nonce",
    "nonce-padded": "n@nonce==",
    "nonce-old": "n@old",
    "right": "p@proof",
    "right-padded": "p@proof=",
    "verifier": "vcvm1." + "A" * 43 + "." + "A" * 43,
    "verifier-stretched": "vcvm1s." + "A" * 22 + "." + "A" * 43 + "." + "A" * 43,
    "verifier-crooked": "vcvm1." + "A" * 42 + "B." + "A" * 43,
    "verifier-secret": "vhunter2-hunter2",
    "sealed-short": "oCVM1SEAL",
    "tampered": "t\0\0\1{}",
    "tampered-tag": "t\1\x38\1hunter2 hunter2 hunter2",
    "untouched": "t\0\0\0",
    "bundle-bad": 'b{"v":2}',
}

HEADER = "productid,secret,thingName,policyName\n"
SECRET = "hunter2-0123456789abcdef0123456789abcdef"

IMPORT = {
    "plain": f"n{HEADER}SN-1,{SECRET},,p\nSN-2,{SECRET},thing,p\n",
    "default": f"p{HEADER}SN-1,{SECRET},,\n",
    "no-policy": f"n{HEADER}SN-1,{SECRET},,\n",
    "all-columns": "n"
    + HEADER.rstrip("\n")
    + f",thingType,thingGroup,attributes\nSN-1,{SECRET},,p,type,group,a=b;c=d\nSN-2,{SECRET},,p,,,a=b;a=c\n",
    "auth": "n" + HEADER.rstrip("\n") + f",auth\nSN-1,{SECRET},,p,proof\nSN-2,{SECRET},,p,any\nSN-3,{SECRET},,p,x\n",
    "lean": "g" + HEADER.rstrip("\n") + f",thingGroup,policyFrom,thingMade\nSN-1,{SECRET},,,,,\nSN-2,{SECRET},,,g,group,no\nSN-3,{SECRET},,,,group,no\nSN-4,{SECRET},,p,g,group,\nSN-5,{SECRET},,p,,x,y\n",
    "turned": f"nsecret,policyName,productid,thingName\n{SECRET},p,SN-1,\n",
    "weak": f"n{HEADER}SN-1,hunter2,,p\n",
    "twice": f"n{HEADER}SN-1,{SECRET},,p\nSN-1,{SECRET}x,,p\n",
    "fields": f"n{HEADER}SN-1,{SECRET},,p,more\nSN-2\n\n",
    "no-header": f"nSN-1,{SECRET},,p\n",
    "unknown-column": "nproductid,secret,thingName,policyName,ThingType\n",
    "missing-column": "nproductid,secret\n",
    "column-twice": "nproductid,secret,secret,thingName,policyName\n",
    "quotes": f'n{HEADER}"SN-1","{SECRET}","",p\n"SN-2","a""b{SECRET}",,p\n',
    "open-quote": f'n{HEADER}"SN-1,{SECRET},,p\n',
    "crlf": f"n{HEADER}SN-1,{SECRET},,p\n\n\n".replace("\n", "\r\n"),
    "cr": f"n{HEADER}SN-1,{SECRET},,p\n".replace("\n", "\r"),
    "bom": f"n\ufeff{HEADER}SN-1,{SECRET},,p\n",
    "utf-16": b"n" + f"{HEADER}SN-1,{SECRET},,p\n".encode("utf-16"),
    "not-utf-8": f"n{HEADER}SN-1,".encode() + b"\xff\xfe" * 20 + b",,p\n",
    "nul": f"n{HEADER}SN-1\0,{SECRET},,p\n",
    "formula": f"n{HEADER}=cmd|' /C calc'!A0,{SECRET},,p\n",
    "empty": "n",
    "many": f"n{HEADER}" + "".join(f"SN-{n},{SECRET},,p\n" for n in range(40)),
}
