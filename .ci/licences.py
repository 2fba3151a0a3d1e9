"""Checks every package of Cargo.lock against deny.toml: its licence, and that it comes from crates.io.

cargo-deny reads the same file and checks advisories as well; this covers what needs no database and no install.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib


def permits(expression, allowed):
    """True if an SPDX expression can be met by allowed licences alone. `/` is an old spelling of OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        result = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = both() or result
        return result

    def both():
        result = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = one() and result
        return result

    def one():
        token = tokens.pop(0)
        if token == "(":
            result = either()
            tokens.pop(0)
            return result
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    return either()


def main():
    allowed = set(tomllib.loads(pathlib.Path("deny.toml").read_text())["licenses"]["allow"])
    assert permits("MIT OR GPL-3.0", {"MIT"}) and not permits("MIT AND GPL-3.0", {"MIT"})
    assert permits("(MIT OR GPL-3.0) AND BSD-3-Clause", {"MIT", "BSD-3-Clause"})
    command = ["cargo", "metadata", "--format-version", "1", "--all-features"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    faults = []
    versions = {}
    for package in packages:
        name, version, licence = package["name"], package["version"], package["license"]
        versions.setdefault(name, []).append(version)
        if licence is None or not permits(licence, allowed):
            faults.append(f"{name} {version}: licence {licence!r} is not among those deny.toml allows")
        source = package["source"]
        if source is not None and not (source.startswith("registry+") and source.endswith("/crates.io-index")):
            faults.append(f"{name} {version}: comes from {source}")
    for name, several in sorted(versions.items()):
        if len(several) > 1:
            print(f"warning: {name} is there in {len(several)} versions: {', '.join(sorted(several))}")
    print("\n".join(faults) or f"{len(packages)} packages, all licences allowed, all from crates.io")
    sys.exit(bool(faults))


main()
