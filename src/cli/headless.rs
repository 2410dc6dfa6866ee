//! One verb's driver: it asks each query the command needs once, decides, acts, and maps the outcome to an exit code.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    domain::{
        catalogue::Catalogue,
        fault::Fault,
        project::ProjectId,
        release::Release,
        target::{Target, TargetId},
        workspace::{Actor, IdentityMeans, NotFound, Workspace},
    },
    flight::{
        known::Known,
        process::{self, Next},
    },
    policy::{
        card,
        decide::Command,
        facts::Facts,
        gates::{order, ready},
        refusal::{Refusal, RefusalKind},
        resolve::{self, Resolution},
    },
    ports::keep::{AppendError, Expected},
    runtime::{executor::Executor, outside::Outside, state_files::StateFiles},
    session::event::End,
};

use super::{
    args::{Common, Place, Verb},
    exit::Exit,
    output::Output,
};

/// What was found to be there is asked again after this.
const READY_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// For a run to end and to say how.
const LAST_WORDS: Duration = Duration::from_secs(8);

pub struct Headless {
    pub outside: Outside,
    pub known: Known,
    pub actor: Actor,
    pub common: Common,
    pub output: Output,
    /// Kept in step while a verb acts, where a project keeps some.
    pub state_files: Option<StateFiles>,
    /// Something was started on this machine that has to be ended, and that written down.
    pub(super) under_way: Arc<AtomicBool>,
    /// Whose numbers are read already.
    catalogued: BTreeSet<ProjectId>,
}

/// Why a verb ends early; already in words.
pub enum Stop {
    Fault(Fault),
    Refusal(Refusal),
    /// Said already.
    Exit(Exit),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<NotFound> for Stop {
    fn from(missing: NotFound) -> Self {
        Self::Refusal(Refusal::new(
            RefusalKind::NotFound,
            "name",
            missing.sentence,
        ))
    }
}

/// Who acts: `--as`, else the account on this machine, by the person it belongs to. In a rehearsal the operator is dana.
pub fn operator(workspace: &Workspace, claimed: Option<&str>, host: &str) -> Actor {
    let account = || {
        std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| "unknown".to_owned())
    };
    let (name, means) = match claimed {
        Some(name) => (name.to_owned(), IdentityMeans::Claimed),
        None if workspace.rehearsal.is_some() => ("dana".to_owned(), IdentityMeans::Claimed),
        None => (account(), IdentityMeans::Account),
    };
    let person = workspace.person_behind(&name, host);
    Actor {
        name: person.map_or(name, |person| person.name.clone()),
        email: person.and_then(|person| person.email.clone()),
        means,
        host: host.to_owned(),
    }
}

pub struct EarlyStop {
    exit: Exit,
    fault: Fault,
    rehearsal: bool,
}

impl EarlyStop {
    pub fn told(self, output: Output) -> Exit {
        output.fault(self.rehearsal, &self.fault);
        self.exit
    }
}

impl Headless {
    pub async fn open(
        workspace: Workspace,
        common: Common,
        output: Output,
    ) -> Result<Self, (EarlyStop, Output)> {
        let rehearsal = workspace.rehearsal.is_some();
        let outside = match Outside::open(workspace).await {
            Ok(outside) => outside,
            Err(fault) => {
                return Err((
                    EarlyStop {
                        exit: Exit::Failed,
                        fault,
                        rehearsal,
                    },
                    output,
                ));
            }
        };
        let actor = operator(&outside.workspace, common.act_as.as_deref(), &outside.host);
        let known = Known::new(outside.workspace.clone());
        Ok(Self {
            outside,
            known,
            actor,
            common,
            output,
            state_files: None,
            under_way: Arc::default(),
            catalogued: BTreeSet::new(),
        })
    }

    pub async fn run(&mut self, verb: Verb) -> Exit {
        // Listened for from the first moment to the last: a signal between two waits would be lost. A verb that is cut
        // off is what a killed one is: its intent is in the ledger, and whoever comes next looks.
        let (output, under_way) = (self.output, Arc::clone(&self.under_way));
        let ended = {
            let dispatched = self.dispatch(verb);
            tokio::pin!(dispatched);
            tokio::select! {
                biased;
                _ = tokio::signal::ctrl_c() => {
                    if under_way.load(Ordering::Relaxed) {
                        output.say("gonogo: interrupted, what runs is being ended");
                        let _ = tokio::time::timeout(LAST_WORDS, dispatched).await;
                    }
                    output.say("gonogo: interrupted");
                    return Exit::Interrupted;
                }
                ended = &mut dispatched => ended,
            }
        };
        self.finish_state_files().await;
        match ended {
            Ok(exit) | Err(Stop::Exit(exit)) => exit,
            Err(Stop::Fault(fault)) => {
                self.output.fault(self.rehearsal(), &fault);
                Exit::of_fault(&fault)
            }
            Err(Stop::Refusal(refusal)) => {
                self.output.refusal(self.rehearsal(), &refusal);
                Exit::of_refusal(&refusal)
            }
        }
    }

