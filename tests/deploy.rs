//! The files for operators say the same as the program: nginx's limits are those of `m4sh_domain::limits`.
//! Needs nothing but the sources.

use std::collections::BTreeMap;

use m4sh_domain::limits;

const NGINX: &str = include_str!("../deploy/nginx/m4sh.conf");

/// The `location` blocks, by their head, with their lines.
fn locations() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut found = BTreeMap::new();
    for block in NGINX.split("\n    location ").skip(1) {
        let (head, rest) = block.split_once(" {\n").expect("a location opens with a brace");
        let body = rest.split("\n    }").next().expect("a location ends");
        found.insert(head, body.lines().map(str::trim).collect());
    }
    found
}

/// The value of a directive in a block.
fn value<'a>(block: &[&'a str], directive: &str) -> Option<&'a str> {
    block.iter().find_map(|line| line.strip_prefix(directive)?.trim().split(';').next())
}

#[test]
fn u10_nginx_has_the_limits_of_the_program() {
    let expected = [
        ("diff/?$", limits::DIFF_BODY, "DIFF_BODY"),
        ("save-stream/?$", limits::STREAM_BODY, "STREAM_BODY"),
        ("beacon/?$", limits::BEACON_BODY, "BEACON_BODY"),
        ("board-metrics/?$", limits::METRICS_BODY, "METRICS_BODY"),
        ("telemetry/?$", limits::TELEMETRY_BODY, "TELEMETRY_BODY"),
        ("(auth|classrooms)(/[A-Za-z0-9/-]*)?$", limits::SMALL_BODY, "SMALL_BODY"),
        ("sessions(/[0-9A-Fa-f-]+)?/?$", limits::SESSION_BODY, "SESSION_BODY"),
        ("/", limits::SESSION_BODY, "SESSION_BODY"),
    ];
    let locations = locations();
    let map =
        NGINX.split("map $uri $m4sh_limit {\n").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the map");
    let told: Vec<(String, &str)> = map
        .lines()
        .map(|line| line.split_once("; ").expect("a value and its name"))
        .map(|(line, name)| (line.split_whitespace().last().unwrap().to_owned(), name.trim().trim_start_matches("# ")))
        .collect();
    let limited: Vec<_> = locations
        .iter()
        .filter(|(_, block)| value(block, "client_max_body_size").is_some())
        .map(|(head, _)| *head)
        .collect();
    assert_eq!(limited.len(), expected.len(), "{limited:?}");
    for (ending, limit, name) in expected {
        let found =
            locations.iter().find(|(head, _)| if ending == "/" { **head == "/" } else { head.ends_with(ending) });
        let (head, block) = found.unwrap_or_else(|| panic!("no location that ends in {ending}"));
        assert_eq!(value(block, "client_max_body_size"), Some(&*limit.to_string()), "{head}");
        assert!(block.contains(&&*format!("client_max_body_size {limit}; # {name}")), "{head}");
        assert!(told.contains(&(limit.to_string(), name)), "what its 413 says: {head}");
        assert!(block.contains(&"proxy_pass http://m4sh;"), "{head}");
    }
}

#[test]
fn u10_the_proxys_413_has_the_six_keys_and_sockets_outlive_their_pings() {
    let locations = locations();
    let answer = value(&locations["@too_large"], "return 413").expect("a body").trim_matches('\'');
    let filled = answer.replace("$m4sh_limit", "7");
    let body: serde_json::Value = serde_json::from_str(&filled).expect("JSON");
    let mut keys: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["detail", "encoding", "endpoint", "error", "limit", "request_id"]);
    let seconds: u64 = value(&locations["/ws/"], "proxy_read_timeout").unwrap().trim_end_matches('s').parse().unwrap();
    assert!(seconds > 2 * limits::SILENCE_LIMIT.as_secs());
    for header in
        ["X-Forwarded-For $proxy_add_x_forwarded_for", "X-Forwarded-Proto $scheme", "X-Forwarded-Host $http_host"]
    {
        assert!(NGINX.contains(&format!("proxy_set_header {header};")), "{header}");
    }
}
