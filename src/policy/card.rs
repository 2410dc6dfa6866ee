//! The dead-man card (SPEC 8.14): the commands that stop *this* release and bring the former one back when there is no
//! gonogo any more. Each line is whole, to be copied as it stands: kubeconfig, context and namespace are in it. The
//! same changes as the planner's, without its preconditions: whoever needs the card has nobody to ask.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::{
    entry::Body,
    migration::RollbackClaim,
    release::ReleaseRef,
    rollout::{Observed, Workload},
    target::WorkloadKind,
};

use super::facts::Facts;

/// How kubectl gets to the target's cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WayIn {
    /// One file, or several with colons between, as `KUBECONFIG` has them.
    pub kubeconfig: Option<String>,
    pub context: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub title: String,
    /// Where the flight was when it was written.
    pub stands: Vec<String>,
    pub sections: Vec<Section>,
}

/// What a person wants, what is true afterwards, and the commands in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub id: String,
    pub title: String,
    pub says: String,
    pub commands: Vec<String>,
}

/// Quoted for a POSIX shell, where that is needed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `kubectl` with everything that says where.
fn kubectl(way: &WayIn, namespace: &str) -> String {
    let mut words = Vec::new();
    match &way.kubeconfig {
        Some(several) if several.contains(':') => {
            words.push(format!("KUBECONFIG={}", quoted(several)));
            words.push("kubectl".to_owned());
        }
        Some(one) => words.push(format!("kubectl --kubeconfig {}", quoted(one))),
        None => words.push("kubectl".to_owned()),
    }
    if let Some(context) = &way.context {
        words.push(format!("--context {}", quoted(context)));
    }
    words.push(format!("-n {}", quoted(namespace)));
    words.join(" ")
}

/// After this the card of the target says something else.
pub fn is_news(body: &Body) -> bool {
    matches!(
        body,
        Body::Settled { .. }
            | Body::StageReached { .. }
            | Body::Promoted { .. }
            | Body::RetriedOutside { .. }
            | Body::Ended { .. }
            | Body::Ran { .. }
    )
}

/// What a way back leaves behind in the data, and the commands that take that back, as they are configured.
fn data_section(facts: &Facts<'_>) -> Option<Section> {
    let migrated = facts.state.last_migrated()?;
    let plan = &migrated.plan.plan;
    let claim = plan.rollback.as_ref();
    let says = claim.map_or_else(
        || "nobody says whether the former release runs on it".to_owned(),
        RollbackClaim::sentence,
    );
    let commands = plan.way_back().filter_map(|item| {
        let words = item
            .command()?
            .argv_for(&facts.target.id, &migrated.plan.release);
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        Some(words.join(" "))
    });
    let commands: Vec<String> = commands.collect();
    let says = if commands.is_empty() {
        format!("{says}; nothing is configured that takes it back")
    } else {
        format!("{says}; the first prints what the second does, and it may lose data")
    };
    Some(Section {
        id: "data".to_owned(),
        title: format!(
            "The migration of release {} stands",
            migrated.plan.release.title()
        ),
        says,
        commands,
    })
}

