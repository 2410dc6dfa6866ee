//! Where the person is: screen, cursors, what is open on top. No observation ever changes any of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tui_input::Input;

use crate::{
    domain::{
        entry::Body,
        hotfix::Criterion,
        plan::ItemId,
        release::{Digest, ReleaseRef},
    },
    input::{Action, Chord, Context},
    policy::{
        confirm::Challenge,
        decide::{Command, Scope},
        migration::Shown,
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    Fleet,
    Releases,
    Plan,
    Flight,
    Timeline,
    Poll,
    Inbox,
    History,
    Hotfix,
}

impl Screen {
    pub const ALL: [Self; 9] = [
        Self::Fleet,
        Self::Releases,
        Self::Plan,
        Self::Flight,
        Self::Timeline,
        Self::Poll,
        Self::Inbox,
        Self::History,
        Self::Hotfix,
    ];

    pub fn context(self) -> Context {
        match self {
            Self::Fleet => Context::Fleet,
            Self::Releases => Context::Releases,
            Self::Plan => Context::Plan,
            Self::Flight => Context::Flight,
            Self::Timeline => Context::Timeline,
            Self::Poll => Context::Poll,
            Self::Inbox => Context::Inbox,
            Self::History => Context::History,
            Self::Hotfix => Context::Hotfix,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Releases => "releases",
            Self::Plan => "plan",
            Self::Flight => "flight",
            Self::Timeline => "timeline",
            Self::Poll => "poll",
            Self::Inbox => "inbox",
            Self::History => "history",
            Self::Hotfix => "hotfix",
        }
    }
}

/// Which part of the Flight screen has the cursor: those that are lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlightPane {
    Gates,
    Pods,
    Timeline,
}

impl FlightPane {
    pub const ALL: [Self; 3] = [Self::Gates, Self::Pods, Self::Timeline];
}

#[derive(Clone, Debug)]
pub struct View {
    pub screen: Screen,
    /// Where `esc` goes back to.
    pub trail: Vec<Screen>,
    /// The fleet's cursor: project and environment. It names the target that all screens are about.
    pub project: usize,
    pub environment: usize,
    /// Cursor in the list of releases as it is shown (filtered, newest first).
    pub release: usize,
    /// The release whose plan is looked at while nothing is requested.
    pub chosen: Option<u64>,
    /// Cursor over gates, then items, of the plan.
    pub plan_line: usize,
    pub pane: FlightPane,
    /// Cursor over gates, then verification items, of the flight.
    pub flight_line: usize,
    /// Cursor over the pods of the flight.
    pub pod_line: usize,
    /// Cursor over the voices of the poll.
    pub poll_line: usize,
    /// Cursor over what waits for the person.
    pub inbox_line: usize,
    /// Lines scrolled back from the newest.
    pub timeline_back: usize,
    /// Cursor over the deployments of the history, newest first.
    pub history: usize,
    /// Cursor over what the hotfixes of the project owe.
    pub hotfix_line: usize,
    pub help_top: usize,
    /// Of the releases.
    pub filter: Input,
    /// Of the history.
    pub history_filter: Input,
    pub filtering: bool,
    pub overlay: Option<Overlay>,
    /// Keys of a chord sequence that is not complete.
    pub pending: Vec<Chord>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            screen: Screen::Fleet,
            trail: Vec::new(),
            project: 0,
            environment: 0,
            release: 0,
            chosen: None,
            plan_line: 0,
            pane: FlightPane::Gates,
            flight_line: 0,
            pod_line: 0,
            poll_line: 0,
            inbox_line: 0,
            timeline_back: 0,
            history: 0,
            hotfix_line: 0,
            help_top: 0,
            filter: Input::default(),
            history_filter: Input::default(),
            filtering: false,
            overlay: None,
            pending: Vec::new(),
        }
    }
}

/// What lies over the screen and has the keyboard.
#[derive(Clone, Debug)]
pub enum Overlay {
    Help,
    /// Two releases side by side, from this line on.
    Difference {
        top: usize,
    },
    /// From this line on.
    Page {
        page: Page,
        top: usize,
    },
    /// A page to be read or copied.
    Paper {
        paper: Box<Paper>,
        top: usize,
    },
    /// What a preview printed, from this line on.
    Sql {
        top: usize,
    },
    Palette(PaletteState),
    Prompt(Prompt),
    Dialog(Box<Dialog>),
}

/// Something to read that no screen has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// What was tested of the release, environment by environment.
    Matrix,
    /// One entry of the ledger.
    Entry { seq: u64 },
}

#[derive(Clone, Debug, Default)]
pub struct PaletteState {
    pub input: Input,
    pub selected: usize,
    /// Why the last try was not run.
    pub note: Option<String>,
}

/// A page that lies over the screen: what was true when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    pub title: String,
    pub lines: Vec<String>,
    /// What `y` takes of it.
    pub copied: String,
    /// What goes with it, in the keys of the screen.
    pub foot: String,
}

