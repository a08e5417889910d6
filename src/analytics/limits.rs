//! The analytics' numbers.

/// Longest window, days: as long as AWS keeps histories.
pub(super) const DAYS_MAX: u32 = 90;

/// Window when none is given, days.
pub(super) const DAYS_DEFAULT: u32 = 7;

/// Error names listed; the rest are summed up under [`OTHER_ERRORS`].
pub(super) const ERRORS_MAX: usize = 100;

/// Stands for error names beyond [`ERRORS_MAX`].
pub(super) const OTHER_ERRORS: &str = "(other)";
