//! The functions on arrays.

use super::whole;
use crate::json::Json;

fn items(value: &Json) -> Result<&[Json], String> {
    value
        .as_array()
        .ok_or_else(|| "The argument is not an array.".to_owned())
}

pub(super) fn partition(value: &Json, size: &Json) -> Result<Json, String> {
    let size = usize::try_from(whole(size)?).unwrap_or_default();
    if size == 0 {
        return Err("The chunk size must be a positive number.".to_owned());
    }
    let chunks = items(value)?.chunks(size);
    Ok(Json::array(
        chunks.map(|chunk| Json::array(chunk.to_vec())).collect(),
    ))
}

pub(super) fn contains(value: &Json, wanted: &Json) -> Result<Json, String> {
    Ok(Json::Bool(items(value)?.contains(wanted)))
}

/// Both ends are included.
pub(super) fn range(first: &Json, last: &Json, step: &Json, items_max: i64) -> Result<Json, String> {
    let (first, last, step) = (whole(first)?, whole(last)?, whole(step)?);
    if step == 0 {
        return Err("The step must not be 0.".to_owned());
    }
    let count = (i128::from(last) - i128::from(first)) / i128::from(step) + 1;
    if count > i128::from(items_max) {
        return Err(format!("The range has more than {items_max} items."));
    }
    let mut numbers = Vec::new();
    let mut number = first;
    while if step > 0 { number <= last } else { number >= last } {
        numbers.push(Json::from(number));
        match number.checked_add(step) {
            Some(next) => number = next,
            None => break,
        }
    }
    Ok(Json::array(numbers))
}

pub(super) fn get_item(value: &Json, index: &Json) -> Result<Json, String> {
    let items = items(value)?;
    let index = whole(index)?;
    usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index))
        .cloned()
        .ok_or_else(|| {
            format!(
                "The index {index} is out of bounds for an array of length {}.",
                items.len()
            )
        })
}

pub(super) fn length(value: &Json) -> Result<Json, String> {
    Ok(Json::Number(items(value)?.len().into()))
}

/// The first of equal items stays. Small arrays are compared, large ones by their texts.
pub(super) fn unique(value: &Json) -> Result<Json, String> {
    let items = items(value)?;
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    let unique = items.iter().filter(|item| seen.insert(canonical(item)));
    Ok(Json::array(unique.cloned().collect()))
}

/// Equal values have equal canonical texts: keys sorted, compact.
fn canonical(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(object) => {
            let mut members: Vec<String> = object
                .iter()
                .map(|(key, member)| format!("{}:{}", Json::String(key.clone()), canonical(member)))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        plain => plain.to_string(),
    }
}
