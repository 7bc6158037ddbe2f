//! The house's rules, read from its own files: who may import whom, how long a file may grow, that every file says what
//! it is, that every rule of `docs/SPEC.md` is proved by a test and every test that names a rule names one that exists,
//! and that the example settings list every rate. Needs nothing but the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Folders (and single files) of `src`, lowest first. A file may import its own layer's folder and every lower one;
/// folders on one line do not know each other.
const LAYERS: &[&[&str]] = &[
    &["limits"],
    &["domain"],
    &["config"],
    &["protocol"],
    &["store", "cluster", "blobs", "render"],
    &["vault", "past", "identity"],
    &["actors", "jobs"],
    &["ws", "http"],
    &["telemetry"],
    &["demo"],
    &["app"],
    &["main"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder whose name ends so, without build products.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && path.file_name().and_then(|name| name.to_str()).is_some_and(is_ours) {
            found.extend(files(&path, ending));
        } else if path.to_str().is_some_and(|name| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether a folder of that name is the project's own: no build product, nothing that was installed.
fn is_ours(name: &str) -> bool {
    !matches!(name, "target" | "node_modules") && !name.starts_with('.')
}

fn sources() -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    files(&root().join("src"), ".rs").into_iter().map(read).collect()
}

/// The part of the house that a file of `src` belongs to: its folder, or its own name.
fn part(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Whether the module that declares this file does so for tests only.
fn is_for_tests(path: &Path) -> bool {
    let (folder, name) = (root().join(path.parent().unwrap()), path.file_stem().unwrap().to_str().unwrap());
    let parents = [folder.join("mod.rs"), folder.with_extension("rs"), folder.join("lib.rs")];
    let declaration = format!("mod {name};");
    parents.iter().filter_map(|parent| fs::read_to_string(parent).ok()).any(|text| {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        lines.windows(2).any(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with(&declaration))
    })
}

fn layer(part: &str) -> usize {
    let found = LAYERS.iter().position(|parts| parts.contains(&part));
    found.unwrap_or_else(|| panic!("`src/{part}` has no layer: give it one in tests/architecture.rs"))
}

/// The parts that a source text names in `crate::…` (or, in a binary, `m4sh::…`) paths, outside comments.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    for prefix in ["crate::", "m4sh::"] {
        for (at, _) in code.match_indices(prefix) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                found.extend(group_heads(group));
            } else {
                found.insert(word(rest));
            }
        }
    }
    found.retain(|name| !name.is_empty() && name.chars().next().is_some_and(char::is_lowercase));
    found
}

