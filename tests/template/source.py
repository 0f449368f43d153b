"""What must hold of the template as it is written: its parameters, and nothing of one partition, region or account."""

import re

LITERALS = re.compile(r"arn:aws|amazonaws\.com\.cn|\b(?:us|eu|ap|sa|ca|me|af|cn)(?:-gov)?-[a-z]+-\d\b|\b\d{12}\b")
# In what a parameter accepts, all partitions are listed.
PATTERN = re.compile(r"\s*AllowedPattern: ")


def literals(text, mappings=()):
    """Lines that name a partition, a region or an account, comments and these mappings aside."""
    for mapping in mappings:
        text = re.sub(rf"(?m)^  {mapping}:\n(?:    .*\n)+", lambda found: "\n" * found.group().count("\n"), text)
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split(" #")[0]
        found = LITERALS.search(code)
        if found and not PATTERN.match(line) and not line.lstrip().startswith("#"):
            yield f"line {number}: {found.group()}"


def parameters(template, asked=frozenset()):
    """Each is described, bounded and in one group, and has a default but for what is to be asked."""
    grouped = [name for group in groups(template) for name in group["Parameters"]]
    for name in sorted(set(grouped) - template["Parameters"].keys()):
        yield f"{name}: is in a group, and no parameter"
    for name, parameter in template["Parameters"].items():
        if grouped.count(name) != 1:
            yield f"{name}: is in {grouped.count(name)} groups"
        if len(parameter.get("Description", "")) < 20:
            yield f"{name}: is not described"
        if ("Default" in parameter) == (name in asked):
            yield f"{name}: has a default that must not be" if name in asked else f"{name}: has no default, so a deployment must stop and ask"
        if not bounded(parameter):
            yield f"{name}: accepts anything"


def bounded(parameter):
    if "AllowedValues" in parameter or parameter["Type"].removeprefix("List<").startswith("AWS::"):
        return True  # CloudFormation looks whether there is such a subnet
    if parameter["Type"] == "Number":
        return "MinValue" in parameter and "MaxValue" in parameter
    return "AllowedPattern" in parameter or "MaxLength" in parameter


def groups(template):
    return template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
