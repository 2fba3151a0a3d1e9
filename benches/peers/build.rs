//! Builds the C that drives Qpid Proton, and passes the program the versions that it compares with.

use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    let sources = ["pair", "transfers", "churn", "message"];
    let files = sources.map(|name| format!("src/proton/{name}.c"));
    cc::Build::new()
        .files(&files)
        .opt_level(2)
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .compile("proton_pair");
    println!("cargo:rustc-link-lib=qpid-proton");
    // The allocator that counts goes into the program that measures memory, and nowhere else.
    let counter = cc::Build::new()
        .file("src/heap/count.c")
        .opt_level(2)
        .std("gnu11")
        .flag("-fno-builtin")
        .compile_intermediates();
    for object in counter {
        println!("cargo:rustc-link-arg-bin=heap={}", object.display());
    }
    println!("cargo:rerun-if-changed=src/proton");
    println!("cargo:rerun-if-changed=src/heap/count.c");
    versions();
    let compiler = env::var_os("RUSTC").expect("set by cargo");
    let told = Command::new(compiler).arg("--version").output().expect("the compiler runs");
    println!("cargo:rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&told.stdout).trim());
}

/// Sets `VERSION_FE2O3_AMQP` and the like from the lock file.
fn versions() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let lock = manifest.join("Cargo.lock");
    println!("cargo:rerun-if-changed={}", lock.display());
    let lock = fs::read_to_string(lock).expect("the lock file is written before the build");
    for name in ["fe2o3-amqp", "serde_amqp", "ntex-amqp", "ntex-amqp-codec", "ramqp", "ramqp-core"] {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let at = lock.find(&entry).expect("the crate is locked");
        let version = lock[at + entry.len()..].split('"').next().unwrap_or_default();
        println!("cargo:rustc-env=VERSION_{}={version}", name.to_uppercase().replace('-', "_"));
    }
}
