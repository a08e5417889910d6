//! DeleteStateMachine.

use super::find::{FindError, Found, Name, find};
use super::{Machines, store, tags};

impl Machines {
    /// Deletes a machine with its versions and aliases; it is DELETING until its open executions have ended: the
    /// runtime stops each at its next transition. One that is not there is as good as deleted.
    pub async fn delete(&self, arn: &str) -> Result<(), FindError> {
        let name = Name::parse_machine(arn)?;
        let mut tx = self.pool.begin().await?;
        store::lock(&mut tx, &name.place, &name.name).await?;
        if let Some(Found::Active(machine)) = find(&mut tx, &name.place, &name.name).await? {
            store::delete_machine(&mut tx, machine.id, self.clock.now_ms()).await?;
            tags::drop_all(&mut tx, &machine.arn()).await?;
            tx.commit().await?;
            self.caches.forget(&machine.arn());
            self.caches.delete_machine(machine.id);
        }
        Ok(())
    }
}
