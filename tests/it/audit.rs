//! The audit trail: what is done is written down, and nobody changes it unseen.

use serde_json::{Value, json};
use signalbox::audit::{AuditEntry, record};

use crate::harness::{InProcess, eventually};

fn entry(number: usize) -> AuditEntry {
    AuditEntry {
        actor: "alice".to_owned(),
        action: "test.note",
        subject: format!("thing-{number}"),
        environment: Some("default".to_owned()),
        reason: Some("because".to_owned()),
        details: json!({"number": number, "nested": {"b": 1, "a": [1.5, null]}}),
    }
}

async fn write(service: &InProcess, number: usize) {
    let mut tx = service.app.db.begin().await.unwrap();
    record(&mut tx, entry(number)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn verify(service: &InProcess) -> Value {
    service.get("", "/v1/audit/verify").await.expect(200)
}

/// Changes the trail as somebody with the keys of the database could, its triggers off.
async fn tamper(service: &InProcess, sql: &'static str) {
    let mut tx = service.app.db.begin().await.unwrap();
    sqlx::query("set local session_replication_role = replica")
        .execute(tx.conn())
        .await
        .unwrap();
    let changed = sqlx::query(sql).execute(tx.conn()).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn entries_written_at_the_same_time_make_one_unbroken_chain() {
    let service = InProcess::start("").await;
    let service = &service;
    futures::future::join_all((0..40).map(|number| write(service, number))).await;
    let verified = verify(service).await;
    assert_eq!(verified["result"], "OK", "{verified}");
    assert_eq!(verified["checked"], 40);
    assert_eq!(verified["head"]["position"], 40);
}

#[tokio::test]
async fn an_entry_of_a_transaction_that_was_rolled_back_does_not_exist() {
    let service = InProcess::start("").await;
    let mut tx = service.app.db.begin().await.unwrap();
    record(&mut tx, entry(1)).await.unwrap();
    drop(tx);
    write(&service, 2).await;
    let listed = service.get("", "/v1/audit-events").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["subject"], "thing-2");
}

#[tokio::test]
async fn the_database_refuses_to_change_or_remove_an_entry() {
    let service = InProcess::start("").await;
    write(&service, 1).await;
    for sql in [
        "update audit_events set actor = 'mallory'",
        "delete from audit_events",
        "truncate audit_events, audit_unsealed, audit_chain",
    ] {
        let refused = sqlx::query(sql).execute(service.app.db.pool()).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn the_first_entry_that_was_tampered_with_is_found() {
    let service = InProcess::start("").await;
    for number in 1..=5 {
        write(&service, number).await;
    }
    let honest = verify(&service).await;
    assert_eq!(honest["result"], "OK");
    tamper(
        &service,
        "update audit_events set details = '{}' where subject = 'thing-3'",
    )
    .await;
    let found = verify(&service).await;
    assert_eq!(found["result"], "BROKEN");
    assert_eq!(found["broken"]["position"], 3);
    assert_eq!(found["broken"]["code"], "entry_changed");
    let after = service.get("", "/v1/audit/verify?from=4").await.expect(200);
    assert_eq!(after["result"], "OK", "the links after it still hold: {after}");
}

#[tokio::test]
async fn a_chain_that_was_cut_short_is_found_by_who_noted_its_end() {
    let service = InProcess::start("").await;
    for number in 1..=3 {
        write(&service, number).await;
    }
    let head = verify(&service).await["head"].clone();
    tamper(&service, "delete from audit_chain where position = 3").await;
    tamper(&service, "delete from audit_events where subject = 'thing-3'").await;
    assert_eq!(
        verify(&service).await["result"],
        "OK",
        "a shorter chain is a good chain"
    );
    let path = format!(
        "/v1/audit/verify?position={}&hash={}",
        head["position"],
        head["hash"].as_str().unwrap()
    );
    let found = service.get("", &path).await.expect(200);
    assert_eq!(found["broken"]["code"], "not_as_noted", "{found}");
}

#[tokio::test]
async fn an_entry_whose_link_was_taken_away_is_found() {
    let service = InProcess::start("").await;
    write(&service, 1).await;
    verify(&service).await;
    tamper(&service, "delete from audit_chain where position = 1").await;
    let found = verify(&service).await;
    assert_eq!(found["broken"]["code"], "entry_unlinked", "{found}");
}

#[tokio::test]
async fn entries_are_listed_newest_first_by_page_and_filter() {
    let service = InProcess::start("").await;
    for number in 1..=5 {
        write(&service, number).await;
    }
    let first = service
        .get("", "/v1/audit-events?limit=2&action=test.&actor=alice")
        .await
        .expect(200);
    assert_eq!(first["data"][0]["subject"], "thing-5");
    assert_eq!(first["has_more"], true);
    let path = format!(
        "/v1/audit-events?limit=2&action=test.&actor=alice&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let second = service.get("", &path).await.expect(200);
    assert_eq!(second["data"][0]["subject"], "thing-3");
    let one = service
        .get("", "/v1/audit-events?subject=thing-4")
        .await
        .expect(200);
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    assert_eq!(one["data"][0]["details"]["nested"]["a"], json!([1.5, null]));
    let none = service.get("", "/v1/audit-events?actor=bob").await.expect(200);
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn entries_are_sealed_without_anybody_asking() {
    let service = InProcess::start("").await;
    write(&service, 1).await;
    eventually("the entry has its place in the chain", async || {
        service.clock.advance(chrono::TimeDelta::seconds(1));
        let listed = service.get("", "/v1/audit-events").await.expect(200);
        (listed["data"][0]["position"] == 1).then_some(())
    })
    .await;
}
