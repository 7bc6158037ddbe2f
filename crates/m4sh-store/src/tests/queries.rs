//! Queries: each fits the schema, and each finds its rows as it says.

use crate::{
    accounts, assets, blobs, board_queries, boards, class_events, class_rules, classes, client_events, erasure,
    event_pages, events, exports, garbage_collection, history, hook_deliveries, hook_feed, hooks, idempotency,
    isolation, jobs, journal, lesson_boards, lesson_events, lesson_retention, lessons, links, logins, overviews,
    query::{CheckedQuery, Plan},
    renditions, retention, revisions, room_client,
    testing::TestDatabase,
    undo, usage_stats,
};

/// Every file's queries, as [`every_file_with_queries_is_listed`] makes sure.
macro_rules! listed {
    ($($module:ident),+ $(,)?) => {
        const MODULES: &[&str] = &["lib", $(stringify!($module)),+];
        const QUERIES: &[&[CheckedQuery]] = &[crate::QUERIES, $($module::QUERIES),+];
    };
}

listed! {
    accounts, assets, blobs, board_queries, boards, class_events, class_rules, classes, client_events, erasure,
    event_pages, events, exports, garbage_collection, history, hook_deliveries, hook_feed, hooks, idempotency,
    isolation, jobs, journal, lesson_boards, lesson_events, lesson_retention, lessons, links, logins, overviews,
    renditions, retention, revisions, room_client, undo, usage_stats,
}

fn queries() -> impl Iterator<Item = &'static CheckedQuery> {
    QUERIES.iter().copied().flatten()
}

/// The text of a query, by a name such as `boards::board_access`.
pub(super) fn sql(name: &str) -> &'static str {
    queries().find(|query| query.name.ends_with(name)).unwrap().sql
}

#[test]
fn every_file_with_queries_is_listed() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap().flatten();
    for path in files.map(|file| file.path()).filter(|path| path.is_file()) {
        let module = path.file_stem().unwrap().to_str().unwrap();
        let declares = std::fs::read_to_string(&path).unwrap().contains("\nqueries! {");
        assert!(!declares || MODULES.contains(&module), "{module} declares queries and is not listed");
    }
}

