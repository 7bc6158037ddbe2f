//! Starts the rendering process, sends it a request, watches it and ends it. Called by whatever needs a picture.
//! Never draws anything itself; bounds the number of processes.

use std::{
    fs::File,
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{ChildStdin, Command},
    sync::Semaphore,
    time::timeout,
};

use super::{
    PictureRequest, RenderError, RenderedFile,
    child::{BROKEN, EXIT_BROKEN, PAGE},
    request,
};
use m4sh_domain::limits;

/// Most bytes read from standard error; the rest is ignored.
const TALK_BYTES: u64 = 256 * 1024;
/// Signals that report a limit (Linux and every other Unix of today).
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// Runs rendering processes.
#[derive(Clone, Debug)]
pub struct Renderer {
    program: Arc<PathBuf>,
    at_once: Arc<Semaphore>,
    deadline: Duration,
}

impl Renderer {
    /// Renders with `program render` (our own binary), at most `at_once` (at least 1) at the same time.
    #[must_use]
    pub fn new(program: PathBuf, at_once: usize) -> Self {
        let at_once = Arc::new(Semaphore::new(at_once.max(1)));
        Self { program: Arc::new(program), at_once, deadline: limits::RENDER_DEADLINE }
    }

    /// The same with another deadline than [`limits::RENDER_DEADLINE`].
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Draws, after earlier requests. `progress` receives rising percentages. Dropping the future ends the process.
    ///
    /// # Errors
    /// [`RenderError`]; no file is left behind.
    pub async fn render(
        &self,
        request: PictureRequest,
        progress: impl Fn(u8) + Send,
    ) -> Result<RenderedFile, RenderError> {
        let parts = request::parts(&request).ok_or(RenderError::TooLarge)?;
        let (format, _permit) = (request.format, self.at_once.acquire().await);
        drop(request);
        let (file, place) = tempfile::NamedTempFile::new().map_err(crashed)?.into_parts();
        let drawn = timeout(self.deadline, self.draw(parts, file, progress));
        drawn.await.map_err(|_| RenderError::TimedOut)??;
        let size = tokio::fs::metadata(&place).await.map_err(crashed)?.len();
        if size == 0 {
            return Err(RenderError::Crashed("it wrote nothing".to_owned()));
        }
        Ok(RenderedFile { file: place, size, media_type: format.media_type(), extension: format.extension() })
    }

    /// Runs one process to its end.
    async fn draw(&self, parts: Vec<Bytes>, file: File, progress: impl Fn(u8)) -> Result<(), RenderError> {
        let mut process = command(&self.program)
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(crashed)?;
        let (Some(stdin), Some(stderr)) = (process.stdin.take(), process.stderr.take()) else {
            return Err(RenderError::Crashed("it has no pipes".to_owned()));
        };
        // A process that ends early stops reading: its exit status gives the reason, not the broken pipe.
        let (_, reason) = tokio::join!(feed(stdin, parts), listen(stderr, progress));
        judge(process.wait().await.map_err(crashed)?, reason)
    }
}

/// The program with a clean environment, at a lower priority where the machine has `nice`.
fn command(program: &Path) -> Command {
    let nice = Path::new("/usr/bin/nice");
    let mut command = if nice.exists() {
        let mut command = Command::new(nice);
        command.args(["-n", "10"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.arg("render").env_clear().current_dir("/");
    command
}

async fn feed(mut stdin: ChildStdin, parts: Vec<Bytes>) -> io::Result<()> {
    for part in parts {
        stdin.write_all(&part).await?;
    }
    stdin.shutdown().await
}

/// Reads standard error; returns the reason of a failure, if one is given.
async fn listen(stderr: impl AsyncRead + Unpin, progress: impl Fn(u8)) -> Option<String> {
    let mut lines = BufReader::new(stderr.take(TALK_BYTES)).lines();
    let (mut reason, mut reported) = (None, 0);
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(percent) = line.strip_prefix(PAGE).and_then(percent).filter(|percent| *percent > reported) {
            reported = percent;
            progress(percent);
        } else if let Some(why) = line.strip_prefix(BROKEN) {
            reason = Some(why.to_owned());
        } else if line.contains("memory allocation of") {
            reason = Some(line);
        }
    }
    reason
}

/// `3/10` as 30; 100 is reserved for the finished picture.
fn percent(pages: &str) -> Option<u8> {
    let (page, pages) = pages.split_once('/')?;
    let (page, pages): (u64, u64) = (page.parse().ok()?, pages.parse().ok()?);
    u8::try_from((page * 100).checked_div(pages)?.min(99)).ok()
}

fn judge(status: ExitStatus, reason: Option<String>) -> Result<(), RenderError> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) if code == i32::from(EXIT_BROKEN) => {
            Err(RenderError::Broken(reason.unwrap_or_else(|| "no reason was given".to_owned())))
        }
        (_, Some(SIGXCPU)) => Err(RenderError::TimedOut),
        (_, Some(SIGXFSZ)) => Err(RenderError::TooLarge),
        // Rust's abort on a failed allocation, a stack that cannot grow, and the kernel's out-of-memory kill.
        (_, Some(SIGABRT | SIGSEGV | SIGKILL)) => Err(RenderError::Memory),
        _ => Err(RenderError::Crashed(reason.unwrap_or_else(|| status.to_string()))),
    }
}

fn crashed(error: io::Error) -> RenderError {
    RenderError::Crashed(error.to_string())
}
