//! The service inside the test's process: its own database, the embedded engine behind the environment `default`, a clock the
//! test moves, and the API on a free port. For what can't be waited for (days of retries) or asked of no route.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use signalbox::app::App;
use signalbox::clock::{Clock as _, ManualClock, SystemClock};
use signalbox::config::Config;
use signalbox::db::Db;
use signalbox::environments::Environments;
use signalbox::lifecycle::Lifecycle;
use signalbox::outbound::Outbound;
use signalbox::signals::Signals;
use signalbox::step_functions::Transport;
use signalbox::telemetry::Metrics;
use signalbox::{routes, workers};

use super::{Answer, eventually};

/// The service in this process. Ends with the test.
pub struct InProcess {
    /// Everything shared.
    pub app: Arc<App>,
    /// The clock, which stands still until it is moved.
    pub clock: Arc<ManualClock>,
    /// Base URL of the API.
    pub api: String,
    client: reqwest::Client,
}

impl InProcess {
    /// With this configuration file's text, and workers at work.
    pub async fn start(config: &str) -> Self {
        let mut config: Config = toml::from_str(config).unwrap();
        config.jobs.poll_interval_ms = 20;
        let database = signalbox_postgres::testing::database().await;
        let db = Db::open(&database.url).unwrap();
        db.migrate().await.unwrap();
        let engine =
            signalbox_engine::Engine::open(db.pool().clone(), signalbox_engine::EngineConfig::default());
        let router =
            signalbox_engine::wire::router(engine.await.unwrap(), signalbox_engine::wire::Trust::Everybody);
        let metrics = Metrics::new().unwrap();
        let environments = Environments::connect(&config, &Transport::in_process(router), &metrics)
            .await
            .unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        config.server.listen = listener.local_addr().unwrap();
        let api = format!("http://{}", config.server.listen);
        let app = Arc::new(App {
            db,
            clock: Arc::<ManualClock>::clone(&clock),
            environments,
            outbound: Outbound::from_config(&config).unwrap(),
            worker: "test".to_owned(),
            signals: Signals::new(),
            metrics,
            lifecycle: Lifecycle::new(),
            config: Arc::new(config),
        });
        workers::start(&app);
        let service = routes::router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            app,
            clock,
            api,
            client,
        }
    }

    /// Moves the clock on until `probe` gives something: with the machine's clock, which the engine goes by, or, once it is ahead of
    /// that, half a second at a time.
    pub async fn passing<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut probe: impl FnMut() -> F,
    ) -> T {
        eventually(what, || {
            let found = probe();
            async {
                let found = found.await;
                let behind = SystemClock.now() - self.clock.now();
                self.clock.advance(behind.max(chrono::TimeDelta::zero()));
                if behind < chrono::TimeDelta::zero() {
                    self.clock.advance(chrono::TimeDelta::milliseconds(500));
                }
                found
            }
        })
        .await
    }

    /// A request with no key.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api))
    }

    /// GET with this key; none when empty.
    pub async fn get(&self, key: &str, path: &str) -> Answer {
        self.send(key, self.request(Method::GET, path)).await
    }

    /// POST of a JSON body with this key; none when empty.
    pub async fn post(&self, key: &str, path: &str, body: impl Into<Value>) -> Answer {
        self.send(key, self.request(Method::POST, path).json(&body.into()))
            .await
    }

    /// Sends a request with this key; none when empty.
    pub async fn send(&self, key: &str, request: reqwest::RequestBuilder) -> Answer {
        let request = if key.is_empty() {
            request
        } else {
            request.bearer_auth(key)
        };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            text,
            json,
        }
    }
}
