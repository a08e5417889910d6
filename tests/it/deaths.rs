//! A deployment survives `kill -9` at every await point: whatever its process was waiting for when it died, whoever goes on
//! gives the alias the same states in the same order as a process that never dies.
//!
//! The process is the real executable; what kills it is outside of it ([`Reaper`]). A run of the tests visits some of the
//! points, spread over the whole deployment; `SIGNALBOX_DEATHS=every` visits all of them, one process's death each
//! (`docs/DEPLOYMENTS.md`, "Killed anywhere", says what that found).

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Engine, Options, Reaper, Signalbox, eventually};

const FINISHED: [&str; 6] = [
    "succeeded",
    "rolled_back",
    "failed",
    "aborted",
    "superseded",
    "success",
];

/// Points left out between two deaths when not every one is asked for.
const STRIDE: usize = 29;

/// What is deployed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Canary,
    BlueGreen,
    Linear,
    Rolling,
    /// A canary that a person takes back while it bakes.
    Rollback,
}

impl Course {
    fn strategy(self) -> Value {
        let steps =
            json!([{"weight": 10, "bake_seconds": 0}, {"weight": 50, "bake_seconds": 0}, {"weight": 100}]);
        match self {
            Self::Canary => {
                json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0, "steps": steps})
            }
            Self::BlueGreen => json!({"type": "blue_green", "settling_seconds": 0, "final_bake_seconds": 0}),
            Self::Linear => {
                json!({"type": "linear", "increment": 25, "interval_seconds": 0, "settling_seconds": 0, "final_bake_seconds": 0})
            }
            Self::Rolling => json!({"type": "rolling", "waves": [["one"], ["two"]], "final_bake_seconds": 0,
                "inner": {"type": "direct", "settling_seconds": 0, "final_bake_seconds": 0}}),
            Self::Rollback => json!({"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
                "steps": [{"weight": 10, "bake_seconds": 3600, "min_samples": 0}, {"weight": 100}]}),
        }
    }

    fn body(self, template: &str) -> Value {
        let mut body = json!({"template": template, "revision": 2, "strategy": self.strategy()});
        if self != Self::Rolling {
            body["environment"] = json!("one");
            body["tests"] = json!([{"name": "a", "input": {}}]);
        }
        body
    }

    fn ends(self) -> &'static str {
        if self == Self::Rollback {
            "rolled_back"
        } else {
            "succeeded"
        }
    }
}

/// The routings of the aliases from the first on, environment by environment.
type Moves = Vec<(String, Vec<(String, u64)>)>;

/// A Signalbox that may die, and an engine that does not.
struct Stage {
    signalbox: Signalbox,
    reaper: Reaper,
    _engine: Engine,
    runs: AtomicUsize,
}

impl Stage {
    async fn set() -> Self {
        let engine = Engine::start().await;
        let database = signalbox_postgres::testing::database().await;
        let reaper = Reaper::between(&engine.url, &database.url).await;
        let config = format!(
            "{}{}[jobs]\nlease_seconds = 1\n",
            Engine::environment("one", "111111111111", &reaper.engine),
            Engine::environment("two", "222222222222", &reaper.engine)
        );
        let signalbox = Signalbox::start_with(Options {
            config,
            database_url: Some(reaper.database_url.clone()),
            ..Options::default()
        })
        .await;
        Self {
            signalbox,
            reaper,
            _engine: engine,
            runs: AtomicUsize::new(0),
        }
    }

    /// Brings the process back if it has died.
    async fn revive(&mut self) {
        if self.reaper.bury() {
            self.signalbox.ended().await;
            self.signalbox.restart().await;
        }
    }

    /// Asks until a process that lives answers. Who lost an answer looks whether it was done before asking again.
    async fn insist(&mut self, path: &str, body: &Value) -> Option<Value> {
        let request = self.signalbox.request(Method::POST, path).json(body);
        let answer = self.signalbox.try_send(request).await;
        // Who lost its database answers 500 or 503 before it dies.
        if !self.reaper.is_dead()
            && let Some(answer) = answer
        {
            assert!(matches!(answer.status, 200 | 202 | 409), "{}", answer.text);
            return Some(answer.json);
        }
        self.revive().await;
        None
    }

    /// Starts the deployment (or the release that a rolling one is), whatever happens meanwhile; gives its id.
    async fn deploy(&mut self, course: Course, template: &str) -> String {
        let body = course.body(template);
        for _ in 0..3 {
            if let Some(answer) = self.insist("/v1/deployments", &body).await {
                return answer["id"]
                    .as_str()
                    .unwrap_or_else(|| unreachable!("{answer}"))
                    .to_owned();
            }
            let (path, list) = if course == Course::Rolling {
                ("/v1/releases".to_owned(), "workflows")
            } else {
                (format!("/v1/deployments?template={template}"), "")
            };
            let found = self.signalbox.get(&path).await.expect(200);
            let newest = found["data"]
                .as_array()
                .unwrap()
                .first()
                .filter(|newest| list.is_empty() || newest[list][0]["workflow_name"] == template);
            if let Some(newest) = newest {
                return newest["id"].as_str().unwrap().to_owned();
            }
        }
        unreachable!("the deployment was never started")
    }

