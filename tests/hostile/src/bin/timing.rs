//! The `cargo timing` command.

fn main() -> std::process::ExitCode {
    cvm_hostile::timing::cli::main()
}
