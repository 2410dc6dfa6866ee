//! The verbs of a hotfix: each is a command on the target where it burns, decided on the same facts as on the screen.

use serde_json::{Value, json};

use crate::{
    domain::{
        hotfix::{Criterion, Hotfix, PatchProof, PatchVerdict, proofs},
        plan::ItemId,
        target::Target,
        text::Clean,
    },
    policy::{
        decide::{Command, HotfixCommand},
        facts::Facts,
        refusal::{Refusal, RefusalKind},
    },
    session::show,
};

use super::{
    args::{HotfixVerb, WhichHotfix},
    exit::Exit,
    headless::{Headless, Stop},
};

/// What is open of the hotfixes that burn in this target.
pub fn open_json(facts: &Facts<'_>) -> Vec<Value> {
    show::hotfixes(facts)
        .map(|hotfix| outline(hotfix, facts))
        .collect()
}

/// One hotfix as JSON: who, why, the clock, what is open.
fn outline(hotfix: &Hotfix, facts: &Facts<'_>) -> Value {
    let items = hotfix.open_items();
    let items: Vec<Value> = items
        .iter()
        .map(|(id, title)| json!({"id": id, "title": title}))
        .collect();
    json!({
        "name": hotfix.name, "branch": hotfix.branch, "onto": hotfix.onto, "criterion": hotfix.criterion,
        "environment": hotfix.environment, "from": hotfix.from, "by": hotfix.by,
        "started_at": hotfix.started_at, "leg": hotfix.leg(), "clock": hotfix.clock(&facts.workspace.timings.hotfix, facts.now),
        "open": items, "over": hotfix.is_over(),
    })
}

fn proof_json(proof: &PatchProof) -> Value {
    json!({"commit": proof.fix.commit, "subject": proof.fix.subject, "proof": proof.verdict})
}

impl Headless {
    /// The target where hotfixes of a project burn: the last environment it runs in.
    fn burning(&self, project: &str) -> Result<Target, Stop> {
        let workspace = &self.outside.workspace;
        let id = workspace.find_project(project)?.id.clone();
        let home = show::home(workspace, &id).cloned().ok_or_else(|| {
            let sentence = format!("{id} has no target in any environment");
            Refusal::new(RefusalKind::NotFound, "target", sentence)
        })?;
        Ok(home)
    }

    fn which(&self, which: &WhichHotfix) -> Result<(Target, String), Stop> {
        let home = self.burning(&which.project)?;
        let name = self.only(&home, which.name.as_deref())?;
        let burns = self
            .facts(&home)?
            .hotfixes
            .named(&name)
            .and_then(|hotfix| {
                let workspace = &self.outside.workspace;
                workspace.targets.iter().find(|target| {
                    target.id.project == home.id.project
                        && target.id.environment == hotfix.environment
                })
            })
            .cloned();
        Ok((burns.unwrap_or(home), name))
    }

    fn only(&self, home: &Target, name: Option<&str>) -> Result<String, Stop> {
        let facts = self.facts(home)?;
        show::only_hotfix(&facts, name).map_err(Stop::Refusal)
    }

    pub(super) async fn hotfix(&mut self, verb: HotfixVerb) -> Result<Exit, Stop> {
        self.sync().await?;
        let (target, what) = match verb {
            HotfixVerb::Start {
                project,
                criterion,
                name,
                push,
                again,
            } => {
                let criterion = Criterion::parse(&criterion).ok_or_else(|| {
                    let sentence = format!("`{criterion}` is no criterion");
                    Refusal::new(RefusalKind::Usage, "hotfix.criterion", sentence)
                })?;
                let what = HotfixCommand::Start {
                    name,
                    criterion,
                    push,
                    again,
                };
                (self.burning(&project)?, what)
            }
            HotfixVerb::Advance { which } => {
                let (target, name) = self.which(&which)?;
                (target, HotfixCommand::Advance { name })
            }
            HotfixVerb::Check {
                which,
                item,
                reason,
            } => {
                let (target, name) = self.which(&which)?;
                let what = HotfixCommand::Check {
                    name,
                    item: ItemId(item),
                    note: reason,
                };
                (target, what)
            }
            HotfixVerb::Backport { which } => {
                let (target, name) = self.which(&which)?;
                (target, HotfixCommand::Backport { name })
            }
            HotfixVerb::GiveUp { which, reason } => {
                let (target, name) = self.which(&which)?;
                (target, HotfixCommand::GiveUp { name, reason })
            }
            HotfixVerb::Status { project, name } => {
                return self
                    .hotfix_status(project.as_deref(), name.as_deref())
                    .await;
            }
        };
        let name = match &what {
            HotfixCommand::Start { name, .. }
            | HotfixCommand::Advance { name }
            | HotfixCommand::Check { name, .. }
            | HotfixCommand::Backport { name }
            | HotfixCommand::GiveUp { name, .. } => name.clone(),
        };
        let command = Command::Hotfix { what };
        self.gather(&target, &command).await?;
        if matches!(
            &command,
            Command::Hotfix {
                what: HotfixCommand::Start { .. }
            }
        ) {
            self.disagreement(&target)?;
        }
        if let Err(stop) = self.record(&target, &command).await {
            return Err(self.way_home(&target, &name, stop).await);
        }
        let facts = self.facts(&target)?;
        let hotfix = facts.hotfixes.named(&name);
        let object = json!({
            "verb": command.verb(), "result": "done",
            "hotfix": hotfix.map(|hotfix| outline(hotfix, &facts)),
        });
        self.data(object, || {
            let banner = hotfix.map_or_else(String::new, |hotfix| {
                format!(
                    "; {}",
                    hotfix.banner(&facts.workspace.timings.hotfix, facts.now)
                )
            });
            vec![format!("{}: done{banner}", command.title())]
        });
        Ok(Exit::Done)
    }

