//! Tags of a state machine.

use std::collections::BTreeMap;

use aws_sdk_sfn::types::Tag;

use super::client::StepFunctions;
use super::error::StepFunctionsError;
use super::operation::Operation;

impl StepFunctions {
    /// The tags there are.
    pub async fn list_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, StepFunctionsError> {
        let request = self.sdk.list_tags_for_resource().resource_arn(arn);
        let tags = self
            .call(Operation::ListTagsForResource, request.send())
            .await?
            .tags
            .unwrap_or_default();
        Ok(tags
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect())
    }

    /// Adds tags, or changes their values.
    pub async fn tag(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), StepFunctionsError> {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let request = self
            .sdk
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags.collect()));
        self.call(Operation::TagResource, request.send()).await?;
        Ok(())
    }

    /// Removes tags.
    pub async fn untag(&self, arn: &str, keys: Vec<String>) -> Result<(), StepFunctionsError> {
        let request = self
            .sdk
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        self.call(Operation::UntagResource, request.send()).await?;
        Ok(())
    }
}
