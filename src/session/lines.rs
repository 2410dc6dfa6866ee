//! The cockpit as lines, for screen readers, pipes and terminals that are too small: what is new since the last look,
//! once and in words. Computed from the same state that the screens are drawn from; it knows no terminal.

pub mod pages;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        entry::DeploymentId,
        rollout::{Observed, PodState, Side},
        target::TargetId,
    },
    policy::{confirm::Friction, facts::Facts, gate::Verdict},
};

use super::{
    cockpit::{Cockpit, Message, Severity},
    show::{self, Condition},
    view::Overlay,
};

/// Pods come and go one by one; lines about them keep this distance.
const POD_PACE: SignedDuration = SignedDuration::from_secs(2);

/// What a line is, for whoever colours it; its words say it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
    Question,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub tone: Tone,
    pub text: String,
}

impl Line {
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
        }
    }
}

/// The question that waits for an answer.
pub struct Question {
    /// What it is about: `fly 42 v1.3.0 in production`.
    pub what: String,
    /// What answers it.
    pub wants: String,
    /// When it was first to be read.
    pub asked_at: Option<Timestamp>,
}

pub fn question(cockpit: &Cockpit) -> Option<Question> {
    match cockpit.view.overlay.as_ref()? {
        Overlay::Dialog(dialog) => {
            let act = &dialog.challenge.act;
            let what = format!(
                "{} {} in {}",
                act.kind.verb(),
                act.release.title(),
                act.target.environment
            );
            let wants = match &dialog.challenge.friction {
                Friction::Type(expected) => format!("type {expected} to confirm, or esc"),
                Friction::Enter | Friction::None => "enter alone confirms, esc leaves".to_owned(),
            };
            Some(Question {
                what,
                wants,
                asked_at: dialog.challenge.painted_at,
            })
        }
        Overlay::Prompt(prompt) => {
            let suggested = prompt.ask.suggestion();
            let wants = if suggested.is_empty() {
                "one line answers, esc leaves".to_owned()
            } else {
                format!("one line answers, enter alone says “{suggested}”, esc leaves")
            };
            Some(Question {
                what: prompt.ask.title(),
                wants,
                asked_at: prompt.painted_at,
            })
        }
        Overlay::Help
        | Overlay::Difference { .. }
        | Overlay::Paper { .. }
        | Overlay::Sql { .. }
        | Overlay::Page { .. }
        | Overlay::Palette(_) => None,
    }
}

/// Everything that is needed before a command can be understood was read, or failed to be.
pub fn is_ready(cockpit: &Cockpit) -> bool {
    let workspace = cockpit.workspace();
    let read = |id: &TargetId| {
        let known = cockpit.known.targets.get(id);
        known.is_none_or(|known| known.workload.last.is_some() || known.workload.trouble.is_some())
    };
    (cockpit.ledger.ready || cockpit.known.ledger.trouble().is_some())
        && workspace.projects.iter().all(|project| {
            cockpit.known.releases.contains_key(&project.id)
                || cockpit.catalogue_trouble.contains_key(&project.id)
        })
        && workspace.targets.iter().all(|target| read(&target.id))
}

/// What was told so far.
#[derive(Debug, Default)]
pub struct Told {
    message: Option<Message>,
    /// When the comparison was asked for that was told last.
    compared: Option<Timestamp>,
    /// When that was asked for of what was printed.
    printed: Option<Timestamp>,
    ledger: Option<String>,
    targets: BTreeMap<TargetId, About>,
    /// What is wrong with platforms that are down, each said once however many targets it is about.
    troubles: BTreeMap<String, TargetId>,
}

#[derive(Debug, Default)]
struct About {
    /// The last entry that was told; None until the ledger was read.
    seq: Option<u64>,
    condition: Option<(Condition, String)>,
    stale: bool,
    connection: Option<Timestamp>,
    skew: Option<String>,
    gist: String,
    gates: Option<(DeploymentId, BTreeMap<String, Verdict>)>,
    pods: String,
    pods_at: Option<Timestamp>,
    /// What was told of the journal, until it is in the ledger.
    aside: Vec<(Timestamp, String)>,
}