/// The first words of the members of `use crate::{a::b, c::{d, e}};`, given what follows the brace.
fn group_heads(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut fresh) = (Vec::new(), 1, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            c if fresh && depth == 1 && (c.is_alphabetic() || c == '_') => {
                heads.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn dependencies_point_down() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let own = part(&path);
        if own == "lib" {
            continue;
        }
        for import in imports(&text).into_iter().filter(|import| *import != own) {
            // Macros and items of the crate's root are not modules.
            if !LAYERS.iter().any(|parts| parts.contains(&&*import)) && !root().join("src").join(&import).exists() {
                continue;
            }
            if layer(&import) >= layer(&own) {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "dependencies that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_every_form_of_them() {
    let text = "use crate::{\n    actors::board::{A, B},\n    domain::{ids, json::{self}},\n    limits,\n};\n\
                use m4sh_store::Store;\nfn f() { crate::http::x(); my_crate::ws::no(); }\n// crate::app\n";
    let expected: BTreeSet<_> = ["actors", "domain", "http", "limits", "store"].map(str::to_owned).into();
    assert_eq!(imports(text), expected);
}

#[test]
fn the_pure_part_stays_pure() {
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
    for (path, text) in sources() {
        if part(&path) != "domain" || is_for_tests(&path) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let hits = banned.iter().filter(|word| line.contains(**word));
            wrong.extend(hits.map(|word| format!("{}:{}: {word}", path.display(), number + 1)));
        }
    }
    assert!(
        wrong.is_empty(),
        "the domain has no clock, no chance, no I/O and waits for nothing:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_file_opens_with_what_it_is_and_none_is_too_long() {
    let mut wrong = Vec::new();
    let tests = files(&root().join("tests"), ".rs")
        .into_iter()
        .map(|path| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
    for (path, text) in sources().into_iter().chain(tests) {
        let opening = text.lines().take_while(|line| line.starts_with("//!")).count();
        // The crate's roots carry the map of the house.
        let most = if path.ends_with("lib.rs") || path.ends_with("main.rs") { 40 } else { 8 };
        if opening == 0 || opening > most {
            wrong.push(format!("{}: opens with {opening} lines of `//!`", path.display()));
        }
        let lines = text.lines().count();
        if lines > 500 && path.starts_with("src") {
            wrong.push(format!("{}: {lines} lines, more than 500", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn half_of_the_files_are_short() {
    let mut lengths: Vec<_> = sources().iter().map(|(_, text)| text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= 180, "the median file has {median} lines");
}

#[test]
fn no_unsafe_and_no_word_of_where_it_was_made() {
    // Put together here, so that this file does not contain them itself.
    let banned =
        [["un", "safe {"].concat(), ["un", "safe fn"].concat(), ["/tmp", "/wt"].concat(), ["/work", "/"].concat()];
    let mut wrong = Vec::new();
    for ending in [".rs", ".md", ".toml", ".sql", ".js", ".ts", ".html", ".py", ".sh", ".yml"] {
        for path in files(root(), ending) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let hits = banned.iter().filter(|word| text.contains(word.as_str()));
            wrong.extend(hits.map(|word| format!("{}: {word}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rules of the specification: id, and whether a test must cite it.
fn rules() -> BTreeMap<String, bool> {
    let spec = fs::read_to_string(root().join("docs/SPEC.md")).expect("docs/SPEC.md");
    let mut rules = BTreeMap::new();
    for line in spec.lines() {
        let Some(rest) = line.trim_start().strip_prefix("- **") else { continue };
        let Some((id, text)) = rest.split_once("**") else { continue };
        let family = id.chars().next().is_some_and(|c| c.is_ascii_uppercase());
        if family && id.len() > 1 && id[1..].chars().all(|c| c.is_ascii_digit()) {
            let exempt = text.contains("(measured)") || text.contains("(later)") || text.contains("~~");
            let earlier = rules.insert(id.to_lowercase(), !exempt);
            assert!(earlier.is_none(), "{id} stands twice in docs/SPEC.md");
        }
    }
    assert!(rules.len() > 50, "docs/SPEC.md has {} rules", rules.len());
    rules
}

/// The rule that a test's name begins with, such as `d4` of `d4_a_refused_batch…`.
fn cited(name: &str) -> Option<&str> {
    let (head, _) = name.split_once('_')?;
    let letter = head.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    (letter && head.len() > 1 && head[1..].chars().all(|c| c.is_ascii_digit())).then_some(head)
}

/// The names of all tests, in Rust and in the browser client.
fn test_names() -> Vec<(PathBuf, String)> {
    let mut names = Vec::new();
    let folders = ["src", "tests", "loadtest"].map(|folder| files(&root().join(folder), ".rs"));
    for path in folders.into_iter().flatten() {
        let text = fs::read_to_string(&path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("::test(") || line.contains("test(flavor");
            } else if let Some(at) = line.find("fn ").filter(|at| *at < 12) {
                // Properties stand inside `proptest!` with an attribute of their own.
                if is_test || text.contains("proptest!") {
                    names.push((path.clone(), word(&line[at + 3..])));
                }
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn every_rule_is_proved_and_every_proof_has_a_rule() {
    let rules = rules();
    let mut proved = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, name) in test_names() {
        if let Some(id) = cited(&name) {
            proved.insert(id.to_owned());
            if !rules.contains_key(id) {
                wrong.push(format!("{}: `{name}` cites {}, which is no rule", path.display(), id.to_uppercase()));
            }
        }
    }
    let unproved = rules.iter().filter(|(id, must)| **must && !proved.contains(*id));
    wrong.extend(unproved.map(|(id, _)| format!("{} has no test", id.to_uppercase())));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn o4_the_example_settings_list_every_rate_with_its_default() {
    let example = fs::read_to_string(root().join("config/example.toml")).expect("config/example.toml");
    let rates = fs::read_to_string(root().join("src/domain/rate.rs")).unwrap();
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
    assert!(scopes >= 10, "{scopes} scopes found in src/domain/rate.rs");
}
