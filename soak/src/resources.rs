use std::{fs, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, time::sleep};

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resources {
    /// Memory in RAM, in KiB.
    pub memory: u64,
    /// Open sockets.
    pub sockets: u64,
    /// Other open files.
    pub files: u64,
    /// Tasks of the runtime that have not ended.
    pub tasks: u64,
}

/// What a process may hold at the end above what it held after the warm-up: pools that have since filled up, and what
/// the allocator keeps. An HTTP client, such as DynamoDB's, keeps every connection for a while that a peak has needed.
/// What is leaked with each request is soon more.
const GROWTH: Resources = Resources { memory: 48 * 1024, sockets: 96, files: 32, tasks: 96 };

impl Resources {
    /// Of this process at rest: when nothing has changed for a while. `None` where there is no `/proc`.
    pub(crate) async fn at_rest() -> Option<Self> {
        const STEADY: Duration = Duration::from_millis(200);
        const PATIENCE: u32 = 25;
        let mut before = Self::now()?;
        for _ in 0..PATIENCE {
            sleep(STEADY).await;
            let now = Self::now()?;
            if (now.tasks, now.sockets, now.files) == (before.tasks, before.sockets, before.files) {
                return Some(now);
            }
            before = now;
        }
        Some(before)
    }

    fn now() -> Option<Self> {
        let memory = resident(&fs::read_to_string("/proc/self/status").ok()?)?;
        let (mut sockets, mut files) = (0, 0);
        // A file that was closed meanwhile has no target; the one that lists the others is not counted twice.
        let targets = fs::read_dir("/proc/self/fd")
            .ok()?
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok());
        for target in targets {
            *if target.to_string_lossy().starts_with("socket:") { &mut sockets } else { &mut files } += 1;
        }
        let tasks = u64::try_from(Handle::current().metrics().num_alive_tasks()).ok()?;
        Some(Self { memory, sockets, files, tasks })
    }

    /// What has grown since that is more than a process at rest should hold.
    pub(crate) fn leaks_since(&self, warm: &Self) -> Vec<String> {
        let growths = [
            ("KiB of memory", warm.memory, self.memory, GROWTH.memory),
            ("sockets", warm.sockets, self.sockets, GROWTH.sockets),
            ("files", warm.files, self.files, GROWTH.files),
            ("tasks", warm.tasks, self.tasks, GROWTH.tasks),
        ];
        let leaks = growths.into_iter().filter(|(_, before, now, allowed)| *now > before + allowed);
        leaks
            .map(|(what, before, now, _)| format!("{before} {what} after the warm-up, {now} at the end"))
            .collect()
    }
}

/// `VmRSS` of `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_is_read_from_the_status_of_a_process() {
        assert_eq!(
            resident("Name:\tsoak\nVmHWM:\t    9000 kB\nVmRSS:\t    8500 kB\nThreads:\t3\n"),
            Some(8500)
        );
        assert_eq!(resident("Name:\tsoak\n"), None);
    }

    #[test]
    fn what_has_grown_by_more_than_pools_and_allocators_do_is_a_leak() {
        let warm = Resources { memory: 20_000, sockets: 10, files: 10, tasks: 20 };
        let filled = Resources { memory: 30_000, sockets: 20, files: 12, tasks: 40 };
        assert_eq!(filled.leaks_since(&warm), Vec::<String>::new());
        let leaking = Resources { memory: 90_000, sockets: 107, files: 43, tasks: 117 };
        assert_eq!(leaking.leaks_since(&warm).len(), 4);
        assert_eq!(warm.leaks_since(&leaking), Vec::<String>::new());
    }
}
