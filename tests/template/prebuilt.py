"""infra/prebuilt: what it makes is the template, but for where the code is; what Lambda could not run it refuses.

    prebuilt.py SAM
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

import render

INFRA = pathlib.Path(__file__).resolve().parent.parent.parent / "infra"
FUNCTIONS = ("ingest", "worker", "janitor", "ledger")
ARM64, X86_64 = b"\xb7\x00", b"\x3e\x00"


def main():
    (sam,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        zips, out = pathlib.Path(folder, "zips"), pathlib.Path(folder, "out")
        zips.mkdir()
        wrong = [*same(zips, out), *refusals(zips, out), *validates(sam, out)]
    print("\n".join(wrong) if wrong else "as written, but for the code")
    sys.exit(bool(wrong))


def same(zips, out):
    """Translated, the two differ in nothing but code and architecture."""
    pack(zips, X86_64)
    made = make(zips, out)
    if made.returncode:
        yield made.stderr
        return
    written = render.load(INFRA / "template.yaml")
    for resource in written["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            binary = resource.pop("Metadata")["BuildProperties"]["Binary"]
            resource["Properties"]["CodeUri"] = f"{binary}.zip"
    del written["Globals"]["Function"]["CodeUri"]
    written["Parameters"]["Architecture"] |= {"Default": "x86_64", "AllowedValues": ["x86_64"]}
    if render.load(out / "template.yaml") != written:
        yield "the prebuilt template differs from the template in more than the code"
    for function in FUNCTIONS:
        if (out / f"{function}.zip").read_bytes() != (zips / f"{function}.zip").read_bytes():
            yield f"{function}.zip is not what was put in"


def refusals(zips, out):
    for what, change in (
        ("another architecture", lambda: pack(zips, ARM64)),
        ("a bootstrap that is not executable", lambda: pack(zips, X86_64, mode=0o644)),
        ("a zip without a bootstrap", lambda: pack(zips, X86_64, name="main")),
        ("a missing zip", lambda: (zips / "worker.zip").unlink()),
    ):
        change()
        if not make(zips, out).returncode:
            yield f"{what} is not refused"


def validates(sam, out):
    checked = subprocess.run([sam, "validate", "--template", out / "template.yaml"], capture_output=True, text=True)
    if checked.returncode:
        yield checked.stdout + checked.stderr


def make(zips, out):
    command = [sys.executable, INFRA / "prebuilt", "--architecture", "x86_64", "--zips", zips, "--out", out]
    return subprocess.run(command, capture_output=True, text=True)


def pack(zips, machine, mode=0o755, name="bootstrap"):
    for function in FUNCTIONS:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        with zipfile.ZipFile(zips / f"{function}.zip", "w") as opened:
            opened.writestr(entry, b"\x7fELF\x02\x01\x01" + bytes(11) + machine + bytes(44))


if __name__ == "__main__":
    main()
