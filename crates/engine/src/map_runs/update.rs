//! UpdateMapRun: bounds of a Map Run that is under way.

use super::find::{FindError, check_arn};
use super::{MapRuns, store};

/// What is asked for; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateMapRun {
    /// Which.
    pub arn: String,
    /// Children open at a time; 0: as many as there may be.
    pub max_concurrency: Option<u32>,
    /// Items that may fail.
    pub tolerated_count: Option<u64>,
    /// The same, in percent.
    pub tolerated_percentage: Option<f64>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is none.
    #[error(transparent)]
    Find(#[from] FindError),
    /// It has ended.
    #[error("the Map Run has ended")]
    Ended,
}

impl MapRuns {
    /// Changes a Map Run's bounds; what runs heeds them from its next child on.
    pub async fn update(&self, command: UpdateMapRun) -> Result<(), UpdateError> {
        check_arn(&command.arn).map_err(FindError::from)?;
        let changed = store::update(
            &self.pool,
            &command.arn,
            command.max_concurrency,
            command.tolerated_count,
            command.tolerated_percentage,
        )
        .await
        .map_err(FindError::from)?;
        if changed == 0 {
            let (_there, _) = self.find(&command.arn).await?;
            return Err(UpdateError::Ended);
        }
        self.runtime.map_run_updated(&command.arn);
        Ok(())
    }
}
