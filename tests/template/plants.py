"""Mistakes, planted one at a time: a rule that lets its own pass has stopped looking."""

import copy

import parameters
import policies
import render
import rules
import source


def planted(translated, template, page):
    """Each mistake that nobody noticed."""
    for rule, region, plant in MISTAKES:
        stack = copy.deepcopy(translated[region])
        plant(stack["Resources"])
        told = rules.judge(render.render(stack, region), region, rules.RULES + rules.BY_DEFAULT)
        if not any(line.startswith(f"{rule}: ") for line in told):
            yield f"{rule} lets {plant.__name__} pass"
    yield from unseen_policy(translated["us-east-1"])
    yield from unseen_drift(template, page)
    yield from unseen_literals()


def unseen_policy(translated):
    stack = copy.deepcopy(translated)
    role(stack["Resources"], "WorkerRole", "ParkRequests")["Action"] = "sqs:SendMesage"
    if not policies.judge(render.render(stack, "us-east-1"))[0]:
        yield "parliament lets sqs:SendMesage pass"


def unseen_drift(template, page):
    for plant in (
        lambda p: p["Workers"].update(Default=5),
        lambda p: p["LogLevel"]["AllowedValues"].append("SILENT"),
        lambda p: p["ApiBurst"].update(MaxValue=6000),
        lambda p: p.update(New={"Type": "String", "Default": ""}),
    ):
        changed = copy.deepcopy(template)
        plant(changed["Parameters"])
        if not list(parameters.drift(changed, page)) and not list(source.parameters(changed)):
            yield "a changed parameter is not noticed"
    for text in ("`ApiAuth=IAM`", "`WorkersAtOnce=4`"):
        if not list(parameters.mentions(template, text)):
            yield f"{text} in a document is not noticed"


def unseen_literals():
    for line in ("Arn: arn:aws:s3:::bucket", "Host: sqs.us-east-1.example", "Account: 123456789012"):
        if not list(source.literals(line)):
            yield f"the literal {line} is not noticed"


def role(resources, name, sid):
    """A statement of a role."""
    statements = resources[name]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return next(statement for statement in statements if statement["Sid"] == sid)


def an_arn_of_the_commercial_partition(resources):
    role(resources, "WorkerRole", "ReadQuotas")["Resource"] = {"Fn::Sub": "arn:aws:servicequotas:${AWS::Region}:${AWS::AccountId}:*"}


def a_host_without_the_suffix(resources):
    resources["Ingest"]["Properties"]["Environment"]["Variables"]["CVM_HOST"] = "https://s3.amazonaws.com"


def a_principal_with_the_suffix(resources):
    resources["HttpMayInvokeIngest"]["Properties"]["Principal"] = {"Fn::Sub": "apigateway.${AWS::URLSuffix}"}


