//! The `sync-history` binary.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use sync_history::{cli::Cli, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_or_exit();
    if let Err(error) = telemetry::init(cli.config.log_format()) {
        // If this fails, there is nowhere to report it.
        let _ = writeln!(io::stderr(), "error: {error}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start threads");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(cli.run());
    // Does not wait for blocking calls, such as the lookup of a host name, that a signal has made pointless.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the command failed");
            ExitCode::FAILURE
        }
    }
}
