//! The door to objects in S3 that Map Runs go through: a distributed Map's `ItemReader` and `ResultWriter`.

use std::io::Write as _;

use asl::json::Payload;
use asl::json::value::Json;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::arn::Place;

/// What S3, or the way to it, had against a call: the words AWS gives as a cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct ObjectFailure {
    /// What happened.
    pub cause: String,
}

/// An object's bytes, as they come.
pub type Pieces = BoxStream<'static, Result<Bytes, ObjectFailure>>;

/// Some of a bucket's objects.
#[derive(Debug, Clone, Default)]
pub struct ObjectPage {
    /// `Key`, `ETag`, `LastModified`, `Size`, `StorageClass` of each.
    pub contents: Vec<Json>,
    /// By what the next page is asked for.
    pub continuation: Option<String>,
}

/// Objects in S3.
pub trait Objects: Send + Sync + 'static {
    /// Begins to read an object. `parameters` are those of `s3:getObject`.
    fn open(&self, place: &Place, parameters: &Payload) -> BoxFuture<'static, Result<Pieces, ObjectFailure>>;

    /// A page of a listing. `parameters` are those of `s3:listObjectsV2`.
    fn list(
        &self,
        place: &Place,
        parameters: &Payload,
        continuation: Option<String>,
    ) -> BoxFuture<'static, Result<ObjectPage, ObjectFailure>>;

    /// Writes an object of text, whole.
    fn put(
        &self,
        place: &Place,
        object: &ObjectAt,
        body: String,
    ) -> BoxFuture<'static, Result<(), ObjectFailure>>;

    /// Begins to write an object in parts; what the parts are sent with.
    fn begin_upload(
        &self,
        place: &Place,
        object: &ObjectAt,
    ) -> BoxFuture<'static, Result<String, ObjectFailure>>;

    /// Writes a part; its tag. `number` is from 1 on.
    fn put_part(
        &self,
        place: &Place,
        object: &ObjectAt,
        part: Part,
    ) -> BoxFuture<'static, Result<String, ObjectFailure>>;

    /// Puts the parts together, or drops them when there are no tags.
    fn end_upload(
        &self,
        place: &Place,
        object: &ObjectAt,
        upload: String,
        tags: Vec<String>,
    ) -> BoxFuture<'static, Result<(), ObjectFailure>>;
}

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectAt {
    /// Its bucket.
    pub bucket: String,
    /// Its key there.
    pub key: String,
}

/// A part of an object of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Of which upload.
    pub upload: String,
    /// From 1 on.
    pub number: usize,
    /// At least 5 MiB, but of the last one (S3 guide, "Multipart upload limits").
    pub body: String,
}

/// Unpacks what begins as gzip does, and leaves the rest as it is.
pub(crate) async fn gunzip_if_packed(mut pieces: Pieces) -> Result<Pieces, ObjectFailure> {
    let mut first = Vec::new();
    while first.len() < GZIP.len()
        && let Some(piece) = pieces.next().await
    {
        first.extend_from_slice(&piece?);
    }
    let is_packed = first.starts_with(GZIP);
    let whole = futures::stream::iter([Ok(Bytes::from(first))])
        .chain(pieces)
        .boxed();
    Ok(if is_packed { gunzip(whole) } else { whole })
}

/// How gzip begins (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Unpacks gzip as it comes.
pub(crate) fn gunzip(pieces: Pieces) -> Pieces {
    let unpacking = (pieces, Some(MultiGzDecoder::new(Vec::new())));
    futures::stream::try_unfold(unpacking, |(mut pieces, decoder)| async move {
        let Some(mut decoder) = decoder else {
            return Ok(None);
        };
        let failed = |error: std::io::Error| ObjectFailure {
            cause: format!("The file is not in the format GZIP: {error}"),
        };
        if let Some(piece) = pieces.next().await {
            decoder.write_all(&piece?).map_err(failed)?;
            let unpacked = std::mem::take(decoder.get_mut());
            return Ok(Some((Bytes::from(unpacked), (pieces, Some(decoder)))));
        }
        let rest = decoder.finish().map_err(failed)?;
        Ok(Some((Bytes::from(rest), (pieces, None))))
    })
    .boxed()
}
