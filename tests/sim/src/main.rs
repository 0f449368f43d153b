//! The `cargo sim` command.

fn main() -> std::process::ExitCode {
    cvm_sim::cli::main()
}
