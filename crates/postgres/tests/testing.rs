//! The test run's server, seen from test processes.

#![expect(clippy::unwrap_used, reason = "a failed test should panic")]

use signalbox_postgres::testing;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

#[tokio::test]
async fn two_databases_of_one_run_do_not_see_each_other() {
    let (one, other) = tokio::join!(testing::database(), testing::database());
    let mut in_one = PgConnection::connect(&one.url).await.unwrap();
    in_one.execute("create table only_here (id int)").await.unwrap();

    let mut in_other = PgConnection::connect(&other.url).await.unwrap();
    let seen = in_other
        .fetch_one("select to_regclass('only_here')::text")
        .await
        .unwrap();

    assert_eq!(seen.get::<Option<String>, _>(0), None);
}

#[tokio::test]
async fn many_databases_are_made_side_by_side() {
    let made = names_of(20).await;
    assert_eq!(made.len(), 20);
}

async fn names_of(count: usize) -> std::collections::HashSet<String> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            tokio::task::spawn_blocking(|| {
                tokio::runtime::Handle::current()
                    .block_on(testing::database())
                    .name
            })
        })
        .collect();
    let mut names = std::collections::HashSet::new();
    for task in tasks {
        names.insert(task.await.unwrap());
    }
    names
}
