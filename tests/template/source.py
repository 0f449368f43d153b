"""What must hold of the template as it is written: its parameters, and nothing of one partition, region or account."""

import re

LITERALS = re.compile(r"arn:aws|amazonaws\.com\.cn|\b(?:us|eu|ap|sa|ca|me|af|cn)(?:-gov)?-[a-z]+-\d\b|\b\d{12}\b")
# In what a parameter accepts, all partitions are listed.
PATTERN = re.compile(r"\s*AllowedPattern: ")


def literals(text):
    """Lines that name a partition, a region or an account, comments aside."""
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split(" #")[0]
        found = LITERALS.search(code)
        if found and not PATTERN.match(line) and not line.lstrip().startswith("#"):
            yield f"line {number}: {found.group()}"


def parameters(template):
    """Each is described, bounded and in one group."""
    grouped = [name for group in groups(template) for name in group["Parameters"]]
    for name in sorted(set(grouped) - template["Parameters"].keys()):
        yield f"{name}: is in a group, and no parameter"
    for name, parameter in template["Parameters"].items():
        if grouped.count(name) != 1:
            yield f"{name}: is in {grouped.count(name)} groups"
        if len(parameter.get("Description", "")) < 20:
            yield f"{name}: is not described"
        if "Default" not in parameter:
            yield f"{name}: has no default, so a deployment must stop and ask"
        if not bounded(parameter):
            yield f"{name}: accepts anything"


def bounded(parameter):
    if "AllowedValues" in parameter:
        return True
    if parameter["Type"] == "Number":
        return "MinValue" in parameter and "MaxValue" in parameter
    return "AllowedPattern" in parameter or "MaxLength" in parameter


def groups(template):
    return template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
