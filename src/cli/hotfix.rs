//! The verbs of a hotfix: each is a command on the target where it burns, decided on the same facts as on the screen.

use serde_json::{Value, json};

use crate::{
    domain::{
        hotfix::{Criterion, Hotfix, PatchProof, PatchVerdict, proofs},
        plan::ItemId,
        project::ProjectId,
        target::Target,
        text::Clean,
        time,
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
        "started_at": hotfix.started_at, "leg": hotfix.leg(), "clock": hotfix.clock(facts.now),
        "open": items, "over": hotfix.is_over(),
    })
}

fn proof_json(proof: &PatchProof) -> Value {
    json!({"commit": proof.fix.commit, "subject": proof.fix.subject, "proof": proof.verdict})
}

fn proof_line(proof: &PatchProof, onto: &str) -> String {
    let fix = format!("{} {}", proof.fix.commit.short(), proof.fix.subject);
    match &proof.verdict {
        PatchVerdict::Proved { by } => format!(
            "✔ {fix}: on {onto} as {}, {}",
            by.by.short(),
            by.how.words()
        ),
        PatchVerdict::Missing => format!("✖ {fix}: MISSING on {onto}"),
        PatchVerdict::CannotTell { why } => format!("? {fix}: {why}"),
    }
}

fn lines(hotfix: &Hotfix, facts: &Facts<'_>, proofs: &[PatchProof]) -> Vec<String> {
    let mut lines = vec![format!(
        "hotfix {} of {} ({}), started by {} {} ago on {} from {}",
        hotfix.name,
        facts.target.id.project.name(),
        hotfix.criterion,
        hotfix.by,
        time::age(facts.now.duration_since(hotfix.started_at)),
        hotfix.branch,
        hotfix.from.title()
    )];
    for leg in hotfix.clock(facts.now) {
        let state = match (leg.began, leg.under_way, leg.late) {
            (None, ..) => "–",
            (_, true, true) => "under way, LATE",
            (_, true, false) => "under way",
            (_, false, true) => "done, LATE",
            (_, false, false) => "done",
        };
        lines.push(format!(
            "leg  {:<9} {:>7} of {:>5}  {state}",
            leg.leg.word(),
            time::clock(leg.took),
            time::clock(leg.leg.budget())
        ));
    }
    for (nth, step) in hotfix.steps().iter().enumerate() {
        let mark = if step.done { "✔" } else { "○" };
        lines.push(format!(
            "{mark} {}. {}: {}",
            nth + 1,
            step.title,
            step.evidence
        ));
    }
    if hotfix.backported.is_none() {
        lines.extend(proofs.iter().map(|proof| proof_line(proof, &hotfix.onto)));
    }
    let open = hotfix.open_items();
    for (id, title) in &open {
        lines.push(format!("open {id}: {title}"));
    }
    lines.push(if hotfix.is_over() {
        "over: nothing is open".to_owned()
    } else {
        format!("{} open", open.len())
    });
    lines
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
            } => {
                let criterion = Criterion::parse(&criterion).ok_or_else(|| {
                    let sentence = format!("`{criterion}` is no criterion");
                    Refusal::new(RefusalKind::Usage, "hotfix.criterion", sentence)
                })?;
                let what = HotfixCommand::Start {
                    name,
                    criterion,
                    push,
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
                return self.hotfix_status(&project, name.as_deref()).await;
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
                format!("; {}", hotfix.banner(facts.now))
            });
            vec![format!("{}: done{banner}", command.verb())]
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

    pub(super) async fn hotfix_status(
        &mut self,
        project: &str,
        name: Option<&str>,
    ) -> Result<Exit, Stop> {
        self.sync().await?;
        let home = self.burning(project)?;
        let project: ProjectId = home.id.project.clone();
        // That it cannot be read is said by each proof.
        if let Err(fault) = self.catalogue(&project).await {
            self.output.say(&format!("gonogo: {fault}"));
        }
        let facts = self.facts(&home)?;
        let shown: Vec<&Hotfix> = match name {
            Some(name) => {
                show::only_hotfix(&facts, Some(name))?;
                facts.hotfixes.named(name).into_iter().collect()
            }
            None => facts.hotfixes.open().collect(),
        };
        let (mut objects, mut said, mut late) = (Vec::new(), Vec::new(), false);
        for hotfix in &shown {
            let proofs = proofs(facts.releases, hotfix);
            let mut object = outline(hotfix, &facts);
            object["steps"] = json!(hotfix.steps());
            object["proof"] = proofs.iter().map(proof_json).collect();
            objects.push(object);
            said.extend(lines(hotfix, &facts, &proofs));
            late |= hotfix
                .clock(facts.now)
                .iter()
                .any(|leg| leg.under_way && leg.late);
        }
        self.data(json!({"hotfixes": objects}), || {
            if said.is_empty() {
                vec![format!("no hotfix of {} is open", project.name())]
            } else {
                said
            }
        });
        Ok(if late { Exit::Failed } else { Exit::Done })
    }
}
