//! Actions that Step Functions made of a service's own: other names of parameters and results (EMR, EMR Serverless), and one call
//! that stands for two (an instance fleet or group by its name). Developer guide, "Amazon EMR" and "EMR Serverless".

use asl::json::value::{Json, Object};

/// How an action differs from the service's own.
#[derive(Debug)]
pub(super) struct Own {
    service: &'static str,
    action: &'static str,
    /// The service's own action.
    pub(super) operation: &'static str,
    /// Parameters that the service has by another name.
    renamed: &'static [(&'static str, Name)],
    /// What is different in the result.
    shown: &'static [Shown],
    /// What is asked for before.
    pub(super) look_up: Option<LookUp>,
}

/// A parameter as the service has it.
#[derive(Debug, Clone, Copy)]
enum Name {
    As(&'static str),
    /// As the only element of a list.
    In(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Shown {
    /// Nothing else but this member, by another name.
    Only(&'static str, &'static str),
    /// Nothing else but the first element of this member, by another name.
    First(&'static str, &'static str),
    /// A parameter of the task.
    Given(&'static str),
}

/// The id of something that the task names.
#[derive(Debug)]
pub(super) struct LookUp {
    /// The action that lists what has names.
    pub(super) list: &'static str,
    /// The member of the list's answer.
    pub(super) items: &'static str,
    /// The task's parameter with the name.
    pub(super) by: &'static str,
    /// The parameter, an object, that the id goes into.
    into: &'static str,
    /// And under which name.
    id: &'static str,
}

const fn plain(
    service: &'static str,
    action: &'static str,
    operation: &'static str,
    renamed: &'static [(&'static str, Name)],
    shown: &'static [Shown],
) -> Own {
    Own {
        service,
        action,
        operation,
        renamed,
        shown,
        look_up: None,
    }
}

const EMR: &str = "elasticmapreduce";
const SERVERLESS: &str = "emr-serverless";
const APPLICATION: &[Shown] = &[Shown::Given("ApplicationId")];

const OWN: &[Own] = &[
    plain(
        EMR,
        "createCluster",
        "runJobFlow",
        &[],
        &[Shown::Only("JobFlowId", "ClusterId")],
    ),
    plain(
        EMR,
        "setClusterTerminationProtection",
        "setTerminationProtection",
        &[("ClusterId", Name::In("JobFlowIds"))],
        &[],
    ),
    plain(
        EMR,
        "terminateCluster",
        "terminateJobFlows",
        &[("ClusterId", Name::In("JobFlowIds"))],
        &[],
    ),
    plain(
        EMR,
        "addStep",
        "addJobFlowSteps",
        &[("ClusterId", Name::As("JobFlowId")), ("Step", Name::In("Steps"))],
        &[Shown::First("StepIds", "StepId")],
    ),
    plain(
        EMR,
        "cancelStep",
        "cancelSteps",
        &[("StepId", Name::In("StepIds"))],
        &[Shown::First("CancelStepsInfoList", "CancelStepsInfo")],
    ),
    Own {
        look_up: Some(LookUp {
            list: "listInstanceFleets",
            items: "InstanceFleets",
            by: "InstanceFleetName",
            into: "InstanceFleet",
            id: "InstanceFleetId",
        }),
        ..plain(EMR, "modifyInstanceFleetByName", "modifyInstanceFleet", &[], &[])
    },
    Own {
        look_up: Some(LookUp {
            list: "listInstanceGroups",
            items: "InstanceGroups",
            by: "InstanceGroupName",
            into: "InstanceGroup",
            id: "InstanceGroupId",
        }),
        ..plain(
            EMR,
            "modifyInstanceGroupByName",
            "modifyInstanceGroups",
            &[("InstanceGroup", Name::In("InstanceGroups"))],
            &[],
        )
    },
    plain(
        "emr-containers",
        "deleteVirtualCluster",
        "deleteVirtualCluster",
        &[],
        &[],
    ),
    plain(
        SERVERLESS,
        "startApplication",
        "startApplication",
        &[],
        APPLICATION,
    ),
    plain(SERVERLESS, "stopApplication", "stopApplication", &[], APPLICATION),
    plain(
        SERVERLESS,
        "deleteApplication",
        "deleteApplication",
        &[],
        APPLICATION,
    ),
];

/// How an action differs; none when it is the service's own as it is.
pub(super) fn find(service: &str, action: &str) -> Option<&'static Own> {
    OWN.iter()
        .find(|own| own.service == service && own.action == action)
}

impl Own {
    /// The parameters as the service has them. `id` is what the look-up found.
    pub(super) fn parameters(&self, given: &Json, id: Option<&Json>) -> Json {
        let Some(given) = given.as_object() else {
            return given.clone();
        };
        let mut sent = Object::new();
        for (name, value) in given.iter() {
            let value = match (&self.look_up, id) {
                (Some(look_up), Some(_)) if **name == *look_up.by => continue,
                (Some(look_up), Some(id)) if **name == *look_up.into => {
                    let mut within = value.as_object().cloned().unwrap_or_default();
                    within.insert(look_up.id.into(), id.clone());
                    within.into()
                }
                _ => value.clone(),
            };
            match self.renamed.iter().find(|(own, _)| **own == **name) {
                Some((_, Name::As(known))) => sent.insert((*known).into(), value),
                Some((_, Name::In(known))) => sent.insert((*known).into(), Json::array(vec![value])),
                None => sent.insert(name.clone(), value),
            }
        }
        sent.into()
    }

