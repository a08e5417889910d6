//! Connection URLs as sqlx and libpq read them.

use std::fmt::Write as _;
use std::path::Path;

/// The name of the superuser of every server of this crate.
pub(crate) const SUPERUSER: &str = "postgres";

/// `postgres://postgres@localhost:PORT/DATABASE?host=DIRECTORY`: over the Unix socket in the directory.
pub(crate) fn over_socket(directory: &Path, port: u16, database: &str) -> String {
    let directory = percent_encode(&directory.to_string_lossy());
    format!("postgres://{SUPERUSER}@localhost:{port}/{database}?host={directory}")
}

/// `postgres://postgres:PASSWORD@127.0.0.1:PORT/DATABASE`: over TCP on this machine.
pub(crate) fn over_loopback(password: &str, port: u16, database: &str) -> String {
    format!(
        "postgres://{SUPERUSER}:{}@127.0.0.1:{port}/{database}",
        percent_encode(password)
    )
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    encoded.push(char::from(byte));
                }
                _ => {
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_odd_characters_survives_the_url() {
        assert_eq!(
            over_socket(Path::new("/tmp/a b&c"), 5432, "main"),
            "postgres://postgres@localhost:5432/main?host=/tmp/a%20b%26c"
        );
    }
}
