//! From an action to what it needs: a command to record, an act to confirm, one line of text first, or the sentence
//! that says why it cannot be now. Palette, help, hint bar and status line show the same words.

mod acting;
mod hotfix;
mod releases;

use crate::{
    domain::{
        deployment::{Deployment, ItemStatus},
        entry::Body,
        plan::{ItemId, ItemKind, StoredPlan},
        release::Release,
    },
    input::{Action, Risk},
    policy::{
        confirm::Challenge,
        controls,
        decide::{Command, Decision, Scope, decide, items},
        drift,
        facts::Facts,
        migration::Typed,
        planner,
        refusal::{Refusal, RefusalKind},
    },
};

use super::{
    cockpit::Cockpit,
    show,
    view::{Aim, Ask},
};

pub use hotfix::{home as hotfix_home, is_about as is_about_hotfix};
use releases::{chosen, flown, former_revision, grounded, rollback_release};

/// What an action turned into.
#[derive(Clone, Debug)]
pub enum Wanted {
    Record(Command),
    Confirm(Box<Question>),
    Prompt(Ask),
    /// The release's image is not known by digest yet; the registry is asked first.
    Resolve(Box<Release>),
}

/// An act to be confirmed, with the command it came from.
#[derive(Clone, Debug)]
pub struct Question {
    pub command: Command,
    pub challenge: Challenge,
    /// Goes into the ledger with the first intent.
    pub opening: Option<Body>,
}

/// Why an action cannot run now, in one sentence; None when it can.
pub fn why_not(cockpit: &Cockpit, action: Action) -> Option<String> {
    if action.risk() == Risk::None || action == Action::SwitchOperator {
        return None;
    }
    build(cockpit, action, &Aim::default())
        .err()
        .map(|refusal| refusal.sentence)
}

pub fn build(cockpit: &Cockpit, action: Action, aim: &Aim) -> Result<Wanted, Refusal> {
    let not_found =
        |rule: &str, sentence: &str| Refusal::new(RefusalKind::NotFound, rule, sentence);
    // A hotfix burns where the customers are, wherever the cursor is.
    let burns = hotfix::is_about(action)
        .then(|| hotfix::home(cockpit))
        .flatten();
    let facts = match burns {
        Some(home) => cockpit.known.facts(&home, cockpit.now),
        None => cockpit.facts(),
    };
    let facts = facts
        .ok_or_else(|| not_found("target", "this project has no target in this environment"))?;
    let escape = matches!(
        action,
        Action::Abort | Action::Rollback | Action::HoldOrResume
    );
    if !cockpit.ledger.ready && !escape {
        return Err(Refusal::rule("ledger", "the ledger is still being read"));
    }
    if cockpit.gaps.contains_key(&facts.target.id) && !escape {
        return Err(Refusal::rule(
            "unattended",
            "that nobody attended is still being written down",
        ));
    }
    if let Some(busy) = cockpit.busy.get(&facts.target.id).filter(|_| !escape) {
        return Err(Refusal::raced(
            "busy",
            format!("{} was asked for and is not answered yet", busy.kind.verb()),
        ));
    }
    let command = match command(cockpit, &facts, action, aim)? {
        Step::Command(command) => command,
        Step::Prompt(ask @ (Ask::HotfixCriterion { .. } | Ask::HotfixName { .. })) => {
            hotfix::could_start(cockpit, &facts)?;
            return Ok(Wanted::Prompt(ask));
        }
        Step::Prompt(ask) => {
            // Ask for a reason only if, given one, the command would go through.
            let text = match &ask {
                Ask::HandOver => somebody_else(cockpit, &facts),
                Ask::Act {
                    expected: Some(expected),
                    ..
                } => expected.as_str(),
                _ => "…",
            };
            let probe = with_reason(cockpit, &facts, &ask, text)?;
            decide(&probe, &facts, &cockpit.me)?;
            return Ok(Wanted::Prompt(ask));
        }
        Step::Resolve(release) => return Ok(Wanted::Resolve(release)),
    };
    finish(cockpit, &facts, command)
}

