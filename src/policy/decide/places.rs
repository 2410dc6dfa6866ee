//! Commands about a place rather than a flight: locks, and the policy that is in force (SPEC E2, E11).

use jiff::SignedDuration;

use super::{Actor, Body, Decision, Facts, Refusal, RefusalKind, Scope, holds, record, time};
use crate::domain::environment::Lock;

/// What is locked, in words.
fn name(facts: &Facts<'_>, scope: Scope) -> String {
    match scope {
        Scope::Environment => facts.environment.name.to_string(),
        Scope::Target => facts.target.id.to_string(),
    }
}

fn held<'a>(facts: &Facts<'a>, scope: Scope) -> Option<&'a Lock> {
    let lock = match scope {
        Scope::Environment => facts.place.lock.as_ref(),
        Scope::Target => facts.state.lock.as_ref(),
    };
    lock.filter(|lock| lock.holds(facts.now))
}

fn reasoned(what: &str, reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        let sentence = format!("{what} needs a reason: others will read it");
        return Err(Refusal::new(RefusalKind::Usage, "reason", sentence));
    }
    Ok(())
}

/// By its owner again it is renewed; over somebody else's it is refused.
pub(super) fn lock(
    facts: &Facts<'_>,
    actor: &Actor,
    scope: Scope,
    reason: &str,
    lasts: Option<SignedDuration>,
) -> Result<Decision, Refusal> {
    reasoned("a lock", reason)?;
    if let Some(other) = held(facts, scope).filter(|lock| lock.by != actor.name) {
        let sentence = format!(
            "{} is {} already",
            name(facts, scope),
            other.sentence(facts.now)
        );
        return Err(Refusal::raced("lock", sentence).hint("one lock holds for everybody"));
    }
    let until = match lasts {
        None => None,
        Some(lasts) => {
            let until = facts.now.checked_add(lasts).ok();
            let until = until.filter(|until| *until > facts.now);
            Some(until.ok_or_else(|| {
                let sentence = "a lock for no time at all locks nothing";
                Refusal::new(RefusalKind::Usage, "lock.until", sentence).hint("--for 2h")
            })?)
        }
    };
    Ok(record(Body::Locked {
        reason: reason.to_owned(),
        until,
    }))
}

/// Its owner takes it off; another's, only who holds *configure*.
pub(super) fn unlock(
    facts: &Facts<'_>,
    actor: &Actor,
    scope: Scope,
    reason: &str,
) -> Result<Decision, Refusal> {
    reasoned("unlocking", reason)?;
    let Some(lock) = held(facts, scope) else {
        let sentence = format!("{} is not locked", name(facts, scope));
        let refusal = Refusal::new(RefusalKind::NotFound, "lock", sentence);
        let other = match scope {
            Scope::Environment => Scope::Target,
            Scope::Target => Scope::Environment,
        };
        // One of the two is often meant for the other.
        return Err(match held(facts, other) {
            Some(lock) => {
                let place = name(facts, other);
                let words = lock.sentence(facts.now);
                refusal.hint(format!("but {place} is {words}: name that"))
            }
            None => refusal.hint("nothing is locked here; `lock` locks"),
        });
    };
    if lock.by != actor.name && !facts.workspace.people.is_empty() {
        holds(facts, &actor.name, "configure").map_err(|refusal| {
            let sentence = format!(
                "{} is {}; {}",
                name(facts, scope),
                lock.sentence(facts.now),
                refusal.sentence
            );
            Refusal::rule(&refusal.rule, sentence).hint(format!("ask {}", lock.by))
        })?;
    }
    Ok(record(Body::Unlocked {
        reason: reason.to_owned(),
    }))
}

/// The file's policy becomes the one that counts. Open requests were planned under the former one: their plans are no
/// longer what would be planned, so what was approved is void.
pub(super) fn record_policy(facts: &Facts<'_>, reason: &str) -> Result<Decision, Refusal> {
    reasoned("recording a policy", reason)?;
    let configured = facts.configured();
    if let Some(recorded) = &facts.place.recorded
        && recorded.protected == configured.protected
        && recorded.policy == configured.policy
    {
        let ago = time::age(facts.now.duration_since(recorded.at));
        let sentence = format!(
            "{} recorded exactly this policy of {} {ago} ago",
            recorded.by, configured.name
        );
        return Err(Refusal::raced("policy.recorded", sentence));
    }
    Ok(record(Body::PolicyRecorded {
        protected: configured.protected,
        policy: Box::new(configured.policy.clone()),
        reason: reason.to_owned(),
    }))
}
