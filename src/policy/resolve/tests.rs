//! Tables and properties of name resolution.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    project::ProjectId,
    release::{AliasKind, Commit},
};

fn release(number: u64, commit: &str, aliases: &[(&str, Option<&str>)]) -> Release {
    Release {
        project: ProjectId::parse("acme/shop/auth").expect("valid"),
        number,
        commit: Commit::parse(&format!("{commit:0<40}")).expect("hex"),
        aliases: aliases
            .iter()
            .map(|(name, full)| Alias {
                kind: AliasKind::Tag,
                name: (*name).into(),
                full: full.map(Into::into),
            })
            .collect(),
        triggers: vec![],
        branches: vec![],
        author: "".into(),
        email: "".into(),
        subject: "".into(),
        committed_at: Timestamp::UNIX_EPOCH,
        artifacts: vec![],
        release_type: None,
        missing: Vec::new(),
        resources: None,
        lineage: Box::default(),
        trail: Box::default(),
    }
}

fn shop() -> Vec<Release> {
    vec![
        release(41, "aaaaaaa1", &[("v1.2.0", Some("auth/v1.2.0"))]),
        release(
            42,
            "aaaaaaa2",
            &[("v1.3.0", Some("auth/v1.3.0")), ("stable", None)],
        ),
        release(43, "1234567f", &[("stable", None), ("main-43", None)]),
        release(1_234_567, "bcdef01", &[("v2", Some("v2"))]),
        release(44, "c0ffee1", &[("deadbee", None), ("42", None)]),
    ]
}

/// `alias 42`, `ambiguous commit 41 42`, `none`; with `also …` for what later rules found.
fn told(resolution: &Resolution<'_>) -> String {
    match resolution {
        Resolution::Found {
            release,
            rule,
            also,
        } => {
            let first = format!("{rule} {}", release.number);
            also.iter().fold(first, |text, (rule, other)| {
                format!("{text} also {rule} {}", other.number)
            })
        }
        Resolution::Ambiguous { rule, among } => {
            let numbers: Vec<String> = among.iter().map(|r| r.number.to_string()).collect();
            format!("ambiguous {rule} {}", numbers.join(" "))
        }
        Resolution::NotFound => "none".to_owned(),
    }
}

#[test]
fn the_first_rule_that_matches_wins() {
    let releases = shop();
    let names = Names::of(&releases);
    for (name, expect) in [
        ("v1.2.0", "alias 41"),
        ("auth/v1.3.0", "alias 42"),
        ("v2", "alias 1234567"),
        ("main-43", "alias 43"),
        ("stable", "ambiguous alias 42 43"),
        ("42", "number 42"),
        ("1234567", "number 1234567 also commit 43"),
        ("1234567f", "commit 43"),
        ("aaaaaaa", "ambiguous commit 41 42"),
        ("aaaaaaa1", "commit 41"),
        ("AAAAAAA1", "commit 41"),
        ("aaaaaa", "none"),
        ("c0ffee1", "commit 44"),
        // Shadowing names are no aliases, whoever made them.
        ("deadbee", "none"),
        ("0042", "none"),
        ("+42", "none"),
        ("99999999999999999999999", "none"),
        ("V1.2.0", "none"),
        ("", "none"),
        ("v1.2", "none"),
        ("héllo", "none"),
    ] {
        assert_eq!(told(&names.resolve(&releases, name)), expect, "{name}");
        assert_eq!(names.resolve(&releases, name), resolve(&releases, name));
    }
    assert_eq!(told(&resolve(&[], "42")), "none");
}

#[test]
fn the_sentences_name_what_else_it_could_be() {
    let releases = shop();
    let say = |name: &str| resolve(&releases, name).sentence(name);
    assert_eq!(say("v1.2.0"), None);
    assert_eq!(
        say("stable").as_deref(),
        Some(
            "`stable` is the alias of 2 releases: 42 v1.3.0 (aaaaaaa), 43 stable (1234567); name one by its number"
        )
    );
    assert_eq!(
        say("1234567").as_deref(),
        Some(
            "`1234567` is release 1234567 v2 by its number; it is also the commit of release 43 stable (1234567)"
        )
    );
    assert!(say("nope").is_some_and(|text| text.starts_with("no release `nope`")));
}

/// One in three of the aliases looks like a number or a commit.
fn any_alias() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,12}",
        "[0-9a-fA-F]{7,40}",
        "[a-z]{0,3}[-/.v0-9a-f]{1,8}"
    ]
}

proptest! {
    #[test]
    fn a_name_like_a_number_or_a_commit_never_resolves_through_an_alias(
        sets in prop::collection::vec(prop::collection::vec(any_alias(), 0..4), 1..8),
        commits in prop::collection::vec("[0-9a-f]{40}", 8),
    ) {
        let releases: Vec<Release> = (1..)
            .zip(&sets)
            .zip(&commits)
            .map(|((number, set), commit)| {
                let aliases: Vec<(&str, Option<&str>)> = set
                    .iter()
                    .map(|name| (name.as_str(), set.first().map(String::as_str)))
                    .collect();
                release(number, commit, &aliases)
            })
            .collect();
        let names = Names::of(&releases);
        for name in sets.iter().flatten() {
            let shadows = !Alias::may_be_named(name);
            match names.resolve(&releases, name) {
                Resolution::Found { rule, .. } | Resolution::Ambiguous { rule, .. } => {
                    prop_assert_eq!(rule == Rule::Alias, !shadows, "{}", name);
                }
                Resolution::NotFound => prop_assert!(shadows, "{}", name),
            }
        }
        // And every release is found by its number and by its whole commit id.
        for it in &releases {
            prop_assert_eq!(names.resolve(&releases, &it.number.to_string()).release(), Some(it));
            prop_assert_eq!(names.resolve(&releases, it.commit.as_str()).release(), Some(it));
        }
    }
}

/// Not a benchmark, but it would notice a scan: 100,000 names among 100,000 releases.
#[test]
fn a_hundred_thousand_releases_are_searched_by_halves() {
    let releases: Vec<Release> = (1..=100_000_u64)
        .map(|n| {
            let alias = format!("v{n}.0.0");
            release(n, &format!("{:08x}", n * 40_000), &[(alias.as_str(), None)])
        })
        .collect();
    let names = Names::of(&releases);
    for it in &releases {
        assert_eq!(
            names
                .resolve(&releases, it.aliases[0].name.as_ref())
                .release(),
            Some(it)
        );
    }
}
