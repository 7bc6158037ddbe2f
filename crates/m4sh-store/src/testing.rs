//! A database for each test of this crate: made from a migrated template, dropped when the test is over.
//! Used by tests only. Takes the server of `M4SH_TEST_DATABASE_URL` (a superuser's URL), or starts a private cluster
//! that lives as long as the test process, however that ends. Never touches a database that it did not make.

#![allow(clippy::unwrap_used, clippy::mem_forget, reason = "for tests, also those of other packages")]

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls, config::Host};
use uuid::Uuid;

use super::{Store, migrate};
use m4sh_pg::Cluster;

/// The server of this process' tests, as a superuser's URL.
static SERVER: OnceCell<String> = OnceCell::const_new();
/// The template, migrated once for each process.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();
/// Ends the private cluster when this process is gone: its input ends then, even after a `kill -9`.
static KEEPER: OnceLock<Child> = OnceLock::new();

/// Any number, other than the migrations' own.
const LOCK: i64 = 0x6d34_7368_7465_7374;

/// A database of its own.
pub struct TestDatabase {
    /// Its URL, as a superuser.
    pub url: String,
    name: String,
}

impl TestDatabase {
    /// A migrated, empty database.
    pub async fn new() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        Self::from_template(template).await
    }

    /// A database without any tables.
    pub async fn blank() -> Self {
        Self::from_template("template0").await
    }

    async fn from_template(template: &str) -> Self {
        let name = format!("m4sh_test_{}", Uuid::now_v7().simple());
        let admin = admin().await;
        locked(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { url: url_of(&name).await, name }
    }

    /// A store with a small pool.
    pub async fn store(&self) -> Store {
        Store::connect(&self.url, 8).await.unwrap()
    }

    /// A bare connection, for what the store does not offer.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        // On a thread of its own, because a runtime may not be entered while another is being left.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                admin().await.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
            });
        })
        .join();
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

async fn server() -> &'static str {
    SERVER
        .get_or_init(|| async {
            match std::env::var("M4SH_TEST_DATABASE_URL") {
                Ok(url) => url,
                Err(_) => private_cluster().await,
            }
        })
        .await
}

async fn private_cluster() -> String {
    let folder = tempfile::Builder::new().prefix("m4sh-test-").tempdir().unwrap().keep();
    // So that a cluster of an unprivileged user can lie below it when the tests run as root.
    #[cfg(unix)]
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let cluster = Cluster::start(&folder).await.unwrap();
    let url = cluster.url().to_owned();
    KEEPER.get_or_init(|| keeper(&folder, cluster.data_directory()));
    // Nothing here outlives the process, and waiting for the disk is most of what making a database costs.
    let admin = connect(&url).await;
    for sql in ["ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()"] {
        admin.batch_execute(sql).await.unwrap();
    }
    // Its lock is this process', and nothing stops it but the keeper.
    std::mem::forget(cluster);
    url
}

/// A shell that waits for its input to end, then stops the cluster and removes the folder.
fn keeper(folder: &Path, cluster: &Path) -> Child {
    use std::os::unix::process::CommandExt;
    let script = r#"cat > /dev/null
        read -r pid < "$2/postmaster.pid" && kill -QUIT "$pid"
        while [ -e "$2/postmaster.pid" ] && kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
        rm -rf "$1" "$2""#;
    let mut child = Command::new("sh")
        .args(["-c", script, "sh"])
        .args([folder, cluster])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C is for the tests; the keeper cleans up after them.
        .process_group(0)
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().flush().unwrap();
    child
}

async fn template() -> String {
    // Named by what makes it, so that a server that outlives this build does not lend an old schema.
    let name = format!("m4sh_template_{:08x}", crc32fast::hash(migrate::fingerprint().as_bytes()));
    let admin = admin().await;
    admin.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.unwrap();
    let sql = "SELECT FROM pg_database WHERE datname = $1 AND datistemplate";
    if admin.query_opt(sql, &[&name]).await.unwrap().is_none() {
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
        migrate::run(&url_of(&name).await).await.unwrap();
        // Only now: a template that is marked is a finished one.
        admin.batch_execute(&format!("ALTER DATABASE {name} IS_TEMPLATE true")).await.unwrap();
    }
    admin.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await.unwrap();
    name
}

async fn locked(admin: &Client, sql: &str) {
    admin.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.unwrap();
    admin.batch_execute(sql).await.unwrap();
    admin.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await.unwrap();
}

async fn admin() -> Client {
    connect(&url_of("postgres").await).await
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The server's URL with another database, in the form of key words.
async fn url_of(database: &str) -> String {
    let config: Config = server().await.parse().unwrap();
    let host = match &config.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().unwrap_or("postgres");
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    format!("host='{host}' port={port} user='{user}' password='{password}' dbname='{database}'")
}
