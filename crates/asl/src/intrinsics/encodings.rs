//! `Base64Encode`, `Base64Decode`, `Hash`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::json::Json;

/// Characters the encoding functions accept (Step Functions guide, "Intrinsic functions").
const INPUT_CHARACTERS_MAX: usize = 10_000;

fn text(value: &Json) -> Result<&str, String> {
    let text = value.as_str().ok_or("The argument is not a string.")?;
    bounded(text)
}

fn bounded(text: &str) -> Result<&str, String> {
    if text.chars().count() > INPUT_CHARACTERS_MAX {
        return Err(format!(
            "The argument is longer than {INPUT_CHARACTERS_MAX} characters."
        ));
    }
    Ok(text)
}

pub(super) fn base64_encode(value: &Json) -> Result<Json, String> {
    Ok(Json::string(STANDARD.encode(text(value)?)))
}

pub(super) fn base64_decode(value: &Json) -> Result<Json, String> {
    let bytes = STANDARD
        .decode(text(value)?)
        .map_err(|_| "The argument is not valid Base64.".to_owned())?;
    Ok(Json::string(String::from_utf8_lossy(&bytes)))
}

/// The hexadecimal digest. Values other than strings are hashed as their JSON text.
pub(super) fn hash(value: &Json, algorithm: &Json) -> Result<Json, String> {
    let data = match value {
        Json::String(text) => text.to_string(),
        other => other.to_string(),
    };
    let data = bounded(&data)?.as_bytes();
    let digest = match algorithm.as_str() {
        Some("MD5") => hex(&Md5::digest(data)),
        Some("SHA-1") => hex(&Sha1::digest(data)),
        Some("SHA-256") => hex(&Sha256::digest(data)),
        Some("SHA-384") => hex(&Sha384::digest(data)),
        Some("SHA-512") => hex(&Sha512::digest(data)),
        _ => return Err("The algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512.".to_owned()),
    };
    Ok(Json::string(digest))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}