#[tokio::test]
async fn every_query_fits_the_schema() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut faults = Vec::new();
    for query in queries() {
        let statement = match client.prepare(query.sql).await {
            Ok(statement) => statement,
            Err(error) => {
                faults.push(format!("{}: {}", query.name, error.as_db_error().unwrap()));
                continue;
            }
        };
        let (wanted, given) = (statement.params(), (query.params)());
        if wanted.len() != given.len() {
            faults.push(format!("{}: takes {} parameters and is given {}", query.name, wanted.len(), given.len()));
        }
        let unfit = wanted.iter().zip(given).enumerate().filter(|(_, (ty, accepts))| !accepts(ty));
        faults.extend(unfit.map(|(at, (ty, _))| format!("{}: ${} is {ty} and given another type", query.name, at + 1)));
        if let Err(fault) = (query.check)(statement.columns()) {
            faults.push(format!("{}: {fault}", query.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// 20,000 accounts, each with a login, a folder, a board, a batch, a classroom with a session, a membership, and
/// an object that all kinds of things refer to.
const CROWD: &str = "
    CREATE FUNCTION pg_temp.id(kind text, i integer) RETURNS uuid LANGUAGE sql AS 'SELECT md5(kind || i)::uuid';
    CREATE TEMP TABLE n AS SELECT i FROM generate_series(0, 19999) i;
    INSERT INTO account (id, email, password_hash, role, quota_bytes)
        SELECT pg_temp.id('account', i), i || '@example.org', 'x', 'tutor', 0 FROM n;
    INSERT INTO auth_session (id, account, created_at, expires_at, ended_at)
        SELECT pg_temp.id('login', i), pg_temp.id('account', i), now(), now(), CASE i % 100 WHEN 0 THEN now() END FROM n;
    INSERT INTO refresh_token (hash, auth_session, expires_at)
        SELECT sha256(i::text::bytea), pg_temp.id('login', i), now() FROM n;
    INSERT INTO node (id, kind, owner, name, purpose)
        SELECT pg_temp.id('folder', i), 'folder', pg_temp.id('account', i), 'Boards', 'boards' FROM n;
    INSERT INTO node (id, kind, owner, parent, name)
        SELECT pg_temp.id('board', i), 'board', pg_temp.id('account', i), pg_temp.id('folder', i), 'b' FROM n;
    INSERT INTO board (id) SELECT pg_temp.id('board', i) FROM n;
    INSERT INTO checkpoint (board, rev, epoch, bytes) SELECT pg_temp.id('board', i), 0, 0, '' FROM n;
    INSERT INTO journal SELECT 1, 1, now(), 0, 1, 1, pg_temp.id('board', i), pg_temp.id('account', i),
        pg_temp.id('client', i), 'b', NULL, '' FROM n;
    INSERT INTO \"group\" (id, kind, name, owner, invite_code, folder)
        SELECT pg_temp.id('class', i), 'classroom', 'c', pg_temp.id('account', i), i, pg_temp.id('folder', i)
        FROM n;
    INSERT INTO member (\"group\", account, role)
        SELECT pg_temp.id('class', i / 4), pg_temp.id('account', i), 'student' FROM n;
    INSERT INTO class_session (id, classroom, board, name)
        SELECT pg_temp.id('session', i), pg_temp.id('class', i), pg_temp.id('board', i), 's' FROM n;
    INSERT INTO class_rule (classroom, session, account, what, allowed, until, made_by)
        SELECT pg_temp.id('class', i), pg_temp.id('session', i), pg_temp.id('account', i), 'pen', false,
            CASE i % 100 WHEN 0 THEN now() END, pg_temp.id('account', i) FROM n;
    INSERT INTO class_event (session, seq, at, kind, author, person, about, data)
        SELECT pg_temp.id('session', i / 4), i % 4 + 1, now(), (ARRAY['chat', 'hand', 'poll', 'vote'])[i % 4 + 1],
            pg_temp.id('account', i), pg_temp.id('account', i), 1, '{}' FROM n;
    INSERT INTO event (id, at, category, action, actor, node, link)
        SELECT pg_temp.id('event', i), now(), 'share', 'share_viewed', pg_temp.id('account', i / 4),
            pg_temp.id('board', i / 4), pg_temp.id('link', i / 4) FROM n;
    INSERT INTO share_link (id, token_hash, node, created_by, expires_at, revoked_at)
        SELECT pg_temp.id('link', i), sha256(i::text::bytea), pg_temp.id('board', i), pg_temp.id('account', i),
            now() + i * interval '1 minute', CASE i % 4 WHEN 0 THEN now() + i * interval '1 minute' END FROM n;
    INSERT INTO blob (id, key, sha256, size, media_type, stored_at)
        SELECT pg_temp.id('blob', i), 'solo/' || i, sha256(i::text::bytea), i, 'image/png',
            CASE i % 100 WHEN 0 THEN NULL ELSE now() END FROM n;
    INSERT INTO asset (id, node, sha256, blob, name)
        SELECT pg_temp.id('asset', i), pg_temp.id('board', i), sha256(i::text::bytea), pg_temp.id('blob', i), 'a' FROM n;
    INSERT INTO revision (id, node, number, blob, origin)
        SELECT pg_temp.id('revision', i), pg_temp.id('board', i), i, pg_temp.id('blob', i), 'manual' FROM n;
    INSERT INTO rendition (id, node, kind, number, blob)
        SELECT pg_temp.id('rendition', i), pg_temp.id('board', i), 'thumbnail', i, pg_temp.id('blob', i) FROM n;
    INSERT INTO job (id, kind, account, node, idempotency_key, blob, status, finished_at)
        SELECT pg_temp.id('job', i), 'export', pg_temp.id('account', i), pg_temp.id('board', i), 'k',
            pg_temp.id('blob', i), 'completed', now() FROM n;
    INSERT INTO job (id, kind, idempotency_key, status, finished_at)
        SELECT pg_temp.id('own', i), 'chore' || i, 'k', 'completed', now() FROM n;
    INSERT INTO idempotency (account, scope, key, fingerprint, expires_at)
        SELECT pg_temp.id('account', i), 's', 'k', '', now() FROM n;
    INSERT INTO ledger (ref, account, kind, bytes, reserved_until)
        SELECT pg_temp.id('asset', i), pg_temp.id('account', i), 'asset', i, CASE i % 100 WHEN 0 THEN now() END FROM n;
    INSERT INTO loose_blob (blob) SELECT pg_temp.id('blob', i) FROM n;
    INSERT INTO doomed_object (key) SELECT 'gone/' || i FROM n;
    INSERT INTO session_board (board, session, classroom, pupil)
        SELECT pg_temp.id('board', i), pg_temp.id('session', i), pg_temp.id('class', i), pg_temp.id('account', i) FROM n;
    INSERT INTO hook_feed (classroom) SELECT pg_temp.id('class', i) FROM n;
    INSERT INTO hook_session (session, classroom) SELECT pg_temp.id('session', i), pg_temp.id('class', i) FROM n;
    INSERT INTO hook_board (board, session, rev, told_at)
        SELECT pg_temp.id('board', i), pg_temp.id('session', i), 1, now() FROM n;
    INSERT INTO hook_event (classroom, seq, id, type, at, data)
        SELECT pg_temp.id('class', i), 1, pg_temp.id('told', i), 'board.saved', now() + i * interval '1 minute', '{}' FROM n;
    INSERT INTO hook (id, classroom, url, events, secret, cursor, head, due, created_by)
        SELECT pg_temp.id('hook', i), pg_temp.id('class', i), 'u', '{board.saved}', 's', 0, 1,
            CASE i % 100 WHEN 0 THEN now() END, pg_temp.id('account', i) FROM n;
    INSERT INTO hook_delivery (hook, seq, type, attempts, tried_at)
        SELECT pg_temp.id('hook', i), 1, 'board.saved', 1, now() + i * interval '1 minute' FROM n;
    ANALYZE";

/// What the planner thinks of a plan, in pages read one after another. Reading any of the tables above whole, or the
/// whole of one of their indexes, costs more than this; a dozen look-ups in an index cost less.
const DEAR: f64 = 250.0;
/// The same for a list of ids, of which the planner expects ten.
const DEAR_LIST: f64 = 500.0;
/// The same for a walk down the tree, of which the planner expects a hundred times more than there is.
const DEAR_TREE: f64 = 2_000.0;

#[tokio::test]
async fn every_query_finds_its_rows_as_it_says() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(CROWD).await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for CheckedQuery { name, sql, plan: found_by, .. } in queries() {
        let plan = plan(&client, sql).await;
        // "… (cost=0.42..8.44 rows=…"
        let total = plan.split_once("..").unwrap().1.split(' ').next().unwrap().parse::<f64>().unwrap();
        let dear = match found_by {
            // What works on many rows at once may cost as much as many look-ups, each of them by an index.
            Plan::Batch => {
                assert!(!plan.contains("Seq Scan"), "{name}\n{plan}");
                continue;
            }
            Plan::Scan => continue,
            // Every board of a class's lessons that go on: once, when the class gets its first webhook.
            Plan::Index if plan.contains("Recursive Union") || sql.contains("INSERT INTO hook_board") => DEAR_TREE,
            Plan::Index if sql.contains("= ANY($") => DEAR_LIST,
            Plan::Index => DEAR,
        };
        assert!(total < dear, "{name}\n{plan}");
    }
}

async fn plan(client: &tokio_postgres::Client, query: &str) -> String {
    let parameters = client.prepare(query).await.unwrap().params().len();
    let nulls = match parameters {
        0 => String::new(),
        some => format!("({})", vec!["NULL"; some].join(", ")),
    };
    client.batch_execute(&format!("PREPARE asked AS {query}")).await.unwrap();
    let plan = client.simple_query(&format!("EXPLAIN EXECUTE asked {nulls}")).await.unwrap();
    client.batch_execute("DEALLOCATE asked").await.unwrap();
    let lines = plan.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}
