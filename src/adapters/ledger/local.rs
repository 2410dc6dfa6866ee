//! The ledger of this machine as the program lives with it: opened when it is first needed, its chain followed before
//! anything counts on it, opened again when it comes back, and a journal beside it while it cannot be written.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::{
    chain::Walk,
    folder,
    journal::Journal,
    sqlite::{SqliteLedger, walk::Break},
};
use crate::{
    domain::{
        deployment::TargetState,
        entry::{Draft, Entry, StreamId},
        fault::{Fault, FaultKind},
        presence::Presence,
        standing::{Aside, Standing},
    },
    ports::keep::{AppendError, Expected, Ledger, Standby, Verified},
};

pub struct LocalLedger {
    path: PathBuf,
    journal: Journal,
    held: Mutex<Held>,
    standing: std::sync::Mutex<Standing>,
    /// Lines may wait in the journal.
    aside: AtomicBool,
}

/// What is open.
struct Held {
    file: Option<Open>,
    /// As far as the chain was followed by this process, over all files that were opened.
    walk: Walk,
    /// Counts the openings: each is news to whoever polls.
    opened: i64,
}

struct Open {
    ledger: Arc<SqliteLedger>,
    identity: Option<(u64, u64)>,
    /// Why it is only read.
    trouble: Option<Trouble>,
}

enum Trouble {
    /// May pass: tried again.
    Passing(Fault),
    /// The chain is broken: only a person can say what is true.
    Broken(Fault),
}

impl LocalLedger {
    /// Opens nothing yet. `folders` are where the journal may go besides the ledger's own.
    pub fn new(path: &Path, folders: &[PathBuf]) -> Self {
        let journal = Journal::of(path, folders);
        Self {
            path: path.to_owned(),
            aside: AtomicBool::new(journal.waiting().is_some()),
            journal,
            held: Mutex::new(Held {
                file: None,
                walk: Walk::new(),
                opened: 0,
            }),
            standing: std::sync::Mutex::default(),
        }
    }

    fn stands(&self, standing: Standing) -> Standing {
        let mut known = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone_from(&standing);
        standing
    }

    /// The open file, opened or opened again where that is needed, with its chain followed to the end.
    async fn reach(&self, held: &mut Held) -> Result<Arc<SqliteLedger>, Fault> {
        let gone = held.file.as_ref().is_some_and(|open| {
            open.identity != folder::identity(&self.path)
                || matches!(open.trouble, Some(Trouble::Passing(_)))
        });
        if gone {
            held.file = None;
        }
        if held.file.is_none() {
            if held.walk.entries > 0 && folder::identity(&self.path).is_none() {
                let fault = self.missing();
                self.stands(Standing::Lost(fault.clone()));
                return Err(fault);
            }
            match self.open().await {
                Ok(open) => {
                    held.file = Some(open);
                    held.opened += 1;
                }
                Err(fault) => {
                    self.stands(Standing::Lost(fault.clone()));
                    return Err(fault);
                }
            }
            self.same_as_before(held).await?;
        }
        let Some(open) = &mut held.file else {
            return Err(self.missing());
        };
        if !matches!(open.trouble, Some(Trouble::Broken(_))) {
            match open.ledger.follow(&mut held.walk).await {
                Ok(None) => {}
                Ok(Some(broken)) => open.trouble = Some(Trouble::Broken(self.broken(&broken))),
                Err(fault) => {
                    held.file = None;
                    self.stands(Standing::Lost(fault.clone()));
                    return Err(fault);
                }
            }
        }
        let standing = match &open.trouble {
            Some(Trouble::Passing(fault) | Trouble::Broken(fault)) => {
                Standing::ReadOnly(fault.clone())
            }
            None => match self.standing() {
                // A write that failed stands until one succeeds.
                Standing::ReadOnly(fault) => Standing::ReadOnly(fault),
                _ => Standing::Whole,
            },
        };
        let ledger = Arc::clone(&open.ledger);
        self.stands(standing);
        Ok(ledger)
    }

