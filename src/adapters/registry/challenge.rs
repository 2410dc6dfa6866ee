//! `WWW-Authenticate: Bearer realm="…",service="…",scope="…"`: where a registry sends us for a token.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub realm: String,
    pub service: Option<String>,
    pub scope: Option<String>,
}

impl Challenge {
    /// None where it is another scheme, or names no realm.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut challenge = Self::default();
        while let Some((key, after)) = rest.split_once('=') {
            let (value, after) = value(after)?;
            match key.trim().to_ascii_lowercase().as_str() {
                "realm" => challenge.realm = value,
                "service" => challenge.service = Some(value),
                "scope" => challenge.scope = Some(value),
                _ => {}
            }
            rest = after.trim_start().trim_start_matches(',');
        }
        (!challenge.realm.is_empty()).then_some(challenge)
    }
}

/// A token or a quoted string, and what comes after it. Commas within quotes belong to the value.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return Some((value.trim().to_owned(), after));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let told = |header: &str| {
            Challenge::parse(header).map(|c| {
                let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                format!("{} {} {}", c.realm, or(c.service), or(c.scope))
            })
        };
        for (header, expect) in [
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#,
                Some("https://auth.example/token registry.example repository:a/b:pull,push"),
            ),
            (
                r#"bearer  scope=x , Realm="https://a\"b" ,error="invalid_token""#,
                Some(r#"https://a"b - x"#),
            ),
            (r#"Bearer realm="https://a""#, Some("https://a - -")),
            (r#"Basic realm="registry""#, None),
            (r#"Bearer service="x""#, None),
            (r#"Bearer realm="https://never closed"#, None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(told(header).as_deref(), expect, "{header}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_header_makes_the_reader_panic(
            any in "\\PC{0,60}",
            near in "(?i)bearer( *[a-z]{0,8}=(\"(\\\\.|[^\"]){0,8}\"?|[^,]{0,8}),?){0,5}",
        ) {
            for header in [any, near] {
                if let Some(challenge) = Challenge::parse(&header) {
                    proptest::prop_assert!(!challenge.realm.is_empty());
                }
            }
        }
    }
}
