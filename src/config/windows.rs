//! When traffic may be moved to a new version: change windows, and freezes on top of them.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Policies;

/// Days ahead that are searched for the next opening: a window is open at least once a week, and one that falls into a clock
/// change is found the week after.
const DAYS_AHEAD: u64 = 15;

/// Freezes and windows that follow each other directly; more than this and the last one found is told.
const CLOSED_MAX: usize = 100;

/// A time of the week in which traffic may be moved to a new version. With any configured, at all other times it may not.
/// Going back is always possible.
///
/// `{ days = ["mon", "tue"], from = "09:00", until = "16:00", time_zone = "Europe/Berlin" }`; `days` default to all,
/// `time_zone` to UTC. A window whose end is not after its beginning goes on into the next day; `24:00` is midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "WrittenWindow", into = "WrittenWindow")]
#[schema(as = ChangeWindow)]
pub struct ChangeWindow {
    #[schema(value_type = Vec<String>)]
    days: Vec<Weekday>,
    #[schema(value_type = String)]
    from: NaiveTime,
    #[schema(value_type = String)]
    until: NaiveTime,
    #[schema(value_type = String)]
    time_zone: Tz,
}

/// A window as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWindow {
    #[serde(default = "every_day")]
    days: Vec<String>,
    from: String,
    until: String,
    #[serde(default = "utc")]
    time_zone: String,
}

fn every_day() -> Vec<String> {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(str::to_owned)
        .to_vec()
}

fn utc() -> String {
    "UTC".to_owned()
}

impl TryFrom<WrittenWindow> for ChangeWindow {
    type Error = String;

    fn try_from(written: WrittenWindow) -> Result<Self, String> {
        let time = |text: &str| {
            let text = if text == "24:00" { "00:00" } else { text };
            NaiveTime::parse_from_str(text, "%H:%M")
                .map_err(|_| format!("`{text}` is no time such as `09:00`"))
        };
        let day = |text: &String| {
            text.parse::<Weekday>()
                .map_err(|_| format!("`{text}` is no day of the week, such as `mon`"))
        };
        let days: Vec<Weekday> = written.days.iter().map(day).collect::<Result<_, _>>()?;
        if days.is_empty() {
            return Err("a change window needs at least one day".to_owned());
        }
        Ok(Self {
            days,
            from: time(&written.from)?,
            until: time(&written.until)?,
            time_zone: written
                .time_zone
                .parse()
                .map_err(|_| format!("`{}` is no time zone, such as `Europe/Berlin`", written.time_zone))?,
        })
    }
}

impl From<ChangeWindow> for WrittenWindow {
    fn from(window: ChangeWindow) -> Self {
        Self {
            days: window
                .days
                .iter()
                .map(|day| day.to_string().to_ascii_lowercase())
                .collect(),
            from: window.from.format("%H:%M").to_string(),
            until: window.until.format("%H:%M").to_string(),
            time_zone: window.time_zone.name().to_owned(),
        }
    }
}

impl ChangeWindow {
    /// The window that begins on this day of its time zone.
    fn on(&self, day: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.until > self.from {
            day
        } else {
            day.succ_opt()?
        };
        // A time that the clock jumps over begins when the clock has jumped; one that comes twice, the first time.
        let at = |day: NaiveDate, time: NaiveTime| {
            let local = day.and_time(time);
            [0, 1]
                .into_iter()
                .find_map(|hours| {
                    self.time_zone
                        .from_local_datetime(&(local + TimeDelta::hours(hours)))
                        .earliest()
                })
                .map(|at| at.with_timezone(&Utc))
        };
        Some((at(day, self.from)?, at(last, self.until)?))
    }

    /// Its first opening that is not over at `now`.
    fn next(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let today = now.with_timezone(&self.time_zone).date_naive();
        let yesterday = today.pred_opt()?;
        (0..DAYS_AHEAD)
            .filter_map(|ahead| self.on(yesterday.checked_add_days(Days::new(ahead))?))
            .find(|(_, end)| *end > now)
    }
}

/// A time in which no traffic is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// When it may be moved again.
    pub until: DateTime<Utc>,
    /// Why not now, for people.
    pub reason: String,
}

impl Policies {
    /// Until when no traffic is moved, if it is not at `now`: freezes, and the time between change windows.
    pub fn closed_at(&self, now: DateTime<Utc>) -> Option<Closed> {
        let mut found: Option<Closed> = None;
        for _ in 0..CLOSED_MAX {
            let at = found.as_ref().map_or(now, |closed| closed.until);
            let Some(closed) = self.frozen(at).or_else(|| self.between_windows(at)) else {
                break;
            };
            let reason = found.map_or(closed.reason, |first| first.reason);
            found = Some(Closed { reason, ..closed });
        }
        found
    }

