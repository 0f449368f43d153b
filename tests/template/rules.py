"""What must hold of the rendered template, in every partition. Each rule yields what is wrong, in one line each."""

import json
import re

from render import REGIONS

TABLES = ("Devices", "Guard", "Audit")
# What is kept when the stack goes. Tables are kept even by a failed first creation: they may be protected from deletion.
KEPT = {
    "Audit": "Retain",
    "Bundles": "RetainExceptOnCreate",
    "BundlesPolicy": "RetainExceptOnCreate",
    "DevicePolicy": "RetainExceptOnCreate",
    "Devices": "Retain",
    "Guard": "Retain",
    "Key": "RetainExceptOnCreate",
}
STATEFUL = (
    "AWS::DynamoDB::Table",
    "AWS::IoT::Policy",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
)
# What Lambda and API Gateway do not have in China, or not without an ICP filing.
NOT_IN_CHINA = ("AWS::Lambda::Url", "AWS::ApiGatewayV2::Authorizer", "AWS::Cognito::UserPool", "AWS::WAFv2::WebACL")
# What gives somebody a right; other policies are those of resources.
GRANTING = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::RolePolicy")
# AWS's own reference knows no narrower resource for these.
ONLY_ON_ALL = {
    "cloudwatch:GetMetricData",
    "dynamodb:ListStreams",
    "iot:CreateCertificateFromCsr",
    "iot:CreateKeysAndCertificate",
    "iot:DescribeEndpoint",
    "iot:ListCertificates",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
# Of a request, no more than this is logged: query strings and headers may carry a device's token.
LOGGED = {
    "httpMethod",
    "identity.sourceIp",
    "integrationErrorMessage",
    "path",
    "requestId",
    "requestTimeEpoch",
    "responseLatency",
    "responseLength",
    "status",
}


def partition(stack, region):
    """Every ARN and host is the partition's own; a service's principal has its one form everywhere."""
    own, suffix = REGIONS[region]
    for path, text in texts(stack):
        for found in re.findall(r"arn:(aws[a-z-]*|\*):", text):
            if found != own:
                yield f"{path}: {text} is of partition {found}"
        for host in re.findall(r"[a-z0-9.-]*amazonaws\.com(?:\.cn)?", text):
            if re.search(r"(Principal|Service)(\[\d+\])?$", path):
                if not re.fullmatch(r"[a-z0-9]+\.amazonaws\.com", host) and host != f"logs.{region}.{suffix}":
                    yield f"{path}: {host} is no service's principal"
            elif host.endswith(".cn") != suffix.endswith(".cn"):
                yield f"{path}: {host} does not end in {suffix}"
        other = [name for name in re.findall(r"\b(?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov)?-[a-z]+-\d\b", text) if name != region]
        if other:
            yield f"{path}: {text} names the region {other[0]}"


def china(stack, region):
    """What the China regions lack is not asked of them."""
    if REGIONS[region][0] != "aws-cn":
        return
    for name, resource in stack["Resources"].items():
        if resource["Type"] in NOT_IN_CHINA:
            yield f"{name}: {resource['Type']} is not in China"
        if resource.get("Properties", {}).get("TracingConfig", {}).get("Mode") == "Active":
            yield f"{name}: X-Ray is not in China"
    for name, _, statement in statements(stack):
        if any(action.startswith("xray:") for action in listed(statement["Action"])):
            yield f"{name}: X-Ray is not in China"


def partition_is_told(stack, region):
    """The door chooses the roots of its partition; nothing else may."""
    told = stack["Resources"]["Ingest"]["Properties"]["Environment"]["Variables"]["CVM_PARTITION"]
    if told != REGIONS[region][0]:
        yield f"Ingest: CVM_PARTITION is {told}"


def deletion(stack, _region):
    """Whatever holds state says what becomes of it, and what devices live by is kept."""
    for name, resource in stack["Resources"].items():
        policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        if name in KEPT:
            if policies != (KEPT[name], "Retain"):
                yield f"{name}: would not outlive the stack ({policies[0]}, {policies[1]})"
        elif resource["Type"] in STATEFUL and policies != ("Delete", "Delete"):
            yield f"{name}: does not say what becomes of it ({policies[0]}, {policies[1]})"
    for name in KEPT.keys() - stack["Resources"].keys() - {"Key"}:
        yield f"{name}: is gone, or has another name; a rename loses it"


def tables(stack, _region):
    """Protected, restorable, encrypted."""
    for name in TABLES:
        properties = stack["Resources"][name]["Properties"]
        if properties.get("DeletionProtectionEnabled") not in (True, False):
            yield f"{name}: leaves the protection to the default"
        if not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{name}: cannot be restored"


def protected(stack, _region):
    """By default, nobody deletes a table by hand. (Only looked at with the default parameters.)"""
    for name in TABLES:
        if stack["Resources"][name]["Properties"].get("DeletionProtectionEnabled") is not True:
            yield f"{name}: is not protected"


def encryption(stack, _region):
    """One key encrypts all that is kept. An alarm is not kept, and must get through when the key is disabled."""
    key = stack["Outputs"]["KeyArn"]["Value"]
    for name, resource in stack["Resources"].items():
        properties = resource.get("Properties", {})
        used = {
            "AWS::DynamoDB::Table": lambda p: p["SSESpecification"]["SSEEnabled"] and p["SSESpecification"]["KMSMasterKeyId"],
            "AWS::Logs::LogGroup": lambda p: p["KmsKeyId"],
            "AWS::S3::Bucket": lambda p: bucket_key(p),
            "AWS::SQS::Queue": lambda p: p["KmsMasterKeyId"],
        }.get(resource["Type"])
        try:
            if used and used(properties) not in (key, key.rpartition("/")[2]):
                yield f"{name}: is encrypted with another key"
        except KeyError:
            yield f"{name}: is not encrypted with the key"


def bucket_key(properties):
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"]
    return default["KMSMasterKeyID"] if default["SSEAlgorithm"] == "aws:kms" else "none"


def key_policy(stack, _region):
    """Nobody uses the key but through a service; whoever administers it cannot use it."""
    if "Key" not in stack["Resources"]:
        return
    properties = stack["Resources"]["Key"]["Properties"]
    if properties.get("EnableKeyRotation") is not True:
        yield "Key: is not rotated"
    for statement in properties["KeyPolicy"]["Statement"]:
        use = [a for a in listed(statement["Action"]) if re.search(r"\*$|crypt|GenerateDataKey|CreateGrant", a)]
        condition = json.dumps(statement.get("Condition", {}))
        if use and not re.search(r"kms:ViaService|kms:EncryptionContext|aws:SourceArn|aws:SourceAccount", condition):
            yield f"Key: {statement['Sid']} lets {use[0]} be called directly"
        if "kms:*" in listed(statement["Action"]):
            yield f"Key: {statement['Sid']} allows everything"


def bucket(stack, _region):
    """Private, unversioned, emptied by itself; TLS, fresh links and the one key are asked of everybody."""
    properties = stack["Resources"]["Bundles"]["Properties"]
    if properties.get("VersioningConfiguration", {}).get("Status") == "Enabled":
        yield "Bundles: versioned, so a shredded bundle would stay"
    block = properties.get("PublicAccessBlockConfiguration", {})
    for switch in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        if block.get(switch) is not True:
            yield f"Bundles: {switch} is off"
    expires = [r.get("Prefix") for r in properties["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in r]
    if sorted(expires) != ["b/", "batches/"]:
        yield f"Bundles: what expires is {expires}"
    denied = {s["Sid"] for s in stack["Resources"]["BundlesPolicy"]["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"}
    for missing in {"TlsOnly", "FreshLinksOnly", "NoOtherEncryption", "NoOtherKey"} - denied:
        yield f"BundlesPolicy: {missing} is missing"


def queues(stack, _region):
    """Each queue is closed to plain HTTP, and keeps what is in it for as long as a queue can."""
    closed = set()
    for resource in stack["Resources"].values():
        if resource["Type"] == "AWS::SQS::QueuePolicy":
            statements_ = resource["Properties"]["PolicyDocument"]["Statement"]
            if any(s["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(s) for s in statements_):
                closed |= {url.rpartition("/")[2] for url in resource["Properties"]["Queues"]}
    for name, resource in stack["Resources"].items():
        if resource["Type"] != "AWS::SQS::Queue":
            continue
        if not any(f"-{name}-" in url for url in closed):
            yield f"{name}: open to plain HTTP"
        if resource["Properties"].get("MessageRetentionPeriod") != 1209600:
            yield f"{name}: forgets before fourteen days"


def logs(stack, _region):
    """Logs end some day, and the access log holds nothing that could be a token."""
    for name, resource in stack["Resources"].items():
        if resource["Type"] == "AWS::Logs::LogGroup" and not resource["Properties"].get("RetentionInDays"):
            yield f"{name}: is kept for ever"
        if resource["Type"] == "AWS::ApiGatewayV2::Stage":
            logged = set(re.findall(r"\$context\.([A-Za-z.]+)", resource["Properties"]["AccessLogSettings"]["Format"]))
            for more in sorted(logged - LOGGED):
                yield f"{name}: logs {more}"


def privileges(stack, _region):
    """No role is wider than it says: no action of a whole service, all resources only where AWS knows no other."""
    for name, kind, statement in statements(stack):
        if statement["Effect"] != "Allow" or kind not in GRANTING:
            continue
        actions = listed(statement["Action"])
        for action in actions:
            if "*" in action:
                yield f"{name}: {statement.get('Sid')} allows {action}"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{name}: {statement.get('Sid')} allows all but something"
        if "*" in listed(statement.get("Resource", [])):
            for wide in sorted(set(actions) - ONLY_ON_ALL):
                yield f"{name}: {wide} on everything"
        if any(a.startswith("kms:") for a in actions) and "kms:ViaService" not in json.dumps(statement.get("Condition", {})):
            yield f"{name}: uses the key directly"


def alarms(stack, _region):
    """What rings is told, and gets through: that the key cannot be used is one of the things to tell."""
    for name, resource in stack["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::SNS::Topic" and "KmsMasterKeyId" in properties:
            yield f"{name}: cannot tell that its key is disabled"
        if resource["Type"] == "AWS::CloudWatch::Alarm" and not properties.get("AlarmActions"):
            yield f"{name}: is told to nobody"


def trust(stack, _region):
    """A role is for its function, or for the service that is named here."""
    for name, resource in stack["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                if statement["Principal"] != {"Service": "lambda.amazonaws.com"}:
                    yield f"{name}: may be assumed by {statement['Principal']}"


RULES = [partition, china, partition_is_told, deletion, tables, encryption, key_policy, bucket, queues, logs, privileges, alarms, trust]
BY_DEFAULT = [protected]


def judge(stack, region, rules):
    """What is wrong, each with its rule's name."""
    return [f"{rule.__name__}: {wrong}" for rule in rules for wrong in rule(stack, region)]


def statements(stack):
    """Every statement of an IAM policy: the resource's name and type, the statement."""
    for name, resource in stack["Resources"].items():
        for document in documents(resource):
            for statement in document["Statement"]:
                if "Action" in statement:
                    yield name, resource["Type"], statement


def documents(resource):
    """The policy documents of a resource, but the trust of roles and what devices are allowed."""
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::IoT::Policy":
        return
    for policy in properties.get("Policies", []):
        if isinstance(policy, dict):
            yield policy["PolicyDocument"]
    for key in ("PolicyDocument", "KeyPolicy"):
        if key in properties:
            yield properties[key]


def listed(value):
    return value if isinstance(value, list) else [value]


def texts(value, path=""):
    """Every string with the way to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}[{index}]")
