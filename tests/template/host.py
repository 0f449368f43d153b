"""What must hold of infra/host/template.yaml besides, in every partition. Each rule yields what is wrong, in one line each.

The host form does with one role what the functions of infra/template.yaml do with three: `same_rights` holds the one to
the sum of the others, `same_parts` holds what both templates have to each other.
"""

import base64
import configparser
import json
import pathlib
import re

import rules
from render import ACCOUNT, REGIONS

# What is kept when the stack goes, and how.
KEPT = {
    "Bundles": ("RetainExceptOnCreate", "Retain"),
    "BundlesPolicy": ("RetainExceptOnCreate", "Retain"),
    "Database": ("Snapshot", "Snapshot"),
    "DevicePolicy": ("RetainExceptOnCreate", "Retain"),
    "Key": ("RetainExceptOnCreate", "Retain"),
}
STATEFUL = (*rules.STATEFUL, "AWS::RDS::DBInstance", "AWS::SecretsManager::Secret")
# Word for word as in infra/template.yaml.
SAME = (
    "AlarmTopic",
    "AlarmTopicPolicy",
    "Bundles",
    "BundlesPolicy",
    "DeadLetterQueue",
    "DeadLetterQueueTlsOnly",
    "DevicePolicy",
    "WorkQueue",
    "WorkQueueTlsOnly",
)
INFRA = pathlib.Path(__file__).resolve().parent.parent.parent / "infra"
# The keys of server.toml, by the server's own list. What it does not know it refuses, and then no server boots.
SETTINGS = set(re.findall(r'\b(?:may|must)\(\s*"([a-z_]+)"', (INFRA / "host/src/settings.rs").read_text(encoding="utf-8")))
SETTING = re.compile(r'([a-z_]+) = ("[^"\\]*"|[0-9]+|true|false)')
USER_DATA_LIMIT = 16384


def parameters(region):
    """Three stacks: by default, all conditions the other way round, and a database that is logged in to by password."""
    own, _ = REGIONS[region]
    needed = {
        "LoadBalancerSubnets": ["subnet-1", "subnet-2"],
        "PackageBucket": "packages",
        "PackageKey": "cvm-server_1.0.0_arm64.deb",
        "PackageSha256": "0" * 64,
        "PublicHost": "cvm.example.com",
        "ServerSubnets": ["subnet-3", "subnet-4"],
        "VpcId": "vpc-1",
    }
    certificate = {"CertificateArn": f"arn:{own}:acm:{region}:{ACCOUNT}:certificate/1"}
    other = {
        "AccountIsOurs": "true",
        "AlarmEmail": "night@example.com",
        "AlarmTopicArn": f"arn:{own}:sns:{region}:{ACCOUNT}:night",
        "DatabaseCaUrl": "https://pki.example.com/database.pem",
        "DatabaseHost": "mysql.example.com",
        "DatabaseSecretArn": f"arn:{own}:secretsmanager:{region}:{ACCOUNT}:secret:database-1A2B3C",
        "ImageId": "ami-0123456789abcdef0",
        "MoreSettings": "CVM_POLL_SECONDS=3 CVM_GRACE_HOURS=48",
        "Queue": "sqs",
        "Sessions": "on",
        "TlsSecretArn": f"arn:{own}:secretsmanager:{region}:{ACCOUNT}:secret:tls-1A2B3C",
        "Vault": "s3",
    }
    password = {"DatabaseAuth": "password", "DeletionProtection": "false", "Migrations": "by-hand", "MultiAz": "false", "Queue": "sqs"}
    return [needed | certificate, needed | other, needed | certificate | password]


def partition(stack, region):
    """As ever, also in the user data; but for where RDS publishes its authorities, and the second name of EC2 in China."""
    lines = [line for line in user_data(stack).splitlines() if "database-ca.pem" not in line]
    for wrong in rules.partition(stack | {"UserData": lines}, region):
        if not re.search(r"ServerRole.*: ec2\.amazonaws\.com\.cn is no service's principal", wrong):
            yield wrong


