//! Whose word it is and what it is worth: one voice for each person, by whatever accounts they spoke, and why a go does
//! not count.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    deployment::{Decision, Deployment, is_verified},
    entry::Answer,
    environment::{ApprovalRule, AutoApproval},
    plan::StoredPlan,
    release::{Digest, Release},
    time,
    workspace::{Actor, IdentityMeans, Person},
};

use super::{Seats, Voice, auto_waits, is_auto};
use crate::policy::facts::Facts;

/// Why a go does not count for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uncounted {
    OtherPlan(Digest),
    Requester,
    Author,
    /// Whether they wrote it cannot be known now.
    AuthorUnknown,
    Role {
        role: String,
    },
    Unverified,
    Expired(SignedDuration),
    /// Gates that have not all passed.
    Gates(String),
    /// What was answered to is no longer what would fly.
    Void(String),
    /// It is no go at all.
    NoGo,
}

impl Uncounted {
    pub fn sentence(&self, name: &str) -> String {
        match self {
            Self::OtherPlan(digest) => format!("{name} approved another plan, {}", digest.short()),
            Self::Requester => format!("{name} requested it and does not count"),
            Self::Author => format!("{name} wrote part of it and does not count"),
            Self::AuthorUnknown => {
                format!("who wrote it is not known yet, so {name} may not count")
            }
            Self::Role { role } => format!("{name} does not hold the role {role}"),
            Self::Unverified => format!("{name} is not verified (set `trust_names` or sign)"),
            Self::Expired(after) => {
                format!("{name}'s approval expired after {}", time::exact(*after))
            }
            Self::Gates(waits) => format!("{name} {waits}"),
            Self::Void(why) => format!("{name}'s answer is void: {why}"),
            Self::NoGo => format!("{name} does not say GO"),
        }
    }

    /// The same beside the name, where what goes without saying is left out.
    pub(super) fn note(&self, name: &str) -> Option<String> {
        match self {
            Self::NoGo => None,
            Self::Void(why) => Some(format!("void: {why}")),
            Self::Gates(waits) => Some(waits.clone()),
            other => Some(other.sentence(name)),
        }
    }
}

/// Everybody who holds the role of a rule here.
pub(super) fn holders<'a>(
    facts: &Facts<'a>,
    rule: &ApprovalRule,
) -> impl Iterator<Item = &'a Person> {
    let environment = &facts.environment.name;
    facts
        .workspace
        .people
        .iter()
        .filter(move |person| person.approves_as(environment, &rule.role))
}

fn person<'a>(facts: &Facts<'a>, actor: &Actor) -> Option<&'a Person> {
    facts.workspace.person_behind(&actor.name, &actor.host)
}

/// Did this person write a commit that is new here? None where the catalogue cannot say.
fn wrote(facts: &Facts<'_>, plan: &StoredPlan, actor: &Actor) -> Option<bool> {
    facts.release(&plan.release.commit)?;
    let before = plan.before.as_ref().map_or(0, |before| before.number);
    let mut commits = facts
        .releases
        .iter()
        .filter(|release| release.number > before && release.number <= plan.release.number);
    // A registry names nobody.
    let nameless = |release: &Release| release.author.is_empty() && release.email.is_empty();
    if commits.clone().any(nameless) {
        return None;
    }
    let person = person(facts, actor);
    let theirs = |name: &str, email: &str| {
        let by_email = |known: &str| known.eq_ignore_ascii_case(email);
        name == actor.name
            || actor.email.as_deref().is_some_and(by_email)
            || person.is_some_and(|person| {
                person.name == name
                    || person.email.as_deref().is_some_and(by_email)
                    || person.accounts.iter().any(|account| account == name)
            })
    };
    Some(commits.any(|release| theirs(release.author.as_ref(), release.email.as_ref())))
}

/// Judged at the moment it is needed, with the roles of that moment (SPEC A1).
pub fn why_not(
    facts: &Facts<'_>,
    plan: &StoredPlan,
    deployment: Option<&Deployment>,
    rule: &ApprovalRule,
    actor: &Actor,
    at: Timestamp,
) -> Option<Uncounted> {
    let requested =
        deployment.is_some_and(|current| facts.workspace.same_person(&current.requester, actor));
    if rule.exclude_requester && requested {
        return Some(Uncounted::Requester);
    }
    if !person(facts, actor)
        .is_some_and(|person| person.approves_as(&plan.plan.environment, &rule.role))
    {
        let role = rule.role.clone();
        return Some(Uncounted::Role { role });
    }
    if rule.exclude_authors {
        match wrote(facts, plan, actor) {
            Some(false) => {}
            Some(true) => return Some(Uncounted::Author),
            None => return Some(Uncounted::AuthorUnknown),
        }
    }
    if plan.plan.protected && !is_verified(actor, facts.workspace.trust_names) {
        return Some(Uncounted::Unverified);
    }
    (facts.age(at) > rule.expires_after).then_some(Uncounted::Expired(rule.expires_after))
}

