//! The SQL of deployments. Private to the folder.

pub(super) mod evidence;
pub(super) mod facts;
pub(super) mod periods;
pub(super) mod presets;
pub(super) mod quarantine;
pub(super) mod record;
pub(super) mod releases;
pub(super) mod slos;
pub(super) mod tests;
pub(super) mod timeline;
pub(super) mod watch;
