//! The rendering process: one request from standard input, one picture on standard output, progress on standard error.
//! Called by `main` for `m4sh render`, before anything of the server is set up. Sets its own resource limits first. Talks to
//! nobody else.

use std::{
    io::{self, BufWriter, Write as _},
    process::ExitCode,
    thread,
};

use rlimit::Resource;

use super::{draw, request::ReceivedRequest};
use m4sh_domain::limits;

/// The exit code when a line after [`BROKEN`] on standard error gives the reason.
pub(super) const EXIT_BROKEN: u8 = 3;
/// Prefix of that line.
pub(super) const BROKEN: &str = "broken ";
/// Prefix of a line of progress: `page 3/10`.
pub(super) const PAGE: &str = "page ";
/// Nested groups are drawn by recursion: enough stack for the deepest that are accepted, in bytes.
const STACK: usize = 64 * 1024 * 1024;

/// Draws one request and exits.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = bound().and_then(|()| {
        let drawing = thread::Builder::new().stack_size(STACK).spawn(draw_order)?;
        drawing.join().unwrap_or_else(|_| Err(io::Error::other("drawing panicked")))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{BROKEN}{}", error.to_string().replace('\n', " "));
            ExitCode::from(EXIT_BROKEN)
        }
    }
}

/// Sets the limits of this process for good.
fn bound() -> io::Result<()> {
    let cpu = limits::RENDER_CPU.as_secs();
    for (resource, soft, hard) in [
        (Resource::AS, limits::RENDER_MEMORY, limits::RENDER_MEMORY),
        // One second apart: the first ends the process with a signal of its own, the second kills it.
        (Resource::CPU, cpu, cpu + 1),
        (Resource::FSIZE, limits::RENDER_OUTPUT, limits::RENDER_OUTPUT),
        (Resource::CORE, 0, 0),
        (Resource::NOFILE, 16, 16),
    ] {
        resource.set(soft, hard)?;
    }
    Ok(())
}

fn draw_order() -> io::Result<()> {
    let received = ReceivedRequest::read(io::stdin().lock())?;
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let done = |page, pages| eprintln!("{PAGE}{page}/{pages}");
    draw::draw(&received.task(), &mut out, done).map_err(io::Error::other)?;
    out.flush()
}
