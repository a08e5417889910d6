//! The commands of `signalbox`: one file each.

pub mod validate;
