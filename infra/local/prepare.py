#!/usr/bin/env python3
"""Turns the production template into plain CloudFormation for the local emulator, on standard output.

    prepare.py --endpoint http://127.0.0.1:4566 --code Ingest=code/ingest.zip --code Worker=code/worker.zip

It translates SAM as AWS would, then applies the functions under PATCHES. Each works round one gap of the emulator and
says which; production needs none of them, and the template itself stays untouched.
"""

import argparse
import json
import os
import pathlib
import sys

TEMPLATE = pathlib.Path(__file__).resolve().parent.parent / "template.yaml"


class Unusable(Exception):
    """The template or the arguments; the message is one line for the user."""


def main():
    arguments = parse_arguments()
    # The translator works out the partition from the region, and asks the environment for it.
    os.environ["AWS_DEFAULT_REGION"] = arguments.region
    try:
        template = translate(load(arguments.template), dict(arguments.code))
        for patch in PATCHES:
            patch(template, arguments)
    except Unusable as problem:
        sys.exit(f"prepare.py: {problem}")
    json.dump(template, sys.stdout, indent=1)
    print()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, metavar="URL", help="the emulator, as the functions reach it")
    parser.add_argument(
        "--code",
        required=True,
        action="append",
        type=code_location,
        metavar="FUNCTION=BUCKET/KEY",
        help="where a function's zip has been uploaded; once for each function",
    )
    parser.add_argument("--workers", type=int, help="the parameter Workers, if it is not left at its default")
    parser.add_argument("--region", default="us-east-1", help="default: %(default)s")
    parser.add_argument("--template", type=pathlib.Path, default=TEMPLATE, help="default: the production template")
    return parser.parse_args()


def code_location(text):
    function, _, location = text.partition("=")
    bucket, _, key = location.partition("/")
    if not (function and bucket and key):
        raise argparse.ArgumentTypeError(f"{text!r} is not FUNCTION=BUCKET/KEY")
    return function, {"Bucket": bucket, "Key": key}


def load(path):
    try:
        # Understands !Ref and the like, which a plain YAML reader refuses.
        from samtranslator.yaml_helper import yaml_parse
    except ImportError:
        raise Unusable("aws-sam-translator is missing: pip install --require-hashes -r requirements.txt") from None
    try:
        return yaml_parse(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise Unusable(f"{path}: {problem.strerror}") from None
    except Exception as problem:  # the YAML reader's own errors, which run over several lines
        raise Unusable(f"{path}: {' '.join(str(problem).split())}") from None


def translate(template, code):
    """SAM to CloudFormation, with the functions' code where it has been uploaded."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform

    functions = of_type(template, "AWS::Serverless::Function")
    if functions.keys() != code.keys():
        raise Unusable(f"--code is for {', '.join(code)}, but the functions are {', '.join(functions)}")
    for name, properties in functions.items():
        properties["CodeUri"] = code[name]
    try:
        return transform(template, {}, NoManagedPolicies())
    except InvalidDocumentException as problem:
        causes = "; ".join(cause.message for cause in problem.causes)
        raise Unusable(f"the template does not translate: {causes}") from None


class NoManagedPolicies:
    """Stands in for the translator's look-up of AWS's own policies, of which the template names none."""

    def load(self):
        return {}


def reach_the_emulator(template, arguments):
    """Gap: a function is not told where the emulator is, so the SDK would call AWS."""
    for properties in of_type(template, "AWS::Lambda::Function").values():
        properties["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = arguments.endpoint


def log_as_configured(template, _arguments):
    """Gap: LoggingConfig is stored, but the variables by which Lambda tells the function of it are not set."""
    for properties in of_type(template, "AWS::Lambda::Function").values():
        logging = properties["LoggingConfig"]
        properties["Environment"]["Variables"]["AWS_LAMBDA_LOG_FORMAT"] = logging["LogFormat"]
        properties["Environment"]["Variables"]["AWS_LAMBDA_LOG_LEVEL"] = logging["ApplicationLogLevel"]


def poll_with_a_number(template, arguments):
    """Gap: a reference to a Number arrives as text, and the poller wants MaximumConcurrency to be a number."""
    workers = arguments.workers or template["Parameters"]["Workers"]["Default"]
    for properties in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        if "ScalingConfig" in properties:
            properties["ScalingConfig"]["MaximumConcurrency"] = workers


def allow_plain_http(template, _arguments):
    """Gap: none, but the emulator speaks plain HTTP on the loopback, which these statements rightly deny."""
    for kind in ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        for name, properties in of_type(template, kind).items():
            document = properties["PolicyDocument"]
            document["Statement"] = [s for s in document["Statement"] if s["Sid"] != "TlsOnly"]
            if not document["Statement"]:
                del template["Resources"][name]


def of_type(template, kind):
    """The properties of all resources of one type, by logical name."""
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        raise Unusable("the template has no Resources")
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


PATCHES = [
    reach_the_emulator,
    log_as_configured,
    poll_with_a_number,
    allow_plain_http,
]


if __name__ == "__main__":
    main()
