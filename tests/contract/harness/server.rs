//! The server as a process: started, killed, paused and started again on the same data.
//! Used by every test through `Server::start`. Never shares a port, a folder or a database with another test.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, RwLock},
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Account, DEADLINE, Database, Dialect, Knock, Lesson, eventually, within};

/// The HS256 secret of every server under test, so that tests can sign tokens of another issuer.
pub const SECRET: &str = "a-secret-for-tests-only-0123456789abcdef";

/// Rates out of the way of tests that are not about them.
const ROOMY: &[&str] = &[
    "SOLO_DIFF",
    "SOLO_STREAM",
    "SOLO_BEACON",
    "SOLO_USER",
    "SOLO_ANON",
    "SOLO_ANON_ASSET",
    "SOLO_EXPORT",
    "UPLOAD",
    "BOARD_METRICS",
    "TELEMETRY",
    "LOGIN_ADDRESS",
    "LOGIN_ACCOUNT",
    "REGISTER",
    "REFRESH",
    "API_USER",
    "JOIN_CLASS",
    "WS_OPEN",
    "WS_OPEN_GUEST",
];
/// The same for sockets, for tests that load a room.
pub const LOUD: &[(&str, &str)] = &[
    ("M4SH_RATES_WS_OPS", "1000000/s"),
    ("M4SH_RATES_WS_BYTES", "1000000000/s"),
    ("M4SH_RATES_WS_TALK", "1000000/s"),
    ("M4SH_RATES_WS_FLOOD", "1000000/s"),
    ("M4SH_RATES_WS_BOARD_BYTES", "1000000000/s"),
    ("M4SH_RATES_WS_CLASS_BYTES", "1000000000/s"),
    ("M4SH_RATES_WS_ADDRESS_BYTES", "1000000000/s"),
];

/// Where a server listens; shared with the accounts made on it, so that they follow it through a restart.
pub type Place = Arc<RwLock<String>>;

/// One server process with its data.
pub struct Server {
    pub database: Option<Arc<Database>>,
    pub data: Arc<TempDir>,
    settings: BTreeMap<String, String>,
    place: Place,
    process: Option<Process>,
    http: reqwest::Client,
}

struct Process {
    child: Child,
    log: Arc<Log>,
}

/// Every line that the process wrote, stdout and stderr.
#[derive(Default)]
pub struct Log {
    lines: Mutex<Vec<String>>,
    news: Notify,
}

impl Log {
    /// All of it.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Waits for a line that contains this.
    pub async fn find(&self, what: &str) -> String {
        loop {
            let news = self.news.notified();
            if let Some(line) = self.lines.lock().unwrap().iter().find(|line| line.contains(what)) {
                return line.clone();
            }
            // A line between the look and the wait is caught by the short timeout.
            let _ = tokio::time::timeout(Duration::from_millis(100), news).await;
        }
    }

    fn follow(self: &Arc<Self>, stream: impl std::io::Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                log.lines.lock().unwrap().push(line);
                log.news.notify_waiters();
            }
        });
    }
}

