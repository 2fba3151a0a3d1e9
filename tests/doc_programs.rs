//! The pages of the documentation: their whole programs stay short, guides are found, links lead somewhere, and the
//! figures are the defaults.

use std::{collections::BTreeMap, fs, path::Path};

use amqp_proto::{ConnectionConfig, DecodeLimits, Limits, SessionConfig, Timeouts};

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

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn whole_programs_of_the_documentation_have_60_lines_at_most() {
    for page in PAGES {
        let page = format!("docs/{page}.md");
        let text = text(&page);
        let programs: Vec<&str> = text.split("```rust\n").skip(1).collect();
        let [program] = programs[..] else { panic!("{page} has {} programs", programs.len()) };
        let lines = program.split("\n```").next().unwrap().lines().count();
        assert!(program.contains("fn main()") && lines <= 60, "{page}: {lines} lines");
    }
}

/// Returns module and page of each guide, as `src/guide.rs` declares them.
fn guides() -> Vec<(String, String)> {
    let source = text("src/guide.rs");
    let (_, list) = source.split_once("\nguides! {").unwrap();
    let lines = list.lines().filter_map(|line| line.trim().split_once(": \""));
    lines.map(|(module, rest)| (module.into(), rest.split('"').next().unwrap().into())).collect()
}

#[test]
fn every_guide_is_short_and_in_the_readme_and_on_the_front_page() {
    let guides = guides();
    assert!(guides.len() >= 10, "{guides:?}");
    let (readme, front) = (text("README.md"), text("src/lib.rs"));
    for (module, page) in guides {
        let lines = text(&format!("docs/{page}")).lines().count();
        assert!(lines <= 230, "{page}: {lines} lines");
        assert!(readme.contains(&format!("](docs/{page})")), "README.md does not link {page}");
        assert!(front.contains(&format!("`](guide::{module})")), "src/lib.rs does not link {module}");
    }
}

/// Returns the targets of a page's links: `](target)`, and definitions at the start of a line, `[name]: target`.
fn links(page: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        links.extend(line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        links
            .extend(line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target));
    }
    links
}

#[test]
fn links_of_the_pages_lead_to_files() {
    // Left out of the package.
    let in_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run").exists();
    let mut pages: Vec<String> =
        ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
            .map(Into::into)
            .into();
    pages.extend(guides().into_iter().map(|(_, page)| format!("docs/{page}")));
    let mut count = 0;
    for page in pages.iter().filter(|_| in_repository) {
        let folder = Path::new(page).parent().unwrap();
        for link in
            links(&text(page)).into_iter().filter(|link| !link.contains("://") && !link.starts_with('#'))
        {
            let file = folder.join(link.split('#').next().unwrap());
            let exists = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists();
            assert!(exists, "{page} links {link}");
            count += 1;
        }
    }
    assert!(!in_repository || count > 50, "{count} links");
}

#[test]
fn links_are_found_outside_code_alone() {
    let page = "See [a](b.md) and [c][d].\n```rust\nlet e = f[0](g);\n```\n[d]: h/i.md\n";
    assert_eq!(links(page), ["b.md", "h/i.md"]);
}

/// Returns the defaults by the names that the pages call them, as they are written there.
fn defaults() -> BTreeMap<&'static str, String> {
    let (limits, decode, timeouts) = (Limits::default(), DecodeLimits::DEFAULT, Timeouts::default());
    let bytes = |bytes: usize| match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    };
    let count = |count: usize| match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{},{:03}", count / 1_000, count % 1_000),
        _ => format!("{},{:03},{:03}", count / 1_000_000, count / 1_000 % 1_000, count % 1_000),
    };
    BTreeMap::from([
        ("max_held_bytes_before_open", bytes(limits.max_held_bytes_before_open)),
        ("max_held_bytes", bytes(limits.max_held_bytes)),
        ("max_held_bytes_per_session", bytes(limits.max_held_bytes_per_session)),
        (
            "max_buffered_bytes_per_delivery",
            bytes(limits.max_buffered_bytes_per_delivery.try_into().unwrap()),
        ),
        ("max_unsettled", count(limits.max_unsettled)),
        ("max_updates_per_delivery", count(limits.max_updates_per_delivery as usize)),
        ("max_events", count(limits.max_events)),
        ("max_outbox_bytes", bytes(limits.max_outbox_bytes)),
        ("max_unanswered_bytes", bytes(limits.max_unanswered_bytes)),
        ("max_retained_unsettled", count(limits.max_retained_unsettled)),
        ("max_sasl_frame_size", bytes(limits.max_sasl_frame_size as usize)),
        ("max_sasl_rounds", count(limits.max_sasl_rounds as usize)),
        ("max_reply_bytes", bytes(limits.max_reply_bytes)),
        ("min_peer_idle_timeout", format!("{} ms", limits.min_peer_idle_timeout.as_millis())),
        ("max_depth", count(decode.max_depth.into())),
        ("max_elements", count(decode.max_elements as usize)),
        ("max_zero_width_elements", count(decode.max_zero_width_elements as usize)),
        ("open", format!("{} s", timeouts.open.unwrap().as_secs())),
        ("sasl", format!("{} s", timeouts.sasl.unwrap().as_secs())),
        ("close", format!("{} s", timeouts.close.unwrap().as_secs())),
        ("unread_replies", format!("{} s", timeouts.unread_replies.unwrap().as_secs())),
    ])
}

/// Checks the rows of which a cell begins with the name of a limit, and the last or the next one is its default.
fn check_figures(page: &str, least: usize) {
    let (text, defaults) = (text(page), defaults());
    let mut checked = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        for (index, cell) in cells.iter().enumerate() {
            let Some(path) = cell.strip_prefix('`').and_then(|rest| rest.split('`').next()) else { continue };
            let name = path.rsplit(['.', ':']).next().unwrap();
            let (Some(expected), Some(found)) = (defaults.get(name), cells.get(index + 1)) else { continue };
            let found = found.trim_end_matches(" each way").trim_end_matches(" each");
            assert_eq!(found, expected, "{page}: {row}");
            checked += 1;
        }
    }
    assert!(checked >= least, "{page}: {checked} figures");
}

#[test]
fn figures_of_the_limits_are_the_defaults() {
    check_figures("docs/limits.md", 15);
    check_figures("SECURITY.md", 19);
    // What has no getter shows its default by its `Debug`, or is compared with what is set.
    let debug = format!("{:?} {:?}", ConnectionConfig::server("a"), SessionConfig::new());
    for default in ["max_frame_size: 65536", "channel_max: 255", "handle_max: 255", "incoming_window: 2048"] {
        assert!(debug.contains(default), "{default}: {debug}");
    }
}