    fn frozen(&self, at: DateTime<Utc>) -> Option<Closed> {
        let freezes = self.freezes.iter();
        let freeze = freezes
            .filter(|freeze| (freeze.from..freeze.until).contains(&at))
            .max_by_key(|freeze| freeze.until)?;
        Some(Closed {
            until: freeze.until,
            reason: freeze
                .reason
                .as_ref()
                .map_or_else(|| "a freeze".to_owned(), |reason| format!("a freeze: {reason}")),
        })
    }

    fn between_windows(&self, at: DateTime<Utc>) -> Option<Closed> {
        let next = self
            .change_windows
            .iter()
            .filter_map(|window| window.next(at))
            .map(|(begin, _)| begin)
            .min()?;
        (next > at).then(|| Closed {
            until: next,
            reason: "outside of the change windows".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::*;

    fn policies(windows: &[&str], freezes: &str) -> Policies {
        let mut policies = Environment::embedded().policies;
        policies.change_windows = windows
            .iter()
            .map(|json| serde_json::from_str(json).unwrap())
            .collect();
        policies.freezes = serde_json::from_str(freezes).unwrap();
        policies
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    const OFFICE: &str = r#"{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "until": "16:00", "time_zone": "Europe/Berlin"}"#;

    fn opens(policies: &Policies, now: &str) -> Option<DateTime<Utc>> {
        policies.closed_at(at(now)).map(|closed| closed.until)
    }

    #[test]
    fn without_windows_or_freezes_it_is_always_open() {
        assert_eq!(policies(&[], "[]").closed_at(at("2026-11-22T03:00:00Z")), None);
    }

    #[test]
    fn a_window_is_of_its_time_zone_in_winter_and_in_summer() {
        let office = policies(&[OFFICE], "[]");
        assert_eq!(
            opens(&office, "2026-11-23T08:00:00Z"),
            None,
            "nine o'clock in winter"
        );
        assert_eq!(
            opens(&office, "2026-11-23T07:59:00Z"),
            Some(at("2026-11-23T08:00:00Z"))
        );
        assert_eq!(
            opens(&office, "2026-07-06T07:00:00Z"),
            None,
            "nine o'clock in summer"
        );
        assert_eq!(
            opens(&office, "2026-11-27T15:00:00Z"),
            Some(at("2026-11-30T08:00:00Z")),
            "after four on a Friday"
        );
    }

    #[test]
    fn a_window_may_go_past_midnight() {
        let night = policies(&[r#"{"days": ["sat"], "from": "22:00", "until": "02:00"}"#], "[]");
        assert_eq!(opens(&night, "2026-11-29T01:00:00Z"), None, "Sunday at one");
        assert_eq!(
            opens(&night, "2026-11-29T02:00:00Z"),
            Some(at("2026-12-05T22:00:00Z"))
        );
        let all_day = policies(&[r#"{"from": "00:00", "until": "24:00"}"#], "[]");
        assert_eq!(opens(&all_day, "2026-11-29T23:59:59Z"), None);
    }

    #[test]
    fn a_freeze_over_a_window_opens_with_the_window_after_it() {
        let freeze =
            r#"[{"from": "2026-12-21T00:00:00Z", "until": "2026-12-26T12:00:00Z", "reason": "holidays"}]"#;
        let closed = policies(&[OFFICE], freeze)
            .closed_at(at("2026-12-22T10:00:00Z"))
            .unwrap();
        assert_eq!(closed.until, at("2026-12-28T08:00:00Z"), "the 26th is a Saturday");
        assert_eq!(closed.reason, "a freeze: holidays");
    }

    #[test]
    fn what_is_no_window_is_refused_and_a_window_is_written_as_it_was_read() {
        for wrong in [
            r#"{"from": "9", "until": "16:00"}"#,
            r#"{"from": "09:00", "until": "16:00", "days": []}"#,
            r#"{"from": "09:00", "until": "16:00", "days": ["someday"]}"#,
            r#"{"from": "09:00", "until": "16:00", "time_zone": "Mars"}"#,
        ] {
            assert!(serde_json::from_str::<ChangeWindow>(wrong).is_err(), "{wrong}");
        }
        let window: ChangeWindow = serde_json::from_str(OFFICE).unwrap();
        let written = serde_json::to_value(&window).unwrap();
        assert_eq!(
            written,
            serde_json::from_str::<serde_json::Value>(OFFICE).unwrap()
        );
    }
}
