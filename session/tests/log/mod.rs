//! All that is logged while tests run, in a file that `cargo xtask test` looks through for their secrets.

use std::{env, fs::File, path::Path, process, sync::Once};

use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// From now on, in this process; into the folder that `CLOAKROOM_LOG_DIR` names, if it does.
pub(crate) fn to_folder() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let Some(folder) = env::var_os("CLOAKROOM_LOG_DIR") else { return };
        let program = env::current_exe().expect("a program has a path");
        let name = format!("{}-{}.log", program.file_name().unwrap().display(), process::id());
        let file =
            File::create(Path::new(&folder).join(name)).expect("the folder for logs can be written to");
        tracing_subscriber::fmt()
            // The AWS SDK writes a hundred megabytes at the level of debug.
            .with_env_filter(EnvFilter::new("debug,aws=info,cloakroom=trace"))
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(file)
            .init();
    });
}
