//! Rules about the sources themselves that a compiler cannot keep: borders between the server's folders, purity of the
//! domain, lengths and openings of files, unique type names, and that every rule of `docs/SPEC.md` has a test.
//! Reads files only. Circles of imports: `scripts/import_cycles.py`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Folders and files of the server's `src`, lowest first. A file may name modules of its own layer's folder and of every
/// lower layer; parts of one layer do not know each other. Borders between crates are the compiler's.
const LAYERS: &[&[&str]] = &[
    &["config", "tls"],
    &["blobs", "cluster"],
    &["vault", "objects", "past", "board_history", "identity"],
    &["actors", "jobs"],
    &["ws"],
    &["http"],
    &["compat"],
    &["telemetry", "demo"],
    &["app"],
    &["main", "lib"],
];

/// Names that a module may give to a type of its own, because every Rust reader expects them there.
const IDIOMS: &[&str] = &["Error", "Result", "Iter", "Builder"];

/// Characters in a line of `docs/SPEC.md`: what is longer becomes a list or a rule of its own.
const SPEC_LINE: usize = 300;

/// Lines of a source file.
const FILE_LINES: usize = 500;

/// Lines of the median source file.
const MEDIAN_LINES: usize = 180;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder whose name ends so, without build products and installed packages.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let ours = |name: &str| !matches!(name, "target" | "node_modules" | "data") && !name.starts_with('.');
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && (ours(name) || name == ".github") {
            found.extend(files(&path, ending));
        } else if path.is_file() && name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Rust files below the folders, as paths from the root, with their text.
fn read(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    folders.iter().flat_map(|folder| files(&root().join(folder), ".rs")).map(read).collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    read(&["src", "crates"])
}

/// Whether the file is a test module: it, or a folder that it is in, is declared under `#[cfg(test)]`.
fn is_for_tests(path: &Path) -> bool {
    path.ancestors().filter(|part| part.iter().count() > 1).any(|part| {
        let (folder, name) = (root().join(part.parent().unwrap()), part.file_stem().unwrap().to_str().unwrap());
        let parents = [folder.join("mod.rs"), folder.with_extension("rs"), folder.join("lib.rs")];
        let declaration = format!("mod {name};");
        parents.iter().filter_map(|parent| fs::read_to_string(parent).ok()).any(|text| {
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            lines.windows(2).any(|pair| {
                pair[0].starts_with("#[cfg(") && pair[0].contains("test") && pair[1].ends_with(&declaration)
            })
        })
    })
}

/// The lines of code of a file with their numbers, without comment lines and what follows the first `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let numbered = text[..tests].lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The modules of the server that a file names after `crate::`, or in a group that rustfmt has set one to a line.
fn named_modules(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut in_group = false;
    for (_, line) in code(text) {
        found.extend(line.split("crate::").skip(1).map(word));
        if let Some((_, group)) = line.split_once("crate::{") {
            found.extend(group.split(',').map(|member| word(member.trim_start())));
            in_group = !line.contains("};");
        } else if in_group {
            in_group = !line.starts_with("};");
            found.extend(line.strip_prefix("    ").map(word));
        }
    }
    found
}

