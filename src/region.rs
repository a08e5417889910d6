//! Where in a definition's text something is, as answers show it and the database keeps it.

use serde::{Deserialize, Serialize};

/// A piece of a definition's text: lines, and columns in characters, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Region {
    /// The line it begins on.
    pub start_line: u32,
    /// The column of its first character.
    pub start_column: u32,
    /// The line it ends on.
    pub end_line: u32,
    /// The column after its last character.
    pub end_column: u32,
}

impl From<asl::Region> for Region {
    fn from(region: asl::Region) -> Self {
        let ((start_line, start_column), (end_line, end_column)) = (region.start, region.end);
        Self {
            start_line,
            start_column,
            end_line,
            end_column,
        }
    }
}
