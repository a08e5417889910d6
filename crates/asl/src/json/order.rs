//! The order of a Java `HashMap`. AWS puts some values through one, and the texts it shows have its order.

use std::sync::Arc;

/// Places of `keys` in the order in which a `HashMap` with these keys is gone through.
pub(crate) fn java_map_order(keys: &[Arc<str>]) -> Vec<usize> {
    let mut buckets = 16_u32;
    // It doubles when it is more than three quarters full.
    while keys.len() > (buckets as usize) / 4 * 3 {
        buckets *= 2;
    }
    let mut order: Vec<(u32, usize)> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| (spread(key) & (buckets - 1), at))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

/// `String.hashCode`, its upper half mixed into its lower.
fn spread(key: &str) -> u32 {
    let hash = key.encode_utf16().fold(0_u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    });
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_as_java_would_give_them() {
        for (keys, wanted) in [
            (vec!["0", "True", "{}"], vec!["0", "{}", "True"]),
            (vec!["H1", ""], vec!["", "H1"]),
            (vec!["Name", "SecretString"], vec!["SecretString", "Name"]),
            (
                vec!["ApiEndpoint", "Method", "Path", "Stage", "RequestBody"],
                vec!["Path", "Stage", "ApiEndpoint", "Method", "RequestBody"],
            ),
        ] {
            let keys: Vec<Arc<str>> = keys.into_iter().map(Arc::from).collect();
            let order: Vec<&str> = java_map_order(&keys).into_iter().map(|at| &*keys[at]).collect();
            assert_eq!(order, wanted);
        }
    }
}