/// Which item the key confirms now: the selected one, if it can be ticked. The hint bar names it before it is pressed.
pub fn check_means(cockpit: &Cockpit) -> Option<ItemId> {
    meant(cockpit, &cockpit.facts()?, Action::Check).ok()
}

/// The next item that is open for a person to tick: where the key goes from a line that it is not about.
pub fn next_open(facts: &Facts<'_>) -> Option<ItemId> {
    let deployment = facts.current()?;
    let open = deployment.plan.plan.items.iter().find(|item| {
        let due = !item.is_verification() || deployment.promoted_at.is_some();
        let status = deployment.status(item, facts.now);
        let open = matches!(status, ItemStatus::Open | ItemStatus::Failed);
        item.kind == ItemKind::Check && due && open
    });
    open.map(|item| item.id.clone())
}

/// The command that a prompt's text completes.
pub fn complete(cockpit: &Cockpit, ask: &Ask, text: &str) -> Result<Wanted, Refusal> {
    let facts = cockpit
        .facts()
        .ok_or_else(|| Refusal::new(RefusalKind::NotFound, "target", "the target is gone"))?;
    if text.trim().is_empty() && !matches!(ask, Ask::Act { expected: None, .. }) {
        return Err(Refusal::new(
            RefusalKind::Usage,
            "reason",
            "a reason is needed: others will read it",
        ));
    }
    if let Some(answered) = hotfix::answered(ask, text) {
        return match answered? {
            hotfix::Answered::Ask(next) => Ok(Wanted::Prompt(next)),
            hotfix::Answered::Command(command) => finish(cockpit, &facts, command),
        };
    }
    let command = with_reason(cockpit, &facts, ask, text.trim())?;
    finish(cockpit, &facts, command)
}

fn finish(cockpit: &Cockpit, facts: &Facts<'_>, command: Command) -> Result<Wanted, Refusal> {
    let decision = match decide(&command, facts, &cockpit.me) {
        Ok(decision) => decision,
        Err(refusal) => return hotfix::or_again(&command, refusal),
    };
    match decision {
        Decision::Record(_) => Ok(Wanted::Record(command)),
        Decision::Act { act, opening } => {
            let challenge = Challenge::new(*act, facts.environment);
            Ok(Wanted::Confirm(Box::new(Question {
                command,
                challenge,
                opening,
            })))
        }
    }
}

enum Step {
    Command(Command),
    Prompt(Ask),
    Resolve(Box<Release>),
}

fn current<'a>(facts: &Facts<'a>) -> Result<&'a Deployment, Refusal> {
    facts.current().ok_or_else(|| {
        let (project, environment) = (facts.target.id.project.name(), &facts.target.id.environment);
        Refusal::new(
            RefusalKind::NotFound,
            "target.idle",
            format!("nothing is under way for {project} in {environment}"),
        )
    })
}

