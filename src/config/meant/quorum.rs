//! Approvals that can be given: quorums that can be reached, rules that can count, waivers that find a second person.

use crate::domain::{
    environment::{ApprovalRule, Environment, Policy, Tightening},
    quorum::seated,
    target::TargetId,
    workspace::Person,
};

use super::{
    super::{problem::Report, typed::Form},
    Meant,
};

/// Some requester must be able to find enough others.
pub(super) fn quorums(
    root: &Form,
    environments: &[Meant<Environment>],
    people: &[Meant<Person>],
    report: &mut Report,
) {
    if people.len() != root.forms("person").len() || !report.is_clean() {
        return;
    }
    let people: Vec<&Person> = people.iter().map(|person| &person.value).collect();
    for Meant { form, value } in environments {
        let room = Room {
            environment: value,
            people: &people,
        };
        second_waiver(&room, form, report);
        recorder(&room, form, report);
        let Some(policy) = form.form("policy") else {
            continue;
        };
        autos(&value.policy, policy, report);
        vetoes(&room, policy, report);
        emergency(&room, policy, report);
        let rules = policy.forms("approvals");
        let Some(first) = rules.first() else {
            continue;
        };
        if value.protected && !root.flag("trust_names") {
            report.warning(
                first.at,
                format!(
                    "{} is protected and names are not trusted, so nobody's approval counts there",
                    value.name
                ),
                "say trust_names = true where whoever can write the ledger may also approve",
            );
        }
        let mut each = true;
        for (rule, form) in value.policy.approvals.iter().zip(rules) {
            each &= reached(&room, rule, form, report);
        }
        if each && rules.len() > 1 {
            together(&room, first, report);
        }
    }
}

/// The same for what a project asks beside it: whom it asks for has to be found too.
pub(super) fn tightened(
    root: &Form,
    environments: &[Meant<Environment>],
    people: &[Meant<Person>],
    own: &[(TargetId, Tightening)],
    report: &mut Report,
) {
    if people.len() != root.forms("person").len() || !report.is_clean() {
        return;
    }
    let people: Vec<&Person> = people.iter().map(|person| &person.value).collect();
    for form in root.forms("target") {
        let Some(typed) = form
            .form("policy")
            .filter(|own| !own.forms("approvals").is_empty())
        else {
            continue;
        };
        let named = |(target, _): &&(TargetId, Tightening)| {
            let place = environments
                .iter()
                .find(|it| it.value.name == target.environment);
            let environment = form.text("environment").unwrap_or_default();
            let project = form.text("project").unwrap_or_default();
            place.is_some_and(|it| it.value.answers_to(environment))
                && target.project.answers_to(project)
        };
        let Some((target, own)) = own.iter().find(named) else {
            continue;
        };
        let place = environments
            .iter()
            .find(|it| it.value.name == target.environment);
        let Some(mut environment) = place.map(|it| it.value.clone()) else {
            continue;
        };
        let policy = &mut environment.policy;
        policy.projects.insert(target.project.clone(), own.clone());
        environment.policy = environment.policy.for_project(&target.project);
        let room = Room {
            environment: &environment,
            people: &people,
        };
        let mut each = true;
        for (rule, form) in own.approvals.iter().zip(typed.forms("approvals")) {
            let mut rules = environment.policy.approvals.iter();
            let both = rules.find(|other| other.role == rule.role).unwrap_or(rule);
            each &= reached(&room, both, form, report);
        }
        if let Some(first) = typed.forms("approvals").first().filter(|_| each) {
            together(&room, first, report);
        }
    }
}

/// In a protected environment nothing enters before its policy is recorded, and somebody has to be able to.
fn recorder(room: &Room<'_>, form: &Form, report: &mut Report) {
    let environment = room.environment;
    let mut people = room.people.iter();
    let nobody = !people.any(|person| person.has_role(&environment.name, "configure"));
    if environment.protected && !room.people.is_empty() && nobody {
        report.warning(
            form.place("protected"),
            format!(
                "nobody holds `configure` in {}, so nobody can record its policy or take off a lock of somebody else",
                environment.name
            ),
            "give somebody the role",
        );
    }
}

/// Somebody can approve a hotfix who is not the only one to ask for it.
fn emergency(room: &Room<'_>, policy: &Form, report: &mut Report) {
    let (Some(hotfix), Some(typed)) = (&room.environment.policy.hotfix, policy.form("hotfix"))
    else {
        return;
    };
    if room.environment.policy.approvals.is_empty() {
        return;
    }
    let (approvers, requesters) = (room.holders(&hotfix.role), room.holders("operate"));
    let reached = |requester: &&str| approvers.iter().any(|name| name != requester);
    if approvers.is_empty() || !requesters.iter().any(reached) {
        let (place, role) = (&room.environment.name, &hotfix.role);
        report.warning(
            typed.at,
            format!(
                "no hotfix can be approved in {place}: nobody besides the requester holds the role `{role}`"
            ),
            format!("give it to somebody: roles = {{ {place} = [\"{role}\"] }}"),
        );
    }
}

struct Room<'a> {
    environment: &'a Environment,
    people: &'a [&'a Person],
}

