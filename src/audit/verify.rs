//! Walk the chain and find the first entry that is not what was recorded.

use super::chain::{GENESIS, Hash, link};
use super::limits::VERIFY_BATCH;
use super::model::StoredLink;
use super::{seal, store};
use crate::db::{Db, DbError};

/// What the walk found.
#[derive(Debug)]
pub(super) struct Verification {
    /// Links walked.
    pub(super) checked: u64,
    /// Where the chain ends now: keep it elsewhere, and a chain cut short later is found by `expect`.
    pub(super) head: (i64, Hash),
    /// The first thing wrong, if any.
    pub(super) broken: Option<Break>,
}

/// One break of the chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) position: i64,
    pub(super) event_id: Option<String>,
    pub(super) reason: BreakReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakReason {
    /// The entry does not give the stored hash: it or an earlier one was changed.
    Changed,
    /// The link names an entry that is gone.
    EntryMissing,
    /// A position is absent from the chain.
    LinkMissing,
    /// An entry stands neither in the chain nor in the queue for it.
    Unlinked,
    /// The chain does not contain the link the caller noted earlier.
    NotAsNoted,
}

/// Seals what waits, then walks positions `from..=to` (the whole chain by default), and compares with a link noted
/// earlier, if the caller brings one. Reads in batches, so that memory stays bounded.
pub(super) async fn verify(
    db: &Db,
    from: i64,
    to: Option<i64>,
    noted: Option<(i64, Hash)>,
) -> Result<Verification, DbError> {
    seal::seal(db).await?;
    let mut conn = db.pool().acquire().await?;
    let head = store::head(&mut conn).await?;
    let to = to.unwrap_or(head.0).min(head.0);
    let mut walk = Walk {
        next: from,
        previous: GENESIS,
        checked: 0,
    };
    if from > 1 {
        let before = store::links(&mut conn, from - 1, from - 1, 1).await?;
        if let Some(hash) = before
            .first()
            .and_then(|before| Hash::try_from(before.hash.as_slice()).ok())
        {
            walk.previous = hash;
        }
    }
    let mut broken = None;
    while broken.is_none() && walk.next <= to {
        let batch = store::links(&mut conn, walk.next, to, i64::from(VERIFY_BATCH)).await?;
        if batch.is_empty() {
            broken = Some(Break {
                position: walk.next,
                event_id: None,
                reason: BreakReason::LinkMissing,
            });
        }
        broken = broken.or_else(|| batch.iter().find_map(|stored| walk.take(stored)));
    }
    if broken.is_none()
        && let Some((position, hash)) = noted
    {
        let stored = store::links(&mut conn, position, position, 1).await?;
        if stored.first().is_none_or(|stored| stored.hash != hash) {
            broken = Some(Break {
                position,
                event_id: None,
                reason: BreakReason::NotAsNoted,
            });
        }
    }
    if broken.is_none()
        && let Some(event_id) = store::without_a_place(&mut conn).await?
    {
        broken = Some(Break {
            position: head.0,
            event_id: Some(event_id),
            reason: BreakReason::Unlinked,
        });
    }
    Ok(Verification {
        checked: walk.checked,
        head,
        broken,
    })
}

/// Where a walk along the chain stands.
struct Walk {
    next: i64,
    previous: Hash,
    checked: u64,
}

impl Walk {
    /// Takes one step; `Some` when this link is broken.
    fn take(&mut self, stored: &StoredLink) -> Option<Break> {
        if stored.position != self.next {
            return Some(Break {
                position: self.next,
                event_id: None,
                reason: BreakReason::LinkMissing,
            });
        }
        let event_id = Some(stored.event_id.clone());
        let Some(entry) = &stored.entry else {
            return Some(Break {
                position: stored.position,
                event_id,
                reason: BreakReason::EntryMissing,
            });
        };
        let hash = link(&self.previous, entry);
        if hash.as_slice() != stored.hash.as_slice() {
            return Some(Break {
                position: stored.position,
                event_id,
                reason: BreakReason::Changed,
            });
        }
        self.next += 1;
        self.previous = hash;
        self.checked += 1;
        None
    }
}
