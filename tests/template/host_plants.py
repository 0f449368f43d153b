"""Mistakes, planted one at a time into infra/host/template.yaml: a rule that lets its own pass has stopped looking."""

import copy

import host
import render
import rules


def planted(template, serverless):
    """Each mistake that nobody noticed."""
    for rule, region, which, plant in MISTAKES:
        changed = copy.deepcopy(template)
        plant(changed["Resources"])
        stack = render.render(changed, region, host.parameters(region)[which])
        told = rules.judge(stack, region, host.RULES + host.BY_DEFAULT * (which == 0))
        told += host.against(stack, serverless[region])
        if not any(line.startswith(f"{rule}: ") for line in told):
            yield f"host: {rule} lets {plant.__name__} pass"


def statement(resources, sid):
    """A statement of the role, also of one that depends on a condition."""
    policies = [policy.get("Fn::If", [None, policy])[1] for policy in resources["ServerRole"]["Properties"]["Policies"]]
    return next(s for policy in policies for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == sid)


def user_data(resources, old, new):
    encoded = resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    assert old in encoded[0], old
    encoded[0] = encoded[0].replace(old, new)


def a_right_too_many(resources):
    statement(resources, "Issue")["Action"].append("iot:ListThings")


def a_right_too_few(resources):
    statement(resources, "BindAndRetire")["Action"].remove("iot:DetachPolicy")


def a_wider_right(resources):
    statement(resources, "StageHandOutAndShredBundles")["Resource"] = {"Fn::Sub": "${Bundles.Arn}/*"}


def a_key_through_anything(resources):
    statement(resources, "UseKeyThroughQueues")["Condition"]["StringLike"]["kms:ViaService"] = "*"


def a_key_used_directly(resources):
    del statement(resources, "UseKeyThroughQueues")["Condition"]


def another_device_policy(resources):
    resources["DevicePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Resource"] = "*"


def another_queue(resources):
    resources["DeadLetterQueue"]["Properties"]["KmsDataKeyReusePeriodSeconds"] = 60


def a_versioned_bucket(resources):
    resources["Bundles"]["Properties"]["VersioningConfiguration"] = {"Status": "Enabled"}


def an_arn_of_the_commercial_partition(resources):
    statement(resources, "FetchPackage")["Resource"] = {"Fn::Sub": "arn:aws:s3:::${PackageBucket}/${PackageKey}"}


def a_host_of_the_commercial_partition(resources):
    user_data(resources, "amazon-ssm-${AWS::Region}/latest", "amazon-ssm-us-east-1/latest")


def authorities_of_another_region(resources):
    encoded = resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    encoded[1]["CaUrl"]["Fn::If"][2]["Fn::Sub"][0] = "${Place}/global/global-bundle.pem"


def a_database_that_goes_with_the_stack(resources):
    resources["Database"]["DeletionPolicy"] = "Delete"


def a_database_in_the_clear(resources):
    resources["Database"]["Properties"]["StorageEncrypted"] = False


def a_database_for_all(resources):
    resources["Database"]["Properties"]["PubliclyAccessible"] = True


def a_database_without_backup(resources):
    resources["Database"]["Properties"]["BackupRetentionPeriod"] = 0


def a_database_without_protection(resources):
    resources["Database"]["Properties"]["DeletionProtection"] = False


def a_password_in_the_template(resources):
    resources["Database"]["Properties"]["MasterUserPassword"] = "correct-horse"


def a_slow_log(resources):
    resources["Database"]["Properties"]["EnableCloudwatchLogsExports"].append("slowquery")


def a_database_open_to_the_network(resources):
    rule = resources["DatabaseGroup"]["Properties"]["SecurityGroupIngress"][0]
    del rule["SourceSecurityGroupId"]
    rule["CidrIp"] = "10.0.0.0/8"


def metrics_for_all(resources):
    rule = {"Description": "Metrics", "IpProtocol": "tcp", "FromPort": 9180, "ToPort": 9180, "CidrIp": "0.0.0.0/0"}
    resources["LoadBalancerGroup"]["Properties"]["SecurityGroupIngress"].append(rule)


