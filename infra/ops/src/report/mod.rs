//! `cvmctl report`: a batch as one page that can be mailed, read on a phone and kept.

mod chart;
pub mod facts;
pub mod page;