impl Told {
    /// What is new, oldest concern first: the world, the flight, then what the person is asked.
    pub fn news(&mut self, cockpit: &Cockpit) -> Vec<Line> {
        let mut lines = Vec::new();
        self.ledger(cockpit, &mut lines);
        for target in &cockpit.workspace().targets {
            let about = self.targets.entry(target.id.clone()).or_default();
            about.tell(cockpit, &target.id, &mut self.troubles, &mut lines);
        }
        if let Some(told) = cockpit
            .comparison
            .as_ref()
            .filter(|it| self.compared != Some(it.at))
            && let Some(outcome) = &told.outcome
        {
            self.compared = Some(told.at);
            lines.extend(pages::difference(outcome));
        }
        if let Some(told) = cockpit
            .printed
            .as_ref()
            .filter(|it| self.printed != Some(it.at))
            && let Some(outcome) = &told.outcome
        {
            self.printed = Some(told.at);
            lines.extend(pages::sql(told, outcome));
        }
        let down = |id: &TargetId| show::connection(cockpit, id).is_some();
        self.troubles.retain(|_, id| down(id));
        if cockpit.message != self.message {
            if let Some(message) = &cockpit.message {
                let (tone, word) = match message.severity {
                    Severity::Info => (Tone::Plain, ""),
                    Severity::Warning => (Tone::Warning, "warning: "),
                    Severity::Error => (Tone::Bad, "error: "),
                };
                let text = format!("{}  {word}{}", clock(cockpit.now), message.text);
                lines.push(Line::new(tone, text));
            }
            self.message.clone_from(&cockpit.message);
        }
        let unread = question(cockpit).filter(|question| question.asked_at.is_none());
        if unread.is_some() {
            lines.extend(pages::asked(cockpit));
        }
        lines
    }

