"""Renders the template for every region, with two sets of parameters, and holds it to the rules. Run by `check`."""

import json
import pathlib
import sys

import parameters
import plants
import policies
import render
import rules
import source

INFRA = pathlib.Path(__file__).resolve().parent.parent.parent / "infra"
PAGE = INFRA / "PARAMETERS.md"


def other(region):
    """Every condition the other way round."""
    own, _ = render.REGIONS[region]
    return {
        "ApiAuth": "AWS_IAM",
        "DeletionProtection": "false",
        "ExistingKeyArn": f"arn:{own}:kms:{region}:{render.ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        "TableName": "fleet",
    }


def main():
    out = pathlib.Path(sys.argv[1])
    path = INFRA / "template.yaml"
    template = render.load(path)
    if "--write-parameters" in sys.argv:
        PAGE.write_text(parameters.page(template), encoding="utf-8")
    wrong = [f"template.yaml {line}" for line in source.literals(path.read_text(encoding="utf-8"))]
    wrong += source.parameters(template)
    wrong += parameters.drift(template, PAGE)
    used, translated = set(), {}
    for region in render.REGIONS:
        translated[region] = render.translate(template, region)
        (out / f"{region}.json").write_text(json.dumps(translated[region], indent=1))
        for chosen, more in (({}, rules.BY_DEFAULT), (other(region), [])):
            stack = render.render(translated[region], region, chosen)
            refused, excused = policies.judge(stack)
            used |= excused
            told = rules.judge(stack, region, rules.RULES + more) + refused
            wrong += [f"{region}{' (other parameters)' if chosen else ''}: {line}" for line in told]
    wrong += policies.unused(used)
    wrong += plants.planted(translated, template, PAGE)
    print("\n".join(wrong) if wrong else f"{len(plants.MISTAKES)} planted mistakes found, no other")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