/// Makes it from what is known now. Without a reading of the platform it still says what can be said without.
pub fn card(facts: &Facts<'_>, way: &WayIn) -> Card {
    let (id, on) = (&facts.target.id, &facts.target.workload);
    let kubectl = kubectl(way, &on.namespace);
    let object = format!("{}/{}", on.kind.resource(), quoted(&on.name));
    let observed = facts.workload.value();
    let commands = Commands {
        kubectl: &kubectl,
        object: &object,
        observed,
        container: &on.container,
    };
    let mut sections = vec![Section {
        id: "look".to_owned(),
        title: "Look".to_owned(),
        says: "changes nothing".to_owned(),
        commands: vec![
            format!("{kubectl} get {object} -o wide"),
            format!("{kubectl} get replicasets,pods"),
        ],
    }];
    sections.push(match on.kind {
        WorkloadKind::Rollout => Section {
            id: "hold".to_owned(),
            title: "Hold it where it is".to_owned(),
            says: "the platform goes no further".to_owned(),
            commands: vec![commands.merge("{\"spec\":{\"paused\":true}}")],
        },
        WorkloadKind::Deployment => Section {
            id: "hold".to_owned(),
            title: "Hold it where it is".to_owned(),
            says: "the platform goes no further; `rollout resume` takes that off".to_owned(),
            commands: vec![format!("{kubectl} rollout pause {object}")],
        },
    });
    // With nothing under way there is nothing to abort, and what is stable serves.
    let flies = facts.current().is_some() || observed.is_some_and(|seen| seen.workload.is_midway());
    if on.kind == WorkloadKind::Rollout && flies {
        let stable = back(facts).map_or_else(|| "stable".to_owned(), |back| back.title());
        sections.push(Section {
            id: "abort".to_owned(),
            title: "Abort: while it is a canary".to_owned(),
            says: format!("{stable} serves everybody at once; the new one stays the desired one"),
            commands: vec![commands.abort(), commands.go_on()],
        });
    }
    sections.extend(data_section(facts));
    let mut back = back_sections(facts, &commands);
    if !flies && back.len() > 1 {
        back.retain(|section| section.id != "rollback");
    }
    sections.extend(back);
    Card {
        title: format!("Dead-man card: {} in {}", id.project.name(), id.environment),
        stands: stands(facts),
        sections,
    }
}

fn back(facts: &Facts<'_>) -> Option<ReleaseRef> {
    let former = facts.state.former().cloned();
    former
        .filter(|back| back.image.is_some())
        .or_else(|| facts.former_revision())
}

fn back_sections(facts: &Facts<'_>, commands: &Commands<'_>) -> Vec<Section> {
    let on = &facts.target.workload;
    let back = back(facts);
    let Some((back, image)) = back
        .as_ref()
        .and_then(|back| Some((back, back.image.as_deref()?)))
    else {
        return vec![Section {
            id: "rollback".to_owned(),
            title: "NO WAY BACK".to_owned(),
            says: "neither the ledger nor the platform knows a former release by its image"
                .to_owned(),
            commands: Vec::new(),
        }];
    };
    let title = back.title();
    let says = format!("{title} serves everybody and is the desired one");
    if on.kind == WorkloadKind::Deployment {
        return vec![Section {
            id: "rollback".to_owned(),
            title: format!("Roll back to {title}"),
            says,
            commands: vec![
                format!(
                    "{} set image {} {}",
                    commands.kubectl,
                    commands.object,
                    quoted(&format!("{}={image}", on.container))
                ),
                format!(
                    "{} rollout status {} --timeout=300s",
                    commands.kubectl, commands.object
                ),
            ],
        }];
    }
    vec![
        Section {
            id: "rollback".to_owned(),
            title: format!("Roll back to {title}: while it is a canary"),
            says: says.clone(),
            commands: vec![commands.abort(), commands.go_on(), commands.set(image)],
        },
        Section {
            id: "rollback.promoted".to_owned(),
            title: format!("Roll back to {title}: once the new one serves everybody"),
            says,
            commands: vec![
                commands.go_on(),
                commands.set(image),
                commands.until_taken_up(image),
                commands.status("{\"status\":{\"promoteFull\":true}}"),
            ],
        },
    ]
}

