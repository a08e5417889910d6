//! The objects of a listing as AWS makes items of them.

use std::sync::Arc;

use crate::eval::time;
use crate::json::Json;

/// An object of a listing (`Key`, `ETag`, `LastModified` …), with the names and the order AWS gives an item's members.
pub fn listed(object: &Json) -> Json {
    let member = |name: &str| object.get(name).cloned().unwrap_or_default();
    let modified = match member("LastModified") {
        Json::String(text) => match time::parse(&text) {
            Some(moment) => Json::from(moment.timestamp()),
            None => Json::String(text),
        },
        other => other,
    };
    let etag = object
        .get("ETag")
        .or_else(|| object.get("Etag"))
        .cloned()
        .unwrap_or_default();
    let members = [
        ("Etag", etag),
        ("LastModified", modified),
        ("Key", member("Key")),
        ("Size", member("Size")),
        ("StorageClass", member("StorageClass")),
    ];
    Json::object(
        members
            .into_iter()
            .map(|(name, value)| (Arc::from(name), value))
            .collect(),
    )
}
