//! Gates: each one reason for or against, with a sentence that names its rule and its figure. Together they
//! are GO or NO-GO. To add one, write its judge in `gates/` and its row in `gates::TAKE_OFF`, `PROMOTION` or
//! `CLOSE`; plan overlay, palette reasons and ledger pick it up.

use serde::{Deserialize, Serialize};

use crate::domain::{
    deployment::{Deployment, ItemStatus},
    plan::{ItemId, StoredPlan},
};

use super::facts::Facts;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    Unknown,
    Waived,
}

impl Verdict {
    pub fn lets_through(self) -> bool {
        matches!(self, Self::Pass | Self::Waived)
    }
}

/// What a gate says: None where it has no business here (no limits configured, say).
pub type Judged = Option<(Verdict, String)>;

/// One row of a table of gates.
pub struct Gate {
    pub id: &'static str,
    /// Short phrase for narrow places: `p99 latency`.
    pub title: &'static str,
    /// A person may let it through by name. Never: digests, moved names, missing approvals (SPEC A6).
    pub waivable: bool,
    pub judge: fn(&Facts<'_>, &StoredPlan) -> Judged,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    pub id: String,
    pub title: String,
    pub verdict: Verdict,
    pub sentence: String,
    pub waivable: bool,
    /// It is said, and stops nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advisory: bool,
}

impl GateResult {
    pub fn lets_through(&self) -> bool {
        self.advisory || self.verdict.lets_through()
    }

    /// Closed by time or order alone: nothing is wrong, it is not yet time.
    pub fn only_wants_time(&self) -> bool {
        self.verdict == Verdict::Fail
            && ["stage.bake", "verification", "monitoring"].contains(&self.id.as_str())
    }
}

/// GO or NO-GO with all reasons, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub go: bool,
    pub gates: Vec<GateResult>,
}

impl Judgement {
    pub fn of(gates: Vec<GateResult>) -> Self {
        Self {
            go: gates.iter().all(GateResult::lets_through),
            gates,
        }
    }

    pub fn blocking(&self) -> impl Iterator<Item = &GateResult> {
        self.gates.iter().filter(|gate| !gate.lets_through())
    }

    /// The reason to name where there is room for one: what is wrong before what is unknown, and last what time alone
    /// will mend.
    pub fn gravest(&self) -> Option<&GateResult> {
        self.blocking()
            .min_by_key(|gate| match (gate.only_wants_time(), gate.verdict) {
                (true, _) => 2,
                (false, Verdict::Fail) => 0,
                (false, _) => 1,
            })
    }
}

/// Judges `plan` by a table, with the waivers of the deployment it belongs to.
pub fn judge_all(table: &[Gate], facts: &Facts<'_>, plan: &StoredPlan) -> Vec<GateResult> {
    let waivers = facts
        .current()
        .filter(|current| current.plan.digest == plan.digest);
    let judged = table.iter().filter_map(|gate| {
        let (verdict, mut sentence) = (gate.judge)(facts, plan)?;
        let advisory = super::gates::is_advisory(gate.id, facts);
        if advisory && !verdict.lets_through() {
            sentence = format!("{sentence} (stops nothing in {})", plan.plan.environment);
        }
        let result = GateResult {
            id: gate.id.to_owned(),
            title: gate.title.to_owned(),
            verdict,
            sentence,
            waivable: gate.waivable,
            advisory,
        };
        Some(waive(result, waivers))
    });
    judged.collect()
}

/// A waiver by name turns what is not green into *waived*, and says who.
pub fn waive(mut result: GateResult, deployment: Option<&Deployment>) -> GateResult {
    if result.verdict.lets_through() || !result.waivable {
        return result;
    }
    let id = ItemId(result.id.clone());
    // What is measured anew at each stage is waived for one stage: the waiver of another does not silence this one.
    let stage = deployment
        .filter(|_| id.is_measured())
        .and_then(Deployment::measured_since);
    if let Some(state) = deployment
        .and_then(|d| d.items.get(&id))
        .filter(|state| state.status == ItemStatus::Waived)
        .filter(|state| stage.is_none_or(|since| state.at >= since))
    {
        let reason = state.note.as_deref().unwrap_or_default();
        result.sentence = format!(
            "waived by {}: {reason} (it said: {})",
            state.by, result.sentence
        );
        result.verdict = Verdict::Waived;
    } else if let Some(proposal) = deployment.and_then(|d| d.proposal(&id)) {
        let reason = proposal.reason.as_deref().unwrap_or_default();
        result.sentence = format!(
            "{}; {} wants to waive it ({reason}), which a second person has to second",
            result.sentence, proposal.by
        );
    }
    result
}
