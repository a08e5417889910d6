//! Aliases: names that lead to one or two versions by weight.

use aws_sdk_sfn::types;
use chrono::{DateTime, Utc};

use super::client::StepFunctions;
use super::error::StepFunctionsError;
use super::machines::time;
use super::model::{Alias, Listing, Route};
use super::operation::Operation;

impl StepFunctions {
    /// Creates an alias. Idempotent on all of it. Its ARN.
    pub async fn create_alias(
        &self,
        name: &str,
        routes: &[Route],
        description: Option<String>,
    ) -> Result<String, StepFunctionsError> {
        let operation = Operation::CreateStateMachineAlias;
        let request = self
            .sdk
            .create_state_machine_alias()
            .name(name)
            .set_description(description)
            .set_routing_configuration(Some(to_sdk(operation, routes)?));
        Ok(self
            .call(operation, request.send())
            .await?
            .state_machine_alias_arn)
    }

    /// Moves an alias, whatever it is now: the API has no compare-and-set. Starts follow within a few seconds. When it was moved.
    pub async fn update_alias(
        &self,
        alias_arn: &str,
        routes: &[Route],
        description: Option<String>,
    ) -> Result<DateTime<Utc>, StepFunctionsError> {
        let operation = Operation::UpdateStateMachineAlias;
        let request = self
            .sdk
            .update_state_machine_alias()
            .state_machine_alias_arn(alias_arn)
            .set_description(description)
            .set_routing_configuration(Some(to_sdk(operation, routes)?));
        Ok(time(self.call(operation, request.send()).await?.update_date))
    }

    /// Where an alias leads.
    pub async fn describe_alias(&self, alias_arn: &str) -> Result<Alias, StepFunctionsError> {
        let operation = Operation::DescribeStateMachineAlias;
        let request = self
            .sdk
            .describe_state_machine_alias()
            .state_machine_alias_arn(alias_arn);
        let alias = self.call(operation, request.send()).await?;
        let routes = alias
            .routing_configuration
            .unwrap_or_default()
            .into_iter()
            .map(|route| {
                let weight = u8::try_from(route.weight)
                    .map_err(|_| StepFunctionsError::unreadable(operation, "a weight"))?;
                Ok(Route {
                    version_arn: route.state_machine_version_arn,
                    weight,
                })
            });
        Ok(Alias {
            routes: routes.collect::<Result<_, StepFunctionsError>>()?,
            alias_arn: alias
                .state_machine_alias_arn
                .unwrap_or_else(|| alias_arn.to_owned()),
            name: alias.name.unwrap_or_default(),
            description: alias.description,
            created_at: alias.creation_date.map(time),
            updated_at: alias.update_date.map(time),
        })
    }

    /// ARNs of the aliases of a machine or of a version, a page of at most 1,000.
    pub async fn list_aliases(
        &self,
        arn: &str,
        next_token: Option<String>,
    ) -> Result<Listing<String>, StepFunctionsError> {
        let request = self
            .sdk
            .list_state_machine_aliases()
            .state_machine_arn(arn)
            .max_results(1_000)
            .set_next_token(next_token);
        let page = self
            .call(Operation::ListStateMachineAliases, request.send())
            .await?;
        let items = page
            .state_machine_aliases
            .into_iter()
            .map(|item| item.state_machine_alias_arn);
        Ok(Listing {
            items: items.collect(),
            next_token: page.next_token,
        })
    }

    /// Deletes an alias; versions and executions stay.
    pub async fn delete_alias(&self, alias_arn: &str) -> Result<(), StepFunctionsError> {
        let request = self
            .sdk
            .delete_state_machine_alias()
            .state_machine_alias_arn(alias_arn);
        self.call(Operation::DeleteStateMachineAlias, request.send())
            .await?;
        Ok(())
    }
}

fn to_sdk(
    operation: Operation,
    routes: &[Route],
) -> Result<Vec<types::RoutingConfigurationListItem>, StepFunctionsError> {
    routes
        .iter()
        .map(|route| {
            types::RoutingConfigurationListItem::builder()
                .state_machine_version_arn(&route.version_arn)
                .weight(i32::from(route.weight))
                .build()
                .map_err(|error| StepFunctionsError::unreadable(operation, &error.to_string()))
        })
        .collect()
}
