"""Reads out of a request to AWS what AWS judges it by: the tables, keys, objects and certificates that it names."""

import json
import re

# The partition keys of the template's tables. The guard's items also carry a serial number, which is no key there.
PARTITION_KEYS = ("guard", "productid")
STATEMENT = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM|SELECT .* FROM) "([^"]+)"', re.DOTALL)
VERBS = {"INSERT INTO": "Insert", "UPDATE": "Update", "DELETE FROM": "Delete"}
COLUMN = re.compile(r"'([^']+)': \?")
EQUALS = re.compile(r"(#?\w+) = (:\w+)")


def fields(body):
    """A JSON body; of anything else, nothing."""
    try:
        told = json.loads(body or b"{}")
    except ValueError:  # the Query protocols, objects, CBOR
        return {}
    return told if isinstance(told, dict) else {}


def tables(told):
    named = [told["TableName"]] if "TableName" in told else []
    return named + list(told.get("RequestItems", ())) + [table for _, table, _ in statements(told)]


def statements(told):
    """Verb, table and leading key of each PartiQL statement of a batch; AWS checks these, and not the batch."""
    found = []
    for statement in told.get("Statements", ()):
        words, table = STATEMENT.match(statement["Statement"]).groups()
        columns = COLUMN.findall(statement["Statement"])
        item = dict(zip(columns, statement.get("Parameters", ())))
        found.append((VERBS.get(words, "Select"), table, key_of(item)))
    return found


def leading_keys(told):
    """The values of partition keys that a call to DynamoDB names (dynamodb:LeadingKeys)."""
    keys = [key_of(told.get(part, {})) for part in ("Key", "Item")]
    keys += [key_of(key) for items in told.get("RequestItems", {}).values() for key in items.get("Keys", ())]
    keys += [key for _, _, key in statements(told)]
    if "IndexName" not in told:
        names, values = told.get("ExpressionAttributeNames", {}), told.get("ExpressionAttributeValues", {})
        for name, value in EQUALS.findall(told.get("KeyConditionExpression", "")):
            if names.get(name, name) in PARTITION_KEYS:
                keys.append(values[value].get("S"))
    return sorted({key for key in keys if key is not None})


def key_of(item):
    for name in PARTITION_KEYS:
        if name in item:
            return item[name].get("S")
    return None


def bound_certificate(method, path, headers, body):
    """The certificate (or group) that a policy or a Thing is attached to or detached from: what AWS IoT checks."""
    if path.startswith("/target-policies/") and method in ("PUT", "POST"):
        return fields(body).get("target")
    if re.fullmatch("/things/[^/]+/principals", path) and method in ("PUT", "DELETE"):
        return headers.get("x-amzn-principal")
    return None
