//! The one table of everything a person can do. Keymap, help, palette, hint bar, the README's key table and
//! the check that each act has a headless verb are projected from here; a new action is one row.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::context::Context;

/// What pressing the key can do to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// Looks and moves only.
    None,
    /// Writes to the ledger or changes a platform.
    Acts,
    /// Takes something away from users, or from people who are working: always confirmed.
    Destructive,
}

/// How the same is done without a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headless {
    /// These words after `gonogo` do it; where there are several, the action chooses between them.
    Verbs(&'static [&'static str]),
    /// There is nothing to do without a screen, and this is why.
    NotNeeded(&'static str),
}

/// The headings of help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Move,
    Look,
    Screens,
    Plan,
    Flight,
}

impl Group {
    pub const ALL: [Self; 5] = [
        Self::Flight,
        Self::Plan,
        Self::Screens,
        Self::Look,
        Self::Move,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Moving",
            Self::Look => "Looking",
            Self::Screens => "Screens",
            Self::Plan => "Plan and approvals",
            Self::Flight => "In flight",
        }
    }
}

struct Row {
    id: &'static str,
    label: &'static str,
    doc: &'static str,
    chords: &'static [&'static str],
    contexts: &'static [Context],
    group: Group,
    risk: Risk,
    headless: Headless,
}

macro_rules! actions {
    ($( $group:ident { $(
        $name:ident = $id:literal, $label:literal, [$($chord:literal),*], [$($context:ident),+], $risk:ident, $headless:expr;
        $doc:literal;
    )+ } )+) => {
        /// Something a person can do with a key, or by its id in the palette.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($( #[doc = $doc] $name, )+)+ }

        impl Action {
            /// All of them, in the order in which help lists them.
            pub const ALL: &'static [Self] = &[$($( Self::$name, )+)+];

            const fn row(self) -> Row {
                match self { $($(
                    Self::$name => Row {
                        id: $id,
                        label: $label,
                        doc: $doc,
                        chords: &[$($chord),*],
                        contexts: &[$(Context::$context),+],
                        group: Group::$group,
                        risk: Risk::$risk,
                        headless: $headless,
                    },
                )+)+ }
            }
        }
    };
}

const fn verbs(words: &'static [&'static str]) -> Headless {
    Headless::Verbs(words)
}

const MOVES: Headless = Headless::NotNeeded("it moves the selection on the screen");
const SHOWS: Headless = Headless::NotNeeded("it changes what the screen shows, nothing else");
const ANSWERS: Headless =
    Headless::NotNeeded("it answers a dialog; a verb takes --yes and --confirm");

