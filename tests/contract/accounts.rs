//! Accounts: registering, logging in, tokens and their ends.
//! Tells what a client may rely on at the door. Never looks at boards but to see whether the door is open.

use serde_json::{Value, json};

use crate::harness::*;

const REGISTER: &str = "/api/v1/auth/register/";
const LOGIN: &str = "/api/v1/auth/login/";
const REFRESH: &str = "/api/v1/auth/refresh/";
const ME: &str = "/api/v1/auth/me/";

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

#[tokio::test]
async fn a1_registering_answers_as_a_login_and_the_account_can_log_in_again() {
    let app = Server::start().await;
    let stranger = app.stranger();
    let body = json!({"email": "ann@school.test", "password": "correct horse", "first_name": "Ann",
        "last_name": "Lee", "role": "student"});
    let made = stranger.post(REGISTER).json(&body).send().await.expect(201).json();
    let again =
        stranger.post(LOGIN).json(&credentials("ann@school.test", "correct horse")).send().await.expect(200).json();
    for answer in [&made, &again] {
        assert_eq!(answer["expires_in"], 900, "{answer}");
        let user = &answer["user"];
        assert_eq!(
            (&user["email"], &user["first_name"], &user["last_name"], &user["role"]),
            (&json!("ann@school.test"), &json!("Ann"), &json!("Lee"), &json!("student"))
        );
        let me = stranger.with_token(&answer.text("access")).get(ME).send().await.expect(200).json();
        assert_eq!(me["id"], user["id"]);
        assert_eq!(me["email"], "ann@school.test");
        assert!(!answer.to_string().contains("correct horse"));
    }
    assert_eq!(made["user"]["id"], again["user"]["id"]);
    assert_ne!(made["refresh"], again["refresh"], "each login is its own family");
}

#[tokio::test]
async fn a1_an_address_registers_once_in_whatever_case() {
    let app = Server::start().await;
    let stranger = app.stranger();
    let body = |email: &str| json!({"email": email, "password": "correct horse", "role": "student"});
    stranger.post(REGISTER).json(&body("ann@school.test")).send().await.expect(201);
    for email in ["ann@school.test", "Ann@School.Test"] {
        let answer = stranger.post(REGISTER).json(&body(email)).send().await;
        assert!([400, 409].contains(&answer.status), "{email}: {} {}", answer.status, answer.text());
        assert!(answer.json()["request_id"].is_string());
    }
    stranger.post(LOGIN).json(&credentials("ANN@school.test", "correct horse")).send().await.expect(200);
}

#[tokio::test]
async fn a2_a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let wrong = app.stranger().post(LOGIN).json(&credentials(&ann.email, "not the one")).send().await;
    let unknown = app.stranger().post(LOGIN).json(&credentials("nobody@school.test", "not the one")).send().await;
    let mut bodies = [wrong.refused(401, "invalid_credentials"), unknown.refused(401, "invalid_credentials")];
    for body in &mut bodies {
        assert!(body.as_object_mut().unwrap().remove("request_id").is_some_and(|id| id.is_string()));
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a3_refresh_tokens_rotate_and_a_replayed_one_kills_its_family_and_no_other() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let stranger = app.stranger();
    let other = stranger.post(LOGIN).json(&credentials(&ann.email, "correct horse 7")).send().await.expect(200).json();
    let refresh = |token: &str| stranger.post(REFRESH).json(&json!({"refresh": token})).send();

    let second = refresh(&ann.refresh).await.expect(200).json();
    assert_eq!(second["expires_in"], 900);
    assert_ne!(second.text("refresh"), ann.refresh);
    stranger.with_token(&second.text("access")).get(ME).send().await.expect(200);

    refresh(&ann.refresh).await.expect(401);
    refresh(&second.text("refresh")).await.expect(401);
    stranger.with_token(&second.text("access")).get(ME).send().await.expect(401);
    refresh(&other.text("refresh")).await.expect(200);
    for nonsense in ["", "x", "ä", &"y".repeat(5000)] {
        let answer = refresh(nonsense).await;
        assert!([400, 401, 413].contains(&answer.status), "{nonsense:.20}: {}", answer.status);
    }
}

#[tokio::test]
async fn a3_of_many_parallel_refreshes_with_one_token_at_most_one_wins() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let calls = (0..8).map(|_| app.stranger().post(REFRESH).json(&json!({"refresh": ann.refresh})).send());
    let answers = futures_util::future::join_all(calls).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(won <= 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)));
}

#[tokio::test]
async fn a3_the_refresh_cookie_is_closed_to_scripts_and_serves_as_the_body_does() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let answer = app.stranger().post(LOGIN).json(&credentials(&ann.email, "correct horse 7")).send().await.expect(200);
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    let cookie = cookies.iter().find(|cookie| cookie.contains("refresh")).expect("a refresh cookie");
    let lower = cookie.to_lowercase();
    assert!(lower.contains("httponly") && lower.contains("samesite"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let next = app.stranger().post(REFRESH).header("Cookie", pair).send().await.expect(200).json();
    app.stranger().with_token(&next.text("access")).get(ME).send().await.expect(200);
}

#[tokio::test]
async fn a4_logging_out_ends_this_login_and_no_other() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let login = credentials(&ann.email, "correct horse 7");
    let other = app.stranger().post(LOGIN).json(&login).send().await.expect(200).json();
    ann.post("/api/v1/auth/logout/").send().await.expect(204);
    ann.get(ME).send().await.expect(401);
    app.stranger().post(REFRESH).json(&json!({"refresh": ann.refresh})).send().await.expect(401);
    ann.with_token(&other.text("access")).get(ME).send().await.expect(200);
    let board = ann.with_token(&other.text("access")).create_board().await;
    assert_eq!(ann.knock(&board).turned_away().await, 4401, "an ended login opens no socket");
}

