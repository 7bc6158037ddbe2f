//! The process: starting, settings, its own cluster, health, metrics, and what it writes into its log.
//! Tells an operator what to rely on. What a stop does to clients is in `faults`.

use std::process::Output;

use serde_json::json;

use crate::harness::*;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn o1_port_0_picks_a_free_port_and_tells_it_and_health_answers_on_it() {
    let (one, two) = (Server::start().await, Server::start().await);
    assert_ne!(one.address(), two.address());
    for path in ["/health/live", "/health/ready"] {
        one.stranger().get(path).send().await.expect(200);
    }
    assert!(!one.address().ends_with(":0"));
}

#[tokio::test]
async fn o1_help_and_version_tell_the_commands_and_settings() {
    let app = Server::prepared(None, &[]);
    let help = app.command(&["--help"]).output().unwrap();
    assert!(help.status.success());
    let text = said(&help);
    for word in ["serve", "migrate", "verify", "M4SH_BIND", "DATABASE_URL", "M4SH_ADMIN_BIND", "M4SH_DATA_DIR"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(!text.contains(SECRET), "help shows no secret");
    assert!(app.command(&["--version"]).output().unwrap().status.success());
    assert!(!app.command(&["dance"]).output().unwrap().status.success());
}

#[tokio::test]
async fn o3_a_wrong_setting_stops_the_start_and_is_named() {
    let app = Server::prepared(None, &[]);
    let file = app.data.path().join("m4sh.toml");
    let config = file.to_str().unwrap().to_owned();
    for (text, word) in [
        ("bnid = '127.0.0.1:0'\n", "bnid"),
        ("[rates]\nnothing = '1/s'\n", "nothing"),
        ("[rates]\nws_ops = '0/s'\n", "ws_ops"),
        ("tick_ms = 'fast'\n", "tick"),
        ("bind = \n", "m4sh.toml"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = app.command(&["serve", "--config", &config]).output().unwrap();
        assert!(!output.status.success(), "{text:?}");
        assert!(said(&output).contains(word), "{text:?}: {}", said(&output));
    }
    for (key, value) in [
        ("M4SH_BIND", "nowhere"),
        ("M4SH_JWT_SECRET", "short"),
        ("M4SH_RATES_SOLO_DIFF", "many"),
        ("M4SH_RATES_NOTHING", "1/s"),
        ("M4SH_TICK_MS", "0"),
        ("M4SH_WORKERS", "0"),
        ("M4SH_REGISTRATION", "ajar"),
    ] {
        let output = app.command(&["serve"]).env(key, value).output().unwrap();
        assert!(!output.status.success(), "{key}={value}");
        assert!(!said(&output).contains("panicked"), "{key}={value}: {}", said(&output));
    }
}

#[tokio::test]
async fn o2_a_flag_wins_over_the_environment_and_that_over_the_file() {
    let mut app = Server::start().await;
    let file = app.data.path().join("m4sh.toml");
    std::fs::write(&file, "registration = 'closed'\n").unwrap();
    let status = |app: &Server| {
        let body = json!({"email": format!("{}@school.test", uuid::Uuid::new_v4()), "password": "correct horse", "role": "student"});
        app.stranger().post("/api/v1/auth/register/").json(&body).send()
    };
    app.sigterm().await;
    app.set("M4SH_CONFIG", file.to_str().unwrap());
    app.launch().await;
    status(&app).await.expect(403);
    app.sigterm().await;
    app.set("M4SH_REGISTRATION", "open");
    app.launch().await;
    status(&app).await.expect(201);
    app.sigterm().await;
    app.launch_with(&["serve", "--registration", "closed"]).await;
    status(&app).await.expect(403);
}

#[tokio::test]
async fn o6_migrations_run_once_also_when_several_processes_start_together() {
    let database = std::sync::Arc::new(Database::fresh().await);
    let app = Server::prepared(Some(database.clone()), &[]);
    let first = app.command(&["migrate"]).output().unwrap();
    assert!(first.status.success(), "{}", said(&first));
    let again = app.command(&["migrate"]).output().unwrap();
    assert!(again.status.success(), "{}", said(&again));

    let fresh = std::sync::Arc::new(Database::fresh().await);
    let starts = (0..4).map(|_| Server::on(fresh.clone(), &[]));
    let servers = futures_util::future::join_all(starts).await;
    let ann = servers[0].pupil("Ann").await;
    let board = ann.at(&servers[3]).create_board().await;
    ann.at(&servers[2]).read(&board).await;
    let sql = "SELECT count(*) FROM refinery_schema_history";
    assert_eq!(fresh.number(sql).await, database.number(sql).await, "each migration once");
}

#[tokio::test]
async fn o5_without_a_database_url_it_runs_its_own_cluster_and_adopts_it_after_a_crash() {
    let mut app = Server::prepared(None, &[]);
    app.launch().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("kept")])).await;
    let sockets = postmasters(app.data.path());
    assert_eq!(sockets.len(), 1, "one cluster below the data folder");
    assert!(sockets[0].lines().nth(5).is_none_or(|address| address.trim().is_empty()), "no TCP: {}", sockets[0]);
    app.kill_and_restart().await;
    assert_eq!(postmasters(app.data.path())[0].lines().next(), sockets[0].lines().next(), "the same cluster");
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["kept"]);
    assert!(app.sigterm().await.success());
    assert!(postmasters(app.data.path()).is_empty(), "a clean stop stops the cluster");
    app.launch().await;
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["kept"]);
    assert!(app.sigterm().await.success());
    assert!(app.command(&["verify"]).output().unwrap().status.success());
}