actions! {
    Flight {
        Fly = "flight.fly", "fly", ["F"], [Plan, Flight], Acts, verbs(&["fly", "deploy"]);
            "Start the approved plan now: the delivery causes the change and the canary begins.";
        Promote = "rollout.promote", "promote", ["p"], [Flight], Acts, verbs(&["promote"]);
            "Go on to the next canary step; the dialog names the step, and it is refused if the world moved on.";
        PromoteFull = "rollout.promote_full", "promote fully", ["P"], [Flight], Acts, verbs(&["promote --full"]);
            "Skip every remaining step and give the new release to everybody.";
        HoldOrResume = "rollout.hold_or_resume", "hold", ["z"], [Flight, Timeline], Acts, verbs(&["hold", "resume"]);
            "Hold the flight where it is, on the platform itself, or lift the hold we made.";
        Abort = "rollout.abort", "abort", ["A"], [Flight, Timeline], Destructive, verbs(&["abort"]);
            "Send everybody back to the stable release now; the new one stays the desired one until you roll back.";
        Rollback = "rollout.rollback", "roll back", ["R"], [Flight, Timeline], Destructive, verbs(&["rollback"]);
            "Serve the former release and make it the desired one, so that it stays; needs no approval.";
        Retry = "rollout.retry", "retry", ["T"], [Flight], Acts, verbs(&["retry"]);
            "Try an aborted rollout again from its first step.";
        Ground = "release.ground", "ground", ["K"], [Flight], Acts, verbs(&["ground"]);
            "Keep this release on the ground here: it does not fly again until somebody clears it, with a reason.";
        Clear = "release.clear", "clear", [], [Flight], Acts, verbs(&["ground --clear"]);
            "Let a grounded release fly again here, with your name and a reason.";
        StopGuard = "guard.stop", "stop guard", [], [Flight], Acts, verbs(&["guard stop"]);
            "Keep the guard from holding this flight by itself, with your name and a reason.";
        TakeControls = "controls.take", "take controls", ["t"], [Plan, Flight], Acts, verbs(&["controls take"]);
            "Be the one who flies from now on; to take over from somebody asks first, and says whether they are there.";
        HandControls = "controls.hand", "hand over", [], [Plan, Flight], Acts, verbs(&["controls hand"]);
            "Hand the controls that you hold to somebody by name.";
        ReleaseControls = "controls.release", "let go", [], [Plan, Flight], Acts, verbs(&["controls release"]);
            "Let go of the controls, so that whoever acts next takes them.";
        Adopt = "drift.adopt", "adopt", ["D"], [Fleet, Flight], Acts, verbs(&["adopt"]);
            "Record what runs here as live, where it is something else than the ledger says; nothing is changed.";
        Restore = "drift.restore", "restore", ["B"], [Fleet, Flight], Acts, verbs(&["restore"]);
            "Ask to fly what the ledger says is live, where something else runs: a request like any other.";
        BreakGlass = "flight.break_glass", "break glass", [], [Plan, Flight], Destructive, verbs(&["fly --break-glass"]);
            "Fly past missing approvals and order, in an emergency; a second person has to countersign it.";
        Countersign = "glass.countersign", "countersign", ["s"], [Plan, Flight, Hotfix], Acts, verbs(&["countersign"]);
            "Answer for a break-glass of somebody else, with your name and a reason.";
        HotfixStart = "hotfix.start", "start hotfix", ["f"], [Fleet, Plan, Flight, Hotfix], Acts, verbs(&["hotfix start"]);
            "Branch from what is live in production and open the hotfix clock; the criterion is asked.";
        HotfixAdvance = "hotfix.advance", "next leg", ["n"], [Hotfix], Acts, verbs(&["hotfix advance"]);
            "Go on to the next leg of the hotfix clock: identify, fix, test, deploy, monitor.";
        HotfixCheck = "hotfix.check", "hotfix item", ["c", "space"], [Hotfix], Acts, verbs(&["hotfix check"]);
            "Confirm an item of the list that a hotfix put off until after its flight.";
        HotfixBackport = "hotfix.backport", "prove backport", ["b"], [Hotfix], Acts, verbs(&["hotfix backport"]);
            "Prove by patch id that every commit of the hotfix reached main, and record it.";
        HotfixGiveUp = "hotfix.give_up", "give up", ["X"], [Hotfix], Acts, verbs(&["hotfix give-up"]);
            "Give up a hotfix that never landed, with your name and a reason.";
        MigratePreview = "migration.preview", "preview SQL", [], [Plan, Flight], Acts, verbs(&["migrate preview"]);
            "Make the SQL of the migration, and keep it by its digest for whoever reads it: --revert for the way back.";
        ShowSql = "migration.show", "show SQL", ["v"], [Plan, Flight], None, verbs(&["migrate show"]);
            "Show the SQL that was made last, line by line, with what in it may lose data.";
        MigrateApprove = "migration.approve", "approve SQL", [], [Plan, Flight], Acts, verbs(&["migrate approve"]);
            "Say that you read exactly this SQL and that it may be run, with a reason; another SQL voids it.";
        MigrateApply = "migration.apply", "apply SQL", [], [Plan, Flight], Destructive, verbs(&["migrate apply"]);
            "Make the SQL once more and run it, if it is what was read; the dialog says what it is.";
        MigrateVerify = "migration.verify", "verify data", [], [Plan, Flight], Acts, verbs(&["migrate verify"]);
            "Look whether the database is at the release's revision, also after an apply that nobody heard of.";
        MigrateRevert = "migration.revert", "revert SQL", [], [Plan, Flight], Destructive, verbs(&["migrate revert"]);
            "Take the migration back, by SQL that was previewed and read on its own.";
        Close = "deployment.close", "close", ["C"], [Flight], Acts, verbs(&["close"]);
            "Close the session: record, announce and report it, once verification and monitoring are done.";
    }
    Plan {
        Request = "plan.request", "request", ["r"], [Plan, Releases], Acts, verbs(&["request"]);
            "Store this plan and ask its approvers; nothing is touched yet.";
        Cancel = "plan.cancel", "cancel request", ["X"], [Plan], Destructive, verbs(&["cancel"]);
            "Withdraw the open request; approvals given to it are void.";
        Approve = "plan.approve", "approve", ["a"], [Plan, Poll], Acts, verbs(&["approve"]);
            "Say GO to exactly this plan, with a reason; any change to the plan voids it.";
        Reject = "plan.reject", "reject", ["x"], [Plan, Poll], Acts, verbs(&["reject"]);
            "Say NO-GO to this plan, with a reason; it stands until you withdraw it.";
        SayHold = "plan.hold", "say hold", ["H"], [Plan, Poll], Acts, verbs(&["poll --hold"]);
            "Say HOLD to this plan, not now, with a reason; it stands until you withdraw it.";
        Withdraw = "plan.withdraw", "withdraw", ["w"], [Plan, Poll], Acts, verbs(&["withdraw"]);
            "Take back the answer that you gave to this plan.";
        Compare = "release.diff", "compare", ["d"], [Releases, Plan], None, verbs(&["release diff"]);
            "Show what lies between what is live here and this release: commits, what breaks, manifests.";
        Check = "item.check", "check", ["c", "space"], [Plan, Flight], Acts, verbs(&["check"]);
            "Confirm the selected item of the checklist, or measure it, or run it in the background.";
        StopRun = "item.stop", "stop run", ["S"], [Plan, Flight], Acts, verbs(&["check --stop"]);
            "End the run of the selected item and all that it started; its evidence says that it was cancelled.";
        Note = "item.note", "note", ["n"], [Plan, Flight], Acts, verbs(&["check --note"]);
            "Write a note to the selected item, for the record; the item stays as it is.";
        Waive = "item.waive", "waive", ["W"], [Plan, Flight], Acts, verbs(&["waive"]);
            "Let the selected item or gate pass without being green, with your name and a reason.";
        Reopen = "item.reopen", "reopen", ["o"], [Plan, Flight], Acts, verbs(&["reopen"]);
            "Open a confirmed or waived item again, with a reason.";
        Lock = "place.lock", "lock", ["L"], [Fleet, Plan], Acts, verbs(&["lock"]);
            "Keep everything from taking off in this environment, with your name, a reason and, if you say, an end.";
        Unlock = "place.unlock", "unlock", ["U"], [Fleet, Plan], Acts, verbs(&["unlock"]);
            "Take a lock off: your own, or with the role configure anybody's.";
        RecordPolicy = "policy.record", "record policy", [], [Plan], Acts, verbs(&["policy record"]);
            "Make this file's policy of the environment the one that counts; open requests there are void.";
        SwitchOperator = "operator.switch", "act as", [], [Global], Acts, verbs(&["--as"]);
            "Go on under another name (`as NAME`); every act after that carries it.";
    }
    Screens {
        ShowFleet = "screen.fleet", "fleet", ["1"], [Global], None, verbs(&["status", "drift"]);
            "Show all projects in all environments: what is live, how it is, and what waits for somebody.";
        ShowReleases = "screen.releases", "releases", ["2"], [Global], None, verbs(&["release list", "resolve"]);
            "Show the releases under all their names, newest first.";
        ShowPlan = "screen.plan", "plan", ["3"], [Global], None, verbs(&["plan"]);
            "Show what a deployment would do, every gate with its reason, and who must approve.";
        ShowFlight = "screen.flight", "flight", ["4"], [Global], None, verbs(&["status --watch"]);
            "Show the deployment that is under way: stages, pods, metrics, gates.";
        ShowTimeline = "screen.timeline", "timeline", ["5"], [Global], None, verbs(&["timeline"]);
            "Show everything that was decided and done, by whom and when.";
        ShowPoll = "screen.poll", "poll", ["6"], [Global], None, verbs(&["poll"]);
            "Show who says GO, NO-GO or HOLD, in letters that a whole room can read.";
        ShowInbox = "screen.inbox", "inbox", ["7"], [Global], None, verbs(&["inbox"]);
            "Show what waits for you, wherever it is: answers, items, countersigns, your own holds.";
        ShowHistory = "screen.history", "history", ["8"], [Global], None, verbs(&["history", "scorecard"]);
            "Show every deployment with how it ended, newest first, and the scorecard over them.";
        ShowHotfix = "screen.hotfix", "hotfix", ["9"], [Global], None, verbs(&["hotfix status"]);
            "Show the hotfixes of this project: their clock, their terms, and what they still owe.";
    }
    Look {
        Open = "view.open", "open", ["enter"], [Fleet, Releases, Plan, Flight, Timeline, Poll, Inbox, History, Hotfix], None, SHOWS;
            "Open what is selected.";
        Back = "view.back", "back", ["esc"], [Global, Dialog, Palette, Filter], None, SHOWS;
            "Go back, or close what is open without doing anything.";
        ShowMatrix = "view.matrix", "matrix", ["M"], [Releases, Plan, Flight], None, verbs(&["matrix"]);
            "Show what was tested of this release: smoke, integration, performance, security, acceptance.";
        Filter = "view.filter", "filter", ["/"], [Global], None, SHOWS;
            "Show only the lines that match what you type.";
        Palette = "view.palette", "command", [":"], [Global], None, SHOWS;
            "Type any command of the command line, or find an action by its name.";
        Investigate = "flight.investigate", "investigate", ["i"], [Fleet, Flight, Hotfix], None, verbs(&["timeline"]);
            "Go to what went wrong: pods that are not ready, else the timeline at what ended the flight.";
        ShowWindow = "place.window", "window", ["N"], [Fleet, Plan, Flight, Hotfix], None, verbs(&["window"]);
            "Show when this environment is open: now, next, its windows, freezes and days off.";
        Announce = "flight.announce", "tell users", ["u"], [Fleet, Flight, Hotfix], None, verbs(&["announce"]);
            "Show the text that tells users what happened, to be copied; gonogo sends nothing.";
        CopyCard = "card.copy", "card", ["d"], [Flight, Timeline], None, verbs(&["card"]);
            "Copy the dead-man card: the commands that abort and roll back this release without gonogo.";
        Help = "view.help", "help", ["?", "f1"], [Global], None, verbs(&["keys", "help"]);
            "List the keys that work here and what each of them does.";
        Copy = "view.copy", "copy", ["y"], [Global], None, SHOWS;
            "Copy what is selected to the clipboard.";
        Redraw = "view.redraw", "redraw", ["ctrl-l"], [Global, Dialog, Palette, Filter], None, SHOWS;
            "Draw the whole screen again, after something else wrote on it.";
        Quit = "app.quit", "quit", ["q", "ctrl-c"], [Global, Dialog, Palette, Filter], None, SHOWS;
            "Leave; asks first when you hold the controls or are the last guard.";
        Suspend = "app.suspend", "suspend", ["ctrl-z"], [Global, Dialog, Palette, Filter], None, SHOWS;
            "Give the terminal back to the shell; `fg` there comes back to the same view.";
        Answer = "dialog.answer", "confirm", ["enter"], [Dialog], None, ANSWERS;
            "Confirm what the dialog says, once what it asks for is typed.";
        RunCommand = "palette.run", "run", ["enter"], [Palette], None, SHOWS;
            "Run the command that is typed or selected.";
        CompleteCommand = "palette.complete", "complete", ["tab"], [Palette], None, SHOWS;
            "Take over the selected entry to go on typing behind it.";
        KeepFilter = "filter.keep", "keep", ["enter"], [Filter], None, SHOWS;
            "Keep the filter and go back to the list.";
    }
    Move {
        MoveUp = "move.up", "up", ["k", "up"], [Global, Dialog, Palette, Filter], None, MOVES;
            "Go up one line.";
        MoveDown = "move.down", "down", ["j", "down"], [Global, Dialog, Palette, Filter], None, MOVES;
            "Go down one line.";
        MoveLeft = "move.left", "left", ["h", "left"], [Fleet], None, MOVES;
            "Go to the environment on the left.";
        MoveRight = "move.right", "right", ["l", "right"], [Fleet], None, MOVES;
            "Go to the environment on the right.";
        PageUp = "move.page_up", "page up", ["pgup", "ctrl-b"], [Global, Dialog], None, MOVES;
            "Go up one page.";
        PageDown = "move.page_down", "page down", ["pgdn", "ctrl-f"], [Global, Dialog], None, MOVES;
            "Go down one page.";
        Top = "move.top", "top", ["g", "home"], [Global], None, MOVES;
            "Go to the first line.";
        Bottom = "move.bottom", "bottom", ["G", "end"], [Global], None, MOVES;
            "Go to the last line.";
        NextPane = "pane.next", "next pane", ["tab"], [Global], None, MOVES;
            "Go to the next pane.";
        PreviousPane = "pane.previous", "previous pane", ["shift-tab"], [Global], None, MOVES;
            "Go to the pane before this one.";
    }
}