#[tokio::test]
async fn a5_only_a_signed_and_living_token_opens_the_door() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let claims = |extra: Value| {
        let mut all = json!({"sub": ann.id, "role": "student", "iat": now() - 10, "exp": now() + 600, "jti": "j"});
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        all
    };
    let good = token(&claims(json!({})), SECRET);
    ann.with_token(&good).get(ME).send().await.expect(200);

    let mut foreign = claims(json!({"user_id": ann.id}));
    foreign.as_object_mut().unwrap().remove("sub");
    ann.with_token(&token(&foreign, SECRET)).get(ME).send().await.expect(200);

    let mut nobody = claims(json!({}));
    nobody.as_object_mut().unwrap().remove("sub");
    let mut eternal = claims(json!({}));
    eternal.as_object_mut().unwrap().remove("exp");
    let table = [
        ("expired", token(&claims(json!({"exp": now() - 120})), SECRET)),
        ("of another secret", token(&claims(json!({})), "another secret that is long enough, too")),
        ("tampered", tampered(&good)),
        ("unsigned", unsigned_token(&claims(json!({})))),
        ("of nobody", token(&nobody, SECRET)),
        ("eternal", token(&eternal, SECRET)),
        ("of no uuid", token(&claims(json!({"sub": "admin"})), SECRET)),
        ("of an unknown account", token(&claims(json!({"sub": "0190b5a0-0000-7000-8000-000000000000"})), SECRET)),
        ("cut off", good[..good.len() - 4].to_owned()),
        ("over-long", format!("{good}{}", "A".repeat(5000))),
        ("no token", "hello".to_owned()),
    ];
    let board = ann.create_board().await;
    for (what, bad) in table {
        let answer = ann.with_token(&bad).get(ME).send().await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert!(answer.json()["detail"].is_string(), "{what}");
        if what != "over-long" && what != "of an unknown account" {
            assert_eq!(ann.with_token(&bad).knock(&board).turned_away().await, 4401, "{what}");
        }
    }
    app.stranger().get(ME).send().await.expect(401);
    app.stranger().get(ME).header("Authorization", "Basic abc").send().await.expect(401);
}

#[tokio::test]
async fn a6_bad_bodies_are_told_what_is_wrong_with_them() {
    let app = Server::start().await;
    let good = json!({"email": "ann@school.test", "password": "correct horse", "role": "student"});
    let table = [
        ("email", json!(null)),
        ("email", json!("no address")),
        ("email", json!(format!("{}@school.test", "x".repeat(260)))),
        ("email", json!(7)),
        ("password", json!(null)),
        ("password", json!("short")),
        ("password", json!("p".repeat(257))),
        ("role", json!("admin")),
        ("role", json!(null)),
        ("first_name", json!("n".repeat(2000))),
    ];
    for (field, value) in table {
        let mut body = good.clone();
        body[field] = value.clone();
        let answer = app.stranger().post(REGISTER).json(&body).send().await;
        assert_eq!(answer.status, 400, "{field} = {value:.30}: {}", answer.text());
        assert!(answer.json()[field].is_array(), "{field} = {value:.30}: {}", answer.text());
    }
    for path in [REGISTER, LOGIN, REFRESH] {
        for body in ["", "{", "[]", "7", "\"x\"", "\u{0}", "{\"email\": \"\\u0000\"}"] {
            let answer = app.stranger().post(path).raw_json(body).send().await;
            assert!([400, 401].contains(&answer.status), "{path} {body:?}: {} {}", answer.status, answer.text());
        }
        let huge = format!("{{\"email\": \"{}\"}}", "x".repeat(20_000));
        app.stranger().post(path).raw_json(huge).send().await.refused(413, "payload_too_large");
    }
    app.stranger().post(REGISTER).json(&good).send().await.expect(201);
}

#[tokio::test]
async fn a7_closed_registration_is_refused_and_logins_go_on() {
    let mut app = Server::start().await;
    let ann = app.pupil("Ann").await;
    app.sigterm().await;
    app.set("M4SH_REGISTRATION", "closed");
    app.launch().await;
    let body = json!({"email": "bob@school.test", "password": "correct horse", "role": "student"});
    app.stranger().post(REGISTER).json(&body).send().await.expect(403);
    app.stranger().post(LOGIN).json(&credentials(&ann.email, "correct horse 7")).send().await.expect(200);
}

#[tokio::test]
async fn b6_logins_are_limited_for_each_account_and_for_each_address() {
    let rates = [("M4SH_RATES_LOGIN_ACCOUNT", "3/min"), ("M4SH_RATES_LOGIN_ADDRESS", "8/min")];
    let app = Server::with(&rates).await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let login = |email: &str, password: &str| app.stranger().post(LOGIN).json(&credentials(email, password)).send();
    for _ in 0..3 {
        login(&ann.email, "wrong one").await.expect(401);
    }
    let limited = login(&ann.email, "correct horse 7").await;
    is_rate_limited(&limited);
    login(&bob.email, "correct horse 7").await.expect(200);
    let mut last = 0;
    for number in 0..8 {
        last = login(&format!("guess{number}@school.test"), "wrong one").await.status;
    }
    assert_eq!(last, 429, "one address cannot try account after account");
}