/// One line of text is needed before the command is whole: a reason.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub ask: Ask,
    pub input: Input,
    pub note: Option<String>,
    /// When it was first to be read; a line from before answers something else.
    pub painted_at: Option<Timestamp>,
}

/// What the text of a prompt completes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Request {
        release: u64,
    },
    Approve {
        plan: Digest,
    },
    Reject {
        plan: Digest,
    },
    SayHold {
        plan: Digest,
    },
    Waive {
        item: ItemId,
    },
    Note {
        item: ItemId,
    },
    /// What was printed may be done.
    Read {
        item: ItemId,
        of: Digest,
        said: String,
    },
    /// Something outside is changed.
    Act {
        item: ItemId,
        what: String,
        /// What has to be typed, where enter is not enough.
        expected: Option<String>,
        shown: Shown,
    },
    RollBack {
        release: Option<u64>,
        staged: bool,
        /// The platform's own former revision, whatever the ledger says.
        revision: bool,
    },
    BreakGlass {
        plan: Digest,
    },
    Countersign,
    StopGuard,
    Cancel,
    /// Of somebody else.
    TakeOver {
        from: String,
        /// They are there and hear of it.
        present: bool,
    },
    /// To whom.
    HandOver,
    /// What runs is recorded.
    Adopt,
    /// What is recorded flies again.
    Restore,
    Ground {
        release: Box<ReleaseRef>,
    },
    Clear {
        release: Box<ReleaseRef>,
    },
    /// The way out while this process still flies or guards, and which.
    Quit {
        why: String,
    },
    Lock {
        scope: Scope,
        lasts: Option<SignedDuration>,
        /// What is locked, by name.
        name: String,
    },
    Unlock {
        scope: Scope,
        name: String,
    },
    RecordPolicy {
        name: String,
    },
    /// Why a hotfix may hurry: the first thing that is asked of it.
    HotfixCriterion {
        push: bool,
    },
    /// What it is called.
    HotfixName {
        criterion: Criterion,
        push: bool,
    },
    /// One with the same criterion burns already: its name is typed once more to open a second one.
    HotfixAgain {
        name: String,
        criterion: Criterion,
        push: bool,
        /// The one that is open, and since when.
        open: String,
    },
    HotfixGiveUp {
        name: String,
    },
}

impl Ask {
    /// What has to be read before it is answered, a line each.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Read { of, said, .. } => vec![format!("{} {said}", of.short())],
            Self::Act { what, expected, .. } => {
                let answer = match expected {
                    Some(number) => format!("Type {number}, the number of the release, to run it."),
                    None => "Enter runs it.".to_owned(),
                };
                vec![what.clone(), answer]
            }
            _ => Vec::new(),
        }
    }

    pub fn title(&self) -> String {
        match self {
            Self::Request { release } => format!("Request release {release}: why?"),
            Self::Approve { plan } => format!("GO for plan {}: why?", plan.short()),
            Self::Reject { plan } => format!("NO-GO for plan {}: why?", plan.short()),
            Self::SayHold { plan } => format!("HOLD for plan {}: why?", plan.short()),
            Self::Waive { item } => format!("Waive {item}: why?"),
            Self::Note { item } => format!("Note on {item}: what?"),
            Self::Read { item, .. } => format!("{item}: why may it be run?"),
            Self::Act { item, .. } => format!("Run {item}?"),
            Self::RollBack { .. } => "Roll back: why?".to_owned(),
            Self::BreakGlass { .. } => {
                "BREAK-GLASS: why? A second person answers for it too".to_owned()
            }
            Self::Countersign => "Countersign the break-glass: why was it right?".to_owned(),
            Self::Cancel => "Cancel the request: why? What was answered to it is void".to_owned(),
            Self::StopGuard => "Stop the guard for this flight: why?".to_owned(),
            Self::Ground { release } => format!("Ground release {}: why?", release.title()),
            Self::Clear { release } => {
                format!("Clear release {} to fly again: why?", release.title())
            }
            Self::TakeOver {
                from,
                present: false,
            } => format!("Take the controls over from {from}, who is absent: why?"),
            Self::TakeOver { from, .. } => {
                format!("TAKE OVER from {from}, who is there and flies: why?")
            }
            Self::HandOver => "Hand the controls over: to whom?".to_owned(),
            Self::Adopt => "Record what runs as live: why?".to_owned(),
            Self::Restore => "Ask to fly what is recorded as live: why?".to_owned(),
            Self::Quit { why } => format!("{why}. Type `quit` to leave"),
            Self::Lock { name, .. } => format!("Lock {name}: why?"),
            Self::Unlock { name, .. } => format!("Unlock {name}: why?"),
            Self::RecordPolicy { name } => {
                format!("Record this file's policy of {name}: why? Open requests are void")
            }
            Self::HotfixCriterion { .. } => "Start a hotfix: by which criterion?".to_owned(),
            Self::HotfixName { criterion, .. } => {
                format!("Hotfix, {criterion}: what is it called? Its branch is hotfix/NAME")
            }
            Self::HotfixAgain { name, open, .. } => {
                format!("{open}: type `{name}` once more to open a second one")
            }
            Self::HotfixGiveUp { name } => format!("Give hotfix {name} up: why?"),
        }
    }

    /// The same where there is room for one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Approve { .. } => "GO",
            Self::Reject { .. } => "NO-GO",
            Self::SayHold { .. } => "HOLD",
            Self::Waive { .. } => "waive",
            Self::Note { .. } => "note",
            Self::Read { .. } => "read",
            Self::Act { .. } => "type it",
            Self::RollBack { .. } => "why?",
            Self::BreakGlass { .. } => "BREAK-GLASS",
            Self::Countersign => "countersign",
            Self::Cancel => "cancel",
            Self::StopGuard => "stop guard",
            Self::Ground { .. } => "ground",
            Self::Clear { .. } => "clear",
            Self::TakeOver { .. } => "take over",
            Self::HandOver => "to whom?",
            Self::Adopt => "adopt",
            Self::Restore => "restore",
            Self::Quit { .. } => "type quit",
            Self::Lock { .. } => "lock",
            Self::Unlock { .. } => "unlock",
            Self::RecordPolicy { .. } => "policy",
            Self::HotfixCriterion { .. } => "criterion",
            Self::HotfixName { .. } => "name",
            Self::HotfixAgain { .. } => "a second?",
            Self::HotfixGiveUp { .. } => "give up",
        }
    }

    /// What stands in the input at first. Only where seconds count: nobody's reason is put into their mouth otherwise.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Request { .. }
            | Self::Waive { .. }
            | Self::Note { .. }
            | Self::Read { .. }
            | Self::Act { .. }
            | Self::Quit { .. }
            | Self::TakeOver { .. }
            | Self::HandOver
            | Self::Adopt
            | Self::Restore
            | Self::Approve { .. }
            | Self::Reject { .. }
            | Self::SayHold { .. }
            | Self::BreakGlass { .. }
            | Self::Countersign
            | Self::StopGuard
            | Self::Cancel
            | Self::Ground { .. }
            | Self::Clear { .. }
            | Self::Lock { .. }
            | Self::Unlock { .. }
            | Self::RecordPolicy { .. }
            | Self::HotfixCriterion { .. }
            | Self::HotfixName { .. }
            | Self::HotfixAgain { .. }
            | Self::HotfixGiveUp { .. } => "",
            Self::RollBack { .. } => "reason to follow",
        }
    }
}