impl Action {
    /// The stable name, used in configuration, recordings and the palette.
    pub const fn id(self) -> &'static str {
        self.row().id
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.id() == id)
    }

    /// Two words at most, for the hint bar.
    pub const fn label(self) -> &'static str {
        self.row().label
    }

    /// One sentence for somebody who has just been woken up.
    pub const fn doc(self) -> &'static str {
        self.row().doc
    }

    /// Chord sequences as text; the first is the one that is shown.
    pub const fn default_chords(self) -> &'static [&'static str] {
        self.row().chords
    }

    /// Where it is declared; see [`Context::includes`] for where it works.
    pub const fn contexts(self) -> &'static [Context] {
        self.row().contexts
    }

    pub fn works_in(self, context: Context) -> bool {
        self.contexts()
            .iter()
            .any(|declared| context.includes(*declared))
    }

    pub const fn group(self) -> Group {
        self.row().group
    }

    pub const fn risk(self) -> Risk {
        self.row().risk
    }

    pub const fn headless(self) -> Headless {
        self.row().headless
    }

    /// The words after `gonogo` that do the same; empty when [`Headless::NotNeeded`].
    pub const fn verbs(self) -> &'static [&'static str] {
        match self.headless() {
            Headless::Verbs(words) => words,
            Headless::NotNeeded(_) => &[],
        }
    }

    /// The first of [`Action::verbs`].
    pub fn verb(self) -> Option<&'static str> {
        self.verbs().first().copied()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::from_id(&id).ok_or_else(|| de::Error::custom(format!("`{id}` is not an action")))
    }
}
