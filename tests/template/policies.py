"""Every policy of the rendered template before parliament, which knows AWS's actions, resources and conditions."""

import json
import warnings

import rules

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for its data in a way that will be no more some day; hence the pin
    import parliament

# What parliament says and we do not follow, each with its reason. One that is not needed any more is an error.
EXCEPTIONS = {
    ("RESOURCE_MISMATCH", "iot:AttachThingPrincipal"): "the reference of 2026 has the certificate, parliament's data are of 2025",
    ("RESOURCE_MISMATCH", "iot:DetachThingPrincipal"): "the reference of 2026 has the certificate, parliament's data are of 2025",
    ("RESOURCE_MISMATCH", "servicequotas:GetServiceQuota"): "the reference of 2026 has the quota, parliament's data are of 2025",
    ("RESOURCE_STAR", "KeyPolicy"): "a key's policy is about that key alone, and says * for it",
    ("MISMATCHED_TYPE", "kms:EncryptionContext:aws:logs:arn"): "any context is text to parliament; this one is an ARN",
}


def judge(stack):
    """What parliament objects to, and the exceptions that were used."""
    wrong, used = [], set()
    for name, resource in stack["Resources"].items():
        for document in rules.documents(resource):
            analysed = parliament.analyze_policy_string(json.dumps(document))
            for finding in analysed.findings:
                about = subject(finding, resource, document)
                excused = {(finding.issue, item) for item in about} & EXCEPTIONS.keys()
                used |= excused
                if len(excused) < len(about):
                    wrong.append(f"{name}: {finding.issue} {finding.detail or ', '.join(about)}")
    return wrong, used


def subject(finding, resource, document):
    """What a finding is about: actions where it names them, else the kind of policy."""
    if finding.issue == "RESOURCE_STAR" and resource["Type"] == "AWS::KMS::Key":
        return {"KeyPolicy"}
    if isinstance(finding.detail, list):
        return {item["action"] if isinstance(item, dict) else item for item in finding.detail}
    if finding.issue == "MISMATCHED_TYPE" and "kms:EncryptionContext:aws:logs:arn" in json.dumps(document):
        return {"kms:EncryptionContext:aws:logs:arn"}
    return {finding.issue}


def unused(used):
    """Exceptions without a need."""
    return [f"exception {exception} is not needed any more" for exception in EXCEPTIONS if exception not in used]