    /// The act is done, whatever becomes of the files about it.
    async fn finish_state_files(&mut self) {
        if self.state_files.is_none() {
            return;
        }
        // What was appended last; that the ledger cannot be read was said already.
        let _ = self.sync().await;
        let files = self.state_files.take();
        if let Some(files) = files {
            for problem in files.finish().await {
                self.output.say(&format!("gonogo: {problem}"));
            }
        }
    }

    pub fn rehearsal(&self) -> bool {
        self.outside.workspace.rehearsal.is_some()
    }

    pub fn data(&self, object: Value, lines: impl FnOnce() -> Vec<String>) {
        self.output.data(self.rehearsal(), object, lines);
    }

    /// Folds the ledger to its end.
    pub async fn sync(&mut self) -> Result<(), Fault> {
        let read = self.outside.ledger.read(self.known.seq).await;
        self.known.ledger = self.outside.standby.standing();
        if self.known.has_aside() || self.outside.standby.waiting().is_some() {
            self.known.set_aside(self.outside.standby.aside());
        }
        for entry in read? {
            self.known.enter(&entry);
        }
        // Who attends is no part of what was decided: where it cannot be read, nobody is known to.
        let present = self.outside.ledger.present().await;
        self.known.attended(&present.unwrap_or_default());
        if let Some(files) = &mut self.state_files {
            files.tell(&self.known);
        }
        Ok(())
    }

    /// The same where an escape does not depend on it: without a ledger it goes by what the platform shows.
    pub async fn sync_for(&mut self, command: &Command) -> Result<(), Fault> {
        match self.sync().await {
            Err(_) if command.is_escape() && self.known.ledger.is_lost() => Ok(()),
            synced => synced,
        }
    }

    pub fn find(&self, place: &Place) -> Result<Target, Stop> {
        Ok(self
            .outside
            .workspace
            .find_target(&place.environment, &place.project)?
            .clone())
    }

