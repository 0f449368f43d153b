"""Writes down who calls what in the emulator, one JSON line a call: what IAM decides by, and nothing else.

Neither bodies nor secrets nor ids: of an object's or an item's key only its kind is written. The emulator's root user,
who is the test itself, is left out.
"""

import json
import re
from urllib.parse import parse_qs

import calls

# Where a credential's service is not the prefix of its actions.
PREFIXES = {"monitoring": "cloudwatch"}
SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/[^/]+/([^/]+)/aws4_request")


def recorded(app, path):
    """The emulator's application, with every signed call of others than root noted in the file at `path`."""
    out = open(path, "a", buffering=1, encoding="utf-8")  # held as long as the emulator runs

    async def recording(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)
        asked, answered = [], {"denied": False}

        async def listen():
            event = await receive()
            asked.append(event.get("body", b""))
            return event

        async def tell(event):
            answered["status"] = event.get("status", answered.get("status"))
            if answered["status"] >= 400 and b"AccessDenied" in event.get("body", b""):
                answered["denied"] = True
            await send(event)

        caller = called_by(scope)
        await app(scope, listen, tell)
        if caller:
            line = described(scope, b"".join(asked)) | {"by": caller} | ({"denied": True} if answered["denied"] else {})
            out.write(json.dumps(line) + "\n")

    return recording


def headers_of(scope):
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def query_of(scope):
    return parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)


def called_by(scope):
    """The caller's ARN; of root's and of unsigned calls, none. Asked before the call, which may delete the caller."""
    from ministack.core import iam_evaluator
    from ministack.core.router import extract_access_key_id

    headers, query = headers_of(scope), query_of(scope)
    key = extract_access_key_id(headers, query)
    if not key or iam_evaluator.is_root_access_key(key):
        return None
    return iam_evaluator.request_caller_arn(headers, query)


def described(scope, body):
    headers, query = headers_of(scope), query_of(scope)
    credential = headers.get("authorization") or "Credential=" + query.get("X-Amz-Credential", [""])[0]
    found = SCOPE.search(credential)
    service = found.group(1) if found else "unknown"
    service = PREFIXES.get(service, service)
    method, path = scope["method"], scope["path"]
    if service == "execute-api":
        return {"call": "execute-api:Invoke"}
    if service == "s3":
        return of_object(method, path, query)
    if "x-amz-target" in headers:
        operation = headers["x-amz-target"].rpartition(".")[2]
        return of_json(service, operation, calls.fields(body))
    if "/operation/" in path:  # RPC over CBOR
        return {"call": f"{service}:{path.rpartition('/')[2]}"}
    if path == "/":
        operation = (query | parse_qs(body.decode("latin-1"))).get("Action", ["unknown"])[0]
        return {"call": f"{service}:{operation}"}
    bound = calls.bound_certificate(method, path, headers, body)
    line = {"call": f"{service}:{rest_operation(service, method, path)}"}
    if bound:
        line["on"] = [bound.rpartition(":")[2].partition("/")[0]]
    elif service == "lambda":
        line["on"] = path.split("/")[3:4]
    return line


def of_object(method, path, query):
    bucket, _, key = path.lstrip("/").partition("/")
    if key:
        operation = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
        name = operation.get(method, method) if set(query) <= known(query) else f"{method}?{'&'.join(sorted(query))}"
        return {"call": f"s3:{name}", "on": [f"{bucket}/{kind(key, '/')}"]}
    name = "ListObjectsV2" if method == "GET" and query.get("list-type") == ["2"] else f"{method} bucket"
    prefix = {"prefix": kind(query["prefix"][0], "/")} if "prefix" in query else {}
    return {"call": f"s3:{name}", "on": [bucket], **prefix}


def known(query):
    """Of a query, what does not make it another call."""
    return {name for name in query if name == "x-id" or name.lower().startswith("x-amz-") or name.startswith("response-")}


def of_json(service, operation, told):
    if service == "sqs":
        named = [told.get(name) for name in ("QueueUrl", "SourceArn", "DestinationArn")]
        queues = [name.replace(":", "/").rpartition("/")[2] for name in named if name]
        return {"call": f"sqs:{operation}", "on": queues}
    if service != "dynamodb":
        return {"call": f"{service}:{operation}", **({"on": [told["ServiceCode"]]} if "ServiceCode" in told else {})}
    verbs = sorted({verb for verb, _, _ in calls.statements(told)})
    line = {"call": "/".join([f"dynamodb:{operation}", *verbs]), "on": sorted(set(calls.tables(told)))}
    if "IndexName" in told:
        line["index"] = told["IndexName"]
    if keys := calls.leading_keys(told):
        line["keys"] = sorted({kind(key, "#") for key in keys})
    return line


def kind(key, mark):
    """Of a key, the part that says what it is for: `b/*`, `nonce#*`, `#count`; of a serial number nothing but `*`."""
    start, found, _ = key.partition(mark)
    if mark == "#" and found and not start:
        return key
    return start + found + "*" if found else "*"


def rest_operation(service, method, path):
    """The operation by its method and path, after the service's own description."""
    for name, described, pattern in operations(service):
        if described == method and pattern.fullmatch(path):
            return name
    return f"{method} {path}"


def operations(service, loaded={}):
    if service not in loaded:
        from botocore.loaders import Loader

        model = Loader().load_service_model(service, "service-2")
        http = [(name, operation["http"]) for name, operation in model["operations"].items()]
        # The most literal first: `/things/{name}` also fits what is below it.
        http.sort(key=lambda named: named[1]["requestUri"].count("{"))
        loaded[service] = [(name, told["method"], pattern(told["requestUri"])) for name, told in http]
    return loaded[service]


def pattern(uri):
    uri = re.escape(uri.partition("?")[0])
    return re.compile(re.sub(r"\\{[^}]*?(\\\+)?\\}", lambda m: ".+" if m.group(1) else "[^/]+", uri))
