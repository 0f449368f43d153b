//! Holds the description of the device API (`ingest/openapi.yaml`) and the door together. Never ships.
//!
//! [`document`] reads the description, [`schema`] judges JSON by its schemas and [`judge`] whole answers. [`ask`]
//! asks the real door on the fakes; [`scene`] brings a device to where an example of the description begins, [`request`]
//! is what it asks then; [`refusals`] has every refusal that the door knows. The binary runs the real function behind HTTP for a stranger
//! to try: `tests/openapi/schemathesis`.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this crate only runs in tests, and a test may panic"
)]

pub mod ask;
pub mod document;
pub mod judge;
pub mod refusals;
pub mod request;
pub mod scene;
pub mod schema;
