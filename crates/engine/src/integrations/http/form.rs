//! Bodies as forms: `Transform.RequestBodyEncoding` of `http:invoke` (developer guide, "Call HTTPS APIs": URL-encoding).

use asl::json::value::{Json, Object};
use url::form_urlencoded::Serializer;

use crate::integrations::protocols::as_text;

/// How arrays are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrays {
    /// `a[0]=1&a[1]=2`
    Indices,
    /// `a=1&a=2`
    Repeat,
    /// `a=1,2`
    Commas,
    /// `a[]=1&a[]=2`
    Brackets,
    /// `a=[1,2]`
    None,
}

impl Arrays {
    /// By the name in `ArrayFormat`.
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "INDICES" => Self::Indices,
            "REPEAT" => Self::Repeat,
            "COMMAS" => Self::Commas,
            "BRACKETS" => Self::Brackets,
            "NONE" => Self::None,
            _ => return None,
        })
    }
}

/// An object as a form; what is within it goes by `outer[inner]`.
pub(super) fn encoded(body: &Object, arrays: Arrays) -> String {
    let mut pairs = Vec::new();
    for (name, value) in body.iter() {
        push(&mut pairs, name.to_string(), value, arrays);
    }
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn push(pairs: &mut Vec<(String, String)>, name: String, value: &Json, arrays: Arrays) {
    match value {
        Json::Null => pairs.push((name, String::new())),
        Json::Object(members) => {
            for (inner, value) in members.iter() {
                push(pairs, format!("{name}[{inner}]"), value, arrays);
            }
        }
        Json::Array(elements) => match arrays {
            Arrays::Indices => {
                for (index, element) in elements.iter().enumerate() {
                    push(pairs, format!("{name}[{index}]"), element, arrays);
                }
            }
            Arrays::Repeat => {
                for element in elements.iter() {
                    push(pairs, name.clone(), element, arrays);
                }
            }
            Arrays::Brackets => {
                for element in elements.iter() {
                    push(pairs, format!("{name}[]"), element, arrays);
                }
            }
            Arrays::Commas => {
                let joined = elements.iter().map(as_text).collect::<Vec<_>>().join(",");
                pairs.push((name, joined));
            }
            Arrays::None => pairs.push((name, value.to_string())),
        },
        scalar => pairs.push((name, as_text(scalar))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_in_five_ways() {
        let body = asl::json::read::read(r#"{"a": [1, "b c"], "o": {"i": true}}"#).unwrap();
        let form = |arrays| {
            let text = encoded(body.as_object().unwrap(), Arrays::read(arrays).unwrap());
            url::form_urlencoded::parse(text.as_bytes())
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert_eq!(form("INDICES"), "a[0]=1&a[1]=b c&o[i]=true");
        assert_eq!(form("REPEAT"), "a=1&a=b c&o[i]=true");
        assert_eq!(form("COMMAS"), "a=1,b c&o[i]=true");
        assert_eq!(form("BRACKETS"), "a[]=1&a[]=b c&o[i]=true");
        assert_eq!(form("NONE"), r#"a=[1,"b c"]&o[i]=true"#);
    }
}