def authorities(stack, region):
    """The database's authorities are fetched over HTTPS from where they are for this partition."""
    if "Database" not in stack["Resources"]:
        return
    place = {
        "aws": "https://truststore.pki.rds.amazonaws.com/",
        "aws-cn": "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/",
        "aws-us-gov": "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/",
    }[REGIONS[region][0]]
    if f'"{place}{region}/{region}-bundle.pem"' not in user_data(stack):
        yield f"LaunchTemplate: does not fetch {place}{region}/{region}-bundle.pem"


def deletion(stack, _region):
    """Whatever holds state says what becomes of it, and what devices live by is kept."""
    for name, resource in stack["Resources"].items():
        policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        wanted = KEPT.get(name, ("Delete", "Delete") if resource["Type"] in STATEFUL else (None, None))
        if policies != wanted:
            yield f"{name}: {policies[0]}, {policies[1]} instead of {wanted[0]}, {wanted[1]}"


def database(stack, _region):
    """Encrypted with the key, private, restorable, logged in to as asked, and set up as database.cnf says."""
    properties = stack["Resources"].get("Database", {}).get("Properties")
    if properties is None:
        return
    wanted = {
        "KmsKeyId": stack["Outputs"]["KeyArn"]["Value"],
        "ManageMasterUserPassword": True,
        "PubliclyAccessible": False,
        "StorageEncrypted": True,
        "EnableIAMDatabaseAuthentication": setting(stack, "database_auth") == '"rds-iam"',
    }
    for key, value in wanted.items():
        if properties.get(key) != value:
            yield f"Database: {key} is {properties.get(key)}"
    if int(properties.get("BackupRetentionPeriod", 0)) < 1:
        yield "Database: cannot be restored"
    if "MasterUserPassword" in properties:
        yield "Database: its password is in the template"
    if "general" in properties.get("EnableCloudwatchLogsExports", []) or "slowquery" in properties.get("EnableCloudwatchLogsExports", []):
        yield "Database: whole statements are logged"


def guarded(stack, _region):
    """By default, nobody deletes the database, and another one stands by. (Only looked at with the default parameters.)"""
    properties = stack["Resources"]["Database"]["Properties"]
    for key in ("DeletionProtection", "MultiAZ"):
        if properties.get(key) is not True:
            yield f"Database: {key} is off"


def network(stack, _region):
    """From outside, only the load balancer's port 443; servers hear the load balancer alone, the database the servers."""
    made = stack["Resources"]
    heard = {"LoadBalancerGroup": None, "ServerGroup": "LoadBalancerGroup", "DatabaseGroup": "ServerGroup"}
    for name, resource in made.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress":
            yield f"{name}: lets in besides what its group says"
        if resource["Type"] != "AWS::EC2::SecurityGroup":
            continue
        if not properties.get("SecurityGroupEgress"):
            yield f"{name}: lets everything out"
        for rule in properties.get("SecurityGroupIngress", []):
            source = rule.get("SourceSecurityGroupId", "")
            if heard[name] is None:
                if (rule["FromPort"], rule["ToPort"]) != (443, 443):
                    yield f"{name}: lets in port {rule['FromPort']}"
            elif f"-{heard[name]}-" not in source:
                yield f"{name}: lets in {source or rule.get('CidrIp')}"
        for rule in properties.get("SecurityGroupEgress", []):
            if rule.get("IpProtocol") == "-1" or rule["FromPort"] != rule["ToPort"]:
                yield f"{name}: lets out more than a port"