/// Where the flight is, for whoever finds the card later.
fn stands(facts: &Facts<'_>) -> Vec<String> {
    let mut lines = vec![format!(
        "Written {} UTC.",
        facts.now.strftime("%Y-%m-%d %H:%M:%S")
    )];
    match facts.current() {
        Some(current) => {
            let stage = current
                .stage()
                .and_then(|at| current.plan.plan.stages.get(at));
            let stage =
                stage.map_or_else(String::new, |stage| format!(", {} % reached", stage.share));
            lines.push(format!(
                "Release {}: {}{stage}.",
                crate::domain::entry::from_to(current.plan.before.as_ref(), &current.plan.release),
                current.state.word()
            ));
        }
        None => lines.push(match &facts.state.live {
            Some(live) => format!("Nothing is under way; {} is live.", live.release.title()),
            None => "Nothing is under way.".to_owned(),
        }),
    }
    if facts.workload.value().is_none() {
        lines.push(
            "The platform could not be read: the place of the container is a guess, `look` first."
                .to_owned(),
        );
    }
    lines
}

/// The parts that lines are made of.
struct Commands<'a> {
    kubectl: &'a str,
    object: &'a str,
    observed: Option<&'a Observed>,
    container: &'a str,
}

impl Commands<'_> {
    fn workload(&self) -> Option<&Workload> {
        self.observed.map(|observed| &observed.workload)
    }

    fn merge(&self, patch: &str) -> String {
        format!(
            "{} patch {} --type=merge -p {}",
            self.kubectl,
            self.object,
            quoted(patch)
        )
    }

    /// The controller's verdicts are asked for in the status.
    fn status(&self, patch: &str) -> String {
        format!(
            "{} patch {} --subresource=status --type=merge -p {}",
            self.kubectl,
            self.object,
            quoted(patch)
        )
    }

    fn abort(&self) -> String {
        self.status("{\"status\":{\"abort\":true}}")
    }

    /// A hold would keep it from coming back.
    fn go_on(&self) -> String {
        self.merge("{\"spec\":{\"paused\":false}}")
    }

    fn set(&self, image: &str) -> String {
        let at = self
            .workload()
            .and_then(|workload| workload.container_index)
            .unwrap_or(0);
        let container = format!("/spec/template/spec/containers/{at}");
        let patch = json!([
            {"op": "test", "path": format!("{container}/name"), "value": self.container},
            {"op": "replace", "path": format!("{container}/image"), "value": image},
        ]);
        format!(
            "{} patch {} --type=json -p {}",
            self.kubectl,
            self.object,
            quoted(&patch.to_string())
        )
    }

    /// Promoting before the controller has looked would promote what is left behind.
    fn until_taken_up(&self, image: &str) -> String {
        let sets = self.observed.map_or(&[][..], |o| o.replica_sets.as_slice());
        let of_image = sets
            .iter()
            .filter(|set| set.image.as_deref() == Some(image))
            .max_by_key(|set| set.revision);
        match of_image {
            Some(set) => format!(
                "{} wait {} {} --timeout=60s",
                self.kubectl,
                self.object,
                quoted(&format!(
                    "--for=jsonpath={{.status.currentPodHash}}={}",
                    set.hash
                ))
            ),
            None => "sleep 15".to_owned(),
        }
    }
}

impl Card {
    /// As Markdown: commands in blocks of their own, one a line.
    pub fn text(&self) -> String {
        let mut text = format!("# {}\n\n{}\n", self.title, self.stands.join("\n"));
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n{}\n", section.title, section.says);
            if !section.commands.is_empty() {
                let _ = write!(text, "\n```sh\n{}\n```\n", section.commands.join("\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_where_it_would_take_them_apart() {
        assert_eq!(quoted("/home/a/.kube/config"), "/home/a/.kube/config");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn each_line_says_where() {
        let way = WayIn {
            kubeconfig: Some("/k c".to_owned()),
            context: Some("prod".to_owned()),
        };
        assert_eq!(
            kubectl(&way, "shop"),
            "kubectl --kubeconfig '/k c' --context prod -n shop"
        );
        let several = WayIn {
            kubeconfig: Some("/a:/b".to_owned()),
            context: None,
        };
        assert_eq!(
            kubectl(&several, "shop"),
            "KUBECONFIG=/a:/b kubectl -n shop"
        );
    }
}