def ssh(resources):
    rule = {"Description": "SSH", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
    resources["ServerGroup"]["Properties"]["SecurityGroupIngress"].append(rule)


def a_way_out_for_anything(resources):
    del resources["DatabaseGroup"]["Properties"]["SecurityGroupEgress"]


def plain_http(resources):
    resources["Listener"]["Properties"]["Protocol"] = "HTTP"


def old_tls(resources):
    resources["Listener"]["Properties"]["SslPolicy"] = "ELBSecurityPolicy-2016-08"


def an_access_log(resources):
    resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"].append({"Key": "access_logs.s3.enabled", "Value": "true"})


def a_source_that_is_kept(resources):
    attributes = resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    attributes[-1]["Fn::If"][1]["Value"] = "preserve"


def a_proxy_that_is_not_there(resources):
    user_data(resources, "behind_proxy = ${BehindProxy}", "behind_proxy = true")


def metadata_for_forwarded_requests(resources):
    resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] = "optional"


def two_hops(resources):
    resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["MetadataOptions"]["HttpPutResponseHopLimit"] = 2


def a_disk_in_the_clear(resources):
    resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] = False


def a_key_for_ssh(resources):
    resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["KeyName"] = "ops"


def a_setting_that_is_none(resources):
    user_data(resources, "iot_rate = ", "iot_calls = ")


def a_setting_twice(resources):
    user_data(resources, "iot_rate = ", "workers = ")


def a_variable_that_is_none(resources):
    user_data(resources, "CVM_DATABASE_AUTH=", "CVM_DATABASE_AUTHENTICATION=")


def all_secrets(resources):
    statement(resources, "ReadOwnPassword")["Resource"] = "*"


def the_administrators_password_under_another_name(resources):
    statement(resources, "ReadOwnPassword")["Resource"] = {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}


def the_administrators_password_for_good(resources):
    for policy in resources["ServerRole"]["Properties"]["Policies"]:
        if policy.get("Fn::If", [""])[0] == "Migrates":
            policy["Fn::If"][0] = "MakesDatabase"


def a_role_for_all(resources):
    resources["ServerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}


def an_alarm_for_nobody(resources):
    del resources["NoServerAlarm"]["Properties"]["AlarmActions"]


MISTAKES = [
    ("same_rights", "us-east-1", 0, a_right_too_many),
    ("same_rights", "cn-north-1", 0, a_right_too_few),
    ("same_rights", "us-east-1", 1, a_wider_right),
    ("same_rights", "us-east-1", 1, a_key_through_anything),
    ("privileges", "us-east-1", 2, a_key_used_directly),
    ("same_parts", "us-gov-west-1", 0, another_device_policy),
    ("same_parts", "us-east-1", 2, another_queue),
    ("bucket", "us-east-1", 1, a_versioned_bucket),
    ("partition", "cn-north-1", 0, an_arn_of_the_commercial_partition),
    ("partition", "us-gov-west-1", 0, a_host_of_the_commercial_partition),
    ("authorities", "cn-northwest-1", 0, authorities_of_another_region),
    ("deletion", "us-east-1", 0, a_database_that_goes_with_the_stack),
    ("database", "us-east-1", 0, a_database_in_the_clear),
    ("database", "us-east-1", 0, a_database_for_all),
    ("database", "us-east-1", 2, a_database_without_backup),
    ("database", "us-east-1", 0, a_password_in_the_template),
    ("database", "us-east-1", 0, a_slow_log),
    ("guarded", "us-east-1", 0, a_database_without_protection),
    ("network", "us-east-1", 0, a_database_open_to_the_network),
    ("network", "us-east-1", 0, metrics_for_all),
    ("network", "us-east-1", 1, ssh),
    ("network", "us-east-1", 0, a_way_out_for_anything),
    ("door", "us-east-1", 0, plain_http),
    ("door", "us-east-1", 0, old_tls),
    ("door", "us-east-1", 0, an_access_log),
    ("door", "us-east-1", 0, a_source_that_is_kept),
    ("door", "us-east-1", 1, a_proxy_that_is_not_there),
    ("machine", "us-east-1", 0, metadata_for_forwarded_requests),
    ("machine", "us-east-1", 0, two_hops),
    ("machine", "us-east-1", 0, a_disk_in_the_clear),
    ("machine", "us-east-1", 0, a_key_for_ssh),
    ("settings", "us-east-1", 0, a_setting_that_is_none),
    ("settings", "us-east-1", 0, a_setting_twice),
    ("settings", "us-east-1", 0, a_variable_that_is_none),
    ("secrets", "us-east-1", 2, all_secrets),
    ("secrets", "us-east-1", 2, the_administrators_password_under_another_name),
    ("secrets", "us-east-1", 2, the_administrators_password_for_good),
    ("trust", "us-east-1", 0, a_role_for_all),
    ("alarms", "us-east-1", 0, an_alarm_for_nobody),
]
