"""infra/PARAMETERS.md and infra/host/PARAMETERS.md: the templates' parameters for people, made from and held to them.

    tests/template/check --write-parameters
"""

import re

import source

# `Name=value` in prose; the AWS CLI's own words for it aside.
MENTION = re.compile(r"\b(?!ParameterKey|ParameterValue)([A-Z][a-z]+[A-Z]\w+|Workers|Orphans|Reprovision|Architecture)=((?:\w|-(?=\w))*)")

HEAD = """# Parameters

Made from `template.yaml` by `tests/template/check --write-parameters`; the same check says when the two differ. How to set
them: `sam deploy --guided` asks for each, `--parameter-overrides Workers=8 LogLevel=DEBUG` sets some.
"""

HOST = """# Parameters of the host form

Made from `template.yaml` by `tests/template/check --write-parameters`; the same check says when the two differ. How to set
them: `--parameter-overrides MinServers=3 LogLevel=debug`. What has no default must be given.
"""


def page(template, head=HEAD):
    """The page, as it should be."""
    parts = [head]
    for group in source.groups(template):
        parts.append(f"\n## {group['Label']['default']}\n\n| parameter | default | allowed | meaning |\n|---|---|---|---|\n")
        parts += [row(name, template["Parameters"][name]) for name in group["Parameters"]]
    return "".join(parts)


def row(name, parameter):
    default = parameter.get("Default")
    shown = "(none)" if default is None else f"`{default}`" if str(default) else "(empty)"
    return f"| `{name}` | {shown} | {allowed(parameter)} | {parameter['Description'].strip()} |\n"


def allowed(parameter):
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    if "ConstraintDescription" in parameter:
        return parameter["ConstraintDescription"]
    if "MaxLength" not in parameter:
        return "what the account has"
    return f"at most {parameter['MaxLength']} characters"


def drift(template, path, head=HEAD):
    """The lines that differ, if any."""
    have, want = path.read_text(encoding="utf-8").splitlines(), page(template, head).splitlines()
    for line in want:
        if line not in have:
            yield f"{path.name} lacks: {line[:120]}"
    for line in have:
        if line not in want:
            yield f"{path.name} has, the template has not: {line[:120]}"
    if not set(want) ^ set(have) and have != want:
        yield f"{path.name} has another order than the template"


def mentions(template, text):
    """What a document sets must be a parameter, and accept that."""
    for name, value in MENTION.findall(text):
        parameter = template["Parameters"].get(name)
        if parameter is None:
            yield f"there is no parameter {name}"
        elif value and value not in map(str, parameter.get("AllowedValues", [value])):
            yield f"{name} cannot be {value}"
