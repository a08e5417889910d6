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

#[tokio::test]
async fn a_server_of_a_tests_own_keeps_its_data_and_its_url_when_it_is_stopped_or_killed() {
    let mut server = testing::server().await;
    let url = server.url().to_owned();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection
        .execute("create table kept as select 42 as answer")
        .await
        .unwrap();
    server.stop().await;
    assert!(PgConnection::connect(&url).await.is_err(), "it is stopped");
    server.start().await;
    assert_eq!(server.url(), url);
    server.kill();
    let answer = loop {
        let Ok(mut connection) = PgConnection::connect(&url).await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        if let Ok(row) = connection.fetch_one("select answer from kept").await {
            break row.get::<i32, _>(0);
        }
    };
    assert_eq!(answer, 42);
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
