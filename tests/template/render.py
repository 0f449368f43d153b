"""The template as it would be deployed: translated from SAM as AWS does, every reference resolved for one region.

What comes out has no Ref and no Fn:: left, so that rules can look at plain ARNs, hosts and policies.
"""

import base64
import copy
import logging
import os
import re

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of metrics that nobody asked for

ACCOUNT = "123456789012"
STACK = "cvm"
REGIONS = {
    "us-east-1": ("aws", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    "cn-northwest-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
}

# What GetAtt and Ref of a type give, where it is not a plain name. {n} is the resource's name.
ARNS = {
    "AWS::CloudWatch::Alarm": "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}",
    "AWS::CloudWatch::CompositeAlarm": "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}",
    "AWS::DynamoDB::Table": "arn:{p}:dynamodb:{r}:{a}:table/{n}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "arn:{p}:elasticloadbalancing:{r}:{a}:loadbalancer/app/{n}/1",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "arn:{p}:elasticloadbalancing:{r}:{a}:targetgroup/{n}/1",
    "AWS::Events::Rule": "arn:{p}:events:{r}:{a}:rule/{n}",
    "AWS::IAM::InstanceProfile": "arn:{p}:iam::{a}:instance-profile/{n}",
    "AWS::IAM::ManagedPolicy": "arn:{p}:iam::{a}:policy/{n}",
    "AWS::IAM::Role": "arn:{p}:iam::{a}:role/{n}",
    "AWS::KMS::Key": "arn:{p}:kms:{r}:{a}:key/{n}",
    "AWS::Lambda::Function": "arn:{p}:lambda:{r}:{a}:function:{n}",
    "AWS::Logs::LogGroup": "arn:{p}:logs:{r}:{a}:log-group:{n}:*",
    "AWS::S3::Bucket": "arn:{p}:s3:::{n}",
    "AWS::SNS::Topic": "arn:{p}:sns:{r}:{a}:{n}",
    "AWS::SQS::Queue": "arn:{p}:sqs:{r}:{a}:{n}",
    "AWS::SecretsManager::Secret": "arn:{p}:secretsmanager:{r}:{a}:secret:{n}",
}
REFS_TO_ARN = (
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
)
ATTRIBUTES = {
    "CanonicalHostedZoneID": "Z1A2B3C",
    "DNSName": "{n}.elb.{r}.{s}",
    "DbiResourceId": "db-{n}",
    "Endpoint.Address": "{n}.1a2b3c.{r}.rds.{s}",
    "LatestVersionNumber": "1",
    "LoadBalancerFullName": "app/{n}/1",
    "MasterUserSecret.SecretArn": "arn:{p}:secretsmanager:{r}:{a}:secret:rds!db-{n}",
    "TargetGroupFullName": "targetgroup/{n}/1",
    "StreamArn": "arn:{p}:dynamodb:{r}:{a}:table/{n}/stream/2026-01-01T00:00:00.000",
    "QueueName": "{n}",
    "ApiEndpoint": "https://{n}.execute-api.{r}.{s}",
}


class NoManagedPolicies:
    """Stands in for the translator's look-up of AWS's own policies, of which the template names none."""

    def load(self):
        return {}


def load(path):
    """The template with `!Ref` and the like in their long form."""
    return yaml_parse(path.read_text(encoding="utf-8"))


def translate(source, region):
    """SAM to CloudFormation; the code is said to be in a bucket."""
    # The translator works out the partition from the region, and asks the environment for it.
    os.environ["AWS_DEFAULT_REGION"] = region
    template = copy.deepcopy(source)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "code", "Key": f"{name}.zip"}
    return transform(template, {}, NoManagedPolicies())


def render(template, region, parameters=None):
    """The translated template with everything resolved, as a stack with these parameters in this region."""
    return Rendering(template, region, parameters or {}).all()


