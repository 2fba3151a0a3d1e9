"""Puts the peers in place, once, through apt-get, pip and npm as the machine has them configured."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from .process import Failed

RHEA = "3.0.5"
PROTON = "0.40.0"
SERVICE_BUS = "7.15.0"
TRIES = 4

# Debian packages start their services while they are installed, unless this file says no.
POLICY = Path("/usr/sbin/policy-rc.d")


def run(argv, timeout=600, **options):
    """Runs an installer, and again after a pause if it fails: a mirror may be away for a moment."""
    for attempt in range(1, TRIES + 1):
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
        print(f"# {argv[0]}, attempt {attempt} of {TRIES}: {said.strip()[-500:]}", file=sys.stderr)
        if attempt < TRIES:
            time.sleep(3 * attempt)
    raise Failed(f"{' '.join(str(word) for word in argv[:3])} failed {TRIES} times")


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


def rhea(cache):
    """rhea from npm. Returns the folder for NODE_PATH."""
    folder = cache / "rhea"
    modules = folder / "node_modules"
    manifest = modules / "rhea" / "package.json"
    if not (manifest.exists() and f'"version": "{RHEA}"' in manifest.read_text()):
        if not (shutil.which("node") and shutil.which("npm")):
            apt("nodejs", "npm")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        run(["npm", "install", "--no-audit", "--no-fund", "--no-save", f"rhea@{RHEA}"], cwd=folder)
    return modules


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