def a_log_service_without_the_suffix(resources):
    statement = resources["Key"]["Properties"]["KeyPolicy"]["Statement"][-1]
    statement["Principal"] = {"Service": {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"}}


def tracing(resources):
    resources["Worker"]["Properties"]["TracingConfig"] = {"Mode": "Active"}


def fixed_roots(resources):
    resources["Ingest"]["Properties"]["Environment"]["Variables"]["CVM_PARTITION"] = "aws"


def a_table_that_goes_with_the_stack(resources):
    resources["Guard"]["DeletionPolicy"] = "Delete"


def a_table_that_goes_when_it_is_replaced(resources):
    del resources["Audit"]["UpdateReplacePolicy"]


def a_key_that_goes_with_the_stack(resources):
    del resources["Key"]["DeletionPolicy"]


def a_queue_that_does_not_say(resources):
    del resources["WorkQueue"]["DeletionPolicy"]


def a_table_without_protection(resources):
    resources["Devices"]["Properties"]["DeletionProtectionEnabled"] = False


def a_table_without_recovery(resources):
    del resources["Devices"]["Properties"]["PointInTimeRecoverySpecification"]


def a_log_in_the_clear(resources):
    del resources["WorkerLog"]["Properties"]["KmsKeyId"]


def a_queue_with_another_key(resources):
    resources["WorkQueue"]["Properties"]["KmsMasterKeyId"] = "alias/aws/sqs"


def a_key_for_everything(resources):
    resources["Key"]["Properties"]["KeyPolicy"]["Statement"][0]["Action"] = "kms:*"


def a_key_used_directly(resources):
    statement = resources["Key"]["Properties"]["KeyPolicy"]["Statement"][1]
    del statement["Condition"]


def a_versioned_bucket(resources):
    resources["Bundles"]["Properties"]["VersioningConfiguration"] = {"Status": "Enabled"}


def a_bucket_that_takes_any_key(resources):
    statements = resources["BundlesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    statements[:] = [statement for statement in statements if statement["Sid"] != "NoOtherKey"]


def a_queue_open_to_plain_http(resources):
    resources["DeadLetterQueueTlsOnly"]["Properties"]["Queues"] = []


def a_log_for_ever(resources):
    del resources["HttpLog"]["Properties"]["RetentionInDays"]


def a_log_with_headers(resources):
    settings = resources["HttpStage"]["Properties"]["AccessLogSettings"]
    settings["Format"] += ' "auth":"$context.authorizer.principalId"'


def an_action_of_a_whole_service(resources):
    role(resources, "IngestRole", "DeviceRecords")["Action"] = "dynamodb:*"


def everything(resources):
    role(resources, "JanitorRole", "ShredBundles")["Resource"] = "*"


def a_topic_that_needs_the_key(resources):
    resources["AlarmTopic"]["Properties"]["KmsMasterKeyId"] = {"Ref": "Key"}


def an_alarm_for_nobody(resources):
    del resources["DeadLettersAlarm"]["Properties"]["AlarmActions"]


def a_role_for_all(resources):
    document = resources["WorkerRole"]["Properties"]["AssumeRolePolicyDocument"]
    document["Statement"][0]["Principal"] = {"AWS": "*"}


MISTAKES = [
    ("partition", "cn-north-1", an_arn_of_the_commercial_partition),
    ("partition", "us-gov-west-1", an_arn_of_the_commercial_partition),
    ("partition", "cn-northwest-1", a_host_without_the_suffix),
    ("partition", "cn-north-1", a_principal_with_the_suffix),
    ("partition", "cn-north-1", a_log_service_without_the_suffix),
    ("china", "cn-north-1", tracing),
    ("partition_is_told", "us-gov-west-1", fixed_roots),
    ("deletion", "us-east-1", a_table_that_goes_with_the_stack),
    ("deletion", "us-east-1", a_table_that_goes_when_it_is_replaced),
    ("deletion", "us-east-1", a_key_that_goes_with_the_stack),
    ("deletion", "us-east-1", a_queue_that_does_not_say),
    ("protected", "us-east-1", a_table_without_protection),
    ("tables", "us-east-1", a_table_without_recovery),
    ("encryption", "us-east-1", a_log_in_the_clear),
    ("encryption", "us-east-1", a_queue_with_another_key),
    ("key_policy", "us-east-1", a_key_for_everything),
    ("key_policy", "us-east-1", a_key_used_directly),
    ("bucket", "us-east-1", a_versioned_bucket),
    ("bucket", "us-east-1", a_bucket_that_takes_any_key),
    ("queues", "us-east-1", a_queue_open_to_plain_http),
    ("logs", "us-east-1", a_log_for_ever),
    ("logs", "us-east-1", a_log_with_headers),
    ("privileges", "us-east-1", an_action_of_a_whole_service),
    ("alarms", "us-east-1", a_topic_that_needs_the_key),
    ("alarms", "us-east-1", an_alarm_for_nobody),
    ("privileges", "us-east-1", everything),
    ("trust", "us-east-1", a_role_for_all),
]
