//! The id of the request at hand, for whoever answers it. A task-local, so that a problem made deep inside knows its request
//! without every function passing the id along.

use std::future::Future;

/// What is known of the request at hand.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    pub(super) request_id: String,
    pub(super) path: String,
}

tokio::task_local! {
    static CONTEXT: RequestContext;
}

/// Runs `f` with `context` as the request at hand.
pub(super) async fn scope<F: Future>(context: RequestContext, f: F) -> F::Output {
    CONTEXT.scope(context, f).await
}

pub(super) fn current() -> Option<RequestContext> {
    CONTEXT.try_with(Clone::clone).ok()
}

/// Id of the request at hand, as sent in `X-Request-Id`; none outside of a request.
pub fn request_id() -> Option<String> {
    current().map(|context| context.request_id)
}