/// Everybody in the room, each with what they said last.
pub(super) struct Room<'a> {
    pub facts: Facts<'a>,
    pub plan: &'a StoredPlan,
    pub deployment: Option<&'a Deployment>,
    /// What changed since the plan was stored.
    void: &'a [String],
    airborne: bool,
    seats: Vec<Present<'a>>,
}

struct Present<'a> {
    name: String,
    person: Option<&'a Person>,
    said: Option<&'a Decision>,
    auto: Option<&'a AutoApproval>,
}

impl<'a> Room<'a> {
    pub fn new(
        facts: &Facts<'a>,
        plan: &'a StoredPlan,
        deployment: Option<&'a Deployment>,
        void: &'a [String],
        airborne: bool,
    ) -> Self {
        let policy = &plan.plan.policy;
        let environment = &facts.environment.name;
        let mut seats: Vec<Present<'a>> = Vec::new();
        let mut sit = |person: &'a Person| {
            if !seats.iter().any(|other| other.name == person.name) {
                seats.push(Present {
                    name: person.name.clone(),
                    person: Some(person),
                    said: None,
                    auto: None,
                });
            }
        };
        for rule in &policy.approvals {
            holders(facts, rule).for_each(&mut sit);
        }
        for role in &policy.veto {
            facts
                .workspace
                .people
                .iter()
                .filter(|person| person.has_role(environment, role))
                .for_each(&mut sit);
        }
        let heard = deployment.map_or(&[][..], |current| current.decisions.as_slice());
        for decision in heard.iter().filter(|decision| !is_auto(&decision.by)) {
            let known = person(facts, &decision.by);
            let name = known.map_or(&decision.by.name, |person| &person.name);
            let place = seats.iter().position(|other| other.name == *name);
            match place.and_then(|place| seats.get_mut(place)) {
                // By two accounts: what objects stands, else the later word.
                Some(seat) if seat.said.is_none_or(|said| said.answer == Answer::Go) => {
                    seat.said = Some(decision);
                }
                Some(_) => {}
                None => seats.push(Present {
                    name: name.clone(),
                    person: known,
                    said: Some(decision),
                    auto: None,
                }),
            }
        }
        for rule in &policy.auto_approve {
            let name = rule.name();
            let said = heard
                .iter()
                .find(|decision| is_auto(&decision.by) && decision.by.name == name);
            seats.push(Present {
                name,
                person: None,
                said,
                auto: Some(rule),
            });
        }
        Self {
            facts: *facts,
            plan,
            deployment,
            void,
            airborne,
            seats,
        }
    }

    pub fn rules(&self) -> &'a [ApprovalRule] {
        &self.plan.plan.policy.approvals
    }

    /// Does it depend on who wrote it, and does the catalogue not say?
    pub fn authors_unknown(&self) -> bool {
        self.rules().iter().any(|rule| rule.exclude_authors)
            && self.facts.release(&self.plan.release.commit).is_none()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().map(|seat| seat.name.as_str())
    }

    /// For each voice, for which rules its go counts. Of the seats of one rule, gates never take the last where a second
    /// pair of eyes is asked for.
    pub fn may(&self) -> Vec<Vec<bool>> {
        let mut autos: Vec<usize> = self
            .rules()
            .iter()
            .map(|rule| (rule.quorum as usize).saturating_sub(usize::from(rule.exclude_requester)))
            .collect();
        self.seats
            .iter()
            .map(|seat| {
                self.rules()
                    .iter()
                    .zip(&mut autos)
                    .map(|(rule, left)| {
                        let counts = self.uncounted(seat, rule).is_none();
                        if !counts || seat.auto.is_none() {
                            return counts;
                        }
                        let fits = *left > 0;
                        *left = left.saturating_sub(1);
                        fits
                    })
                    .collect()
            })
            .collect()
    }

    /// Why what was said takes no seat of this rule; None where it may.
    fn uncounted(&self, seat: &Present<'_>, rule: &ApprovalRule) -> Option<Uncounted> {
        let Some(said) = seat.said.filter(|said| said.answer == Answer::Go) else {
            return Some(Uncounted::NoGo);
        };
        if !self.void.is_empty() {
            return Some(Uncounted::Void(self.void.join("; ")));
        }
        if said.plan != self.plan.digest {
            return Some(Uncounted::OtherPlan(said.plan.clone()));
        }
        let Some(auto) = seat.auto else {
            let (by, at) = (&said.by, said.at);
            return why_not(&self.facts, self.plan, self.deployment, rule, by, at);
        };
        if auto.role != rule.role {
            let role = rule.role.clone();
            return Some(Uncounted::Role { role });
        }
        if self.facts.age(said.at) > rule.expires_after {
            return Some(Uncounted::Expired(rule.expires_after));
        }
        auto_waits(&self.facts, self.plan, auto)
            .filter(|_| !self.airborne)
            .map(Uncounted::Gates)
    }

    /// What stands between this voice and a seat, said or not: of a role it holds, if it holds one.
    fn against(&self, seat: &Present<'_>, roles: &[String]) -> Option<Uncounted> {
        let mut ranked = self
            .rules()
            .iter()
            .filter(|rule| roles.contains(&rule.role));
        let rule = ranked.next().or_else(|| self.rules().first())?;
        if seat.said.is_some() {
            return self.uncounted(seat, rule);
        }
        if let Some(auto) = seat.auto {
            return auto_waits(&self.facts, self.plan, auto).map(Uncounted::Gates);
        }
        let person = seat.person?;
        // How they would come; that their name alone proves nothing is said when they have spoken.
        let actor = Actor {
            name: person.name.clone(),
            email: person.email.clone(),
            means: IdentityMeans::Account,
            host: String::new(),
        };
        let latest = self.facts.latest;
        why_not(
            &self.facts,
            self.plan,
            self.deployment,
            rule,
            &actor,
            latest,
        )
        .filter(|why| *why != Uncounted::Unverified)
    }

    fn roles(&self, seat: &Present<'_>) -> Vec<String> {
        if let Some(auto) = seat.auto {
            return vec![auto.role.clone()];
        }
        let environment = &self.facts.environment.name;
        let policy = &self.plan.plan.policy;
        let mut roles: Vec<String> = Vec::new();
        let vetoes = policy.veto.iter().map(String::as_str);
        for role in policy.approver_roles().chain(vetoes) {
            let holds = seat
                .person
                .is_some_and(|person| person.approves_as(environment, role));
            if holds && !roles.iter().any(|other| other == role) {
                roles.push(role.to_owned());
            }
        }
        roles
    }

    pub fn voices(&self, chairs: &[Option<usize>], taken: &[Seats]) -> Vec<Voice> {
        let seats = self.seats.iter().zip(chairs);
        seats
            .map(|(seat, chair)| self.voice(seat, chair.and_then(|rule| taken.get(rule)), taken))
            .collect()
    }

    fn voice(&self, seat: &Present<'_>, chair: Option<&Seats>, taken: &[Seats]) -> Voice {
        let policy = &self.plan.plan.policy;
        let roles = self.roles(seat);
        let answer = seat.said.map(|said| said.answer);
        let against = chair
            .is_none()
            .then(|| self.against(seat, &roles))
            .flatten();
        let free = roles.iter().any(|role| {
            taken
                .iter()
                .any(|seats| seats.role == *role && !seats.are_taken())
        });
        // Whoever has not spoken, or whose word is too old.
        let awaited = free
            && self.deployment.is_some()
            && seat.auto.is_none()
            && matches!(
                (answer, &against),
                (None, None) | (Some(Answer::Go), Some(Uncounted::Expired(_)))
            );
        let lasts = roles
            .iter()
            .find_map(|role| policy.approvals.iter().find(|rule| rule.role == *role))
            .map(|rule| rule.expires_after);
        let go = seat.said.filter(|said| said.answer == Answer::Go);
        let means = seat.said.map(|said| said.by.means);
        Voice {
            veto: policy.veto.iter().any(|role| roles.contains(role)),
            awaited,
            name: seat.name.clone(),
            auto: seat.auto.is_some(),
            answer,
            reason: seat.said.map(|said| said.reason.clone()),
            at: seat.said.map(|said| said.at),
            expires_at: go.and_then(|said| said.at.checked_add(lasts?).ok()),
            // An account and a claimed name prove nothing, whether they are trusted or not.
            unverified: matches!(means, Some(IdentityMeans::Account | IdentityMeans::Claimed)),
            means,
            host: seat.said.map(|said| said.by.host.clone()),
            counts_for: chair.map(|seats| seats.role.clone()),
            // Who was never asked needs no excuse.
            note: against
                .filter(|why| seat.said.is_some() || !matches!(why, Uncounted::Role { .. }))
                .and_then(|why| why.note(&seat.name)),
            roles,
        }
    }
}
