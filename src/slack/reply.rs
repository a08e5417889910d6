//! Answer a button where it was pressed: Slack wants that at the `response_url` it sent, not in the answer to its call.

use std::sync::Arc;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::db::{Db, DbError};
use crate::jobs::{self, Done, Enqueue, Job, JobError, Lease};

/// Attempts: a `response_url` is good for half an hour.
const ATTEMPTS_MAX: u32 = 8;

/// Posts one answer.
#[derive(Debug)]
pub struct Reply;

/// What to post, and where.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplyArgs {
    url: String,
    text: String,
    /// Whether the message with the buttons is replaced; else only the person sees the answer.
    replace: bool,
}

/// What an answer does to the message whose button was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    /// It is replaced by the answer: its buttons are used up.
    Replace,
    /// It stays.
    Keep,
}

pub(super) async fn schedule(
    db: &Db,
    url: String,
    text: String,
    original: Original,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let how = Enqueue {
        max_attempts: Some(ATTEMPTS_MAX),
        ..Enqueue::at(now)
    };
    let args = ReplyArgs {
        url,
        text,
        replace: original == Original::Replace,
    };
    jobs::enqueue::<Reply>(&mut tx, &args, how).await?;
    tx.commit().await
}

/// Slack did not take the answer.
#[derive(Debug, thiserror::Error)]
#[error("Slack answered {0} to a reply")]
struct Unanswered(u16);

impl Job for Reply {
    const KIND: &'static str = "slack.reply";
    type Args = ReplyArgs;

    async fn run(app: Arc<App>, args: ReplyArgs, _lease: &Lease) -> Result<Done, JobError> {
        let mut body = json!({"text": args.text, "replace_original": args.replace});
        if !args.replace
            && let Some(members) = body.as_object_mut()
        {
            members.insert("response_type".to_owned(), "ephemeral".into());
        }
        let answer = app
            .outbound
            .post(&args.url, HeaderMap::new(), body.to_string())
            .await;
        match answer.map_err(JobError::retry)?.status {
            200..300 => Ok(Done::Finished),
            status => Err(JobError::retry(Unanswered(status))),
        }
    }
}
