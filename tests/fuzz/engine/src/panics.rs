//! Panics: each is seen, also one that somebody catches, and none is printed.

use std::panic::AssertUnwindSafe;
use std::panic::PanicHookInfo;
use std::panic::catch_unwind;
use std::panic::set_hook;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A panic: where, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// File and line: two panics at one place are one finding.
    pub place: String,
    /// What it said.
    pub message: String,
}

static FIRST: Mutex<Option<Panicked>> = Mutex::new(None);

/// From now on panics are noted and not printed.
pub fn watch() {
    set_hook(Box::new(|info| {
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(panicked(info));
        }
    }));
}

fn panicked(info: &PanicHookInfo<'_>) -> Panicked {
    let place = info
        .location()
        .map(|at| format!("{}:{}", at.file(), at.line()));
    Panicked {
        place: place.unwrap_or_default(),
        message: info.payload_as_str().unwrap_or_default().to_owned(),
    }
}

/// Does this; the first panic in it, whether somebody caught it or not.
pub fn first_of(work: impl FnOnce()) -> Option<Panicked> {
    // What a panic leaves half done is dropped with it: no run shares anything with the next.
    let _ = catch_unwind(AssertUnwindSafe(work));
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).take()
}
