//! What an operator does beyond the ports of door and worker: many rows at once, whole trails, the table from one end to
//! the other. Each store has its adapters, and all of them face one contract suite.
//!
//! [`rows`] are the devices, [`trails`] what was done to them, [`work`] is what is sent and kept for batches, [`moving`] what
//! it takes to move from one store to another.

pub mod moving;
pub mod rows;
pub mod trails;
pub mod work;
