//! The rules of the tree that no compiler checks, as text. Each says what it found and where, and has been seen to fail.
#![expect(clippy::unwrap_used, reason = "a failed test should panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// The root package's rooms, bottom up. A room may name those on its own level or before it, never those after.
const ROOMS: &[&[&str]] = &[
    &["clock", "ids", "limits", "region", "schema"],
    &["config", "telemetry"],
    &["db", "outbound", "step_functions"],
    &["lifecycle", "signals"],
    &["environments"],
    &["app"],
    &["http"],
    &["jobs", "access", "audit", "notifications", "cloudwatch"],
    &["approvals"],
    &["policies"],
    &["templates"],
    &["executions"],
    &["analytics"],
    &["deployments"],
    &["slack"],
    &["routes", "workers"],
    &["cli"],
];

/// Imports upwards that are known and explained: (room, what it names, why).
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "environments",
        "app",
        "its endpoints, in http.rs, take the state they are called with",
    ),
    ("environments", "http", "its endpoints, in http.rs"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), &mut found);
    found.sort();
    found
}

/// The text without the test module at its end, which may do more.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn room_of(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|level| level.contains(&room))
}

fn report(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}\n  {}", faults.join("\n  "));
}

#[test]
fn imports_point_down_only() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src") {
        let room = room_of(&path);
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let Some(own) = rank(&room) else {
            faults.push(format!(
                "{}: the room `{room}` is not in the list of rooms",
                path.display()
            ));
            continue;
        };
        for (number, line) in production(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for named in line.split("crate::").skip(1) {
                let named: String = named
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let excepted = EXCEPTIONS
                    .iter()
                    .any(|(from, to, _)| *from == room && *to == named);
                if rank(&named).is_some_and(|other| other > own) && !excepted {
                    faults.push(format!(
                        "{}:{}: `{room}` names `{named}`, which is above it",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    report("imports point down only (docs/ARCHITECTURE.md)", &faults);
}

#[test]
fn every_file_says_what_it_is_for() {
    let faults: Vec<_> = ["src", "crates", "tests", "benches"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    report("a file begins with `//!` and says what it is for", &faults);
}

#[test]
fn pure_files_know_no_outside() {
    let mut faults = Vec::new();
    for (path, text) in rust_files("src") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let forbidden: &[&str] = match name.as_str() {
            "model.rs" | "plan.rs" | "rules.rs" => &[
                "crate::db",
                "crate::http",
                "aws_sdk",
                "tokio::",
                "crate::step_functions::StepFunctions",
                "async fn",
            ],
            "store.rs" => &["crate::http", "aws_sdk", "crate::clock", "StatusCode"],
            "http.rs" => &["sqlx::", "aws_sdk"],
            _ => continue,
        };
        for (number, line) in production(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in forbidden {
                if code.contains(word) {
                    faults.push(format!("{}:{}: `{word}`", path.display(), number + 1));
                }
            }
        }
    }
    report(
        "a feature's files keep to their roles (docs/ARCHITECTURE.md, the table of file names)",
        &faults,
    );
}

#[test]
fn no_file_is_named_for_nothing() {
    let vague = [
        "util",
        "utils",
        "helper",
        "helpers",
        "common",
        "misc",
        "manager",
        "service",
        "processor",
        "types",
    ];
    let faults: Vec<_> = ["src", "crates"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|(path, _)| {
            path.components()
                .any(|part| vague.contains(&part.as_os_str().to_string_lossy().trim_end_matches(".rs")))
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    report(
        "folders are nouns, files are verbs or fixed roles (docs/STYLE.md, rule 1)",
        &faults,
    );
}

#[test]
fn unsafe_code_stands_in_one_room() {
    let faults: Vec<_> = ["src", "crates"]
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|(path, text)| {
            !path.starts_with("crates/postgres/src")
                && text.lines().any(|line| {
                    let code = line.split("//").next().unwrap_or_default();
                    code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("(unsafe_code")
                })
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    report(
        "unsafe code is for the child process of crates/postgres only",
        &faults,
    );
}

#[test]
fn the_language_has_no_io() {
    let manifest = fs::read_to_string(root().join("crates/asl/Cargo.toml")).unwrap();
    for crate_name in ["tokio", "reqwest", "sqlx", "aws-", "rand", "getrandom"] {
        assert!(
            !manifest.contains(crate_name),
            "crates/asl depends on `{crate_name}`, but it is pure"
        );
    }
}

#[test]
fn every_problem_has_its_page() {
    let folder = root().join("docs/problems");
    let faults: Vec<_> = signalbox::http::ProblemKind::ALL
        .iter()
        .map(|kind| format!("{}.md", kind.code().replace('_', "-")))
        .filter(|page| !folder.join(page).is_file())
        .collect();
    report("every problem has a page in docs/problems", &faults);
}

#[test]
fn nothing_points_at_one_machine() {
    fn walk(folder: &Path, faults: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, faults);
            } else if let Ok(text) = fs::read_to_string(&path) {
                for (number, line) in text.lines().enumerate() {
                    if line.contains(concat!("/wo", "rk/")) || line.contains(concat!("/ro", "ot/")) {
                        faults.push(format!("{}:{}", path.display(), number + 1));
                    }
                }
            }
        }
    }
    let mut faults = Vec::new();
    for folder in [
        "src",
        "crates",
        "tests",
        "benches",
        "docs",
        "deploy",
        "examples",
        "migrations",
    ] {
        walk(&root().join(folder), &mut faults);
    }
    report("no path of one machine is written down", &faults);
}
