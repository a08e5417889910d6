//! The database: is it there, can it be used, is it up to date.

use chrono::{DateTime, Utc};
use signalbox_postgres::find::{self, Wanted};
use signalbox_postgres::{Search, running_url};

use super::finding::{self, Finding};
use crate::cli::database::data_dir;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;

/// Postgres 14, as `server_version_num` has it.
const VERSION_MIN: i32 = 140_000;

/// Difference of the clocks from which leases and times become doubtful, seconds.
const SKEW_SECONDS: i64 = 60;

/// Looks at the configured database, or at the embedded one if it runs. The database, if it can be used.
pub(super) async fn check(config: &Config, clock: &dyn Clock, findings: &mut Vec<Finding>) -> Option<Db> {
    let url = if let Some(url) = &config.postgres.url {
        url.expose().to_owned()
    } else {
        let (url, finding) = embedded(config);
        findings.extend(finding);
        url?
    };
    let db = match Db::open_with(&url, 2) {
        Ok(db) => db,
        Err(error) => {
            findings.push(Finding::broken(
                "database",
                super::super::chain(&error),
                "correct DATABASE_URL",
            ));
            return None;
        }
    };
    let facts: Result<(i32, DateTime<Utc>), sqlx::Error> =
        sqlx::query_as("select current_setting('server_version_num')::int, clock_timestamp()")
            .fetch_one(db.pool())
            .await;
    let (version, time) = match facts {
        Ok(facts) => facts,
        Err(error) => {
            let fix = "start it, or correct DATABASE_URL";
            findings.push(Finding::broken("database", super::super::chain(&error), fix));
            return None;
        }
    };
    findings.push(if version >= VERSION_MIN {
        Finding::ok(
            "database",
            format!("Postgres {}.{}", version / 10_000, version % 10_000),
        )
    } else {
        Finding::broken(
            "database",
            format!("Postgres {} is too old", version / 10_000),
            "use Postgres 14 or later",
        )
    });
    let seconds = (clock.now() - time).num_seconds();
    findings.push(finding::skew("database: clock".to_owned(), seconds, SKEW_SECONDS));
    match db.is_migrated().await {
        Ok(true) => {
            findings.push(Finding::ok("database: schema", "up to date".to_owned()));
            Some(db)
        }
        Ok(false) => {
            let fix = "run `signalbox migrate`; `serve` does it by itself";
            findings.push(Finding::warning(
                "database: schema",
                "not up to date".to_owned(),
                fix,
            ));
            None
        }
        Err(error) => {
            let fix = "give the user the right to create schemas in the database";
            findings.push(Finding::broken(
                "database: schema",
                super::super::chain(&error),
                fix,
            ));
            None
        }
    }
}

/// The embedded server's URL if it runs; what can be told of it if it does not.
fn embedded(config: &Config) -> (Option<String>, Option<Finding>) {
    let directory = match data_dir(config, None) {
        Ok(directory) => directory,
        Err(error) => {
            return (
                None,
                Some(Finding::broken(
                    "database",
                    error.to_string(),
                    "give `--data-dir`",
                )),
            );
        }
    };
    if let Some(url) = running_url(&directory, "signalbox") {
        return (Some(url), None);
    }
    let search = Search {
        directory: config.postgres.binaries.clone(),
        path: config.surroundings.path.clone(),
    };
    let detail = match find::find(&search, Wanted::Any) {
        Ok(binaries) => format!(
            "embedded, not running; `signalbox serve` starts Postgres {} from {} on {}",
            binaries.major,
            binaries.directory.display(),
            directory.display()
        ),
        Err(error) if config.postgres.download => format!("{error}; `signalbox serve` downloads one"),
        Err(error) => {
            let fix = "install Postgres 14 or later, set DATABASE_URL, or allow the download";
            return (None, Some(Finding::broken("database", error.to_string(), fix)));
        }
    };
    (None, Some(Finding::ok("database", detail)))
}