impl Room<'_> {
    fn holders(&self, role: &str) -> Vec<&str> {
        self.people
            .iter()
            .filter(|person| person.approves_as(&self.environment.name, role))
            .map(|person| person.name.as_str())
            .collect()
    }

    /// How many seats of these rules can be taken when the best of those who may request does.
    fn reach(&self, rules: &[&ApprovalRule]) -> usize {
        let policy = &self.environment.policy;
        let requesters = self.holders("operate");
        let taken = |requester: Option<&str>| {
            let persons = self.people.iter().map(|person| {
                let may = |rule: &&ApprovalRule| {
                    person.approves_as(&self.environment.name, &rule.role)
                        && !(rule.exclude_requester && requester == Some(person.name.as_str()))
                };
                rules.iter().map(may).collect::<Vec<bool>>()
            });
            let mut may: Vec<Vec<bool>> = persons.collect();
            for (index, rule) in rules.iter().enumerate() {
                for _ in 0..helpers(policy, rule) {
                    may.push((0..rules.len()).map(|other| other == index).collect());
                }
            }
            let seats: Vec<usize> = rules.iter().map(|rule| rule.quorum as usize).collect();
            seated(&seats, &may).iter().flatten().count()
        };
        let each = requesters.iter().map(|name| taken(Some(name)));
        each.max().unwrap_or_else(|| taken(None))
    }
}

/// How many of a rule's seats its gates may take.
fn helpers(policy: &Policy, rule: &ApprovalRule) -> usize {
    let autos = policy
        .auto_approve
        .iter()
        .filter(|auto| auto.role == rule.role);
    let most = (rule.quorum as usize).saturating_sub(usize::from(rule.exclude_requester));
    autos.count().min(most)
}

/// Whether the rule alone can be met.
fn reached(room: &Room, rule: &ApprovalRule, form: &Form, report: &mut Report) -> bool {
    let needed = rule.quorum as usize;
    let taken = room.reach(&[rule]);
    if taken >= needed {
        return true;
    }
    let name = &room.environment.name;
    let reach = taken - helpers(&room.environment.policy, rule).min(taken);
    let besides = rule.exclude_requester && !room.holders(&rule.role).is_empty();
    report.problem(
        form.place("quorum"),
        format!(
            "{name} asks for {needed} with the role `{}`, and {} it{}",
            rule.role,
            match reach {
                0 => "nobody holds".to_owned(),
                1 => "only 1 person holds".to_owned(),
                many => format!("only {many} hold"),
            },
            if besides {
                " besides the requester"
            } else {
                ""
            }
        ),
        format!(
            "lower `quorum`, or give the role to more people: roles = {{ {name} = [\"{}\"] }}",
            rule.role
        ),
    );
    false
}

/// A person counts for one rule only.
fn together(room: &Room, first: &Form, report: &mut Report) {
    let rules: Vec<&ApprovalRule> = room.environment.policy.approvals.iter().collect();
    let needed: usize = rules.iter().map(|rule| rule.quorum as usize).sum();
    let reach = room.reach(&rules);
    if reach >= needed {
        return;
    }
    let asked: Vec<String> = rules
        .iter()
        .map(|rule| format!("{} with the role `{}`", rule.quorum, rule.role))
        .collect();
    report.problem(
        first.place("quorum"),
        format!(
            "{} asks for {}, and {reach} of these {needed} can be found: a person counts for one rule only",
            room.environment.name,
            asked.join(" and "),
        ),
        "lower a `quorum`, or give the roles to more people",
    );
}

fn autos(policy: &Policy, form: &Form, report: &mut Report) {
    let forms = form.forms("auto_approve");
    for (index, (auto, form)) in policy.auto_approve.iter().zip(forms).enumerate() {
        if policy.auto_approve[..index]
            .iter()
            .any(|other| other.rule == auto.rule)
        {
            report.problem(
                form.place("rule"),
                format!("there is a second rule `{}`", auto.rule),
                "each answers once: give it a name of its own",
            );
        }
        if form.is_typed("gates") && auto.gates.is_empty() {
            report.problem(
                form.place("gates"),
                format!(
                    "`{}` names no gates, and would approve everything",
                    auto.rule
                ),
                "name what must pass, like gates = [\"order.verified\"]",
            );
        }
        if let Some(own) = form
            .texts("gates")
            .iter()
            .find(|gate| gate.value == "approvals")
        {
            report.problem(
                own.at,
                format!("`{}` waits for the approvals that it is one of", auto.rule),
                "name other gates",
            );
        }
        match policy.approvals.iter().find(|rule| rule.role == auto.role) {
            None => report.problem(
                form.place("role"),
                format!(
                    "no approvals ask for the role `{}` of `{}`",
                    auto.role, auto.rule
                ),
                "name a role that [environment.policy] approvals asks for",
            ),
            Some(rule) if rule.exclude_requester && rule.quorum == 1 => report.warning(
                form.place("rule"),
                format!(
                    "`{}` never counts: the one approval of four eyes is a person's",
                    auto.rule
                ),
                "say exclude_requester = false, or leave it out",
            ),
            Some(_) => {}
        }
    }
}

fn vetoes(room: &Room, form: &Form, report: &mut Report) {
    for role in form.texts("veto") {
        if room.holders(&role.value).is_empty() {
            report.warning(
                role.at,
                format!(
                    "nobody holds the role `{}` that has a veto in {}",
                    role.value, room.environment.name
                ),
                "give it to somebody, or leave it out",
            );
        }
    }
}

/// In a protected environment a waiver needs two.
fn second_waiver(room: &Room, form: &Form, report: &mut Report) {
    if !room.environment.protected {
        return;
    }
    if let [only] = room.holders("waive").as_slice() {
        report.warning(
            form.place("protected"),
            format!(
                "only {only} holds the role `waive` in {}, and a waiver there needs two people",
                room.environment.name
            ),
            "give the role to a second person, or to nobody",
        );
    }
}
