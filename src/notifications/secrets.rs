//! Secrets this installation made for itself, because none were configured. 256 random bits each, kept in Postgres.

use chrono::{DateTime, Utc};
use rand::RngExt as _;

use super::store;
use crate::db::{Db, DbError};

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing webhooks.
    Webhooks,
    /// Signing links that decide approvals.
    Links,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Links => "links",
        }
    }
}

/// A secret this installation made.
#[derive(Clone)]
pub struct OwnSecret {
    /// Counts from 1; the newest signs first.
    pub generation: i32,
    /// 32 bytes.
    pub secret: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The live secrets for `purpose`, newest first: one, or two after a rotation. Makes the first one when there is none.
pub async fn own_secret(db: &Db, purpose: Purpose, now: DateTime<Utc>) -> Result<Vec<OwnSecret>, DbError> {
    let known = read(db, purpose).await?;
    if !known.is_empty() {
        return Ok(known);
    }
    add(db, purpose, 0, now).await?;
    read(db, purpose).await
}

/// Makes a new secret; the newest before it stays live until the next rotation.
pub(super) async fn rotate(db: &Db, purpose: Purpose, now: DateTime<Utc>) -> Result<Vec<OwnSecret>, DbError> {
    let newest = own_secret(db, purpose, now)
        .await?
        .first()
        .map_or(0, |newest| newest.generation);
    add(db, purpose, newest, now).await?;
    read(db, purpose).await
}

async fn add(db: &Db, purpose: Purpose, after: i32, now: DateTime<Utc>) -> Result<(), DbError> {
    let secret: [u8; 32] = rand::rng().random();
    let mut conn = db.pool().acquire().await?;
    store::insert_secret(&mut conn, purpose.as_str(), after, &secret, now).await
}

async fn read(db: &Db, purpose: Purpose) -> Result<Vec<OwnSecret>, DbError> {
    let mut conn = db.pool().acquire().await?;
    let secrets = store::secrets(&mut conn, purpose.as_str()).await?;
    Ok(secrets
        .into_iter()
        .map(|(generation, secret, created_at)| OwnSecret {
            generation,
            secret,
            created_at,
        })
        .collect())
}
