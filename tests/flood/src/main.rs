//! The `cargo flood` command.

fn main() -> std::process::ExitCode {
    cvm_flood::cli::main()
}
