//! What a distributed Map's reader read → its items. The causes are AWS's own.

use std::sync::Arc;

use super::time;
use crate::json::order::java_map_order;
use crate::json::{Json, Object, read};
use crate::machine::{CsvHeader, ItemFormat};

/// The items in a reader's result; the error is the cause of `States.ItemReaderFailed`.
pub(crate) fn items(format: &ItemFormat, pointer: Option<&str>, result: &Json) -> Result<Vec<Json>, String> {
    if let ItemFormat::Listing = format {
        let contents = result
            .get("Contents")
            .and_then(Json::as_array)
            .unwrap_or_default();
        return Ok(contents.iter().map(listed).collect());
    }
    let body = match result.get("Body") {
        Some(Json::String(body)) => body.clone(),
        Some(other) => other.to_string().into(),
        None => return Err("The reader's result has no body.".to_owned()),
    };
    match format {
        ItemFormat::Json => json(&body, pointer),
        ItemFormat::JsonLines => {
            let lines = body.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| read::read(line).map_err(|error| error.to_string()))
                .collect()
        }
        ItemFormat::Csv { header, delimiter } => csv(&body, header, *delimiter),
        ItemFormat::Listing => Ok(Vec::new()),
    }
}

fn json(body: &str, pointer: Option<&str>) -> Result<Vec<Json>, String> {
    let document = read::read(body).map_err(|error| error.to_string())?;
    let mut place = &document;
    for step in pointer.unwrap_or_default().split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let found = match place {
            Json::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            other => other.get(&step),
        };
        place = found.ok_or_else(|| {
            format!(
                "The ItemsPointer `{}` leads nowhere.",
                pointer.unwrap_or_default()
            )
        })?;
    }
    match place {
        Json::Array(items) => Ok(items.to_vec()),
        _ => Err("Attempting to map over non-iterable node.".to_owned()),
    }
}

/// An object of a listing, with the names and the order AWS gives an item's members.
fn listed(object: &Json) -> Json {
    let member = |name: &str| object.get(name).cloned().unwrap_or_default();
    let modified = match member("LastModified") {
        Json::String(text) => match time::parse(&text) {
            Some(moment) => Json::from(moment.timestamp()),
            None => Json::String(text),
        },
        other => other,
    };
    let etag = object
        .get("ETag")
        .or_else(|| object.get("Etag"))
        .cloned()
        .unwrap_or_default();
    let members = [
        ("Etag", etag),
        ("LastModified", modified),
        ("Key", member("Key")),
        ("Size", member("Size")),
        ("StorageClass", member("StorageClass")),
    ];
    Json::object(
        members
            .into_iter()
            .map(|(name, value)| (Arc::from(name), value))
            .collect(),
    )
}

fn csv(body: &str, header: &CsvHeader, delimiter: char) -> Result<Vec<Json>, String> {
    let mut rows = rows(body, delimiter).into_iter();
    let names: Vec<Arc<str>> = match header {
        CsvHeader::Given(names) => names.clone(),
        CsvHeader::FirstRow => rows
            .next()
            .unwrap_or_default()
            .into_iter()
            .map(Arc::from)
            .collect(),
    };
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|before| before == name) {
            return Err("CSV headers cannot contain duplicates.".to_owned());
        }
    }
    // AWS makes each row a `HashMap`.
    let order = java_map_order(&names);
    let item = |row: Vec<String>| {
        let members = order.iter().filter_map(|column| {
            let value = row.get(*column).map_or("", String::as_str);
            Some((names.get(*column)?.clone(), Json::from(value)))
        });
        Json::object(members.collect::<Object>())
    };
    Ok(rows.map(item).collect())
}

/// Rows and fields after RFC 4180: quotes around a field, doubled inside of one.
fn rows(body: &str, delimiter: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut any) = (false, false);
    let mut letters = body.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            '\r' if !quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                // A line without anything is no row.
                if any {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                any = false;
                continue;
            }
            letter if letter == delimiter && !quoted => row.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
        any = true;
    }
    if any {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_csv(body: &str, header: &CsvHeader) -> Result<String, String> {
        let format = ItemFormat::Csv {
            header: match header {
                CsvHeader::FirstRow => CsvHeader::FirstRow,
                CsvHeader::Given(names) => CsvHeader::Given(names.clone()),
            },
            delimiter: ',',
        };
        let mut result = Object::new();
        result.insert("Body".into(), Json::from(body));
        items(&format, None, &Json::object(result)).map(|items| Json::array(items).to_string())
    }

    #[test]
    fn rows_become_objects_in_the_order_of_a_java_map() {
        assert_eq!(
            read_csv("0,True,{}\n1,2,3\n", &CsvHeader::FirstRow).unwrap(),
            r#"[{"0":"1","{}":"3","True":"2"}]"#
        );
    }

    #[test]
    fn missing_fields_are_empty_and_extra_ones_dropped() {
        assert_eq!(
            read_csv("a,b\n1\n1,2,3\n", &CsvHeader::FirstRow).unwrap(),
            r#"[{"a":"1","b":""},{"a":"1","b":"2"}]"#
        );
    }

    #[test]
    fn quotes_hold_delimiters_and_lines() {
        assert_eq!(
            read_csv("\"x,\"\"y\"\"\nz\",2\r\n\n", &CsvHeader::Given(vec!["a".into()])).unwrap(),
            r#"[{"a":"x,\"y\"\nz"}]"#
        );
    }

    #[test]
    fn equal_headers_are_refused() {
        let header = CsvHeader::Given(vec!["a".into(), "a".into()]);
        assert_eq!(
            read_csv("1,2", &header).unwrap_err(),
            "CSV headers cannot contain duplicates."
        );
    }

    #[test]
    fn a_pointer_leads_to_the_array() {
        let mut result = Object::new();
        result.insert("Body".into(), Json::from(r#"{"a":{"b/c":[1,2]}}"#));
        let result = Json::object(result);
        let found = |pointer| items(&ItemFormat::Json, Some(pointer), &result);
        assert_eq!(found("/a/b~1c").unwrap().len(), 2);
        assert_eq!(
            found("/a").unwrap_err(),
            "Attempting to map over non-iterable node."
        );
        assert!(found("/x").is_err());
    }
}
