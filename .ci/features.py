"""Prints the sets of features worth testing, one a line, comma-separated; `none` is the empty set.

None, and each feature alone, read from Cargo.toml. Sets that turn on the same features are printed once. All together
are left out, because the step `test` covers them.

    --names          prints the name of every feature instead
    --without NAME   prints one set instead: every feature that does not turn on NAME
    --fuzz-targets   prints the names of the fuzz crate's binaries instead
"""

import json
import pathlib
import subprocess
import sys
import tomllib


def closure(names, features):
    """Returns all features that `names` turn on in this package."""
    reached, open_ = set(), list(names)
    while open_:
        name = open_.pop()
        if name in features and name not in reached:
            reached.add(name)
            open_.extend(features[name])
    return frozenset(reached - {"default"})


def feature_sets(features):
    named = sorted(set(features) - {"default"})
    seen = {closure(named, features)}
    for names in [[], *([name] for name in named)]:
        turned_on = closure(names, features)
        if turned_on not in seen:
            seen.add(turned_on)
            yield names


def main():
    if sys.argv[1:] == ["--fuzz-targets"]:
        manifest = tomllib.loads(pathlib.Path("fuzz/Cargo.toml").read_text())
        print("\n".join(target["name"] for target in manifest["bin"]))
        return
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    features = next(package["features"] for package in packages if package["name"] == "amqp-proto")
    if sys.argv[1:] == ["--names"]:
        print("\n".join(sorted(features)))
        return
    if sys.argv[1:2] == ["--without"]:
        unwanted = sys.argv[2]
        if unwanted not in features:
            sys.exit(f"there is no feature {unwanted}")
        print(",".join(sorted(name for name in features if unwanted not in closure([name], features))))
        return
    for names in feature_sets(features):
        print(",".join(names) or "none")


main()
