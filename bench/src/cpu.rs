//! The processor time of a process, from `/proc`: Linux only.

use std::{fs, time::Duration};

use crate::error::Failure;

/// The kernel counts in ticks of 10 ms on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// What the process has used so far, in user and in kernel mode, all threads together.
pub(crate) fn used_by(process: u32) -> Result<Duration, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/stat"))
        .map_err(Failure::io("read the server's processor time (Linux only)"))?;
    let ticks = ticks(&status).ok_or(Failure::SetUp {
        what: "read the server's processor time",
        reason: "the kernel's format is unknown".to_owned(),
    })?;
    Ok(TICK * ticks)
}

/// `utime` and `stime`, fields 14 and 15; the name, field 2, may hold spaces and ends with the last `)`.
fn ticks(status: &str) -> Option<u32> {
    let (_, after_name) = status.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let kernel: u32 = fields.next()?.parse().ok()?;
    user.checked_add(kernel)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        assert_eq!(ticks("7 (a ) b) S 1 7 7 0 -1 4194560 5 0 0 0 30 12 0 0 20 0 1"), Some(42));
    }
}
