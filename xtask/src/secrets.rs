//! Looks for the tests' secrets in everything that they print and log.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use crate::command::Failure;

/// Part of every key, value, principal and password of the tests that must be seen nowhere.
const MARK: &str = "s3cret";

/// The characters of a session's id, and of its key in the storage: 256 bits in base64url.
const ID_CHARACTERS: usize = 43;

/// As many places are told of at most.
const MOST_SHOWN: usize = 20;

/// Where secrets were seen.
#[derive(Default)]
pub(crate) struct Secrets {
    seen: Vec<String>,
    lines: u64,
}

impl Secrets {
    /// Looks at a line of what is called `source`.
    pub(crate) fn read(&mut self, source: &str, line: &str) {
        self.lines += 1;
        let what = if line.contains(MARK) {
            "a key, value, principal or password"
        } else if holds_an_id(line) {
            "a session's id or key"
        } else {
            return;
        };
        self.seen.push(format!("{source}: {what}: {}", line.chars().take(300).collect::<String>()));
    }

    /// Looks at every log in the folder; how many lines there were.
    pub(crate) fn read_logs(&mut self, folder: &Path) -> Result<u64, Failure> {
        let before = self.lines;
        for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
            let path = entry.map_err(Failure::file(folder))?.path();
            let source = path.file_name().unwrap_or_default().display().to_string();
            let log = fs::File::open(&path).map_err(Failure::file(&path))?;
            for line in BufReader::new(log).split(b'\n') {
                let line = line.map_err(Failure::file(&path))?;
                self.read(&source, &String::from_utf8_lossy(&line));
            }
        }
        Ok(self.lines - before)
    }

    /// A failure where any was seen.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.seen.is_empty() {
            return Ok(());
        }
        let list = self.seen[..self.seen.len().min(MOST_SHOWN)].join("\n  ");
        Err(Failure::Incomplete(format!(
            "secrets were printed or logged, {} times:\n  {list}",
            self.seen.len()
        )))
    }
}

/// Whether there is a word as long as an id and as mixed as only 1 in 1,000 ids is not. (Names of tests may be as
/// long, but have no capitals.)
fn holds_an_id(line: &str) -> bool {
    let is_part_of_a_word =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    line.split(|character| !is_part_of_a_word(character)).any(|word| {
        word.len() == ID_CHARACTERS
            && word.bytes().any(|byte| byte.is_ascii_uppercase())
            && word.bytes().any(|byte| byte.is_ascii_lowercase())
            && word.bytes().any(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_and_an_id_are_seen_wherever_they_stand() {
        let id = "q5Tn0nJ7o0cG1p0WcVv2r9XyZ-AbCdEfGh_IjKlMnOp";
        for line in [
            "redis: get: no key user:s3cret-1",
            &format!("key={id}"),
            &format!("Set-Cookie: __Host-session_id={id}; Path=/"),
            &format!("\"{id}\""),
        ] {
            let mut secrets = Secrets::default();
            secrets.read("a test", line);
            assert!(secrets.check().is_err(), "{line}");
        }
    }

    #[test]
    fn what_a_run_prints_otherwise_is_none() {
        let mut secrets = Secrets::default();
        for line in [
            "test a_renewal_keeps_data_beginning_and_deadlin1 ... ok",
            "     Running tests/http/main.rs (/work/target/debug/deps/http-34bc7b7b6c6f58c7)",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "test result: ok. 198 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 16.89s",
            "close time.busy=1.05µs time.idle=3.4µs operation=\"get_and_touch\" backend=\"memory\"",
        ] {
            secrets.read("cargo", line);
        }
        assert!(secrets.check().is_ok(), "{:?}", secrets.seen);
    }

    #[test]
    fn every_line_of_every_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one.log"), "nothing\nat all\n").unwrap();
        fs::write(folder.path().join("two.log"), b"\xff\xfe\nlast s3cret").unwrap();
        let mut secrets = Secrets::default();
        assert_eq!(secrets.read_logs(folder.path()).unwrap(), 4);
        let failure = secrets.check().unwrap_err().to_string();
        assert!(failure.contains("1 times:\n  two.log: ") && failure.contains("last"), "{failure}");
    }
}
