//! Pages: every listing operation goes on where it stopped, and takes no token but its own.

use serde_json::{Value, json};

use crate::harness::{Api, PASS, ROLE};

struct Listing {
    operation: &'static str,
    /// Where the items are in the answer.
    items: &'static str,
    request: Value,
}

/// A machine with three of everything that is listed.
async fn listings(api: &Api) -> Vec<Listing> {
    let created = api
        .ok(
            "CreateStateMachine",
            json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true}),
        )
        .await;
    let machine = created["stateMachineArn"].as_str().unwrap().to_owned();
    for n in 1..=3 {
        if n > 1 {
            api.machine(&format!("m{n}")).await;
            let definition = format!(r#"{{"Comment": "{n}", {}"#, &PASS[1..]);
            api.ok(
                "UpdateStateMachine",
                json!({"stateMachineArn": machine, "definition": definition, "publish": true}),
            )
            .await;
        }
        api.ok("CreateActivity", json!({"name": format!("a{n}")})).await;
        api.ok(
            "CreateStateMachineAlias",
            json!({"name": format!("alias{n}"), "routingConfiguration": [
                {"stateMachineVersionArn": created["stateMachineVersionArn"], "weight": 100}]}),
        )
        .await;
        let started = api
            .ok(
                "StartExecution",
                json!({"stateMachineArn": machine, "name": format!("e{n}")}),
            )
            .await;
        api.closed(&json!({"executionArn": started["executionArn"]}))
            .await;
    }
    let execution = format!("{}:e1", machine.replace("stateMachine", "execution"));
    let of_machine = json!({"stateMachineArn": machine});
    let listing = |operation, items, request| Listing {
        operation,
        items,
        request,
    };
    vec![
        listing("ListActivities", "activities", json!({})),
        listing("ListStateMachines", "stateMachines", json!({})),
        listing("ListExecutions", "executions", of_machine.clone()),
        listing(
            "ListStateMachineAliases",
            "stateMachineAliases",
            of_machine.clone(),
        ),
        listing("ListStateMachineVersions", "stateMachineVersions", of_machine),
        listing(
            "GetExecutionHistory",
            "events",
            json!({"executionArn": execution}),
        ),
    ]
}

fn asked(listing: &Listing, more: &Value) -> Value {
    let mut request = listing.request.clone();
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_items_and_end_without_a_token() {
    let api = Api::start().await;
    for listing in listings(&api).await {
        let whole = api.ok(listing.operation, listing.request.clone()).await;
        let all = whole[listing.items].as_array().unwrap().clone();
        assert!(whole.get("nextToken").is_none(), "{}", listing.operation);
        // The last size is that of the whole: a full page with nothing behind it has no token.
        for size in 1..=all.len() {
            let mut found = Vec::new();
            let mut more = json!({"maxResults": size});
            loop {
                let page = api.ok(listing.operation, asked(&listing, &more)).await;
                let items = page[listing.items].as_array().unwrap();
                assert!(items.len() <= size && !items.is_empty(), "{}", listing.operation);
                found.extend(items.iter().cloned());
                let Some(token) = page.get("nextToken") else { break };
                more["nextToken"] = token.clone();
            }
            assert_eq!(found, all, "{} by {size}", listing.operation);
        }
        let by_default = api
            .ok(listing.operation, asked(&listing, &json!({"maxResults": 0})))
            .await;
        assert_eq!(by_default[listing.items], json!(all), "{}", listing.operation);
    }
}

#[tokio::test]
async fn a_token_of_somebody_else_is_invalid() {
    let api = Api::start().await;
    let listings = listings(&api).await;
    let mut tokens = vec![json!("InvalidToken")];
    for listing in &listings {
        let page = api
            .ok(listing.operation, asked(listing, &json!({"maxResults": 1})))
            .await;
        tokens.push(page["nextToken"].clone());
    }
    for (place, listing) in listings.iter().enumerate() {
        for (of, token) in tokens.iter().enumerate() {
            let answer = api
                .call(listing.operation, asked(listing, &json!({"nextToken": token})))
                .await;
            if of == place + 1 {
                assert_eq!(answer.status, 200, "{}", listing.operation);
            } else {
                assert_eq!(
                    (answer.code(), answer.message()),
                    ("InvalidToken", "Invalid Token: 'Invalid token'"),
                    "{}",
                    listing.operation
                );
            }
        }
    }
}
