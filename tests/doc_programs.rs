//! The whole programs of the documentation, which run as its tests: each stays short.

use std::{fs, path::Path};

#[test]
fn whole_programs_of_the_documentation_have_60_lines_at_most() {
    let pages = ["scram", "cbs", "management", "requests", "service_bus", "event_hubs"];
    for page in pages.map(|page| format!("docs/{page}.md")) {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&page)).unwrap();
        let programs: Vec<&str> = text.split("```rust\n").skip(1).collect();
        let [program] = programs[..] else { panic!("{page} has {} programs", programs.len()) };
        let lines = program.split("\n```").next().unwrap().lines().count();
        assert!(program.contains("fn main()") && lines <= 60, "{page}: {lines} lines");
    }
}