    fn ledger(&mut self, cockpit: &Cockpit, lines: &mut Vec<Line>) {
        let trouble = cockpit.known.ledger.trouble().map(ToString::to_string);
        if trouble.is_none() && self.ledger.is_some() {
            let text = format!("{}  the ledger is back", clock(cockpit.now));
            lines.push(Line::new(Tone::Good, text));
        }
        // What is wrong with it is in the message.
        self.ledger = trouble;
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

impl About {
    fn tell(
        &mut self,
        cockpit: &Cockpit,
        id: &TargetId,
        troubles: &mut BTreeMap<String, TargetId>,
        lines: &mut Vec<Line>,
    ) {
        let Some(facts) = cockpit.known.facts(id, cockpit.now) else {
            return;
        };
        let name = format!("{} {}", id.environment, id.project.name());
        let mut say = |tone: Tone, at: Timestamp, text: &str| {
            lines.push(Line::new(tone, format!("{}  {name}: {text}", clock(at))));
        };
        self.platform(cockpit, id, &facts, troubles, &mut say);
        if !cockpit.ledger.ready {
            return;
        }
        self.entries(cockpit, id, &mut say);
        // Between the asking and the answer everything is in between, and so it is after a sleep.
        if !cockpit.busy.contains_key(id) && !cockpit.gaps.contains_key(id) {
            self.flight(&facts, &mut say);
        }
    }

    fn entries(
        &mut self,
        cockpit: &Cockpit,
        id: &TargetId,
        say: &mut impl FnMut(Tone, Timestamp, &str),
    ) {
        let waits = show::timeline_aside(cockpit, id);
        let already = std::mem::take(&mut self.aside);
        for line in waits {
            let line = (line.at, line.sentence);
            if !already.contains(&line) {
                say(Tone::Warning, line.0, &line.1);
            }
            self.aside.push(line);
        }
        let newest = cockpit
            .known
            .targets
            .get(id)
            .and_then(|known| known.entries.last())
            .map_or(0, |entry| entry.seq);
        // What was before this session is the timeline's to tell.
        let Some(told) = self.seq.replace(newest) else {
            return;
        };
        for line in show::timeline_after(cockpit, id, told) {
            let tone = if line.bad { Tone::Bad } else { Tone::Plain };
            say(tone, line.at, &line.sentence);
        }
    }

    fn platform(
        &mut self,
        cockpit: &Cockpit,
        id: &TargetId,
        facts: &Facts<'_>,
        troubles: &mut BTreeMap<String, TargetId>,
        say: &mut impl FnMut(Tone, Timestamp, &str),
    ) {
        let Some(cell) = show::fleet_cell(cockpit, id) else {
            return;
        };
        let down = show::connection(cockpit, id);
        let since = down.as_ref().map(|down| down.since);
        if since != self.connection {
            match (&down, &facts.workload.trouble) {
                (Some(down), Some(trouble)) => {
                    let fault = &trouble.value;
                    let why = match troubles.get(fault.detail.as_str()) {
                        Some(first) if first != id => {
                            format!("the same as {} {}", first.environment, first.project.name())
                        }
                        _ => fault.to_string(),
                    };
                    let told = troubles.entry(fault.detail.to_string());
                    told.or_insert_with(|| id.clone());
                    let text = format!("{}: {why}", down.words(cockpit.now));
                    say(Tone::Bad, cockpit.now, &text);
                }
                _ => say(Tone::Good, cockpit.now, "the connection is back"),
            }
            self.connection = since;
        }
        let skew = show::skew(cockpit, id);
        if skew != self.skew {
            match &skew {
                Some(words) => say(Tone::Warning, cockpit.now, words),
                None => say(Tone::Good, cockpit.now, "the clocks agree again"),
            }
            self.skew = skew;
        }
        let Some(last) = &facts.workload.last else {
            return;
        };
        // Before the releases are read, what runs has no name yet.
        let project = &facts.target.id.project;
        if facts.releases.is_empty() && !cockpit.catalogue_trouble.contains_key(project) {
            return;
        }
        let stale = last.is_stale(cockpit.now, facts.workspace.timings.stale);
        if stale != self.stale {
            self.stale = stale;
            if stale {
                let age = crate::domain::time::age(last.age(cockpit.now));
                let text = format!("STALE: last read {age} ago; nothing is known since");
                say(Tone::Warning, cockpit.now, &text);
            } else {
                say(Tone::Good, cockpit.now, "read again");
            }
        }
        if stale {
            return;
        }
        // In flight a platform moves and rests at every step, and the stages say so.
        let is = (cell.condition, cell.live.clone());
        let flying = facts
            .current()
            .is_some_and(|current| current.state.is_airborne());
        let was = self.condition.as_ref();
        let matters =
            is.0 == Condition::Degraded || was.is_some_and(|was| was.0 == Condition::Degraded);
        if was != Some(&is) && (!flying || was.is_none() || matters) {
            let drift = if cell.drift {
                ", DRIFT: the ledger says otherwise"
            } else {
                ""
            };
            let pods = cell.pods.map_or_else(String::new, |(ready, all)| {
                format!(", {ready} of {all} pods ready")
            });
            let tone = if is.0 == Condition::Degraded {
                Tone::Bad
            } else {
                Tone::Plain
            };
            say(
                tone,
                cockpit.now,
                &format!("{} is {}{pods}{drift}", is.1, is.0.word()),
            );
            self.condition = Some(is);
        }
    }

    fn flight(&mut self, facts: &Facts<'_>, say: &mut impl FnMut(Tone, Timestamp, &str)) {
        let Some(current) = facts.current() else {
            (self.gates, self.pods, self.pods_at) = (None, String::new(), None);
            self.gist.clear();
            return;
        };
        if current.state.is_airborne()
            && let Some(observed) = facts.fresh()
        {
            let pods = pods(observed);
            let due = self
                .pods_at
                .is_none_or(|at| facts.now.duration_since(at) >= POD_PACE);
            if pods != self.pods && due {
                say(Tone::Plain, facts.now, &format!("pods: {pods}"));
                (self.pods, self.pods_at) = (pods, Some(facts.now));
            }
        }
        self.gates(facts, current, say);
        let Some(waiting) = show::waiting_in_commands(facts) else {
            return;
        };
        // Countdowns tick every second; a line is for what changes.
        let gist: String = waiting
            .sentence
            .chars()
            .filter(|symbol| !symbol.is_ascii_digit())
            .collect();
        if gist != self.gist {
            let text = format!("next: {}: {}", waiting.who(), waiting.sentence);
            say(Tone::Plain, facts.now, &text);
            self.gist = gist;
        }
    }

    /// A gate that changed its mind, with its sentence. Gates that are new with a new state begin silently: what
    /// stands in the way first is in the line on who moves next.
    fn gates(
        &mut self,
        facts: &Facts<'_>,
        current: &crate::domain::deployment::Deployment,
        say: &mut impl FnMut(Tone, Timestamp, &str),
    ) {
        let judgement = show::judgement(facts, current);
        let known = self
            .gates
            .take()
            .filter(|(deployment, _)| *deployment == current.id)
            .map(|(_, gates)| gates)
            .unwrap_or_default();
        let mut now = BTreeMap::new();
        for gate in &judgement.gates {
            now.insert(gate.id.clone(), gate.verdict);
            if known.get(&gate.id).is_none_or(|was| *was == gate.verdict) {
                continue;
            }
            let (tone, word) = match gate.verdict {
                Verdict::Pass => (Tone::Good, "passes"),
                Verdict::Waived => (Tone::Good, "is waived"),
                Verdict::Fail if gate.only_wants_time() => (Tone::Plain, "waits"),
                Verdict::Fail => (Tone::Warning, "FAILS"),
                Verdict::Unknown => (Tone::Warning, "is UNKNOWN"),
            };
            say(
                tone,
                facts.now,
                &format!("gate {} {word}: {}", gate.title, gate.sentence),
            );
        }
        self.gates = Some((current.id.clone(), now));
    }
}

/// `canary 2 of 5 ready, 1 failing (CrashLoopBackOff); stable 5 of 5 ready`
fn pods(observed: &Observed) -> String {
    let side = |side: Side| {
        let pods: Vec<_> = observed.pods_of(side).collect();
        if pods.is_empty() {
            return None;
        }
        let count = |state: PodState| pods.iter().filter(|pod| pod.state == state).count();
        let failing = count(PodState::Failing);
        let why = pods
            .iter()
            .find(|pod| pod.state == PodState::Failing)
            .and_then(|pod| pod.reason.as_ref())
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        let failing = if failing > 0 {
            format!(", {failing} failing{why}")
        } else {
            String::new()
        };
        Some(format!(
            "{} {} of {} ready{failing}",
            show::side_title(side, &observed.workload),
            count(PodState::Ready),
            pods.len()
        ))
    };
    let sides: Vec<String> = [Side::Canary, Side::Stable, Side::Old]
        .into_iter()
        .filter_map(side)
        .collect();
    sides.join("; ")
}