class Rendering:
    """One template, one region, one set of parameters."""

    def __init__(self, template, region, parameters):
        self.template, self.region = template, region
        self.partition, self.suffix = REGIONS[region]
        declared = template.get("Parameters", {})
        unknown = parameters.keys() - declared.keys()
        if unknown:
            raise ValueError(f"no such parameter: {unknown}")
        self.values = {name: str(parameter.get("Default", "")) for name, parameter in declared.items()}
        self.values |= parameters
        self.values |= {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": self.partition,
            "AWS::Region": region,
            "AWS::StackName": STACK,
            "AWS::StackId": f"arn:{self.partition}:cloudformation:{region}:{ACCOUNT}:stack/{STACK}/1",
            "AWS::URLSuffix": self.suffix,
            "AWS::NoValue": DROPPED,
        }

    def all(self):
        return {
            section: {name: self.resolve(entry) for name, entry in self.template.get(section, {}).items() if self.is_made(entry)}
            for section in ("Resources", "Outputs")
        }

    def is_made(self, entry):
        return "Condition" not in entry or self.holds({"Condition": entry["Condition"]})

    def resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not DROPPED]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument), = value.items()
            if key == "Ref":
                return self.ref(argument)
            if key.startswith("Fn::"):
                return self.function(key, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not DROPPED}

    def function(self, key, argument):
        if key == "Fn::GetAtt":
            return self.attribute(*(argument if isinstance(argument, list) else argument.split(".", 1)))
        if key == "Fn::Sub":
            return self.substitute(argument)
        if key == "Fn::If":
            condition, then, otherwise = argument
            return self.resolve(then if self.holds({"Condition": condition}) else otherwise)
        if key == "Fn::Base64":
            return base64.b64encode(self.resolve(argument).encode()).decode()
        if key == "Fn::Join":
            glue, parts = argument
            return glue.join(map(str, self.resolve(parts)))
        if key == "Fn::Select":
            index, items = argument
            return self.resolve(items)[int(index)]
        if key == "Fn::Split":
            glue, text = argument
            return self.resolve(text).split(glue)
        if key == "Fn::FindInMap":
            name, first, second = map(self.resolve, argument)
            return self.resolve(self.template["Mappings"][name][first][second])
        return self.holds({key: argument})

    def holds(self, condition):
        (key, argument), = condition.items()
        if key == "Condition":
            return self.holds(self.template["Conditions"][argument])
        if key == "Fn::Equals":
            left, right = map(self.resolve, argument)
            return str(left) == str(right)
        if key == "Fn::Not":
            return not self.holds(argument[0])
        if key == "Fn::And":
            return all(map(self.holds, argument))
        if key == "Fn::Or":
            return any(map(self.holds, argument))
        raise ValueError(f"{key} is not rendered")

    def substitute(self, argument):
        text, own = argument if isinstance(argument, list) else (argument, {})

        def put(found):
            name = found.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"  # a variable of AWS IoT or IAM, not CloudFormation's
            if name in own:
                return str(self.resolve(own[name]))
            return str(self.attribute(*name.split(".", 1)) if "." in name else self.ref(name))

        return re.sub(r"\$\{([^}]+)\}", put, text)

    def ref(self, name):
        if name in self.values:
            return self.values[name]
        kind = self.made(name)["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.{self.suffix}/{ACCOUNT}/{self.name(name)}"
        return self.fill(ARNS[kind], name) if kind in REFS_TO_ARN else self.name(name)

    def attribute(self, name, attribute):
        kind = self.made(name)["Type"]
        if attribute in ATTRIBUTES:
            return self.fill(ATTRIBUTES[attribute], name)
        if kind == "AWS::SQS::Queue" and attribute == "QueueName":
            return self.name(name)
        if attribute in ("Arn", "TopicArn") and kind in ARNS:
            return self.fill(ARNS[kind], name)
        raise ValueError(f"{name}.{attribute} of {kind} is not rendered")

    def made(self, name):
        resource = self.template["Resources"][name]
        if not self.is_made(resource):
            raise ValueError(f"{name} is referred to where it is not made")
        return resource

    def name(self, name):
        named = self.template["Resources"][name].get("Properties", {}).get("TableName")
        given = self.resolve(named) if named else DROPPED
        return f"{STACK}-{name}-1A2B3C" if given is DROPPED else given

    def fill(self, pattern, name):
        return pattern.format(p=self.partition, r=self.region, a=ACCOUNT, s=self.suffix, n=self.name(name))


DROPPED = object()
