//! Does this release fit this environment: digests, triggers, branches, tags (SPEC R1, E2).

use globset::Glob;

use crate::{
    domain::{
        environment::Tightening,
        plan::StoredPlan,
        release::{AliasKind, Release, TriggerKind},
        text::Clean,
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
        hotfix, plan_difference, planner,
    },
};

pub fn digest(_: &Facts<'_>, plan: &StoredPlan) -> Judged {
    match plan.release.image_digest() {
        Some(digest) => Some((
            Verdict::Pass,
            format!("the image is {}", digest.get(..19).unwrap_or(digest)),
        )),
        None if plan.plan.protected => Some((
            Verdict::Fail,
            format!(
                "release {} has no image with a known digest; {} needs one",
                plan.release.title(),
                plan.plan.environment
            ),
        )),
        None => Some((
            Verdict::Fail,
            format!(
                "release {} has no image in the registry",
                plan.release.title()
            ),
        )),
    }
}

/// A tag of a release never moves: what people approved under its name has to be what it names (SPEC §7).
pub fn tags_stay(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let (first, named) = (plan.tags.first()?, &plan.release.commit);
    let here = facts.release(named);
    let stays = |tag: &Clean| here.is_some_and(|release| release.tags().any(|it| it == tag));
    let Some(tag) = plan.tags.iter().find(|tag| !stays(tag)) else {
        let rest = plan.tags.len() - 1;
        return Some((
            Verdict::Pass,
            match rest {
                0 => format!("tag {first} still names commit {}", named.short()),
                rest => format!(
                    "tag {first} and {rest} more still name commit {}",
                    named.short()
                ),
            },
        ));
    };
    let mut others = facts.releases.iter();
    let now = others.find(|release| release.tags().any(|it| it == tag));
    Some(match now {
        Some(other) => (
            Verdict::Fail,
            format!(
                "tag {tag} named commit {} when the plan was stored, and names {} now; a release's tag is never moved",
                named.short(),
                other.commit.short()
            ),
        ),
        None => (
            Verdict::Unknown,
            format!(
                "tag {tag} named commit {} when the plan was stored, and is not in the repository now; fetch it",
                named.short()
            ),
        ),
    })
}

/// What was approved is what would be planned today (SPEC A2): a changed configuration voids the request.
pub fn plan_is_current(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    if !plan.agrees() {
        return Some((
            Verdict::Fail,
            format!(
                "what is stored under {} is another plan or names another image; cancel and request again",
                plan.digest.short()
            ),
        ));
    }
    if let Err(unknown) = release(facts, plan) {
        return Some(unknown);
    }
    let now = planner::today(facts, plan);
    let today = now.digest();
    if today == plan.digest {
        Some((
            Verdict::Pass,
            format!("plan {} is what would be planned now", plan.digest.short()),
        ))
    } else {
        Some((
            Verdict::Fail,
            format!(
                "plan {} was stored, but {} since ({} now); cancel and request again",
                plan.digest.short(),
                words_of(&plan_difference::differences(&plan.plan, &now)),
                today.short()
            ),
        ))
    }
}

/// A digest that differs without a word for it is a plan of another program.
fn words_of(differences: &[String]) -> String {
    if differences.is_empty() {
        "its format has changed".to_owned()
    } else {
        differences.join("; ")
    }
}

fn release<'a>(facts: &Facts<'a>, plan: &StoredPlan) -> Result<&'a Release, (Verdict, String)> {
    facts.release(&plan.release.commit).ok_or_else(|| {
        (
            Verdict::Unknown,
            format!(
                "release {} is not in the catalogue; is its repository readable?",
                plan.release.title()
            ),
        )
    })
}

pub fn trigger(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let policy = &plan.plan.policy;
    let release = match release(facts, plan) {
        Ok(release) => release,
        Err(unknown) => return Some(unknown),
    };
    let environment = &plan.plan.environment;
    Some(
        match release
            .triggers
            .iter()
            .find(|trigger| policy.allowed_triggers.contains(&trigger.kind()))
        {
            Some(trigger) => (
                Verdict::Pass,
                format!("{environment} allows trigger {}", trigger.kind()),
            ),
            None => {
                let has = words(release.triggers.iter().map(|t| t.kind().to_string()));
                let wants = words(policy.allowed_triggers.iter().map(TriggerKind::to_string));
                let who = rule_of(plan, |own| own.allowed_triggers.is_some());
                (
                    Verdict::Fail,
                    format!(
                        "{who} allows triggers {wants}; release {} has {has}",
                        plan.release.title()
                    ),
                )
            }
        },
    )
}

