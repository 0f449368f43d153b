"""User data: of the example, and of the template for every set of parameters. Run by `check`.

cloud-init's schema finds a wrong type and no unknown key, so keys are looked at here.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import host
import render

INFRA = pathlib.Path(__file__).resolve().parent.parent.parent / "infra/host"
KEYS = {"package_update", "packages", "runcmd", "write_files"}
FILE_KEYS = {"path", "content", "permissions"}


def judge(text):
    """What is wrong with one text of user data."""
    if not text.startswith("#cloud-config\n"):
        yield "does not begin with #cloud-config, so cloud-init ignores it"
    document = yaml.safe_load(text)
    yield from (f"{key}: cloud-init would ignore it" for key in document.keys() - KEYS)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "user-data.yaml"
        path.write_text(text, encoding="utf-8")
        command = [os.environ["HOST_CHECK_CLOUD_INIT_PYTHON"], "-m", "cloudinit.cmd.main", "schema", "--config-file", path]
        done = subprocess.run(command, cwd=os.environ["HOST_CHECK_CLOUD_INIT"], capture_output=True, text=True)
        if done.returncode or "Valid" not in done.stdout + done.stderr:
            yield f"schema: {done.stdout}{done.stderr}"
            return
        for file in document["write_files"]:
            yield from (f"{file['path']}: {key}" for key in file.keys() - FILE_KEYS)
            if file["content"].startswith("#!"):
                yield from script(pathlib.Path(folder) / "script", file)
            elif file["path"].endswith((".service", ".timer")):
                yield from unit(pathlib.Path(folder), file)
    scripts = {file["path"] for file in document["write_files"] if file["content"].startswith("#!")}
    for command in document["runcmd"]:
        if command[0] not in scripts:
            yield f"runcmd: {command[0]} is not written"


def script(path, file):
    if not file.get("permissions", "").startswith("07"):
        yield f"{file['path']}: cannot be run"
    path.write_text(file["content"], encoding="utf-8")
    # SC2050: what is compared was a parameter, and is the same both times now.
    done = subprocess.run(["shellcheck", "--exclude=SC2050,SC2157", path], capture_output=True, text=True)
    if done.returncode:
        yield f"{file['path']}: {done.stdout}"


def unit(folder, file):
    """A timer wants its service beside it."""
    path = folder / pathlib.Path(file["path"]).name
    path.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", file["content"]), encoding="utf-8")
    if path.suffix == ".timer" or "cvm-certificate" not in path.name:
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if path.stem in line]
        if said:
            yield f"{file['path']}: {said}"


def settings(text):
    """The example's server.toml has keys that the server knows."""
    for line in host.server_toml(text):
        found = host.SETTING.fullmatch(line)
        if not found or found.group(1) not in host.SETTINGS:
            yield f"server.toml: {line}"


def example_settings(text):
    """server.toml, the file: every key is known, and what it shows as the default is not."""
    for line in text.splitlines():
        found = re.match(r"(?:# )?([a-z_]+) = ", line)
        if found and found.group(1) not in host.SETTINGS:
            yield f"server.toml: there is no {found.group(1)}"


PLANTS = [
    ("#cloud-config\n", "# cloud-config\n"),
    ("package_update: true\n", "package_update: [often]\n"),
    ("packages: [", "package: ["),
    ("  - [/usr/local/sbin/cvm-boot]\n", "  - [/usr/local/sbin/cvm-start]\n"),
    ('    permissions: "0700"\n', ""),
    ("set -eu\n", "set -eu\n      if true; then\n"),
]


def main():
    example = (INFRA / "user-data.yaml").read_text(encoding="utf-8")
    wrong = [f"user-data.yaml: {line}" for line in [*judge(example), *settings(example)]]
    wrong += example_settings((INFRA / "server.toml").read_text(encoding="utf-8"))
    template, count = render.load(INFRA / "template.yaml"), 1
    for region in ("us-east-1", "cn-north-1"):
        for chosen in host.parameters(region):
            text, count = host.user_data(render.render(template, region, chosen)), count + 1
            wrong += [f"template.yaml, {region}: {line}" for line in judge(text)]
    for old, new in PLANTS:
        if old not in example:
            wrong.append(f"nothing to plant in place of {old!r}")
        elif not list(judge(example.replace(old, new))):
            wrong.append(f"{old!r} -> {new!r} is not noticed")
    if not list(settings(example.replace("servers = 1", "server_count = 1"))):
        wrong.append("a setting that is none is not noticed")
    print("\n".join(wrong) if wrong else f"{count} texts of user data")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
