"""Renders both templates for every region, with sets of parameters, and holds them to the rules. Run by `check`."""

import json
import pathlib
import re
import subprocess
import sys

from samtranslator.yaml_helper import yaml_parse

import host
import host_plants
import parameters
import plants
import policies
import render
import rules
import source

INFRA = pathlib.Path(__file__).resolve().parent.parent.parent / "infra"
PAGE = INFRA / "PARAMETERS.md"
DOCUMENTS = ["README.md", "SECURITY.md", "CHANGELOG.md", "infra/DEPLOY.md", "ingest/LEGACY.md", "ingest/device/FIRMWARE.md"]

# Nobody can guess these for another: a deployment of the host form must name them.
HOST_ASKS = {"LoadBalancerSubnets", "PackageBucket", "PackageKey", "PackageSha256", "PublicHost", "ServerSubnets", "VpcId"}


def other(region):
    """Every condition the other way round."""
    own, _ = render.REGIONS[region]
    return {
        "AlarmEmail": "night@example.com",
        "AlarmTopicArn": f"arn:{own}:sns:{region}:{render.ACCOUNT}:night",
        "ApiAuth": "AWS_IAM",
        "Dashboard": "on",
        "DeletionProtection": "false",
        "ExistingKeyArn": f"arn:{own}:kms:{region}:{render.ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        "OwnEndpoint": "disabled",
        "TableName": "fleet",
        "Tracing": "on",
    }


def same_key_policy(template):
    """A key of one's own needs what the stack's own key has."""
    snippet = render.load(INFRA / "snippets/existing-key.yaml")
    own, shown = (t["Resources"]["Key"]["Properties"]["KeyPolicy"] for t in (template, snippet))
    if json.dumps(own).replace("${AWS::StackName}", "${Stack}") != json.dumps(shown):
        yield "snippets/existing-key.yaml: the policy is not that of the stack's own key"


def takeover():
    """What infra/DEPLOY.md has sed do for a takeover gives the tables literal names."""
    shown = re.search(r"^sed .*?(?= > )", (INFRA / "DEPLOY.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    told = subprocess.run(["sh", "-c", shown.group()], cwd=INFRA.parent, capture_output=True, text=True, check=True)
    resources = yaml_parse(told.stdout)["Resources"]
    names = [resources[table]["Properties"]["TableName"] for table in rules.TABLES]
    if names != ["fleet", "fleet-guard", "fleet-audit"]:
        yield f"DEPLOY.md: sed names the tables {names}"


def host_form(serverless):
    """What is wrong with the host form's template, and the exceptions for parliament that it used."""
    path = INFRA / "host/template.yaml"
    page = path.with_name("PARAMETERS.md")
    template = render.load(path)
    if "--write-parameters" in sys.argv:
        page.write_text(parameters.page(template, parameters.HOST), encoding="utf-8")
    wrong = list(source.literals(path.read_text(encoding="utf-8"), ["DatabaseCas"]))
    wrong += source.parameters(template, HOST_ASKS)
    wrong += parameters.drift(template, page, parameters.HOST)
    text = path.with_name("DEPLOY.md").read_text(encoding="utf-8")
    wrong += parameters.mentions(template, re.sub(r"(?ms)^ *```ini\n.*?```", "", text))  # what systemd is told has this form, too
    wrong += host.same_settings(template, path.with_name("database.cnf"))
    wrong += host.same_elsewhere(template, render.load(path.with_name("rights.yaml")))
    used = set()
    for region in render.REGIONS:
        for index, chosen in enumerate(host.parameters(region)):
            stack = render.render(template, region, chosen)
            refused, excused = policies.judge(stack)
            used |= excused
            told = rules.judge(stack, region, host.RULES + host.BY_DEFAULT * (index == 0)) + refused
            told += host.against(stack, serverless[region])
            wrong += [f"{region}, parameters {index}: {line}" for line in told]
    wrong += host_plants.planted(template, serverless)
    return [f"host/template.yaml: {line}" for line in wrong], used


def main():
    out = pathlib.Path(sys.argv[1])
    path = INFRA / "template.yaml"
    template = render.load(path)
    if "--write-parameters" in sys.argv:
        PAGE.write_text(parameters.page(template), encoding="utf-8")
    wrong = [f"template.yaml {line}" for line in source.literals(path.read_text(encoding="utf-8"))]
    wrong += source.parameters(template)
    wrong += parameters.drift(template, PAGE)
    for document in DOCUMENTS:
        text = (INFRA.parent / document).read_text(encoding="utf-8")
        wrong += [f"{document}: {line}" for line in parameters.mentions(template, text)]
    wrong += same_key_policy(template)
    wrong += takeover()
    used, translated, by_default = set(), {}, {}
    for region in render.REGIONS:
        translated[region] = render.translate(template, region)
        (out / f"{region}.json").write_text(json.dumps(translated[region], indent=1))
        for chosen, more in (({}, rules.BY_DEFAULT), (other(region), [])):
            stack = render.render(translated[region], region, chosen)
            by_default.setdefault(region, stack)
            refused, excused = policies.judge(stack)
            used |= excused
            told = rules.judge(stack, region, rules.RULES + more) + refused
            wrong += [f"{region}{' (other parameters)' if chosen else ''}: {line}" for line in told]
    told, excused = host_form(by_default)
    wrong += told
    wrong += policies.unused(used | excused)
    wrong += plants.planted(translated, template, PAGE)
    print("\n".join(wrong) if wrong else f"{len(plants.MISTAKES) + len(host_plants.MISTAKES)} planted mistakes found, no other")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
