"""Puts the peers in place, once, through apt-get, pip and npm as the machine has them configured."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from .process import Failed

# The suite's own programs in Rust.
RUST = Path(__file__).resolve().parent.parent / "rust"
RHEA = "3.0.5"
PROTON = "0.40.0"
SERVICE_BUS = "7.15.0"
EVENT_HUBS = "5.15.1"
NODE_SERVICE_BUS = "7.9.5"
NODE_EVENT_HUBS = "6.0.4"
WS = "8.23.0"
# The release of Debian that has RabbitMQ 4.
DEBIAN = "trixie"
TRIES = 4

# Where RabbitMQ 4 is, once it is known.
CHROOT = None

# Debian packages start their services while they are installed, unless this file says no.
POLICY = Path("/usr/sbin/policy-rc.d")


class NotHere(Failed):
    """What this machine does not allow, which is no fault."""


def run(argv, timeout=600, tries=TRIES, **options):
    """Runs an installer, and again after a pause if it fails: a mirror may be away for a moment."""
    for attempt in range(1, tries + 1):
        try:
            done = subprocess.run([str(word) for word in argv], timeout=timeout, text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
            if done.returncode == 0:
                return done.stdout
            said = done.stdout
        except subprocess.TimeoutExpired:
            said = f"no end within {timeout} s"
        except OSError as error:
            said = str(error)
        print(f"# {argv[0]}, attempt {attempt} of {tries}: {said.strip()[-500:]}", file=sys.stderr)
        if attempt < tries:
            time.sleep(3 * attempt)
    raise Failed(f"{' '.join(str(word) for word in argv[:3])} failed {tries} times")


def apt(*packages):
    """Installs Debian packages, with no service started by it."""
    if not shutil.which("apt-get"):
        raise Failed(f"install {' '.join(packages)} by hand: there is no apt-get here")
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run([*as_root, "apt-get", "update", "-qq"], env=quiet)
    guard = os.geteuid() == 0 and not POLICY.exists()
    if guard:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        run([*as_root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=quiet)
    finally:
        if guard:
            POLICY.unlink(missing_ok=True)


def npm(folder, **packages):
    """Packages from npm in these versions. Returns the folder for NODE_PATH."""
    modules = folder / "node_modules"

    def is_there(name, version):
        manifest = modules / name / "package.json"
        return manifest.exists() and f'"version": "{version}"' in manifest.read_text()
    if not all(is_there(name, version) for name, version in packages.items()):
        if not (shutil.which("node") and shutil.which("npm")):
            apt("nodejs", "npm")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        run(["npm", "install", "--no-audit", "--no-fund", "--no-save",
             *(f"{name}@{version}" for name, version in packages.items())], cwd=folder)
    return modules


def rhea(cache):
    """rhea from npm. Returns the folder for NODE_PATH."""
    return npm(cache / "rhea", rhea=RHEA)


def websocket(cache):
    """rhea and a WebSocket for it, from npm. Returns the folder for NODE_PATH."""
    return npm(cache / "websocket", rhea=RHEA, ws=WS)


def azure_node(cache):
    """The clients of Service Bus and Event Hubs from npm. Returns the folder for NODE_PATH."""
    return npm(cache / "azure-node", **{"@azure/service-bus": NODE_SERVICE_BUS, "@azure/event-hubs": NODE_EVENT_HUBS})


def azure_python(cache):
    """The clients of Service Bus and Event Hubs from PyPI in a venv. Returns the venv's python."""
    ready = ("from importlib.metadata import version as v; import azure.servicebus, azure.eventhub; "
             f"assert v('azure-servicebus') == '{SERVICE_BUS}' and v('azure-eventhub') == '{EVENT_HUBS}'")
    return _venv(cache / "azure", ready, [], f"azure-servicebus=={SERVICE_BUS}", f"azure-eventhub=={EVENT_HUBS}")


def rust(cache, name):
    """A program of the suite's own, with the crates that its lock file has. Returns its path."""
    folder = cache / "rust"
    run(["cargo", "build", "--locked", "--package", f"interop-{name}"], timeout=1800, cwd=RUST,
        env={**os.environ, "CARGO_TARGET_DIR": str(folder)})
    return folder / "debug" / f"interop-{name}"


def rust_version(name):
    """The version of a crate in the lock file of the suite's programs."""
    text = (RUST / "Cargo.lock").read_text()
    return re.search(rf'name = "{name}"\nversion = "(.*)"', text).group(1)


def proton_cpp(cache):
    """A program on Proton's C++ API from Debian, compiled here. Returns its path."""
    if not Path("/usr/include/proton/container.hpp").exists():
        if not shutil.which("apt-get"):
            raise NotHere("Proton's C++ API is taken from a Debian package, and there is no apt-get here")
        apt("libqpid-proton-cpp12-dev", *([] if shutil.which("g++") else ["g++"]))
    source, path = RUST.parent / "peers" / "proton.cpp", cache / "proton-cpp"
    run(["g++", "-std=c++17", "-O1", "-Wall", "-o", path, source, "-lqpid-proton-cpp"])
    return path


