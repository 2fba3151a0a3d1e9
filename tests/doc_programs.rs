//! The whole programs of the documentation, which run as its tests: each stays short.

use std::{fs, path::Path};

/// Pages of `docs/` with one program each.
const PAGES: [&str; 9] = [
    "intercept",
    "scram",
    "cbs",
    "management",
    "requests",
    "rabbitmq_queue",
    "rabbitmq_stream",
    "service_bus",
    "event_hubs",
];

#[test]
fn whole_programs_of_the_documentation_have_60_lines_at_most() {
    for page in PAGES {
        let page = format!("docs/{page}.md");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&page)).unwrap();
        let programs: Vec<&str> = text.split("```rust\n").skip(1).collect();
        let [program] = programs[..] else { panic!("{page} has {} programs", programs.len()) };
        let lines = program.split("\n```").next().unwrap().lines().count();
        assert!(program.contains("fn main()") && lines <= 60, "{page}: {lines} lines");
    }
}