pub fn branch(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let policy = &plan.plan.policy;
    let release = match release(facts, plan) {
        Ok(release) => release,
        Err(unknown) => return Some(unknown),
    };
    let environment = &plan.plan.environment;
    let some = |globs: &[String], branch: &str| globs.iter().any(|glob| matches(glob, branch));
    let own = own(plan).map_or(&[][..], |own| own.allowed_branches.as_slice());
    let allowed = |branch: &&Clean| some(&policy.allowed_branches, branch.as_ref());
    let tight = |branch: &&Clean| own.is_empty() || some(own, branch.as_ref());
    let mut branches = release.branches.iter();
    let either = release.branches.iter().find(allowed);
    Some(
        match (
            branches.find(|branch| allowed(branch) && tight(branch)),
            either,
        ) {
            (None, Some(branch)) => (
                Verdict::Fail,
                format!(
                    "{} allows branches {} (tighter than {environment}, which allows {branch}); release {} is on {}",
                    rule_of(plan, |own| !own.allowed_branches.is_empty()),
                    words(own.iter().cloned()),
                    plan.release.title(),
                    words(release.branches.iter().map(ToString::to_string))
                ),
            ),
            (Some(branch), _) => (
                Verdict::Pass,
                match hotfix::terms(plan) {
                    Some((hurry, _)) => {
                        format!("{environment} allows branch {branch}: {}", hurry.words())
                    }
                    None => format!("{environment} allows branch {branch}"),
                },
            ),
            (None, None) => {
                let wants = words(policy.allowed_branches.iter().cloned());
                let has = words(release.branches.iter().map(ToString::to_string));
                (
                    Verdict::Fail,
                    format!(
                        "{environment} allows branches {wants}; release {} is on {has}",
                        plan.release.title()
                    ),
                )
            }
        },
    )
}

pub fn tag(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let policy = &plan.plan.policy;
    let own = own(plan).map_or(&[][..], |own| own.allowed_tags.as_slice());
    if policy.allowed_tags.is_empty() && own.is_empty() {
        return None;
    }
    let release = match release(facts, plan) {
        Ok(release) => release,
        Err(unknown) => return Some(unknown),
    };
    let environment = &plan.plan.environment;
    let tags: Vec<&str> = release
        .aliases
        .iter()
        .filter(|alias| alias.kind == AliasKind::Tag)
        .map(|alias| alias.name.as_ref())
        .collect();
    let allowed =
        |tag: &&&str| policy.allowed_tags.is_empty() || tag_allowed(&policy.allowed_tags, tag);
    let tight = |tag: &&&str| own.is_empty() || tag_allowed(own, tag);
    Some(
        match (
            tags.iter().find(|tag| allowed(tag) && tight(tag)),
            tags.iter().find(allowed),
        ) {
            (Some(tag), _) => (Verdict::Pass, format!("{environment} allows tag {tag}")),
            (None, either) if either.is_some() || policy.allowed_tags.is_empty() => (
                Verdict::Fail,
                format!(
                    "{} wants a tag like {}, tighter than {environment}; release {} has {}",
                    rule_of(plan, |own| !own.allowed_tags.is_empty()),
                    words(own.iter().cloned()),
                    plan.release.title(),
                    words(tags.iter().map(ToString::to_string))
                ),
            ),
            (None, _) => {
                let wants = words(policy.allowed_tags.iter().cloned());
                (
                    Verdict::Fail,
                    format!(
                        "{environment} wants a tag like {wants}; release {} has {}",
                        plan.release.title(),
                        words(tags.iter().map(ToString::to_string))
                    ),
                )
            }
        },
    )
}

fn own(plan: &StoredPlan) -> Option<&Tightening> {
    plan.plan.policy.tightening().map(|(_, own)| own)
}

/// Who asks: the environment, or the project where it asks for more there.
pub(super) fn rule_of(plan: &StoredPlan, asks: impl Fn(&Tightening) -> bool) -> String {
    let environment = &plan.plan.environment;
    match plan.plan.policy.tightening().filter(|(_, own)| asks(own)) {
        Some((project, _)) => format!("the rule of {} in {environment}", project.name()),
        None => environment.to_string(),
    }
}

/// Some glob accepts it and no `!glob` does.
pub fn tag_allowed(globs: &[String], tag: &str) -> bool {
    let (no, yes): (Vec<&String>, Vec<&String>) =
        globs.iter().partition(|glob| glob.starts_with('!'));
    (yes.is_empty() || yes.iter().any(|glob| matches(glob, tag)))
        && !no
            .iter()
            .any(|glob| matches(glob.trim_start_matches('!'), tag))
}

pub(in crate::policy) fn matches(glob: &str, text: &str) -> bool {
    Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

fn words(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_pass_by_some_glob_and_no_exclusion() {
        let rule = ["v*".to_owned(), "!*-*".to_owned()];
        assert!(tag_allowed(&rule, "v1.3.0"));
        assert!(!tag_allowed(&rule, "v1.3.0-rc.1"));
        assert!(!tag_allowed(&rule, "nightly"));
        assert!(tag_allowed(&["!*-*".to_owned()], "anything"));
    }
}
