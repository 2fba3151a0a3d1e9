//! The fuzz targets' bodies over their committed seeds, and over a larger corpus where `AMQP_PROTO_CORPUS` names
//! a folder of files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use amqp_proto::testing::fuzz;

/// A fuzz target: its name and its body.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("connection_bytes", |data| drop(fuzz::connection_bytes(data))),
    ("connection_ops", |data| drop(fuzz::connection_ops(data))),
    ("decode_value", fuzz::decode_value),
    ("pair", fuzz::pair),
    ("sasl_exchange", fuzz::sasl_exchange),
    ("split_frame", fuzz::split_frame),
];

/// Every file below the folder, in order; none where there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Runs the body over the file; a panic names the file.
fn run((name, body): &Target, file: &Path) {
    let data = fs::read(file).unwrap();
    if std::panic::catch_unwind(|| body(&data)).is_err() {
        panic!("{name} fails on {}", file.display());
    }
}

#[test]
fn every_target_holds_over_its_seeds() {
    for target in TARGETS {
        let seeds = files(&fuzz_folder().join("corpus").join(target.0));
        assert!(!seeds.is_empty(), "{} has no seeds", target.0);
        seeds.iter().for_each(|seed| run(target, seed));
    }
}

#[test]
fn every_target_holds_over_the_larger_corpus() {
    let Some(corpus) = std::env::var_os("AMQP_PROTO_CORPUS") else { return };
    let inputs = files(Path::new(&corpus));
    assert!(!inputs.is_empty(), "AMQP_PROTO_CORPUS has no files");
    for target in TARGETS {
        inputs.iter().for_each(|input| run(target, input));
    }
}

/// Each target of the fuzz crate is run here, and has a file that calls the body of the same name.
#[test]
fn every_target_of_the_fuzz_crate_is_here() {
    let targets = files(&fuzz_folder().join("fuzz_targets"));
    let names: Vec<_> = targets.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for name in names {
        let body = fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(body.contains(&format!("amqp_proto::testing::fuzz::{name}(data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