/// The texts of all `postmaster.pid` files below a folder.
fn postmasters(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name == "postmaster.pid") {
            found.extend(std::fs::read_to_string(&path));
        } else if path.is_dir() && !path.is_symlink() {
            found.extend(postmasters(&path));
        }
    }
    found
}

#[tokio::test]
async fn o7_health_tells_a_leaving_server_from_a_ready_one() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    seat.draw(stroke("s")).await;
    for path in ["/health/live", "/health/ready"] {
        let answer = app.stranger().get(path).send().await.expect(200);
        assert!(answer.body.len() < 4096);
    }
    let answer = app.stranger().post("/health/ready").send().await;
    assert!([404, 405].contains(&answer.status));
}

#[tokio::test]
async fn o11_metrics_are_served_on_the_admin_port_only_and_count_what_happens() {
    let app = Server::with(&[("M4SH_ADMIN_BIND", "127.0.0.1:0")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    let rev = seat.draw(stroke("s")).await;
    seat.until_saved(rev).await;
    let admin = app.admin_address().await;
    let text = app.http().get(format!("http://{admin}/metrics")).send().await.unwrap().text().await.unwrap();
    let samples: Vec<_> = text.lines().filter(|line| line.starts_with("m4sh_")).collect();
    assert!(samples.len() > 5, "{text}");
    assert!(samples.iter().all(|line| line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok())));
    assert!(!text.contains(&ann.email) && !text.contains(&board.0), "no names among the metrics");
    app.stranger().get("/metrics").send().await.expect(404);
    app.stranger().get("/debug/").send().await.expect(404);
}

#[tokio::test]
async fn o12_tokens_passwords_and_states_are_never_logged() {
    let settings = [("RUST_LOG", "debug"), ("M4SH_ADMIN_BIND", "127.0.0.1:0")];
    let app = Server::with(&settings).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    seat.draw(stroke("a-secret-drawing")).await;
    let query = format!("{}?token={}", board.path(), ann.token);
    app.knock(&query).connect().await.closed().await;
    let offered = ["m4sh.json".to_owned(), format!("bearer.{}", ann.token)];
    let seated = app.knock(&board.path()).offering(Dialect::Json, &[&offered[0], &offered[1]]).connect().await;
    drop(seated);
    app.stranger()
        .post("/api/v1/auth/login/")
        .json(&json!({"email": ann.email, "password": "a wrong guess 77"}))
        .send()
        .await;
    app.stranger().post("/api/v1/auth/refresh/").json(&json!({"refresh": ann.refresh})).send().await;
    ann.get(&format!("{}?token={}", board.rest(""), ann.token)).send().await;
    ann.diff(&board, 7, &json!([add(stroke("another-secret-drawing"))])).send().await;
    seat.catch_up().await;
    let log = app.log().text();
    assert!(log.contains("listening on"));
    let signature = ann.token.rsplit('.').next().unwrap();
    for secret in
        [&*ann.token, signature, &ann.refresh, "correct horse 7", "a wrong guess 77", SECRET, "secret-drawing"]
    {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "logged: {}", line.unwrap_or_default());
    }
}

