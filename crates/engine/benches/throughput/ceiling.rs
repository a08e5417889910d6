//! The row-per-event schema one would write by hand: an insert and a commit when executions start, an update with the history's
//! rows and a commit when they end, many executions in a commit, some connections. No engine, no HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::Ours;

const CONNECTIONS: usize = 8;
const GROUP: usize = 50;
const MEASURED: Duration = Duration::from_secs(4);

/// Whether what is written is on the disk.
pub(crate) async fn fsync(url: &str) -> String {
    let mut db = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("show fsync").fetch_one(&mut db).await.unwrap()
}

/// What was reached.
pub(crate) struct Ceiling {
    /// Executions a second.
    pub(crate) rate: f64,
    /// Processor time of Postgres for each, in microseconds.
    pub(crate) postgres_us: f64,
}

/// Executions with so many events each.
pub(crate) async fn measure(ours: &Ours<'_>, events: usize) -> Ceiling {
    let url = ours.database;
    let mut admin = PgConnection::connect(url).await.unwrap();
    for statement in [
        "drop table if exists ceiling_history, ceiling_executions",
        "create table ceiling_executions (id uuid primary key, name text not null, status text not null, input text not null,
            output text, started_at bigint not null, stopped_at bigint)",
        "create table ceiling_history (execution_id uuid not null, event_id bigint not null, event text not null,
            primary key (execution_id, event_id))",
    ] {
        sqlx::query(statement).execute(&mut admin).await.unwrap();
    }
    let event = json!({"timestamp": 1_700_000_000.123, "type": "PassStateEntered", "id": 2, "previousEventId": 0,
        "stateEnteredEventDetails": {"name": "S0", "input": "{\"hello\":\"world\",\"n\":1}", "inputDetails": {"truncated": false}}})
    .to_string();
    let groups = AtomicUsize::new(0);
    let (began, taken) = (Instant::now(), ours.watched.taken());
    join_all((0..CONNECTIONS).map(|_| write_groups(url, &groups, began, events, &event))).await;
    let count = (groups.into_inner() * GROUP) as f64;
    let (_, postgres_us) = ours.watched.taken().since(taken, count);
    Ceiling {
        rate: count / began.elapsed().as_secs_f64(),
        postgres_us,
    }
}

async fn write_groups(url: &str, groups: &AtomicUsize, began: Instant, events: usize, event: &str) {
    let mut db = PgConnection::connect(url).await.unwrap();
    while began.elapsed() < MEASURED {
        let ids: Vec<Uuid> = (0..GROUP).map(|_| Uuid::now_v7()).collect();
        sqlx::query(
            "insert into ceiling_executions (id, name, status, input, started_at)
             select id, id::text, 'RUNNING', '{\"hello\":\"world\",\"n\":1}', 1 from unnest($1::uuid[]) as u(id)",
        )
        .bind(&ids)
        .execute(&mut db)
        .await
        .unwrap();
        let (mut executions, mut numbers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for id in &ids {
            for number in 1..=events {
                executions.push(*id);
                numbers.push(i64::try_from(number).unwrap());
                texts.push(event);
            }
        }
        sqlx::query(
            "with told as (insert into ceiling_history select * from unnest($2::uuid[], $3::bigint[], $4::text[]))
             update ceiling_executions set status = 'SUCCEEDED', output = input, stopped_at = 2 where id = any($1)",
        )
        .bind(&ids)
        .bind(&executions)
        .bind(&numbers)
        .bind(&texts)
        .execute(&mut db)
        .await
        .unwrap();
        groups.fetch_add(1, Ordering::SeqCst);
    }
}
