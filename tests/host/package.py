"""The Debian package: put together from what Cargo.toml lists, installed into a folder, upgraded, removed. Run by `check`.

The program in it is a stand-in; what is looked at is all that is not Rust. Until infra/host has its Cargo.toml, the list is
the one below; from then on the two must be the same.
"""

import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HOST = HERE.parent.parent / "infra/host"
PROGRAM = "target/release/cvm-server"
ASSETS = [
    (PROGRAM, "usr/bin/", "755"),
    ("cvm-server.service", "usr/lib/systemd/system/", "644"),
    ("debian/sysusers.conf", "usr/lib/sysusers.d/cvm-server.conf", "644"),
    ("debian/tmpfiles.conf", "usr/lib/tmpfiles.d/cvm-server.conf", "644"),
    ("users.sql", "usr/share/cvm-server/", "644"),
    ("grants.sql", "usr/share/cvm-server/", "644"),
    ("database.cnf", "usr/share/doc/cvm-server/", "644"),
    ("nginx.conf", "usr/share/doc/cvm-server/", "644"),
    ("server.toml", "usr/share/doc/cvm-server/", "644"),
    ("DEPLOY.md", "usr/share/doc/cvm-server/", "644"),
]
SCRIPTS = ["postinst", "prerm", "postrm"]


def listed():
    """The assets by Cargo.toml, if it has them yet."""
    manifest = HOST / "Cargo.toml"
    text = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
    table = re.search(r"^\[package\.metadata\.deb\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    if not table:
        return ASSETS
    return re.findall(r'\["([^"]+)", "([^"]+)", "([0-7]+)"\]', table.group(1))


def build(folder, version, assets):
    """A package of this version."""
    tree = folder / f"tree-{version}"
    for source, target, mode in assets:
        to = tree / target / pathlib.Path(source).name if target.endswith("/") else tree / target
        to.parent.mkdir(parents=True, exist_ok=True)
        if source == PROGRAM:
            to.write_text(f"#!/bin/sh\necho {version}\n")
        else:
            shutil.copyfile(HOST / source, to)
        to.chmod(int(mode, 8))
    control = tree / "DEBIAN"
    control.mkdir()
    for name in SCRIPTS:
        shutil.copyfile(HOST / "debian" / name, control / name)
        (control / name).chmod(0o755)
    (control / "control").write_text(
        f"Package: cvm-server\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: test\n"
    )
    package = folder / f"cvm-server_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, package], check=True, stdout=subprocess.DEVNULL)
    return package


def dpkg(root, *arguments):
    """dpkg on a folder in place of this machine; scripts run here and are told of the folder (DPKG_ROOT)."""
    for place in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"):
        (root / place).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "etc/passwd").touch()
    (root / "etc/group").touch()
    command = ["dpkg", f"--root={root}", "--force-script-chrootless", "--force-not-root", "--log=/dev/null", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def judge(folder, assets):
    root = folder / "root"
    first, second = build(folder, "1.0.0", assets), build(folder, "1.0.1", assets)
    # What an administrator wrote before, as cloud-init does, is left alone.
    (root / "etc/cvm").mkdir(parents=True)
    (root / "etc/cvm/server.toml").write_text("mine\n")
    for step in (["--install", first], ["--install", second]):
        done = dpkg(root, *map(str, step))
        if done.returncode:
            yield f"{step[0]} {step[1].name}: {done.stdout}{done.stderr}"
            return
    ran = subprocess.run([root / "usr/bin/cvm-server"], capture_output=True, text=True).stdout.strip()
    if ran != "1.0.1":
        yield f"after the upgrade there is {ran}"
    passwd = (root / "etc/passwd").read_text()
    user = re.search(r"^cvm-server:x:(\d+):(\d+):[^:]*:([^:]*):([^:\n]*)$", passwd, re.MULTILINE)
    if not user or user.group(4) not in ("/usr/sbin/nologin", "/sbin/nologin") or not 0 < int(user.group(1)) < 1000:
        yield f"the user is {passwd!r}"
    for path, mode in (("etc/cvm", 0o755), ("etc/cvm/tls", 0o750)):
        if not (root / path).is_dir() or stat.S_IMODE((root / path).stat().st_mode) != mode:
            yield f"{path}: is not there with mode {mode:o}"
    tls = root / "etc/cvm/tls"
    if user and tls.is_dir() and tls.stat().st_gid != int(user.group(2)):
        yield "etc/cvm/tls: is not the group's"
    for path in ("usr/lib/systemd/system/cvm-server.service", "usr/share/cvm-server/users.sql", "usr/share/cvm-server/grants.sql"):
        if not (root / path).is_file():
            yield f"{path}: is not there"
    removed = dpkg(root, "--purge", "cvm-server")
    if removed.returncode or (root / "usr/bin/cvm-server").exists():
        yield f"--purge: {removed.stdout}{removed.stderr}"
    if (root / "etc/cvm/server.toml").read_text() != "mine\n":
        yield "an administrator's file is gone"


def planted():
    """Packages that must not pass."""
    for plant in ("debian/sysusers.conf", "debian/tmpfiles.conf", "grants.sql", "cvm-server.service"):
        with tempfile.TemporaryDirectory() as folder:
            if not list(judge(pathlib.Path(folder), [asset for asset in ASSETS if asset[0] != plant])):
                yield f"a package without {plant} is not noticed"


def scripts():
    linted = subprocess.run(["shellcheck", *[HOST / "debian" / name for name in SCRIPTS]], capture_output=True, text=True)
    if linted.returncode:
        yield linted.stdout


def main():
    wrong = list(scripts())
    assets = listed()
    if sorted(assets) != sorted(ASSETS):
        wrong.append(f"Cargo.toml has {sorted(assets)}, package.py {sorted(ASSETS)}")
    with tempfile.TemporaryDirectory() as folder:
        wrong += judge(pathlib.Path(folder), assets)
    wrong += planted()
    print("\n".join(wrong) if wrong else "installed, upgraded, removed; nothing of the administrator's touched")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