fn command(
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    action: Action,
    aim: &Aim,
) -> Result<Step, Refusal> {
    let prompt_or = |ask: Ask| match &aim.reason {
        Some(reason) => with_reason(cockpit, facts, &ask, reason).map(Step::Command),
        None => Ok(Step::Prompt(ask)),
    };
    match action {
        Action::Request => {
            let release = chosen(cockpit, facts, aim)?;
            if release.artifacts.is_empty()
                && facts.current().is_none()
                && !cockpit
                    .artifact_trouble
                    .contains_key(&(release.project.clone(), release.commit.clone()))
            {
                return Ok(Step::Resolve(Box::new(release.clone())));
            }
            prompt_or(Ask::Request {
                release: release.number,
            })
        }
        Action::Cancel => prompt_or(Ask::Cancel),
        Action::Approve => prompt_or(Ask::Approve {
            plan: current(facts)?.plan.digest.clone(),
        }),
        Action::Reject => prompt_or(Ask::Reject {
            plan: current(facts)?.plan.digest.clone(),
        }),
        Action::SayHold => prompt_or(Ask::SayHold {
            plan: current(facts)?.plan.digest.clone(),
        }),
        Action::Withdraw => Ok(Step::Command(Command::Withdraw {
            plan: current(facts)?.plan.digest.clone(),
        })),
        Action::Check => {
            let item = item(cockpit, facts, action, aim)?;
            if let Some(ask) = acting::asked(cockpit, facts, &item) {
                return match ask? {
                    // What changes something outside is confirmed by hand, wherever its name was typed.
                    ask @ Ask::Act { .. } => Ok(Step::Prompt(ask)),
                    ask => prompt_or(ask),
                };
            }
            let note = aim.reason.clone();
            Ok(Step::Command(items::meaning(facts, &item, note)))
        }
        Action::MigratePreview
        | Action::MigrateApprove
        | Action::MigrateApply
        | Action::MigrateVerify
        | Action::MigrateRevert => {
            let aim = Aim {
                item: Some(acting::item(facts, action, aim.way_back)?),
                ..aim.clone()
            };
            command(cockpit, facts, Action::Check, &aim)
        }
        Action::StopRun => Ok(Step::Command(Command::StopRun {
            item: item(cockpit, facts, action, aim)?,
        })),
        Action::Waive => prompt_or(Ask::Waive {
            item: item(cockpit, facts, action, aim)?,
        }),
        Action::Note => prompt_or(Ask::Note {
            item: item(cockpit, facts, action, aim)?,
        }),
        Action::Reopen => Ok(Step::Command(Command::Reopen {
            item: item(cockpit, facts, action, aim)?,
            reason: aim.reason.clone(),
        })),
        Action::Fly => Ok(Step::Command(Command::Fly {
            plan: current(facts)?.plan.digest.clone(),
            glass: None,
        })),
        Action::BreakGlass => prompt_or(Ask::BreakGlass {
            plan: current(facts)?.plan.digest.clone(),
        }),
        Action::Countersign => prompt_or(Ask::Countersign),
        Action::StopGuard => prompt_or(Ask::StopGuard),
        Action::Adopt => prompt_or(Ask::Adopt),
        Action::Restore => prompt_or(Ask::Restore),
        Action::TakeControls => {
            let other = controls::holder(facts).filter(|held| held.by != cockpit.me.name);
            match other {
                // Nobody's controls are taken by one key, and least of all of somebody who flies.
                Some(held) if !aim.take_over => prompt_or(Ask::TakeOver {
                    from: held.by.clone(),
                    present: controls::is_present(facts, &held.by),
                }),
                _ => Ok(Step::Command(Command::TakeControls {
                    over: aim.take_over,
                    reason: aim.reason.clone(),
                })),
            }
        }
        Action::HandControls => match &aim.name {
            Some(to) => Ok(Step::Command(Command::HandControls {
                to: to.clone(),
                reason: aim.reason.clone(),
            })),
            None => Ok(Step::Prompt(Ask::HandOver)),
        },
        Action::ReleaseControls => Ok(Step::Command(Command::ReleaseControls)),
        Action::Ground => prompt_or(Ask::Ground {
            release: Box::new(flown(facts, aim)?),
        }),
        Action::Clear => prompt_or(Ask::Clear {
            release: Box::new(grounded(facts, aim)?),
        }),
        Action::Lock => {
            let (scope, name) = place(facts, aim);
            prompt_or(Ask::Lock {
                scope,
                lasts: aim.lasts,
                name,
            })
        }
        Action::Unlock => {
            let (scope, name) = place(facts, aim);
            prompt_or(Ask::Unlock { scope, name })
        }
        Action::RecordPolicy => prompt_or(Ask::RecordPolicy {
            name: facts.environment.name.to_string(),
        }),
        Action::Promote => {
            // The key means the step that is on the screen.
            let shown = facts
                .workload
                .value()
                .and_then(|observed| observed.workload.step);
            let step = aim
                .step
                .or(shown)
                .ok_or_else(|| Refusal::rule("promote.step", "no step was seen yet"))?;
            current(facts)?;
            Ok(Step::Command(Command::Promote { step }))
        }
        Action::PromoteFull => Ok(Step::Command(Command::PromoteFully)),
        Action::HoldOrResume => {
            let paused = facts
                .workload
                .value()
                .is_some_and(|observed| observed.workload.paused);
            Ok(Step::Command(if aim.hold.map_or(paused, |hold| !hold) {
                Command::Resume
            } else {
                Command::Hold
            }))
        }
        Action::Abort => Ok(Step::Command(Command::Abort)),
        Action::Retry => Ok(Step::Command(Command::Retry)),
        Action::Rollback => prompt_or(Ask::RollBack {
            release: aim.release,
            staged: aim.staged,
            revision: aim.revision,
        }),
        Action::Close => Ok(Step::Command(Command::Close)),
        Action::HotfixStart
        | Action::HotfixAdvance
        | Action::HotfixCheck
        | Action::HotfixBackport
        | Action::HotfixGiveUp => hotfix::wanted(cockpit, facts, action, aim),
        other => Err(Refusal::new(
            RefusalKind::Usage,
            "action",
            format!("{} changes nothing outside the screen", other.id()),
        )),
    }
}