#[tokio::test]
async fn o9_a_demo_school_fills_an_empty_database_once_and_its_logins_work() {
    let mut app = Server::with(&[("M4SH_DEMO", "1")]).await;
    let tables = "SELECT count(*) FROM account";
    let database = app.database.clone().unwrap();
    within("it prints the logins", app.log().find("@")).await;
    let people = database.number(tables).await;
    assert!(people >= 2, "a tutor and pupils, {people} accounts");
    app.sigterm().await;
    app.launch().await;
    app.pupil("somebody new, after whatever the start does").await;
    let people = people + 1;
    assert_eq!(database.number(tables).await, people, "a database that is not empty is left alone");
}

#[tokio::test]
async fn h17_the_example_page_is_served_and_needs_nothing_from_elsewhere() {
    let app = Server::start().await;
    let page = app.stranger().get("/").send().await.expect(200);
    assert!(page.header("Content-Type").starts_with("text/html"));
    assert!(page.text().contains("board.js"));
    let script = app.stranger().get("/board.js").send().await.expect(200);
    assert!(script.header("Content-Type").contains("javascript"));
    let budgets = app.stranger().get("/budgets.js").send().await.expect(200);
    assert!(budgets.header("Content-Type").contains("javascript"));
    for text in [page.text(), script.text(), budgets.text()] {
        let foreign = ["src=\"http", "from \"http", "from 'http"].into_iter().map(|word| text.matches(word).count());
        let foreign: usize = foreign.sum();
        assert_eq!(foreign, 0, "nothing from another origin");
    }
}

#[tokio::test]
async fn a9_without_a_secret_one_is_made_once_for_its_owner_only_and_a_damaged_one_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let mut app = Server::prepared(Some(std::sync::Arc::new(Database::fresh().await)), &[]);
    app.unset("M4SH_JWT_SECRET");
    app.launch().await;
    let ann = app.pupil("Ann").await;
    app.kill_and_restart().await;
    ann.get("/api/v1/auth/me/").send().await.expect(200);
    let files = std::fs::read_dir(app.data.path()).unwrap().flatten();
    let secret =
        files.map(|entry| entry.path()).find(|path| path.to_str().unwrap().contains("secret")).expect("a secret");
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    app.sigterm().await;
    std::fs::write(&secret, "short").unwrap();
    let output = app.command(&["serve"]).output().unwrap();
    assert!(!output.status.success(), "it signs with a damaged secret");
    assert!(said(&output).contains("secret"), "{}", said(&output));
}

#[tokio::test]
async fn s11_a_board_that_nobody_uses_leaves_memory_and_is_back_unchanged_with_the_next_request() {
    let app = Server::with(&[("M4SH_ADMIN_BIND", "127.0.0.1:0")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seat = ann.open(&board).await;
    let rev = seat.draw(stroke("s")).await;
    seat.until_saved(rev).await;
    let (epoch, state) = (seat.epoch(), seat.board().state.clone());
    seat.leave().await;
    let url = format!("http://{}/metrics", app.admin_address().await);
    let awake = || async {
        let text = app.http().get(&url).send().await.unwrap().text().await.unwrap();
        let line =
            text.lines().find(|line| line.starts_with("m4sh_boards")).unwrap_or_else(|| panic!("{text}")).to_owned();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(awake().await >= 1.0);
    let mut looks = tokio::time::interval(std::time::Duration::from_secs(1));
    let parked = async {
        while awake().await > 0.0 {
            looks.tick().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(100), parked).await.expect("it leaves memory");
    let back = ann.open(&board).await;
    assert!(back.epoch() > epoch, "a new owner");
    assert_eq!((back.rev(), &back.board().state), (rev, &state));
}