impl Server {
    /// A server with the default settings, roomy REST rates and its own database.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with some settings of the test's own.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(Database::fresh().await), settings).await
    }

    /// A server on a database that exists: a second node, or one whose cluster the test stops.
    pub async fn on(database: Arc<Database>, settings: &[(&str, &str)]) -> Self {
        let mut server = Self::prepared(Some(database), settings);
        server.launch().await;
        server
    }

    /// Not started yet; without a database it will run its own cluster.
    pub fn prepared(database: Option<Arc<Database>>, settings: &[(&str, &str)]) -> Self {
        let mut all: BTreeMap<String, String> =
            ROOMY.iter().map(|scope| (format!("M4SH_RATES_{scope}"), "1000000/min".to_owned())).collect();
        all.extend(
            [
                ("M4SH_BIND", "127.0.0.1:0"),
                ("M4SH_ADMIN_BIND", "off"),
                ("M4SH_JWT_SECRET", SECRET),
                ("M4SH_WORKERS", "2"),
                ("RUST_BACKTRACE", "1"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        all.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        if let Some(database) = &database {
            all.insert("DATABASE_URL".to_owned(), database.url.clone());
        }
        let data = TempDir::with_prefix("m4sh-").unwrap();
        // A server started as root gives its own cluster to another account, which must be able to enter.
        std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let http = super::http_client().build().unwrap();
        Self { database, data: Arc::new(data), settings: all, place: Place::default(), process: None, http }
    }

    /// A command of the binary under this server's settings and nobody else's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_m4sh"));
        let foreign = std::env::vars_os().map(|(key, _)| key);
        let ours = ["DATABASE_URL", "REDIS_URL", "FRONTEND_URL", "RUST_LOG"];
        for key in foreign.filter(|key| {
            key.to_str()
                .is_some_and(|k| ["M4SH_", "AWS_", "SOLO_"].iter().any(|own| k.starts_with(own)) || ours.contains(&k))
        }) {
            command.env_remove(key);
        }
        command
            .args(arguments)
            .envs(&self.settings)
            .env("M4SH_DATA_DIR", self.data.path())
            .current_dir(self.data.path());
        command
    }

    /// Starts the process and waits until it listens.
    pub async fn launch(&mut self) {
        self.launch_with(&["serve"]).await;
    }

    /// The same with arguments of the test's own.
    pub async fn launch_with(&mut self, arguments: &[&str]) {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("m4sh starts");
        let log = Arc::new(Log::default());
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        self.process = Some(Process { child, log: log.clone() });
        let listens = tokio::time::timeout(DEADLINE * 2, log.find("listening on http://"));
        let line = tokio::select! {
            line = listens => line.unwrap_or_else(|_| panic!("no `listening on` line; it said:\n{}", log.text())),
            status = self.exited_early() => panic!("it ended before it listened, {status}; it said:\n{}", log.text()),
        };
        *self.place.write().unwrap() = address(&line, "listening on http://");
    }

    /// Changes a setting for the next launch.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    /// Leaves a setting to its default from the next launch on.
    pub fn unset(&mut self, key: &str) {
        self.settings.remove(key);
    }

    /// `HOST:PORT` of the public port.
    pub fn address(&self) -> String {
        self.place.read().unwrap().clone()
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// `HOST:PORT` of the admin port, once the log tells it.
    pub async fn admin_address(&self) -> String {
        let line = within("the admin port is announced", self.log().find("admin on http://")).await;
        address(&line, "admin on http://")
    }

    /// What the process wrote so far.
    pub fn log(&self) -> Arc<Log> {
        self.process.as_ref().expect("the server was started").log.clone()
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// Whether the process lives.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.child.try_wait().unwrap().is_none())
    }

    /// The process dies at once, in the middle of whatever it does.
    pub fn kill_9(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }

    /// Asks the process to end, and waits until it has.
    pub async fn sigterm(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.exited().await
    }

    /// Waits for the process's own end.
    pub async fn exited(&mut self) -> ExitStatus {
        let process = self.process.as_mut().expect("the server was started");
        let started = Instant::now();
        loop {
            if let Some(status) = process.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < DEADLINE, "it does not end; it said:\n{}", process.log.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn exited_early(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.process.as_mut().and_then(|process| process.child.try_wait().unwrap()) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Killed and started again on the same data.
    pub async fn kill_and_restart(&mut self) {
        self.kill_9();
        self.launch().await;
    }

    /// Holds the process as a long stall would; when this returns, none of its threads runs.
    pub fn pause(&self) {
        self.signal("STOP");
        // The signal is on its way when `kill` returns, and a thread on another core still runs for a moment.
        let tasks = format!("/proc/{}/task", self.pid());
        let stands = |task: std::io::Result<fs::DirEntry>| {
            // One that has ended meanwhile runs no more.
            let stat = task.and_then(|task| fs::read_to_string(task.path().join("stat"))).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['T', 't', 'Z', 'X']))
        };
        let deadline = Instant::now() + DEADLINE;
        while !fs::read_dir(&tasks).unwrap().all(stands) {
            assert!(Instant::now() < deadline, "the process does not stand still");
            std::thread::yield_now();
        }
    }

    /// Lets a held process go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server was started").child.id()
    }

    /// Sends a signal by name, without waiting.
    pub fn signal(&self, name: &str) {
        let pid = self.pid();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().unwrap();
        assert!(sent.success(), "kill -{name} {pid}");
    }

    /// A new tutor, logged in.
    pub async fn tutor(&self) -> Account {
        self.register("Olena", "tutor").await
    }

    /// A new pupil, logged in.
    pub async fn pupil(&self, name: &str) -> Account {
        self.register(name, "student").await
    }

    async fn register(&self, name: &str, role: &str) -> Account {
        let email = format!("{}@school.test", Uuid::new_v4().simple());
        let body = json!({"email": email, "password": "correct horse 7", "first_name": name, "role": role});
        let stranger = self.stranger();
        let answer = stranger.post("/api/v1/auth/register/").json(&body).send().await.expect(201).json();
        Account::of_login(&answer, self)
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Account {
        Account::stranger(self)
    }

    /// A class with a live lesson, its tutor and so many pupils who have joined it.
    pub async fn lesson(&self, pupils: usize) -> (Account, Vec<Account>, Lesson) {
        let tutor = self.tutor().await;
        let class = tutor.create_class().await;
        let mut joined = Vec::new();
        for number in 1..=pupils {
            let pupil = self.pupil(&format!("Pupil {number}")).await;
            pupil.join(&class).await;
            joined.push(pupil);
        }
        let lesson = tutor.start_lesson(&class).await;
        (tutor, joined, lesson)
    }

    /// A bare WebSocket handshake with no token and no hello.
    pub fn knock(&self, path: &str) -> Knock {
        Knock::new(self.place(), path, Dialect::Json)
    }

    /// Waits until a health route answers 200.
    pub async fn is_healthy(&self) {
        eventually("the server is ready", || async {
            let answer = self.http.get(self.url("/health/ready")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }
}

fn address(line: &str, after: &str) -> String {
    let start = line.find(after).expect("the line was found by this text") + after.len();
    line[start..].split(|c: char| c.is_whitespace() || c == '"' || c == '/').next().unwrap().to_owned()
}

impl Drop for Server {
    fn drop(&mut self) {
        let by_itself = self.process.as_mut().and_then(|process| process.child.try_wait().unwrap());
        self.kill_9();
        if let (true, Some(process)) = (std::thread::panicking(), &self.process) {
            if let Some(status) = by_itself {
                eprintln!("--- the server had ended by itself: {status}");
            }
            let text = process.log.text();
            let tail: Vec<_> = text.lines().rev().take(60).collect();
            eprintln!("--- the server's last lines");
            tail.into_iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if self.database.is_none() && Arc::strong_count(&self.data) == 1 {
            stop_clusters_under(self.data.path());
        }
    }
}

/// A server that ran its own cluster and was killed leaves the cluster running, by design: the next start adopts it.
pub fn stop_clusters_under(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name == "postmaster.pid") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) {
                let wait = format!(
                    "kill -QUIT {pid} 2>/dev/null; i=0; while kill -0 {pid} 2>/dev/null && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.05; done"
                );
                let _ = Command::new("sh").arg("-c").arg(wait).status();
            }
        } else if path.is_dir() && !path.is_symlink() {
            stop_clusters_under(&path);
        }
    }
}