    async fn open(&self) -> Result<Open, Fault> {
        let (ledger, trouble) = match SqliteLedger::open(&self.path).await {
            Ok(ledger) => (ledger, None),
            Err(fault) => match SqliteLedger::open_read_only(&self.path).await {
                Ok(ledger) => (ledger, Some(Trouble::Passing(fault))),
                Err(_) => return Err(fault),
            },
        };
        Ok(Open {
            ledger: Arc::new(ledger),
            identity: folder::identity(&self.path),
            trouble,
        })
    }

    /// A file that was opened again has to hold what was read here before.
    async fn same_as_before(&self, held: &mut Held) -> Result<(), Fault> {
        let Some(open) = held.file.as_mut().filter(|_| held.walk.entries > 0) else {
            return Ok(());
        };
        let there = open.ledger.hash_of(held.walk.last).await?;
        if there.as_ref() != Some(&held.walk.head) {
            let broken = Break {
                seq: held.walk.due() - 1,
                why: "it is not the entry that was read here before: another file took the ledger's place"
                    .to_owned(),
            };
            open.trouble = Some(Trouble::Broken(self.broken(&broken)));
        }
        Ok(())
    }

    fn broken(&self, at: &Break) -> Fault {
        let doing = format!("following the chain of {}", self.path.display());
        let detail = format!("BROKEN at entry {}: {}", at.seq, at.why);
        Fault::new("ledger", FaultKind::Malformed, doing, &detail).hint(format!(
            "It is only read. Look with `gonogo audit verify`, keep {} as it is, and restore a copy",
            self.path.display()
        ))
    }

    fn missing(&self) -> Fault {
        let doing = format!("opening {}", self.path.display());
        let detail = "the file is gone";
        Fault::new("ledger", FaultKind::NotFound, doing, detail)
            .hint("Put it back; it was there when this gonogo started")
    }

    /// A file that may be appended to.
    async fn writable(&self) -> Result<Arc<SqliteLedger>, Fault> {
        let mut held = self.held.lock().await;
        let ledger = self.reach(&mut held).await?;
        match held.file.as_ref().and_then(|open| open.trouble.as_ref()) {
            Some(Trouble::Passing(fault) | Trouble::Broken(fault)) => Err(fault.clone()),
            None => Ok(ledger),
        }
    }

    /// What waits in the journal goes in first: it happened before.
    async fn bring_back(&self, ledger: &SqliteLedger) -> Result<(), Fault> {
        if !self.aside.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.journal
            .bring_back(|lines| async move {
                let mut left = Vec::new();
                for line in lines {
                    if !appended(ledger, &line).await? {
                        left.push(line);
                    }
                }
                Ok(left)
            })
            .await?;
        self.aside
            .store(self.journal.waiting().is_some(), Ordering::Relaxed);
        Ok(())
    }

    /// A failed write says how the ledger stands, unless it was only busy.
    fn note(&self, fault: &Fault) {
        if fault.kind != FaultKind::Bug {
            self.stands(Standing::ReadOnly(fault.clone()));
        }
    }
}

/// Appends a line of the journal, unless it is there. False: this program may not append to its stream.
async fn appended(ledger: &SqliteLedger, line: &Aside) -> Result<bool, Fault> {
    let mut draft = line.draft.clone();
    loop {
        let entries = ledger.read_stream(&line.stream).await?;
        let state = TargetState::fold(&entries);
        if state.read_only {
            return Ok(false);
        }
        // Who acted without having read the ledger could not name the deployment.
        if let (Some(id), Some(current)) = (draft.body.deployment_mut(), &state.current)
            && id.is_unread()
        {
            id.clone_from(&current.id);
        }
        if entries.iter().any(|entry| entry.tells(&draft)) {
            return Ok(true);
        }
        let position = Expected::Position(state.position);
        match ledger
            .append(&line.stream, position, vec![draft.clone()])
            .await
        {
            Ok(_) => return Ok(true),
            Err(AppendError::Conflict { .. }) => {}
            Err(AppendError::Fault(fault)) => return Err(fault),
        }
    }
}

