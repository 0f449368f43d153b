//! `STATES.md` says what the transition function does.

#[path = "../examples/states.rs"]
mod states;

#[test]
fn the_document_is_what_the_transition_function_does() {
    let written = include_str!("../STATES.md");
    assert_eq!(
        written,
        states::document(),
        "cargo run -p cvm-shared --example states > shared/STATES.md"
    );
}
