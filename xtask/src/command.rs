//! Starting other programs, cargo above all, from the root of the workspace.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Why a task did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The program could not be started.
    #[error("`{command}` could not be started: {reason}; is it installed?")]
    NotStarted { command: String, reason: io::Error },
    /// The program said no.
    #[error("`{command}` failed: {status}")]
    Failed { command: String, status: ExitStatus },
    /// The program said no, and why is in a file.
    #[error("`{command}` failed: {status}; the end of {}:\n{end}", log.display())]
    Logged { command: String, status: ExitStatus, log: PathBuf, end: String },
    /// The program took longer than it may.
    #[error("`{command}` did not end within {} s", limit.as_secs())]
    TooLong { command: String, limit: Duration },
    /// A file or a folder of the build could not be used.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: io::Error },
    /// What a program printed or wrote is not what this task reads.
    #[error("{what} cannot be read: {reason}")]
    Unreadable { what: String, reason: String },
    /// The tests passed, but not all that should have run did.
    #[error("{0}")]
    Incomplete(String),
    /// Something that a task needs is not on this machine.
    #[error("{0}")]
    Missing(String),
}

impl Failure {
    /// What went wrong with this file or folder.
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |reason| Self::File { path: path.to_owned(), reason }
    }

    /// The exit code of the program that failed, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let code = match self {
            Self::Failed { status, .. } => status.code().and_then(|code| u8::try_from(code).ok()),
            _ => None,
        };
        ExitCode::from(code.filter(|code| *code != 0).unwrap_or(1))
    }
}

/// A program to run with the terminal's output and no input.
pub(crate) struct Program(Command);

/// The cargo that runs this task, with these arguments.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Program {
    program(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))).args(arguments)
}

/// A program, found on the PATH, in the root of the workspace.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Program {
    let mut command = Command::new(name);
    command.current_dir(root()).stdin(Stdio::null());
    Program(command)
}

/// The folder of what is built, which `cargo clean` removes.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target)
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is a folder of the workspace")
}

impl Program {
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn envs(self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        variables.into_iter().fold(self, |program, (name, value)| program.env(&name, value))
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let status = self.0.status().map_err(|reason| self.not_started(reason))?;
        self.check(status)
    }

    /// Runs it to its end and returns what it printed.
    pub(crate) fn output(mut self) -> Result<Vec<u8>, Failure> {
        let output = self.0.stderr(Stdio::inherit()).output().map_err(|reason| self.not_started(reason))?;
        self.check(output.status)?;
        Ok(output.stdout)
    }

    /// Runs it to its end and returns what it printed; what it complains about is not shown.
    pub(crate) fn quiet(mut self) -> Result<String, Failure> {
        let output = self.0.stderr(Stdio::null()).output().map_err(|reason| self.not_started(reason))?;
        self.check(output.status)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs it to its end, or ends it when the time is over; all that it prints goes to the file.
    pub(crate) fn run_logged(mut self, log: &Path, limit: Duration) -> Result<(), Failure> {
        self.print_to(log)?;
        let begin = Instant::now();
        let mut child = self.0.spawn().map_err(|reason| self.not_started(reason))?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|reason| self.not_started(reason))? {
                break status;
            }
            if begin.elapsed() > limit {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(Failure::TooLong { command: self.name(), limit });
            }
            thread::sleep(Duration::from_millis(50));
        };
        if status.success() {
            return Ok(());
        }
        Err(Failure::Logged { command: self.name(), status, log: log.to_owned(), end: end_of(log) })
    }

    /// Starts it so that it outlives this task and its terminal's Ctrl-C; all that it prints goes to the file.
    pub(crate) fn start_detached(mut self, log: &Path) -> Result<Child, Failure> {
        self.print_to(log)?;
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut self.0, 0);
        self.0.spawn().map_err(|reason| self.not_started(reason))
    }

    fn print_to(&mut self, log: &Path) -> Result<(), Failure> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        }
        let file = fs::File::create(log).map_err(Failure::file(log))?;
        let copy = file.try_clone().map_err(Failure::file(log))?;
        self.0.stdout(file).stderr(copy);
        Ok(())
    }

    /// Runs it to its end and shows each line that it prints to `reader` first.
    pub(crate) fn run_reading_lines(mut self, mut reader: impl FnMut(&str)) -> Result<(), Failure> {
        let mut child = self.0.stdout(Stdio::piped()).spawn().map_err(|reason| self.not_started(reason))?;
        let printed = child.stdout.take().expect("its output is piped");
        for line in io::BufRead::lines(io::BufReader::new(printed)) {
            let line = line.map_err(|reason| self.not_started(reason))?;
            reader(&line);
            println!("{line}");
        }
        let status = child.wait().map_err(|reason| self.not_started(reason))?;
        self.check(status)
    }

    fn check(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() {
            return Ok(());
        }
        Err(Failure::Failed { command: self.to_string(), status })
    }

    fn name(&self) -> String {
        Path::new(self.0.get_program()).file_name().unwrap_or(self.0.get_program()).display().to_string()
    }

    fn not_started(&self, reason: io::Error) -> Failure {
        Failure::NotStarted { command: self.to_string(), reason }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        self.0.get_args().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

/// The last lines of a log.
pub(crate) fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..]
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