def rabbitmq4(cache):
    """RabbitMQ 4 from a later Debian, in a chroot. Returns the chroot."""
    global CHROOT
    if os.geteuid() != 0:
        raise NotHere("a chroot needs root")
    if not shutil.which("apt-get"):
        raise NotHere("the chroot is filled with Debian's packages, and there is no apt-get here")
    folder, root = cache / "rabbitmq4", cache / "rabbitmq4" / "root"
    if not (root / ".ready").exists():
        if not program("debootstrap"):
            apt("debootstrap", "debian-archive-keyring")
        for attempt in range(1, TRIES + 1):
            # What an attempt leaves is of no use for the next one; an interrupted one may have left mounts too.
            _unmount(root)
            shutil.rmtree(root, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                run([program("debootstrap"), "--variant=minbase", "--include=rabbitmq-server", DEBIAN, root, _mirror()],
                    timeout=900, tries=1)
                break
            except Failed:
                if attempt == TRIES:
                    raise
                time.sleep(5)
        for packages in (root / "var" / "cache" / "apt" / "archives").glob("*.deb"):
            packages.unlink()
        (root / ".ready").touch()
    CHROOT = root
    return root


def rabbitmq4_version():
    """The version in the chroot."""
    status = CHROOT.joinpath("var/lib/dpkg/status").read_text() if CHROOT else ""
    found = re.search(r"Package: rabbitmq-server\n(?:.+\n)*?Version: ([^-\n]+)", status)
    return found.group(1) if found else "4"


def _unmount(root):
    """Takes away what is mounted below a folder, of which nothing else may be deleted with it."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if Path(mount).is_relative_to(root)), reverse=True):
        if subprocess.run(["umount", mount]).returncode:
            raise Failed(f"{mount} is still mounted")


def _mirror():
    """The mirror that apt is configured with."""
    sites = run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]).split()
    sites = [site for site in sites if "security" not in site]
    if not sites:
        raise NotHere("apt has no mirror")
    return sites[0]


def proton(cache):
    """Qpid Proton from PyPI in a venv, compiled here with OpenSSL and Cyrus SASL. Returns the venv's python."""
    missing = []
    if not shutil.which("gcc"):
        missing += ["gcc", "libc6-dev"]
    for name, package in (("pkg-config", "pkg-config"), ("saslpasswd2", "sasl2-bin")):
        if not program(name):
            missing.append(package)
    for header, package in (("openssl/ssl.h", "libssl-dev"), ("sasl/sasl.h", "libsasl2-dev")):
        if not Path("/usr/include", header).exists():
            missing.append(package)
    if not any(Path("/usr/lib").glob("*/sasl2/libscram.so")):
        missing.append("libsasl2-modules")
    ready = ("from importlib.metadata import version as v; from proton import SASL, SSL; "
             f"assert v('python-qpid-proton') == '{PROTON}' and SASL.extended() and SSL.present()")
    # A wheel that pip has kept may be one without OpenSSL or Cyrus SASL.
    return _venv(cache / "proton", ready, missing,
                 "--no-cache-dir", "--no-binary", "python-qpid-proton", f"python-qpid-proton=={PROTON}")


def sasl_database(folder, service, realm, user, password):
    """A folder with a service's configuration of Cyrus SASL, and a database with one user. Returns the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / "users"
    (folder / f"{service}.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\nlog_level: 1\n")
    made = subprocess.run([program("saslpasswd2"), "-c", "-p", "-f", database, "-u", realm, user], input=password, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if made.returncode:
        raise Failed(f"saslpasswd2: {made.stdout.strip()}")
    return folder


def service_bus(cache):
    """The Service Bus client from PyPI in a venv. Returns the venv's python."""
    ready = f"import azure.servicebus as s; assert s.__version__ == '{SERVICE_BUS}'"
    return _venv(cache / "servicebus", ready, [], f"azure-servicebus=={SERVICE_BUS}")


def openssl():
    """The program, which makes the certificates too."""
    if not program("openssl"):
        apt("openssl")
    return program("openssl")


def program(name):
    """The path of a program, one for administrators too."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _venv(folder, ready, missing, *arguments):
    """A venv in which the code `ready` runs; if it does not yet, pip gets these arguments. Returns its python."""
    python = folder / "bin" / "python"
    base = sys.executable
    is_ready = _runs(python, ready)
    if not is_ready:
        has_headers = Path(sysconfig.get_paths()["include"], "Python.h").exists()
        if not (has_headers and _runs(base, "import ensurepip, venv")):
            base = "/usr/bin/python3"
            missing = [*missing, "python3-dev", "python3-venv"]
    if missing:
        apt(*missing)
    if not is_ready:
        shutil.rmtree(folder, ignore_errors=True)
        run([base, "-m", "venv", folder])
        run([python, "-m", "pip", "install", "--disable-pip-version-check", *arguments])
        if not _runs(python, ready):
            raise Failed(f"what pip installed does not pass: {ready}")
    return python


def rabbitmq(_cache):
    """RabbitMQ from Debian. Returns the server's start script, which needs neither init nor a user."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not (script.exists() and shutil.which("epmd")):
        apt("rabbitmq-server")
    return script


def _runs(python, code):
    try:
        return subprocess.run([str(python), "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
