//! Postgres for tests: a fresh database each, on the cluster that `M4SH_TEST_DATABASE_URL` names or on a private one.
//! Used by `server` and by tests that stop Postgres or read its tables. Never listens on TCP, never outlives the test process.

use std::{
    fs, io,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
};

use tokio_postgres::NoTls;
use uuid::Uuid;

/// A private cluster: Unix socket only, no fsync (the tests kill the server under test, never the machine).
pub struct Cluster {
    home: PathBuf,
    programs: PathBuf,
    runs_as: Option<(u32, u32)>,
    /// Stops the cluster and removes its folder when this process ends, however it ends: its stdin closes then.
    _watchdog: Child,
}

static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();

impl Cluster {
    /// The one cluster that tests of this process share.
    pub fn shared() -> Arc<Self> {
        SHARED.get_or_init(|| Arc::new(Self::start())).clone()
    }

    /// Makes and starts a cluster of its own.
    pub fn start() -> Self {
        let programs = programs();
        let home = std::env::temp_dir().join(format!("m4sh-pg-{}", Uuid::new_v4().simple()));
        fs::create_dir(&home).unwrap();
        let runs_as = unprivileged();
        if let Some((user, group)) = runs_as {
            chown(&home, Some(user), Some(group)).unwrap();
        }
        let script = format!(
            "trap '' INT TERM HUP; read _; {stop} -D {home}/data -m immediate stop; rm -rf {home}",
            stop = programs.join("pg_ctl").display(),
            home = home.display()
        );
        let watchdog = command("sh".as_ref(), &home, runs_as)
            .arg("-c")
            .arg(script)
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let cluster = Self { home, programs, runs_as, _watchdog: watchdog };
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            "initdb makes a cluster",
        );
        cluster.start_again();
        cluster
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("host={} user=postgres dbname={database}", self.home.display())
    }

    /// Stops it as a crash would: connections break, nothing is flushed.
    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"], "the cluster stops");
    }

    /// Starts it (again), and returns when it takes connections.
    pub fn start_again(&self) {
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off -c max_connections=400",
            self.home.display()
        );
        let log = self.home.join("log");
        let arguments = ["-D", &self.data(), "-w", "-l", &log.display().to_string(), "-o", &options, "start"];
        self.run("pg_ctl", &arguments, "the cluster starts");
    }

    fn data(&self) -> String {
        self.home.join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str], what: &str) {
        let status = command(&self.programs.join(program), &self.home, self.runs_as).args(arguments).status().unwrap();
        assert!(status.success(), "{what}: {status}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self._watchdog.stdin.take());
        let _ = self._watchdog.wait();
    }
}

fn command(program: &Path, home: &Path, runs_as: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((user, group)) = runs_as {
        command.uid(user).gid(group);
    }
    command
}

/// Where this machine keeps `initdb` and `pg_ctl`: the newest version of Debian's layout, or the search path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return bin;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join("initdb").exists())
        .expect("PostgreSQL's programs are needed: apt-get install postgresql, or set M4SH_TEST_DATABASE_URL")
}

/// Postgres refuses to run as root; then its own account, or nobody's, runs it.
fn unprivileged() -> Option<(u32, u32)> {
    if !is_root().unwrap_or(false) {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn is_root() -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// One test's own database; dropped with it.
pub struct Database {
    name: String,
    /// What the server gets as `DATABASE_URL`.
    pub url: String,
    admin: String,
    _cluster: Option<Arc<Cluster>>,
}

impl Database {
    /// A fresh database on the shared cluster.
    pub async fn fresh() -> Self {
        if let Ok(admin) = std::env::var("M4SH_TEST_DATABASE_URL") {
            return Self::made(admin, None).await;
        }
        let cluster = Cluster::shared();
        Self::made(cluster.url("postgres"), Some(cluster)).await
    }

    /// A fresh database on a cluster that the test may stop.
    pub async fn on(cluster: &Arc<Cluster>) -> Self {
        Self::made(cluster.url("postgres"), Some(cluster.clone())).await
    }

    async fn made(admin: String, cluster: Option<Arc<Cluster>>) -> Self {
        let name = format!("m4sh_{}", Uuid::new_v4().simple());
        connect(&admin).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Self { url: with_database(&admin, &name), name, admin, _cluster: cluster }
    }

    /// A connection, for tests in which persistence itself is the promise.
    pub async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The first column of the only row, as a number.
    pub async fn number(&self, sql: &str) -> i64 {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, sql) = (self.admin.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                // A stopped cluster is about to be removed whole.
                if let Ok((client, connection)) = tokio_postgres::connect(&admin, NoTls).await {
                    tokio::spawn(connection);
                    let _ = client.batch_execute(&sql).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The same URL for another database, in both of the forms that Postgres clients take.
fn with_database(url: &str, name: &str) -> String {
    if let Some((scheme, rest)) = url.split_once("://") {
        let (place, query) = rest.split_once('?').map_or((rest, String::new()), |(p, q)| (p, format!("?{q}")));
        let host = place.split_once('/').map_or(place, |(host, _)| host);
        return format!("{scheme}://{host}/{name}{query}");
    }
    let kept = url.split_whitespace().filter(|part| !part.starts_with("dbname="));
    kept.chain([format!("dbname={name}").as_str()]).collect::<Vec<_>>().join(" ")
}
