//! Versions: immutable snapshots of a state machine.

use super::client::StepFunctions;
use super::error::StepFunctionsError;
use super::machines::time;
use super::model::{Listing, VersionItem};
use super::operation::Operation;

impl StepFunctions {
    /// Publishes what the machine is now, if it still has this revision (`INITIAL` for one never updated; none: whatever it is).
    /// Idempotent for a revision. The version's ARN.
    pub async fn publish_version(
        &self,
        state_machine_arn: &str,
        revision_id: Option<String>,
        description: Option<String>,
    ) -> Result<String, StepFunctionsError> {
        let request = self
            .sdk
            .publish_state_machine_version()
            .state_machine_arn(state_machine_arn)
            .set_revision_id(revision_id)
            .set_description(description);
        let published = self
            .call(Operation::PublishStateMachineVersion, request.send())
            .await?;
        Ok(published.state_machine_version_arn)
    }

    /// Versions, newest first, a page of at most 1,000.
    pub async fn list_versions(
        &self,
        state_machine_arn: &str,
        next_token: Option<String>,
    ) -> Result<Listing<VersionItem>, StepFunctionsError> {
        let request = self
            .sdk
            .list_state_machine_versions()
            .state_machine_arn(state_machine_arn)
            .max_results(1_000)
            .set_next_token(next_token);
        let page = self
            .call(Operation::ListStateMachineVersions, request.send())
            .await?;
        let items = page.state_machine_versions.into_iter().map(|item| VersionItem {
            created_at: time(item.creation_date),
            version_arn: item.state_machine_version_arn,
        });
        Ok(Listing {
            items: items.collect(),
            next_token: page.next_token,
        })
    }

    /// Deletes a version; refused while an alias leads to it. Its executions go on.
    pub async fn delete_version(&self, version_arn: &str) -> Result<(), StepFunctionsError> {
        let request = self
            .sdk
            .delete_state_machine_version()
            .state_machine_version_arn(version_arn);
        self.call(Operation::DeleteStateMachineVersion, request.send())
            .await?;
        Ok(())
    }
}