    async fn view(&mut self, id: &str, states: &[&str]) -> Value {
        loop {
            self.revive().await;
            let (signalbox, reaper) = (&self.signalbox, &self.reaper);
            let seen = eventually(&format!("{id} is one of {states:?}"), async || {
                if reaper.is_dead() {
                    return Some(None);
                }
                let request = signalbox.request(Method::GET, &format!("/v1/deployments/{id}"));
                let answer = signalbox.try_send(request).await?;
                let state = answer.json["state"].as_str()?;
                states.contains(&state).then_some(Some(answer.json))
            })
            .await;
            if let Some(view) = seen {
                return view;
            }
        }
    }

    /// One deployment whose process dies at point `number`. Gives the moves of its aliases, and what it died at.
    async fn run(&mut self, course: Course, number: usize) -> (Moves, Option<String>) {
        let template = format!("run-{}-end", self.runs.fetch_add(1, Ordering::SeqCst));
        let gives = |value: &str| json!({"Comment": value, "StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"v": value}, "End": true}}});
        let body = json!({"name": template, "definition": gives("1"), "environments": ["one", "two"]});
        self.signalbox.post("/v1/templates", body).await.expect(201);
        let path = format!("/v1/templates/{template}/revisions");
        let body = json!({"definition": gives("2")});
        self.signalbox.post(&path, body).await.expect(201);

        if course != Course::Rollback {
            self.arm(number);
        }
        let id = self.deploy(course, &template).await;
        if course == Course::Rollback {
            self.view(&id, &["baking"]).await;
            self.arm(number);
            let path = format!("/v1/deployments/{id}/rollback");
            while self.insist(&path, &json!({"reason": "a test"})).await.is_none() {}
        }
        let view = self.view(&id, &FINISHED).await;
        self.reaper.disarm();
        let at = self.reaper.died_at();
        assert_eq!(
            view["state"],
            course.ends(),
            "{course:?} that died at {number}, {at:?}: {view}"
        );
        let without_name = |(alias, lines): (String, _)| (alias.replace(&template, "NAME"), lines);
        let moves = self
            .reaper
            .moves(&format!(":{template}:"))
            .into_iter()
            .map(without_name);
        (moves.collect(), at)
    }

    fn arm(&self, number: usize) {
        self.reaper.arm(self.signalbox.pid().unwrap(), number);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a long run that was asked for says how far it is"
)]
fn tell(what: std::fmt::Arguments<'_>) {
    eprintln!("{what}");
}

/// Every `stride`th point of a deployment, or every one: each time the same moves of the alias as undisturbed.
async fn the_same_moves_wherever_it_dies(course: Course) {
    let mut stage = Stage::set().await;
    let (undisturbed, none) = stage.run(course, usize::MAX).await;
    assert_eq!(none, None);
    assert!(undisturbed.len() >= 2, "{undisturbed:?}");
    let every = std::env::var("SIGNALBOX_DEATHS").is_ok_and(|value| value == "every");
    let mut number = 1;
    let mut deaths = 0;
    loop {
        let (moves, at) = stage.run(course, number).await;
        assert_eq!(moves, undisturbed, "{course:?} that died at {number}, {at:?}");
        let Some(at) = at else { break };
        tell(format_args!("{course:?} {number}: {at}"));
        deaths += 1;
        number += if every { 1 } else { STRIDE };
    }
    tell(format_args!(
        "{course:?}: {deaths} deaths, each with the moves {undisturbed:?}"
    ));
    assert!(deaths > 0);
}

#[tokio::test]
async fn a_canary_killed_at_any_await_takes_the_same_weights() {
    the_same_moves_wherever_it_dies(Course::Canary).await;
}

#[tokio::test]
async fn a_blue_green_one_killed_at_any_await_switches_once() {
    the_same_moves_wherever_it_dies(Course::BlueGreen).await;
}

#[tokio::test]
async fn a_linear_one_killed_at_any_await_takes_the_same_weights() {
    the_same_moves_wherever_it_dies(Course::Linear).await;
}

#[tokio::test]
async fn a_rolling_one_killed_at_any_await_goes_through_its_waves_in_order() {
    the_same_moves_wherever_it_dies(Course::Rolling).await;
}

#[tokio::test]
async fn a_rollback_killed_at_any_await_goes_back_once() {
    the_same_moves_wherever_it_dies(Course::Rollback).await;
}