    /// A backport that is refused, with what is to be done for it: a commit that clashes with the branch is never proved by
    /// its patch, since mending makes another one of it.
    async fn way_home(&self, target: &Target, name: &str, stop: Stop) -> Stop {
        let Stop::Refusal(mut refusal) = stop else {
            return stop;
        };
        let Ok(facts) = self.facts(target) else {
            return refusal.into();
        };
        let missing = facts.hotfixes.named(name).and_then(|hotfix| {
            let proofs = proofs(facts.releases, hotfix);
            let missing = proofs
                .iter()
                .find(|it| it.verdict == PatchVerdict::Missing)?;
            Some((hotfix, missing.fix.commit.clone()))
        });
        let (Some((hotfix, commit)), "hotfix.backport") = (missing, refusal.rule.as_str()) else {
            return refusal.into();
        };
        let project = &target.id.project;
        let (onto, branch) = (&hotfix.onto, &hotfix.branch);
        let Ok(clashes) = self.outside.clashes(project, onto, &commit).await else {
            return refusal.into();
        };
        let short = commit.short();
        refusal.hint = Some(if clashes.is_empty() {
            format!(
                "{short} goes onto {onto} without a conflict: git switch {onto} && git cherry-pick -x {short}, or git merge {branch}; then ask again"
            )
        } else {
            let paths: Vec<&str> = clashes.iter().map(Clean::as_str).collect();
            format!(
                "{short} and {onto} changed the same in {}: git switch {onto} && git merge {branch}, mend it there and commit, so that the commits themselves are on {onto}; \
                 a cherry-pick that was mended is another patch, and proves nothing. Then ask again",
                paths.join(", ")
            )
        });
        refusal.into()
    }

    /// Its branch begins where the ledger says; that the platform shows something else, or nothing, is said.
    fn disagreement(&self, target: &Target) -> Result<(), Stop> {
        let facts = self.facts(target)?;
        let Some(live) = &facts.state.live else {
            return Ok(());
        };
        let shows = match facts.running() {
            Some(running) if running.commit == live.release.commit => return Ok(()),
            Some(running) => format!("runs {}", running.title()),
            None if facts.workload.value().is_some() => "runs no release that is known".to_owned(),
            None => "could not be read".to_owned(),
        };
        self.output.say(&format!(
            "gonogo: the ledger says {} is live in {}, and the branch begins there; the platform {shows}",
            live.release.title(),
            target.id.environment
        ));
        Ok(())
    }

    /// Of one project, or of every one that has a target.
    pub(super) async fn hotfix_status(
        &mut self,
        project: Option<&str>,
        name: Option<&str>,
    ) -> Result<Exit, Stop> {
        self.sync().await?;
        let homes: Vec<Target> = match project {
            Some(project) => vec![self.burning(project)?],
            None => {
                let workspace = &self.outside.workspace;
                let projects = workspace.projects.iter();
                let homes = projects.filter_map(|project| show::home(workspace, &project.id));
                homes.cloned().collect()
            }
        };
        let (mut objects, mut said, mut late) = (Vec::new(), Vec::new(), false);
        let mut unknown = None;
        for home in &homes {
            let known = self.known.hotfixes.get(&home.id.project);
            let burns = known.is_some_and(|hotfixes| hotfixes.open().next().is_some());
            // That it cannot be read is said by each proof; where nothing burns nothing is asked.
            if (burns || name.is_some() || project.is_some())
                && let Err(fault) = self.catalogue(&home.id.project).await
            {
                self.output.say(&format!("gonogo: {fault}"));
            }
            let facts = self.facts(home)?;
            let shown: Vec<&Hotfix> = match name {
                Some(name) => {
                    if let Err(refusal) = show::only_hotfix(&facts, Some(name)) {
                        unknown = Some(refusal);
                    }
                    facts.hotfixes.named(name).into_iter().collect()
                }
                None => facts.hotfixes.open().collect(),
            };
            for hotfix in &shown {
                let proofs = proofs(facts.releases, hotfix);
                let mut object = outline(hotfix, &facts);
                object["project"] = json!(home.id.project);
                object["steps"] = json!(hotfix.steps());
                object["proof"] = proofs.iter().map(proof_json).collect();
                objects.push(object);
                said.extend(show::hotfix_lines(hotfix, &facts, &proofs));
                let clock = hotfix.clock(&facts.workspace.timings.hotfix, facts.now);
                late |= clock.iter().any(|leg| leg.under_way && leg.late);
            }
        }
        if let Some(refusal) = unknown.filter(|_| objects.is_empty()) {
            return Err(Stop::Refusal(refusal));
        }
        self.data(json!({"hotfixes": objects}), || {
            if said.is_empty() {
                let whose = match homes.as_slice() {
                    [one] => one.id.project.name().to_owned(),
                    _ => "any project".to_owned(),
                };
                vec![format!("no hotfix of {whose} is open")]
            } else {
                said
            }
        });
        Ok(if late { Exit::Failed } else { Exit::Done })
    }
}