def door(stack, _region):
    """TLS 1.2 or later, or passed through; never plain HTTP; no access log, for addresses may carry a token."""
    for name, resource in stack["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::ElasticLoadBalancingV2::Listener":
            ends = properties["Protocol"] == "HTTPS" and "TLS13-1-2" in properties.get("SslPolicy", "") and properties.get("Certificates")
            if properties["Port"] != 443 or not (ends or properties["Protocol"] == "TCP"):
                yield f"{name}: {properties['Protocol']} at {properties['Port']} with {properties.get('SslPolicy')}"
        if resource["Type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer":
            chosen = {a["Key"]: a["Value"] for a in properties["LoadBalancerAttributes"]}
            if chosen.get("access_logs.s3.enabled", "false") != "false":
                yield f"{name}: logs whole addresses"
            if properties["Type"] == "application" and chosen.get("routing.http.xff_header_processing.mode") != "append":
                yield f"{name}: the source address can be forged"
    trusts = setting(stack, "behind_proxy") == "true"
    if trusts != (stack["Resources"]["LoadBalancer"]["Properties"]["Type"] == "application"):
        yield "LaunchTemplate: behind_proxy does not go with the load balancer"


def machine(stack, _region):
    """Version 2 of the metadata service and one hop; encrypted disks; no key for SSH."""
    for name, resource in stack["Resources"].items():
        if resource["Type"] != "AWS::EC2::LaunchTemplate":
            continue
        data = resource["Properties"]["LaunchTemplateData"]
        metadata = data.get("MetadataOptions", {})
        if (metadata.get("HttpTokens"), metadata.get("HttpPutResponseHopLimit")) != ("required", 1):
            yield f"{name}: the role's keys can be had by a forwarded request"
        if "KeyName" in data:
            yield f"{name}: SSH"
        for device in data.get("BlockDeviceMappings", [{}]):
            if device.get("Ebs", {}).get("Encrypted") is not True:
                yield f"{name}: a disk in the clear"


def settings(stack, _region):
    """server.toml has only keys that the server knows, each once; the user data have room, and no secret."""
    text = user_data(stack)
    if len(text.encode()) > USER_DATA_LIMIT:
        yield f"LaunchTemplate: user data of {len(text.encode())} bytes"
    written = []
    for line in server_toml(text):
        found = SETTING.fullmatch(line)
        if not found or found.group(1) not in SETTINGS:
            yield f"server.toml: {line}"
        else:
            written.append(found.group(1))
    for name in sorted({name for name in written if written.count(name) > 1}):
        yield f"server.toml: {name} twice"
    for name in {"listen", "public_host", "database_url", "database_ca", "partition"} - set(written):
        yield f"server.toml: lacks {name}"
    for name in re.findall(r"CVM_([A-Z_]+)=", text):
        if name.lower() not in SETTINGS:
            yield f"user data: there is no setting {name}"
    if "${" in text:
        yield f"user data: {text[text.index('${'):][:40]} is left"


def secrets(stack, _region):
    """A role reads one secret in one statement, by its ARN, and the administrator's only where it migrates."""
    migrates = "ReadAdministratorsPassword" in {statement.get("Sid") for _, _, statement in rules.statements(stack)}
    if migrates != ("rds!db-" in user_data(stack)):
        yield "LaunchTemplate: asks for the administrator's password without a right, or has one that it does not use"
    for name, _, statement in rules.statements(stack):
        actions = rules.listed(statement["Action"])
        if not any(action.startswith("secretsmanager:") for action in actions):
            continue
        resources = rules.listed(statement["Resource"])
        if actions != ["secretsmanager:GetSecretValue"] or len(resources) != 1 or "*" in resources[0]:
            yield f"{name}: {', '.join(actions)} on {', '.join(resources)}"
        if ("rds!db-" in resources[0]) != (statement["Sid"] == "ReadAdministratorsPassword"):
            yield f"{name}: {statement['Sid']} reads {resources[0]}"


def trust(stack, _region):
    """The one role is for EC2."""
    for name, resource in stack["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                services = rules.listed(statement["Principal"].get("Service", []))
                if list(statement["Principal"]) != ["Service"] or not all(s.startswith("ec2.amazonaws.com") for s in services):
                    yield f"{name}: may be assumed by {statement['Principal']}"


def bucket(stack, region):
    if "Bundles" in stack["Resources"]:
        yield from rules.bucket(stack, region)


RULES = [
    partition,
    authorities,
    deletion,
    database,
    network,
    door,
    machine,
    settings,
    secrets,
    trust,
    bucket,
    rules.key_policy,
    rules.queues,
    rules.logs,
    rules.privileges,
    rules.alarms,
]
BY_DEFAULT = [guarded]


def against(stack, serverless):
    """What differs from infra/template.yaml, rendered for the same region, and must not."""
    made = stack["Resources"]
    for name in SAME:
        if name in made and without_condition(made[name]) != without_condition(serverless["Resources"][name]):
            yield f"same_parts: {name} is not that of infra/template.yaml"
    services = {"iot", "servicequotas"}
    services |= {"sqs"} if "WorkQueue" in made else set()
    services |= {"s3"} if "Bundles" in made else set()
    had = rights(stack, {"ServerRole"}, services)
    wanted = rights(serverless, {"IngestRole", "WorkerRole", "JanitorRole"}, services)
    for right in sorted(had - wanted):
        yield f"same_rights: the server may besides: {' '.join(right)}"
    for right in sorted(wanted - had):
        yield f"same_rights: the server may not: {' '.join(right)}"


def rights(stack, owners, services):
    """Each action on each resource under each condition; the use of the key goes with the service that it is used through."""
    found = set()
    for name, _, statement in rules.statements(stack):
        if name not in owners or statement.get("Sid") == "FetchPackage":
            continue
        for action in rules.listed(statement["Action"]):
            for resource in rules.listed(statement["Resource"]):
                if action.startswith("kms:"):
                    via = statement.get("Condition", {}).get("StringLike", {}).get("kms:ViaService", "*")
                    found |= {(action, resource, service) for service in rules.listed(via) if service.split(".")[0] in services | {"*"}}
                elif action.split(":")[0] in services:
                    found.add((action, resource, json.dumps(statement.get("Condition", {}), sort_keys=True)))
    return found


def without_condition(resource):
    return {key: value for key, value in resource.items() if key != "Condition"}


def same_elsewhere(template, elsewhere):
    """rights.yaml, for a machine that the template does not make, says what the template says."""
    issue = next(policy for policy in template["Resources"]["ServerRole"]["Properties"]["Policies"] if policy["PolicyName"] == "issue")
    if elsewhere["Resources"]["ServerPolicy"]["Properties"]["PolicyDocument"] != issue["PolicyDocument"]:
        yield "rights.yaml: the policy is not that of the template's role"
    if elsewhere["Resources"]["DevicePolicy"] != template["Resources"]["DevicePolicy"]:
        yield "rights.yaml: the devices' policy is not the template's"


def same_settings(template, path):
    """The database's parameters are those of database.cnf, but for what RDS sets by itself."""
    file = configparser.ConfigParser(interpolation=None)
    file.read(path, encoding="utf-8")
    have = {key.replace("-", "_"): value.strip('"') for key, value in file["mysqld"].items()}
    shown = {key: str(value) for key, value in template["Resources"]["DatabaseParameters"]["Properties"]["Parameters"].items()}
    for key in sorted(have.keys() | shown.keys()):
        if have.get(key) != shown.get(key) and key not in BY_RDS:
            yield f"{path.name}: {key} = {have.get(key)}, in the template {shown.get(key)}"


# What RDS sets by itself, or does not let one set.
BY_RDS = {"binlog_format", "innodb_buffer_pool_size", "log_bin", "max_connections", "server_id", "skip_name_resolve"}


def user_data(stack):
    return base64.b64decode(stack["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]).decode()


def server_toml(text):
    """The lines of the server.toml that the user data write."""
    block = re.search(r"- path: /etc/cvm/server\.toml\n +content: \|\n((?:      .*\n| *\n)+)", text).group(1)
    return [line.strip() for line in block.splitlines() if line.strip()]


def setting(stack, name):
    return next((line.split(" = ")[1] for line in server_toml(user_data(stack)) if line.startswith(f"{name} = ")), None)