fn with_reason(
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    ask: &Ask,
    reason: &str,
) -> Result<Command, Refusal> {
    let reason = reason.to_owned();
    Ok(match ask {
        Ask::Request { release } => Command::Request {
            plan: Box::new(plan_of(facts, *release)?),
            reason,
        },
        Ask::Approve { plan } => Command::Approve {
            plan: plan.clone(),
            reason,
        },
        Ask::Reject { plan } => Command::Reject {
            plan: plan.clone(),
            reason,
        },
        Ask::SayHold { plan } => Command::SayHold {
            plan: plan.clone(),
            reason,
        },
        Ask::Waive { item } => Command::Waive {
            item: item.clone(),
            reason,
        },
        Ask::Note { item } => Command::Note {
            item: item.clone(),
            text: reason,
        },
        Ask::Read { item, of, .. } => Command::Read {
            item: item.clone(),
            of: of.clone(),
            reason,
        },
        Ask::Act { item, shown, .. } => Command::Run {
            item: item.clone(),
            note: None,
            confirmed: Some(Typed {
                words: reason,
                shown: shown.clone(),
            }),
        },
        Ask::BreakGlass { plan } => Command::Fly {
            plan: plan.clone(),
            glass: Some(reason),
        },
        Ask::Countersign => Command::Countersign { reason },
        Ask::StopGuard => Command::StopGuard { reason },
        Ask::Cancel => Command::Cancel {
            reason: Some(reason),
        },
        Ask::Adopt => Command::Adopt { reason },
        Ask::Restore => Command::Request {
            plan: Box::new(drift::restoring(facts)?),
            reason,
        },
        Ask::TakeOver { .. } => Command::TakeControls {
            over: true,
            reason: Some(reason),
        },
        Ask::HandOver => Command::HandControls {
            to: reason,
            reason: None,
        },
        Ask::Ground { release } => Command::Ground {
            release: release.clone(),
            reason,
        },
        Ask::Clear { release } => Command::Clear {
            release: release.clone(),
            reason,
        },
        Ask::Lock { scope, lasts, .. } => Command::Lock {
            scope: *scope,
            reason,
            lasts: *lasts,
        },
        Ask::Unlock { scope, .. } => Command::Unlock {
            scope: *scope,
            reason,
        },
        Ask::RecordPolicy { .. } => Command::RecordPolicy { reason },
        Ask::RollBack {
            release,
            staged,
            revision,
        } => {
            let to = match release {
                Some(number) => Some(Box::new(rollback_release(cockpit, facts, *number)?)),
                None if *revision => Some(Box::new(former_revision(facts)?)),
                None => None,
            };
            Command::RollBack {
                to,
                staged: *staged,
                reason,
            }
        }
        Ask::HotfixGiveUp { .. }
        | Ask::HotfixCriterion { .. }
        | Ask::HotfixName { .. }
        | Ask::HotfixAgain { .. } => match hotfix::answered(ask, &reason) {
            Some(Ok(hotfix::Answered::Command(command))) => command,
            Some(Err(refusal)) => return Err(refusal),
            _ => {
                let sentence = "the criterion alone starts no hotfix";
                return Err(Refusal::new(RefusalKind::Usage, "hotfix.name", sentence));
            }
        },
        Ask::Quit { .. } => {
            return Err(Refusal::new(
                RefusalKind::Usage,
                "quit",
                "quitting is no command",
            ));
        }
    })
}

