//! Starting and ending the processes that the suite measures: m4sh with raised budgets, and the relay.
//! Called by the suite. Never leaves anything running: what it started ends with it, PostgreSQL too.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::{
    clock::stop_asked,
    problem::{Outcome, Problem},
};

/// How long a server may take until it listens: a first start makes a database cluster.
const START: Duration = Duration::from_secs(120);
/// How long it may take to end in order.
const STOP: Duration = Duration::from_secs(20);
/// Every budget of m4sh that a load of one account from one address would meet.
const SCOPES: [&str; 18] = [
    "SOLO_DIFF",
    "SOLO_STREAM",
    "SOLO_USER",
    "LOGIN_ADDRESS",
    "LOGIN_ACCOUNT",
    "REGISTER",
    "REFRESH",
    "API_USER",
    "JOIN_CLASS",
    "WS_CURSOR",
    "WS_CURSOR_FLOOD",
    "WS_OPS",
    "WS_BYTES",
    "WS_TALK",
    "WS_FLOOD",
    "WS_OPEN",
    "WS_OPEN_GUEST",
    "WS_OPEN_ADDRESS",
];
/// Every budget of m4sh that all of a load share; in bytes or deliveries, so a million is not out of the way.
const SHARED_SCOPES: [&str; 5] =
    ["WS_BOARD_BYTES", "WS_BOARD_DELIVERIES", "WS_CLASS_BYTES", "WS_CLASS_DELIVERIES", "WS_ADDRESS_BYTES"];

/// A server that this process started.
pub struct Server {
    child: Child,
    data: Option<PathBuf>,
    /// Where it listens.
    pub url: String,
}

/// How m4sh is started.
pub struct M4sh<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its data directory.
    pub data: &'a Path,
    /// Its token secret.
    pub secret: &'a str,
    /// `M4SH_WORKERS`.
    pub workers: u32,
    /// `M4SH_TICK_MS`.
    pub tick: &'a str,
    /// More settings, as `KEY=VALUE`.
    pub settings: &'a [String],
}

impl Server {
    /// Starts m4sh on a free port, with every budget raised out of the way.
    ///
    /// # Errors
    /// When it does not start to listen in time.
    pub fn m4sh(how: &M4sh<'_>) -> Outcome<Self> {
        let mut command = Command::new(how.program);
        command
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env("M4SH_BIND", "127.0.0.1:0")
            .env("M4SH_ADMIN_BIND", "off")
            .env("M4SH_DATA_DIR", how.data)
            .env("M4SH_JWT_SECRET", how.secret)
            .env("M4SH_REGISTRATION", "open")
            .env("M4SH_TICK_MS", how.tick)
            .env("M4SH_WORKERS", how.workers.to_string())
            .env("RUST_LOG", "warn");
        for scope in SCOPES {
            command.env(format!("M4SH_RATES_{scope}"), "1000000/s");
        }
        for scope in SHARED_SCOPES {
            command.env(format!("M4SH_RATES_{scope}"), "1000000000/s");
        }
        for setting in how.settings {
            let (key, value) =
                setting.split_once('=').ok_or_else(|| Problem::new(format!("`{setting}`: no KEY=VALUE")))?;
            command.env(key, value);
        }
        Self::start(command, Some(how.data))
    }

    /// Starts the yardstick relay.
    ///
    /// # Errors
    /// When it does not start to listen in time.
    pub fn relay(tick_ms: u64) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["relay", "--seconds", "600", "--tick-ms"]).arg(tick_ms.to_string());
        Self::start(command, None)
    }

    fn start(mut command: Command, data: Option<&Path>) -> Outcome<Self> {
        let log = data.map(|data| data.join("server.log"));
        let errors = match &log {
            Some(log) => Stdio::from(File::options().create(true).append(true).open(log)?),
            None => Stdio::inherit(),
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| Problem::new(format!("{program}: {error}")))?;
        let output = child.stdout.take();
        let mut server = Self { child, data: data.map(Path::to_path_buf), url: String::new() };
        let (tell, told) = mpsc::channel();
        // Its output is read to the end, so that it never blocks on a full pipe.
        thread::spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()).map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("listening on ") {
                    let _ = tell.send(url.split_whitespace().next().unwrap_or_default().to_owned());
                }
            }
        });
        let deadline = Instant::now() + START;
        while server.url.is_empty() {
            match told.recv_timeout(Duration::from_millis(200)) {
                Ok(url) => server.url = url,
                Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() < deadline && !stop_asked() => {}
                Err(_) => {
                    let tail = log.and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
                    let tail: Vec<&str> = tail.lines().rev().take(15).collect();
                    let tail: Vec<&str> = tail.into_iter().rev().collect();
                    return Err(Problem::new(format!("{program} does not listen\n{}", tail.join("\n"))));
                }
            }
        }
        Ok(server)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first process of its own PostgreSQL, when it runs one.
    pub fn postgres(&self) -> Option<u32> {
        postmaster(self.data.as_deref()?, 4)
    }

    /// Ends it in order; what does not end in time is killed.
    ///
    /// # Errors
    /// When it had to be killed, or did not exit with 0.
    pub fn stop(mut self) -> Outcome<()> {
        self.end().and_then(|code| match code {
            Some(0) => Ok(()),
            other => Err(Problem::new(format!("{} ended with {other:?}", self.url))),
        })
    }

    /// Kills it, as a crash or a loss of power would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn end(&mut self) -> Outcome<Option<i32>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status.code());
        }
        signal(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait()?;
        Err(Problem::new("a server did not end within 20 s of SIGTERM and was killed"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let postgres = self.postgres();
        // Nobody is left to tell: `stop` is how a run hears of a bad end.
        let _ = self.end();
        if let Some(pid) = postgres.filter(|pid| is_postgres(*pid)) {
            signal(pid, Signal::INT);
            let deadline = Instant::now() + STOP;
            while alive(pid) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = pid_of(pid) {
        let _ = kill_process(pid, signal);
    }
}

fn alive(pid: u32) -> bool {
    pid_of(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn is_postgres(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("postgres"))
}

/// The pid in the `postmaster.pid` below `folder`, at most `depth` folders down.
fn postmaster(folder: &Path, depth: usize) -> Option<u32> {
    if let Ok(text) = fs::read_to_string(folder.join("postmaster.pid")) {
        return text.lines().next()?.trim().parse().ok();
    }
    let below = depth.checked_sub(1)?;
    let folders =
        fs::read_dir(folder).ok()?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.into_iter().find_map(|entry| postmaster(&entry.path(), below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_found_below_the_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(postmaster(folder.path(), 4), None);
        fs::create_dir_all(folder.path().join("pg/main")).unwrap();
        fs::write(folder.path().join("pg/main/postmaster.pid"), "4711\n/data\n").unwrap();
        assert_eq!(postmaster(folder.path(), 4), Some(4711));
        assert_eq!(postmaster(folder.path(), 1), None);
    }

    #[test]
    fn a_program_that_never_listens_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo a reason >&2"]);
        let problem = Server::start(command, Some(folder.path())).map(|_| ()).unwrap_err().to_string();
        assert!(problem.contains("does not listen") && problem.contains("a reason"), "{problem}");
    }

    #[test]
    fn a_server_is_found_by_its_line_and_ends_with_sigterm() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap 'exit 0' TERM; echo x listening on http://127.0.0.1:1 y; while :; do sleep 0.01; done"]);
        let server = Server::start(command, None).unwrap();
        assert_eq!(server.url, "http://127.0.0.1:1");
        let pid = server.pid();
        server.stop().unwrap();
        assert!(!alive(pid));
    }
}
