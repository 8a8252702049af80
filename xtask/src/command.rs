//! Starting other programs, cargo above all, from the root of the workspace.

use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
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
    /// A file or a folder of the build could not be used.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: io::Error },
    /// What a program printed or wrote is not what this task reads.
    #[error("{what} cannot be read: {reason}")]
    Unreadable { what: String, reason: String },
    /// The tests passed, but not all that should have run did.
    #[error("{0}")]
    Incomplete(String),
}

impl Failure {
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

    fn not_started(&self, reason: io::Error) -> Failure {
        Failure::NotStarted { command: self.to_string(), reason }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Path::new(self.0.get_program()).file_name().unwrap_or(self.0.get_program());
        write!(f, "{}", name.display())?;
        self.0.get_args().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}
