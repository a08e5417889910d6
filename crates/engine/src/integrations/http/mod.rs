//! HTTP beyond AWS's services: `http:invoke` with the connections that are configured, `apigateway:invoke`, and the Kubernetes
//! API of EKS clusters.

mod apigateway;
mod authorize;
mod exchange;
mod form;
mod invoke;
mod kubernetes;
mod reach;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use asl::eval::{Pattern, TaskCall};
use asl::json::Payload;

use self::authorize::Token;
use self::kubernetes::KubernetesJob;
use super::aws::Caller;
use super::config::{HttpConnection, IntegrationsConfig};
use super::{Progress, TaskContext, TaskError};
use crate::arn::Place;
use crate::clock::Clock;
use crate::limits::{CONNECT_MS_MAX, IDLE_CONNECTIONS_MAX};

/// Calls endpoints that definitions name.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    reach: reach::Reach,
    connections: BTreeMap<String, HttpConnection>,
    /// Tokens of OAuth connections, by the connection's name.
    tokens: Mutex<BTreeMap<String, Token>>,
    /// Signs for API Gateway.
    caller: Caller,
}

impl Http {
    /// As configured. Redirects are not followed: where one leads was not what the definition named.
    pub(super) fn new(config: &IntegrationsConfig, caller: Caller) -> Result<Self, reqwest::Error> {
        let reach = reach::Reach {
            private: config.http_tasks.private_addresses,
        };
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(std::sync::Arc::new(reach))
            .build()?;
        Ok(Self {
            client,
            reach,
            connections: config.connections.clone(),
            tokens: Mutex::default(),
            caller,
        })
    }

    /// `http:invoke`
    pub(super) async fn invoke(
        &self,
        parameters: &Payload,
        progress: &Progress,
        here: &Place,
        now_ms: i64,
    ) -> Result<Payload, TaskError> {
        invoke::invoke(self, parameters.json(), progress, here, now_ms).await
    }

    /// `apigateway:invoke`
    pub(super) async fn invoke_api(
        &self,
        parameters: &Payload,
        here: &Place,
        now_ms: i64,
    ) -> Result<Payload, TaskError> {
        apigateway::invoke(self, parameters.json(), here, now_ms).await
    }

    /// `eks:call`
    pub(super) async fn call_cluster(
        &self,
        parameters: &Payload,
        here: &Place,
        now_ms: i64,
    ) -> Result<Payload, TaskError> {
        kubernetes::call(self, parameters.json(), here, now_ms).await
    }

    /// `eks:runJob`, followed to its end with `.sync`.
    pub(super) async fn run_job(
        &self,
        call: &TaskCall,
        context: &TaskContext,
        here: &Place,
        clock: &dyn Clock,
    ) -> Result<Payload, TaskError> {
        let job = KubernetesJob::of(self, call.parameters.json(), here, clock)?;
        match call.resource.pattern() {
            Pattern::Sync | Pattern::Sync2 => job.run(context).await,
            Pattern::RequestResponse | Pattern::WaitForTaskToken => job.submit().await,
        }
    }

    /// Deletes the job of `eks:runJob.sync` that nobody waits for any more.
    pub(super) async fn stop_job(
        &self,
        call: &TaskCall,
        submitted: &Payload,
        here: &Place,
        clock: &dyn Clock,
    ) -> Result<(), TaskError> {
        let job = KubernetesJob::of(self, call.parameters.json(), here, clock)?;
        job.stop(submitted).await
    }
}
