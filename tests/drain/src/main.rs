//! The `cargo drain` command.

fn main() -> std::process::ExitCode {
    cvm_drain::cli::main()
}