/// Whom the controls could go to, as far as it matters whether they could go to anybody.
fn somebody_else<'a>(cockpit: &'a Cockpit, facts: &Facts<'a>) -> &'a str {
    let people = &facts.workspace.people;
    people
        .iter()
        .filter(|person| person.name != cockpit.me.name)
        .find(|person| person.has_role(&facts.environment.name, "operate"))
        .map_or("…", |person| person.name.as_str())
}

/// A key means the environment; who names a project means that target alone. Without a lock on the environment, `unlock`
/// means the target's.
fn place(facts: &Facts<'_>, aim: &Aim) -> (Scope, String) {
    let whole = facts.place.lock(facts.now).is_some() || facts.lock().is_none();
    let unlocks_target = aim.action != Some(Action::Lock) && !whole;
    if aim.alone || unlocks_target {
        (Scope::Target, facts.target.id.to_string())
    } else {
        (Scope::Environment, facts.environment.name.to_string())
    }
}

/// The plan of a release for the target in focus, as it would be stored now.
pub fn plan_of(facts: &Facts<'_>, number: u64) -> Result<StoredPlan, Refusal> {
    let release = facts
        .releases
        .iter()
        .find(|release| release.number == number);
    let release = release.ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "release",
            format!("no release {number} in the catalogue"),
        )
    })?;
    Ok(planner::planned(facts, release))
}

fn item(
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    action: Action,
    aim: &Aim,
) -> Result<ItemId, Refusal> {
    if let Some(item) = &aim.item {
        return Ok(item.clone());
    }
    meant(cockpit, facts, action)
}

/// The item or gate that a key is about: the selected line; but see [`check_means`].
fn meant(cockpit: &Cockpit, facts: &Facts<'_>, action: Action) -> Result<ItemId, Refusal> {
    let deployment = current(facts)?;
    let line = show::selected_line(cockpit);
    // What is not on the line under the cursor is not ticked behind it.
    if action == Action::Check
        && let Some(line) = line.as_ref().filter(|line| line.is_gate())
    {
        let next = next_open(facts).map_or_else(
            || "no item waits to be ticked".to_owned(),
            |next| format!("the next open item is {next}"),
        );
        return Err(Refusal::rule(
            "checklist.line",
            format!("{} is a gate, nothing to tick; {next}", line.id),
        ));
    }
    // And stopping means what runs, wherever the cursor stands.
    if action == Action::StopRun {
        let running = deployment
            .items
            .iter()
            .find(|(_, state)| state.status == ItemStatus::Running);
        let selected = line
            .as_ref()
            .is_some_and(|line| deployment.item(&line.id) == ItemStatus::Running);
        if let Some((id, _)) = running.filter(|_| !selected) {
            return Ok(id.clone());
        }
    }
    line.map(|line| line.id)
        .ok_or_else(|| Refusal::new(RefusalKind::NotFound, "item", "nothing is selected"))
}