#[test]
fn a_folder_of_the_server_names_only_lower_ones() {
    let layer = |part: &str| LAYERS.iter().position(|parts| parts.contains(&part));
    let mut wrong = Vec::new();
    for (path, text) in read(&["src"]) {
        let own = path.iter().nth(1).and_then(|name| name.to_str()).unwrap().trim_end_matches(".rs");
        let Some(height) = layer(own) else {
            wrong.push(format!("src/{own} has no layer: give it one in tests/architecture.rs"));
            continue;
        };
        let higher = named_modules(&text).into_iter().filter(|name| *name != own && layer(name) >= Some(height));
        wrong.extend(higher.map(|name| format!("{} names {name}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn named_modules_are_found_in_every_form_that_rustfmt_writes() {
    let text = "use crate::{\n    actors::board::{A, B},\n    config,\n};\nuse crate::{blobs, jobs::Job};\n\
                use m4sh_store::Store;\nfn f() { crate::http::x(); }\n// crate::app\n";
    assert_eq!(named_modules(text), ["actors", "blobs", "config", "http", "jobs", ""].into());
}

#[test]
fn the_domain_has_no_clock_no_chance_and_no_io() {
    let banned = [
        "async fn",
        ".await",
        "actix",
        "tokio",
        "std::fs",
        "std::net",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "getrandom",
        "now_v7",
        "new_v4",
        "std::env",
        "println!",
    ];
    let mut wrong = Vec::new();
    for (path, text) in read(&["crates/m4sh-domain/src"]).into_iter().filter(|(path, _)| !is_for_tests(path)) {
        for (number, line) in code(&text) {
            let hits = banned.iter().filter(|word| line.contains(**word));
            wrong.extend(hits.map(|word| format!("{}:{number}: {word}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_and_none_is_too_long() {
    let mut wrong = Vec::new();
    for (path, text) in read(&["src", "crates", "tests"]) {
        let opening = text.lines().take_while(|line| line.starts_with("//!")).count();
        // The roots of crates have a map of their modules.
        let most = if path.ends_with("lib.rs") || path.ends_with("main.rs") { 40 } else { 8 };
        if opening == 0 || opening > most {
            wrong.push(format!("{}: opens with {opening} lines of `//!`", path.display()));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES && !path.starts_with("tests") {
            wrong.push(format!("{}: {lines} lines, more than {FILE_LINES}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn half_of_the_files_are_short() {
    let mut lengths: Vec<_> = sources().iter().map(|(_, text)| text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < MEDIAN_LINES, "the median file has {median} lines");
}

#[test]
fn a_type_name_stands_for_one_type() {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_for_tests(path)) {
        for (number, line) in code(&text) {
            let Some(item) = line.trim_start().strip_prefix("pub") else { continue };
            let item = item.strip_prefix('(').map_or(item, |scope| scope.split_once(')').map_or("", |(_, item)| item));
            let kinds = [" struct ", " enum ", " trait ", " type ", " union "];
            let Some(name) =
                kinds.iter().find_map(|kind| item.strip_prefix(kind)).map(word).filter(|name| !name.is_empty())
            else {
                continue;
            };
            defined.entry(name.to_owned()).or_default().push(format!("{}:{number}", path.display()));
        }
    }
    let shared = defined.iter().filter(|(name, places)| places.len() > 1 && !IDIOMS.contains(&name.as_str()));
    let shared: Vec<_> = shared.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(defined.len() > 300, "{} type names found", defined.len());
    assert!(shared.is_empty(), "names of several types:\n{}", shared.join("\n"));
}

#[test]
fn no_unsafe_and_no_path_of_the_place_where_it_was_made() {
    // Put together here, so that this file does not contain them itself.
    let banned =
        [["un", "safe {"].concat(), ["un", "safe fn"].concat(), ["/tmp", "/wt"].concat(), ["/work", "/"].concat()];
    let mut wrong = Vec::new();
    for ending in [".rs", ".md", ".toml", ".sql", ".js", ".ts", ".html", ".py", ".sh", ".yml", "Dockerfile"] {
        for path in files(root(), ending) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let hits = banned.iter().filter(|word| text.contains(word.as_str()));
            wrong.extend(hits.map(|word| format!("{}: {word}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_cites_a_document_outside_the_repository() {
    let banned = ["contract/boards", "contract/live", "contract/drive", "design \u{a7}", "anchors/"];
    let mut found = Vec::new();
    for ending in [".rs", ".md", ".toml", ".sql", ".js", ".py", ".sh"] {
        // A migration's text is its checksum: one that ran somewhere cannot change.
        for path in files(root(), ending).into_iter().filter(|path| !path.ends_with("migrations/V6__history.sql")) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines = text.lines().filter(|line| banned.iter().any(|cited| line.contains(cited)));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    found.retain(|line| !line.contains("tests/architecture.rs"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The rules of the specification: id, and whether a test must cite it.
fn rules() -> BTreeMap<String, bool> {
    let spec = fs::read_to_string(root().join("docs/SPEC.md")).expect("docs/SPEC.md");
    let mut rules = BTreeMap::new();
    for line in spec.lines() {
        let Some((id, text)) = line.trim_start().strip_prefix("- **").and_then(|rest| rest.split_once("**")) else {
            continue;
        };
        if is_rule(id, |c| c.is_ascii_uppercase()) {
            let exempt = text.contains("(measured)") || text.contains("(later)") || text.contains("~~");
            let earlier = rules.insert(id.to_lowercase(), !exempt);
            assert!(earlier.is_none(), "{id} stands twice in docs/SPEC.md");
        }
    }
    assert!(rules.len() > 50, "docs/SPEC.md has {} rules", rules.len());
    rules
}

/// Whether a word is a letter of a family and a number.
fn is_rule(word: &str, family: impl Fn(char) -> bool) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(family) && word.len() > 1 && chars.all(|c| c.is_ascii_digit())
}

/// The names of all tests.
fn test_names() -> Vec<(PathBuf, String)> {
    let mut names = Vec::new();
    for (path, text) in read(&["src", "crates", "tests", "loadtest"]) {
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("::test(") || line.contains("test(flavor");
            } else if let Some(at) = line.find("fn ").filter(|at| *at < 12) {
                // Properties stand inside `proptest!` with an attribute of their own.
                if is_test || text.contains("proptest!") {
                    names.push((path.clone(), word(&line[at + 3..]).to_owned()));
                }
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn every_rule_has_a_test_and_every_cited_rule_exists() {
    let rules = rules();
    let mut proved = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, name) in test_names() {
        let Some((id, _)) = name.split_once('_').filter(|(id, _)| is_rule(id, |c| c.is_ascii_lowercase())) else {
            continue;
        };
        proved.insert(id.to_owned());
        if !rules.contains_key(id) {
            wrong.push(format!("{}: `{name}` cites {}, which is no rule", path.display(), id.to_uppercase()));
        }
    }
    let unproved = rules.iter().filter(|(id, must)| **must && !proved.contains(*id));
    wrong.extend(unproved.map(|(id, _)| format!("{} has no test", id.to_uppercase())));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_short() {
    let spec = fs::read_to_string(root().join("docs/SPEC.md")).expect("docs/SPEC.md");
    let long = |line: &&str| line.chars().count() > SPEC_LINE;
    let long: Vec<_> = spec.lines().filter(long).map(|line| line.chars().take(40).collect::<String>()).collect();
    assert!(long.is_empty(), "{} lines of more than {SPEC_LINE} characters:\n{}", long.len(), long.join("\n"));
}

#[test]
fn o4_the_example_settings_list_every_rate_with_its_default() {
    let example = fs::read_to_string(root().join("config/example.toml")).expect("config/example.toml");
    let rates = fs::read_to_string(root().join("crates/m4sh-domain/src/rate.rs")).unwrap();
    let table = rates.split("scopes! {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the table of scopes");
    let mut scopes = 0;
    for line in table.lines().filter(|line| line.contains(" = \"")) {
        let name = line.split('"').nth(1).unwrap();
        let unit = match line {
            line if line.contains("per_second") => "s",
            line if line.contains("per_hour") => "h",
            _ => "min",
        };
        let count: String = line.split('(').nth(1).unwrap().chars().filter(char::is_ascii_digit).collect();
        let expected = format!("{name} = \"{count}/{unit}\"");
        let plain = |text: &str| text.trim_start_matches(['#', ' ']).split_whitespace().collect::<Vec<_>>().join(" ");
        let listed = example.lines().map(plain).any(|line| line.starts_with(&expected));
        assert!(listed, "config/example.toml lacks `{expected}`");
        scopes += 1;
    }
    assert!(scopes >= 10, "{scopes} scopes found in crates/m4sh-domain/src/rate.rs");
}
