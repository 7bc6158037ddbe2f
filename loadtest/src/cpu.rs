//! What a process has used: CPU from its threads' schedstat, memory from its status; and pinning to a core.
//! Called around every measured window. Never samples while a window runs, so that it costs nothing there.

use std::fs;

use rustix::{
    process::{Pid, Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};

use crate::problem::{Outcome, Problem};

/// What one process, or a tree of them, has used so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// CPU nanoseconds, user and system, over all living threads.
    pub cpu_ns: u64,
    /// Resident memory, KiB.
    pub rss_kib: u64,
}

/// Reads one process.
///
/// # Errors
/// When there is no such process.
pub fn usage(pid: u32) -> Outcome<Usage> {
    let gone = || Problem::new(format!("there is no process {pid}"));
    let mut cpu_ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).map_err(|_| gone())? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        cpu_ns += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| gone())?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let rss_kib = rss.and_then(|rss| rss.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    Ok(Usage { cpu_ns, rss_kib })
}

/// Reads a process and all its living descendants: PostgreSQL with its backends.
///
/// # Errors
/// When there is no such process.
pub fn tree_usage(root: u32) -> Outcome<Usage> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in brackets may hold anything; the fields after its end do not.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        if let Some(parent) = fields.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    let mut total = usage(root)?;
    let mut wave = vec![root];
    while let Some(parent) = wave.pop() {
        for &(pid, _) in parents.iter().filter(|(_, of)| *of == parent) {
            let Ok(used) = usage(pid) else { continue };
            total.cpu_ns += used.cpu_ns;
            // Shared buffers are counted once per backend by the kernel: this is an upper bound.
            total.rss_kib += used.rss_kib;
            wave.push(pid);
        }
    }
    Ok(total)
}

/// The processes that a run watches beside itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct Watched {
    /// The measured server.
    pub server: Option<u32>,
    /// The PostgreSQL server's first process.
    pub postgres: Option<u32>,
}

/// Everything watched, at one moment.
#[derive(Clone, Copy, Default, Debug)]
pub struct Moment {
    /// The server, when its pid is known.
    pub server: Option<Usage>,
    /// PostgreSQL with its backends, when its pid is known.
    pub postgres: Option<Usage>,
    /// The generator itself.
    pub own: Usage,
    /// CPU nanoseconds of everything on the machine, idle time left out.
    pub machine_ns: u64,
}

impl Watched {
    /// Reads everything now.
    ///
    /// # Errors
    /// When a watched process has ended.
    pub fn now(self) -> Outcome<Moment> {
        Ok(Moment {
            server: self.server.map(usage).transpose()?,
            postgres: self.postgres.map(tree_usage).transpose()?,
            own: usage(std::process::id())?,
            machine_ns: machine()?,
        })
    }
}

/// CPU nanoseconds that the whole machine has worked, in steps of 10 ms.
fn machine() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user nice system [idle iowait] irq softirq steal; guest time is part of user already.
    let busy = fields.take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4));
    Ok(busy.map(|(_, ticks)| ticks.parse::<u64>().unwrap_or(0)).sum::<u64>() * 10_000_000)
}

impl Moment {
    /// CPU seconds that the server used since `earlier`.
    pub fn server_seconds(&self, earlier: &Self) -> Option<f64> {
        Some(seconds(self.server?.cpu_ns, earlier.server?.cpu_ns))
    }

    /// CPU seconds that PostgreSQL used since `earlier`.
    pub fn postgres_seconds(&self, earlier: &Self) -> Option<f64> {
        Some(seconds(self.postgres?.cpu_ns, earlier.postgres?.cpu_ns))
    }

    /// CPU seconds that everybody else on the machine used since `earlier`.
    pub fn others_seconds(&self, earlier: &Self) -> f64 {
        let ours = self.server_seconds(earlier).unwrap_or(0.0)
            + self.postgres_seconds(earlier).unwrap_or(0.0)
            + self.own_seconds(earlier);
        (seconds(self.machine_ns, earlier.machine_ns) - ours).max(0.0)
    }

    /// CPU seconds that the generator used since `earlier`.
    pub fn own_seconds(&self, earlier: &Self) -> f64 {
        seconds(self.own.cpu_ns, earlier.own.cpu_ns)
    }
}

fn seconds(now: u64, earlier: u64) -> f64 {
    now.saturating_sub(earlier) as f64 / 1e9
}

/// Pins this thread, and every process it starts from now on, to `core`.
///
/// # Errors
/// When there is no such core.
pub fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None::<Pid>, &set).map_err(|error| Problem::new(format!("cannot pin to core {core}: {error}")))
}

/// Lets this thread, and every process it starts from now on, use all of the first `cores` cores.
///
/// # Errors
/// When the system refuses.
pub fn unpin(cores: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    (0..cores).for_each(|core| set.set(core));
    Ok(sched_setaffinity(None::<Pid>, &set)?)
}

/// Cores this process may use before anything is pinned.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Raises the soft limit of open descriptors to the hard one.
pub fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // A refusal shows itself later, as a connection that cannot be opened.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_work_shows_in_our_usage() {
        let before = usage(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while usage(std::process::id()).unwrap().cpu_ns < before.cpu_ns + 5_000_000 {
            sum = (0..100_000_u64).fold(sum, |sum, i| std::hint::black_box(sum ^ i));
        }
        assert!(usage(std::process::id()).unwrap().rss_kib > 100);
        assert!(usage(u32::MAX).is_err());
    }

    #[test]
    fn a_tree_is_at_least_its_root() {
        let pid = std::process::id();
        let (root, tree) = (usage(pid).unwrap(), tree_usage(pid).unwrap());
        assert!(tree.cpu_ns >= root.cpu_ns && tree.rss_kib * 2 > root.rss_kib);
    }
}