    /// The result, from the service's response.
    pub(super) fn result(&self, given: &Json, response: Object) -> Object {
        let mut result = response;
        for shown in self.shown {
            let (name, value) = match *shown {
                Shown::Only(from, to) => (to, std::mem::take(&mut result).get(from).cloned()),
                Shown::First(from, to) => {
                    let response = std::mem::take(&mut result);
                    let first = response
                        .get(from)
                        .and_then(Json::as_array)
                        .and_then(<[Json]>::first);
                    (to, first.cloned())
                }
                Shown::Given(name) => (name, given.get(name).cloned()),
            };
            if let Some(value) = value {
                result.insert(name.into(), value);
            }
        }
        result
    }
}

impl LookUp {
    /// The id of the element of this name, on a page of the list.
    pub(super) fn found<'p>(&self, page: &'p Object, name: &str) -> Option<&'p Json> {
        page.get(self.items)?
            .as_array()?
            .iter()
            .find(|item| item.get("Name").and_then(Json::as_str) == Some(name))?
            .get("Id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        asl::json::read::read(text).unwrap()
    }

    #[test]
    fn every_action_of_step_functions_own_is_an_action_of_the_service() {
        for integration in catalogue::integrations() {
            for action in integration.actions {
                let name = format!("{}:{}", integration.service, action.name);
                let Some(own) = find(integration.service, action.name) else {
                    assert!(
                        integration.model(action).is_some()
                            || matches!(integration.service, "apigateway" | "http" | "bedrock" | "eks"),
                        "{name}"
                    );
                    continue;
                };
                let service = catalogue::service(integration.sdk).unwrap();
                let operation = service.action(own.operation).unwrap();
                for (_, Name::As(known) | Name::In(known)) in own.renamed {
                    assert!(
                        service.input(operation).unwrap().member(known).is_some(),
                        "{name} {known}"
                    );
                }
                if let Some(look_up) = &own.look_up {
                    assert!(service.action(look_up.list).is_some(), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_step_is_a_list_of_one() {
        let own = find(EMR, "addStep").unwrap();
        let sent = own.parameters(&json(r#"{"ClusterId": "j", "Step": {"Name": "s"}}"#), None);
        assert_eq!(sent.to_string(), r#"{"JobFlowId":"j","Steps":[{"Name":"s"}]}"#);
        let response = json(r#"{"StepIds": ["s-1"]}"#).as_object().cloned().unwrap();
        let result = own.result(&sent, response);
        assert_eq!(Json::from(result).to_string(), r#"{"StepId":"s-1"}"#);
    }

    #[test]
    fn a_group_is_found_by_its_name() {
        let own = find(EMR, "modifyInstanceGroupByName").unwrap();
        let page = json(r#"{"InstanceGroups": [{"Id": "g-1", "Name": "a"}, {"Id": "g-2", "Name": "b"}]}"#);
        let id = own
            .look_up
            .as_ref()
            .unwrap()
            .found(page.as_object().unwrap(), "b");
        let given =
            json(r#"{"ClusterId": "j", "InstanceGroupName": "b", "InstanceGroup": {"InstanceCount": 2}}"#);
        assert_eq!(
            own.parameters(&given, id).to_string(),
            r#"{"ClusterId":"j","InstanceGroups":[{"InstanceCount":2,"InstanceGroupId":"g-2"}]}"#
        );
    }
}