/// An act that waits for its confirmation. Nothing observed can move or close it.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub challenge: Challenge,
    pub command: Command,
    /// Goes into the ledger with the first intent.
    pub opening: Option<Body>,
    pub input: Input,
    pub note: Option<String>,
}

impl View {
    /// The context that has the keyboard.
    pub fn context(&self) -> Context {
        match &self.overlay {
            Some(
                Overlay::Help
                | Overlay::Difference { .. }
                | Overlay::Paper { .. }
                | Overlay::Sql { .. }
                | Overlay::Page { .. },
            ) => Context::Help,
            Some(Overlay::Palette(_)) => Context::Palette,
            Some(Overlay::Prompt(_) | Overlay::Dialog(_)) => Context::Dialog,
            None if self.filtering => Context::Filter,
            None => self.screen.context(),
        }
    }

    pub fn go(&mut self, screen: Screen) {
        if self.screen != screen {
            self.trail.retain(|other| *other != screen);
            self.trail.push(self.screen);
            self.screen = screen;
        }
    }

    /// The filter of the list in front, for what is typed into it; the cursor of the list starts over.
    pub fn filter_line(&mut self) -> &mut Input {
        if self.screen == Screen::History {
            self.history = 0;
            &mut self.history_filter
        } else {
            self.release = 0;
            &mut self.filter
        }
    }

    pub fn back(&mut self) {
        self.screen = self.trail.pop().unwrap_or(Screen::Fleet);
    }
}

/// What an action is aimed at, beyond the target that has the cursor. Keys leave most of it open, the palette and
/// verbs fill it in.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent flags of a typed line"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    pub action: Option<Action>,
    pub release: Option<u64>,
    /// The release that it is compared with.
    pub from: Option<u64>,
    pub item: Option<ItemId>,
    pub step: Option<usize>,
    pub staged: bool,
    /// The way back of a migration.
    pub way_back: bool,
    /// A rollback to the platform's own former revision.
    pub revision: bool,
    pub reason: Option<String>,
    /// Somebody, by name.
    pub name: Option<String>,
    /// The controls too, of somebody absent.
    pub take_over: bool,
    /// How long a lock holds.
    pub lasts: Option<SignedDuration>,
    /// A project was named: the target alone is meant, not its environment.
    pub alone: bool,
    /// `hold` or `resume` was typed. A key means whichever is possible; a word means what it says.
    pub hold: Option<bool>,
    pub hotfix: Box<HotfixAim>,
}

/// Which hotfix is meant, or how one is to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HotfixAim {
    pub name: Option<String>,
    pub criterion: Option<Criterion>,
    pub push: bool,
    /// A second one with the criterion of one that is open.
    pub again: bool,
}
