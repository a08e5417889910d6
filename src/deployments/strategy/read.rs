//! Reading a strategy: an object, the bare name of a type, or the name of one that is kept.

use serde::{Deserialize, Deserializer};

use super::{OnFailure, Strategy, StrategyChoice, StrategyKind, StrategyStep};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    kind: StrategyKind,
    steps: Option<Vec<StrategyStep>>,
    max_weight: Option<u8>,
    increment: Option<u8>,
    interval_seconds: Option<u64>,
    waves: Option<Vec<Vec<String>>>,
    inner: Option<Box<Strategy>>,
    max_parallel: Option<u32>,
    on_failure: Option<OnFailure>,
    preview: Option<String>,
    settling_seconds: Option<u64>,
    final_bake_seconds: Option<u64>,
    max_bake_seconds: Option<u64>,
}

impl From<Written> for Strategy {
    fn from(written: Written) -> Self {
        let Written {
            kind,
            steps,
            max_weight,
            increment,
            interval_seconds,
            waves,
            inner,
            max_parallel,
            on_failure,
            preview,
            settling_seconds,
            final_bake_seconds,
            max_bake_seconds,
        } = written;
        Self {
            kind,
            steps,
            max_weight,
            increment,
            interval_seconds,
            waves,
            inner,
            max_parallel,
            on_failure,
            preview,
            settling_seconds,
            final_bake_seconds,
            max_bake_seconds,
        }
    }
}

impl<'de> Deserialize<'de> for Strategy {
    /// Takes a bare name too. By hand, so that an unknown field of an object is still named with its place.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Strategy;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a strategy: an object with `type`, or the type's name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Strategy, E> {
                StrategyKind::deserialize(serde::de::value::StrDeserializer::new(name)).map(Strategy::of)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Strategy, A::Error> {
                Written::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Strategy::from)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for StrategyChoice {
    /// A text that is no type is a name. By hand, so that an unknown field of an object is still named with its place.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = StrategyChoice;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "a strategy: an object with `type`, the type's name, or the name of one that is kept",
                )
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<StrategyChoice, E> {
                Ok(match StrategyKind::parse(name) {
                    Some(kind) => Strategy::of(kind).into(),
                    None => StrategyChoice::Named(name.to_owned()),
                })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<StrategyChoice, A::Error> {
                Written::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|written| Strategy::from(written).into())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
