//! Which files are meant by what stands on the command line: files, folders, patterns, `-`.

use std::io;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;

/// Largest file that is looked into when nobody has named it, bytes: a template with a definition of 1 MiB as an escaped string.
const FOUND_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What was asked for can't be found.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    /// A pattern that is none.
    #[error("`{pattern}` is not a pattern")]
    Pattern {
        pattern: String,
        #[source]
        source: ignore::Error,
    },
    /// A folder can't be read.
    #[error("a folder can't be read")]
    Walk(#[source] ignore::Error),
}

/// A file to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Whether it was named itself: then it is checked whatever it looks like.
    pub(super) is_named: bool,
}

/// Files for one argument, by path. Folders are searched for JSON and YAML; what `.gitignore` leaves out is left out.
pub(super) fn find(argument: &Path) -> Result<Vec<Candidate>, FilesError> {
    let text = argument.to_string_lossy();
    if argument.is_dir() {
        return walk(argument, &["*.json", "*.yaml", "*.yml"], false);
    }
    if argument.exists() || !text.contains(['*', '?', '[', '{']) {
        return Ok(vec![Candidate {
            path: argument.to_owned(),
            is_named: true,
        }]);
    }
    // The part before the first wildcard is where to look.
    let folder: PathBuf = argument
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']))
        .collect();
    let pattern = argument
        .strip_prefix(&folder)
        .unwrap_or(argument)
        .to_string_lossy();
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &folder
    };
    // As in a shell: without `**` only there, not below.
    walk(folder, &[&format!("/{pattern}")], true)
}

fn walk(folder: &Path, patterns: &[&str], is_named: bool) -> Result<Vec<Candidate>, FilesError> {
    let mut wanted = OverrideBuilder::new(folder);
    for pattern in patterns {
        wanted.add(pattern).map_err(|source| FilesError::Pattern {
            pattern: (*pattern).to_owned(),
            source,
        })?;
    }
    let wanted = wanted.build().map_err(FilesError::Walk)?;
    let mut files = Vec::new();
    for entry in WalkBuilder::new(folder)
        .overrides(wanted)
        .require_git(false)
        .sort_by_file_path(Ord::cmp)
        .build()
    {
        let entry = entry.map_err(FilesError::Walk)?;
        let is_small = || entry.metadata().is_ok_and(|data| data.len() <= FOUND_BYTES_MAX);
        if entry.file_type().is_some_and(|kind| kind.is_file()) && (is_named || is_small()) {
            let path = entry.path();
            files.push(Candidate {
                path: path.strip_prefix("./").unwrap_or(path).to_owned(),
                is_named,
            });
        }
    }
    Ok(files)
}

/// The text of a file, or of the standard input for `-`.
pub(super) fn read(path: &Path, input: &mut dyn io::Read) -> io::Result<String> {
    if path != Path::new("-") {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_and_patterns_are_matched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            "a.json",
            "b/c.asl.yaml",
            "b/d.txt",
            "b/e/f.asl.json",
            "out/g.json",
        ] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "{}").unwrap();
        }
        std::fs::write(root.join(".gitignore"), "out/\n").unwrap();
        let names = |argument: &Path| -> Vec<String> {
            find(argument)
                .unwrap()
                .iter()
                .map(|found| found.path.strip_prefix(root).unwrap().display().to_string())
                .collect()
        };
        assert_eq!(names(root), ["a.json", "b/c.asl.yaml", "b/e/f.asl.json"]);
        assert_eq!(
            names(&root.join("**/*.asl.*")),
            ["b/c.asl.yaml", "b/e/f.asl.json"]
        );
        assert_eq!(names(&root.join("b/*.yaml")), ["b/c.asl.yaml"]);
        assert_eq!(names(&root.join("*.yaml")), Vec::<String>::new());
        assert_eq!(names(&root.join("missing.json")), ["missing.json"]);
    }
}
