//! Did you mean: the known name that a misspelt one was most probably meant to be. For actions, keys, roles,
//! configuration keys and verbs alike, so that the program guesses everywhere with the same courage.

/// The candidate nearest to `word`, if one is near enough to name: a third of the word may be wrong.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The same as the end of a message: `; did you mean `danger`?`, or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_proposed_and_far_ones_are_not() {
        let names = ["staging", "production", "dev"];
        assert_eq!(nearest("prodution", names), Some("production"));
        assert_eq!(nearest("stagign", names), Some("staging"));
        assert_eq!(nearest("dve", names), Some("dev"));
        assert_eq!(nearest("qa", names), None);
        assert_eq!(did_you_mean("stagin", names), "; did you mean `staging`?");
        assert_eq!(did_you_mean("", names), "");
    }
}
