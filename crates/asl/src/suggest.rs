//! "Did you mean …?": the nearest of a few known words.

/// Longest word that is compared; longer ones are not typing slips of a known name.
const WORD_CHARS_MAX: usize = 96;
/// Known words that are compared. Nobody looks for a slip among thousands of names, and it bounds the work.
const KNOWN_WORDS_MAX: usize = 256;

/// The known word nearest to `wrong`, if it is near enough to have been meant: equal but for case, or within a
/// third of its length in inserted, dropped, changed or swapped characters.
pub(crate) fn nearest<'w>(wrong: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let wrong_chars: Vec<char> = wrong.chars().flat_map(char::to_lowercase).collect();
    if wrong_chars.is_empty() || wrong_chars.len() > WORD_CHARS_MAX {
        return None;
    }
    known
        .into_iter()
        .take(KNOWN_WORDS_MAX)
        .filter(|word| *word != wrong)
        .filter_map(|word| {
            let chars: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
            let far = 1 + wrong_chars.len().max(chars.len()) / 4;
            if chars.len() > WORD_CHARS_MAX || chars.len().abs_diff(wrong_chars.len()) > far {
                return None;
            }
            let distance = distance(&wrong_chars, &chars);
            (distance <= far).then_some((distance, word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Edits between two words; swapping neighbours counts as one (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(a != b))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["Resource", "ResultPath", "Retry", "Next"];
        assert_eq!(nearest("resource", known), Some("Resource"));
        assert_eq!(nearest("Ressource", known), Some("Resource"));
        assert_eq!(nearest("Rerty", known), Some("Retry"));
        assert_eq!(nearest("nxet", known), Some("Next"));
        assert_eq!(nearest("Foo", known), None);
        assert_eq!(nearest("", known), None);
    }
}
