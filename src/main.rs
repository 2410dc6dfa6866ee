//! Parse, load, run, map the result to an exit code; no logic.

fn main() -> std::process::ExitCode {
    gonogo::cli::main()
}