impl Ledger for LocalLedger {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        expected: Expected,
        drafts: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, AppendError>> {
        Box::pin(async move {
            let ledger = self.writable().await?;
            let brought = self.bring_back(&ledger).await;
            let appended = match brought {
                Ok(()) => ledger.append(stream, expected, drafts).await,
                Err(fault) => Err(fault.into()),
            };
            match &appended {
                Ok(_) => drop(self.stands(Standing::Whole)),
                Err(AppendError::Fault(fault)) => self.note(fault),
                Err(AppendError::Conflict { .. }) => {}
            }
            appended
        })
    }

    fn read(&self, after: u64) -> BoxFuture<'_, Result<Vec<Entry>, Fault>> {
        Box::pin(async move {
            let ledger = {
                let mut held = self.held.lock().await;
                self.reach(&mut held).await?
            };
            // Whoever comes first brings back what waits; that it cannot be yet is no reason not to read.
            if self.aside.load(Ordering::Relaxed) && self.standing() == Standing::Whole {
                let _ = self.bring_back(&ledger).await;
            }
            let read = ledger.read(after).await;
            if let Err(fault) = &read {
                self.stands(Standing::Lost(fault.clone()));
            }
            read
        })
    }

    fn version(&self) -> BoxFuture<'_, Result<i64, Fault>> {
        Box::pin(async move {
            let (ledger, opened) = {
                let mut held = self.held.lock().await;
                let gone = match &held.file {
                    Some(open) => {
                        open.identity != folder::identity(&self.path)
                            || matches!(open.trouble, Some(Trouble::Passing(_)))
                    }
                    None => true,
                };
                if gone {
                    self.reach(&mut held).await?;
                }
                let Some(open) = &held.file else {
                    return Err(self.missing());
                };
                (Arc::clone(&open.ledger), held.opened)
            };
            // Version and opening in one number; both only ever differ.
            Ok(ledger.version().await?.wrapping_add(opened << 32))
        })
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verified, Fault>> {
        Box::pin(async move {
            let ledger = {
                let mut held = self.held.lock().await;
                self.reach(&mut held).await?
            };
            ledger.verify().await
        })
    }

    /// What fails here says nothing of the entries: the standing is left to them.
    fn beat(&self, rows: Vec<Presence>) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move { self.writable().await?.beat(rows).await })
    }

    fn present(&self) -> BoxFuture<'_, Result<Vec<Presence>, Fault>> {
        Box::pin(async move {
            let ledger = {
                let mut held = self.held.lock().await;
                self.reach(&mut held).await?
            };
            ledger.present().await
        })
    }
}

impl Standby for LocalLedger {
    fn standing(&self) -> Standing {
        self.standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn probe(&self) -> BoxFuture<'_, Standing> {
        Box::pin(async move {
            self.aside
                .store(self.journal.waiting().is_some(), Ordering::Relaxed);
            let Ok(ledger) = self.writable().await else {
                // How it stands is known from trying.
                return self.standing();
            };
            let tried = match self.bring_back(&ledger).await {
                Ok(()) => ledger.probe().await,
                failed => failed,
            };
            match tried {
                Ok(()) => self.stands(Standing::Whole),
                Err(fault) => self.stands(Standing::ReadOnly(fault)),
            }
        })
    }

    fn set_aside(&self, stream: &StreamId, drafts: &[Draft]) -> Result<String, Fault> {
        let lines: Vec<Aside> = drafts
            .iter()
            .map(|draft| Aside {
                stream: stream.clone(),
                draft: draft.clone(),
            })
            .collect();
        let kept = self.journal.keep(&lines)?.display().to_string();
        self.aside.store(true, Ordering::Relaxed);
        Ok(kept)
    }

    fn aside(&self) -> Vec<Aside> {
        self.journal.lines()
    }

    fn waiting(&self) -> Option<String> {
        self.journal
            .waiting()
            .map(|path| path.display().to_string())
    }
}