    pub fn facts(&self, target: &Target) -> Result<Facts<'_>, Stop> {
        let missing = || NotFound {
            sentence: format!("{} is not configured", target.id),
        };
        Ok(self
            .known
            .facts(&target.id, self.outside.now())
            .ok_or_else(missing)?)
    }

    /// Reads the platform once.
    pub async fn read(&mut self, target: &Target) {
        // As of when it was asked: what arrives late may be older than what was sent meanwhile.
        let began = self.outside.now();
        let observation = self.outside.read(target).await;
        self.known.observe(&observation, began);
    }

    /// What a take-off is judged by beside the platform: whether everything is there that it needs, and whether there is
    /// a way back.
    pub async fn before_take_off(&mut self, target: &Target) {
        let now = self.outside.now();
        let due = self.facts(target).is_ok_and(|facts| {
            let last = facts.readiness.last.as_ref();
            let fresh = last.is_some_and(|last| !last.is_stale(now, READY_AGAIN));
            ready::is_asked(&facts) && !fresh
        });
        if due {
            let observation = self.outside.readiness(target).await;
            self.known.observe(&observation, now);
        }
        self.way_back(target).await;
    }

    /// Whether what a rollback would put back is still in its registry; asked once.
    async fn way_back(&mut self, target: &Target) {
        let asked = self.facts(target).ok();
        let asked = asked.and_then(|facts| order::image_to_ask(&facts));
        let Some(image) = asked.filter(|image| !self.known.images.contains_key(image)) else {
            return;
        };
        let began = self.outside.now();
        let missing = self.outside.image_there(&target.id.project, &image).await;
        self.known.image(&image, missing, began);
    }

    /// Reads the releases of a project, once.
    pub async fn catalogue(&mut self, project: &ProjectId) -> Result<(), Fault> {
        if self.catalogued.contains(project) {
            return Ok(());
        }
        let Some(configured) = self.outside.workspace.project(project).cloned() else {
            return Ok(());
        };
        let releases = if self.common.dry_run {
            self.outside.foretold(&configured).await?
        } else {
            self.outside.catalogue(&configured).await?
        };
        self.known.catalogue(project, releases);
        self.catalogued.insert(project.clone());
        Ok(())
    }

    /// The same again: others may have released meanwhile.
    pub async fn catalogue_anew(&mut self, project: &ProjectId) -> Result<(), Fault> {
        self.catalogued.remove(project);
        self.catalogue(project).await
    }

    /// The release that a name means; what else it could have meant is said.
    pub async fn release(&mut self, project: &ProjectId, name: &str) -> Result<Release, Stop> {
        self.catalogue(project).await?;
        let releases = self
            .known
            .releases
            .get(project)
            .map_or(&[][..], Catalogue::as_slice);
        let resolution = resolve::resolve(releases, name);
        let sentence = resolution.sentence(name);
        if let Resolution::Found { release, .. } = resolution {
            if let Some(sentence) = sentence {
                self.output.say(&format!("gonogo: {sentence}"));
            }
            return Ok(release.clone());
        }
        // Releases have their numbers from the ledger: without it none has.
        if let Some(fault) = self.outside.standby.standing().trouble() {
            return Err(fault.clone().into());
        }
        let sentence = sentence.unwrap_or_else(|| format!("no release `{name}` of {project}"));
        Err(
            Refusal::new(RefusalKind::NotFound, "release.name", sentence)
                .hint(format!("gonogo release list {}", project.name()))
                .into(),
        )
    }

    /// The same with what it ships, as far as the registry knows it.
    pub async fn release_with_artifact(
        &mut self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Release, Stop> {
        let mut release = self.release(project, name).await?;
        if release.artifacts.is_empty() {
            match self.outside.shipped(project, &release.commit).await {
                Ok(shipped) => {
                    self.known.shipped(project, &release.commit, &shipped);
                    release.ships(&shipped);
                }
                Err(fault) => self.output.say(&format!("gonogo: {fault}")),
            }
        }
        Ok(release)
    }

    /// Writes down what the process manager sees, until there is nothing more: also settles what a killed process left.
    pub async fn attend(&mut self, target: &TargetId) -> Result<(), Stop> {
        for _ in 0..64 {
            let Some(facts) = self.known.facts(target, self.outside.now()) else {
                return Ok(());
            };
            if facts.state.read_only || facts.ledger.trouble().is_some() {
                return Ok(());
            }
            let Next::Record(bodies) = process::next(&facts) else {
                return Ok(());
            };
            let news = bodies.iter().any(card::is_news);
            let (at, actor) = (self.outside.now(), Actor::program(&self.outside.host));
            let drafts = bodies
                .into_iter()
                .map(|body| crate::domain::entry::Draft {
                    at,
                    actor: actor.clone(),
                    body,
                })
                .collect();
            let stream = crate::domain::entry::StreamId::target(target);
            match self
                .outside
                .ledger
                .append(&stream, Expected::Position(facts.state.position), drafts)
                .await
            {
                // Somebody else wrote it down: fold and look again.
                Ok(_) => {
                    self.sync().await?;
                    if news {
                        self.write_card(target).await;
                    }
                }
                Err(AppendError::Conflict { .. }) => self.sync().await?,
                Err(AppendError::Fault(fault)) => {
                    self.known.ledger = self.outside.standby.standing();
                    return Err(fault.into());
                }
            }
        }
        Ok(())
    }

    pub fn executor(&self) -> Executor<'_> {
        Executor {
            outside: &self.outside,
            known: self.known.clone(),
            actor: self.actor.clone(),
        }
    }

    /// Says how something ended that left this process.
    pub fn ended(&self, end: End) -> Result<(), Stop> {
        match end {
            End::Done => Ok(()),
            End::Refused(refusal) => Err(refusal.into()),
            End::Failed(fault) => Err(fault.into()),
            End::Unknown(fault) => {
                self.output.fault(self.rehearsal(), &fault);
                self.output
                    .say("gonogo: the outcome is unknown; gonogo status tells when it is known");
                Err(Stop::Exit(Exit::Unknown))
            }
        }
    }

    /// The outline of a target's deployment, for every answer that has one.
    pub fn outline(&self, target: &Target) -> Value {
        let Ok(facts) = self.facts(target) else {
            return Value::Null;
        };
        super::reading::target_json(&facts)
    }

    pub fn release_json(release: &Release) -> Value {
        json!({
            "project": release.project,
            "number": release.number,
            "commit": release.commit,
            "digest": release.is_whole().then(|| release.digest()),
            "resources": release.resources,
            "missing": release.missing,
            "aliases": release.aliases.iter().map(|alias| alias.name.to_string()).collect::<Vec<_>>(),
            "triggers": release.triggers,
            "version": release.version(),
            "type": release.kind(),
            "rollback": release.trail.said,
            "subject": release.subject,
            "author": release.author,
            "committed_at": release.committed_at,
        })
    }
}
