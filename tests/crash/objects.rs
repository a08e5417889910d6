//! A small S3: files of items that come slowly, and what was written.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use crate::maps::PAD_BYTES;
use crate::pause;

/// The objects that were written, by bucket and key.
#[derive(Default)]
pub(crate) struct Objects {
    written: Mutex<HashMap<String, Vec<u8>>>,
}

/// What a caller says of an upload in parts.
type Upload = Query<HashMap<String, String>>;

impl Objects {
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/items/{*key}", get(read))
            .route("/{bucket}/{*key}", axum::routing::put(write).post(upload))
            .with_state(Arc::clone(self))
    }

    /// The results a manifest leads to, those of all files.
    pub(crate) fn results(&self, details: &Value) -> Vec<Value> {
        let manifest = self.json(
            details["Bucket"].as_str().unwrap(),
            details["Key"].as_str().unwrap(),
        );
        let files = manifest["ResultFiles"]["SUCCEEDED"].as_array().unwrap();
        let bucket = manifest["DestinationBucket"].as_str().unwrap();
        files
            .iter()
            .flat_map(|file| {
                self.json(bucket, file["Key"].as_str().unwrap())
                    .as_array()
                    .unwrap()
                    .clone()
            })
            .collect()
    }

    fn json(&self, bucket: &str, key: &str) -> Value {
        let written = self.written.lock().unwrap();
        let body = written.get(&format!("{bucket}/{key}"));
        serde_json::from_slice(body.unwrap_or_else(|| panic!("{bucket}/{key} was not written"))).unwrap()
    }
}

/// `<number>-<rows>-<pad>.csv`: so many rows of that number, in pieces.
async fn read(Path(key): Path<String>) -> Response {
    let Some((number, rows)) = key.trim_end_matches(".csv").split_once('-') else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (number, rows): (u64, u64) = (number.parse().unwrap(), rows.parse().unwrap());
    let pad = if rows >= 100 {
        "x".repeat(PAD_BYTES)
    } else {
        String::new()
    };
    let mut pieces = vec!["number,index,pad\n".to_owned()];
    for index in 0..rows {
        if index % 10 == 5 {
            pieces.push(String::new());
        }
        let _ = writeln!(pieces.last_mut().unwrap(), "{number},{index},{pad}");
    }
    let body = futures::stream::unfold(pieces.into_iter(), |mut pieces| async move {
        let piece = pieces.next()?;
        pause(20).await;
        Some((Ok::<_, std::io::Error>(piece), pieces))
    });
    Body::from_stream(body).into_response()
}

async fn write(
    State(objects): State<Arc<Objects>>,
    Path((bucket, key)): Path<(String, String)>,
    body: axum::body::Bytes,
) {
    pause(20).await;
    let mut written = objects.written.lock().unwrap();
    written.insert(format!("{bucket}/{key}"), body.to_vec());
}

async fn upload(Path((bucket, key)): Path<(String, String)>, Query(query): Upload) -> StatusCode {
    panic!("{bucket}/{key} is small, and was to be written in parts: {query:?}");
}
