//! Items that change what is outside: what a run of one leaves, and what the items that hang on it make of that.

use super::{Deployment, ItemStatus};
use crate::domain::{
    evidence::{Evidence, RunEnd},
    item::hang_on_acts,
    plan::{ItemId, ItemSpec},
};

impl Deployment {
    /// What an act did before it broke off or failed nobody knows: only what never started did nothing. What takes back is
    /// believed once somebody has looked.
    pub(super) fn verdict(&self, id: &ItemId, ok: bool, evidence: &Evidence) -> ItemStatus {
        let acts = self.plan.plan.item(id).filter(|item| item.acts());
        match &evidence.end {
            _ if ok && acts.is_none_or(|act| !act.chain.way_back) => ItemStatus::Done,
            RunEnd::NotStarted { .. } => ItemStatus::Failed,
            _ if acts.is_some() => ItemStatus::Unknown,
            _ => ItemStatus::Failed,
        }
    }

    /// The item of the way forth that changed what is outside, or may have, and was not taken back.
    pub fn acted(&self) -> Option<&ItemSpec> {
        self.plan.plan.acts().find(|item| {
            matches!(
                self.item(&item.id),
                ItemStatus::Done | ItemStatus::Running | ItemStatus::Unknown
            )
        })
    }

    /// One that is known to be there.
    pub fn stands(&self) -> Option<&ItemSpec> {
        let mut acts = self.plan.plan.acts();
        acts.find(|item| self.item(&item.id) == ItemStatus::Done)
    }

    /// One of which something may be there, though it is not known to be there as a whole.
    pub fn touched(&self) -> Option<&ItemSpec> {
        let begun = || self.plan.plan.acts().find(|it| self.begun.contains(&it.id));
        self.acted().or_else(begun)
    }

    /// One, forth or back, that is under way or of which nobody heard how it ended.
    pub fn unsettled(&self) -> Option<&ItemSpec> {
        let open = |item: &&ItemSpec| {
            let status = self.item(&item.id);
            item.acts() && matches!(status, ItemStatus::Running | ItemStatus::Unknown)
        };
        self.plan.plan.items.iter().find(open)
    }

    /// It acts, and was begun as far as anybody knows.
    pub(super) fn is_or_may_be_done(&self, id: &ItemId) -> bool {
        let acts = self.plan.plan.item(id).is_some_and(ItemSpec::acts);
        acts && matches!(
            self.item(id),
            ItemStatus::Done | ItemStatus::Running | ItemStatus::Unknown
        )
    }

    pub(super) fn run_began(&mut self, id: &ItemId) {
        let Some(act) = self.plan.plan.item(id).filter(|item| item.acts()) else {
            return;
        };
        // What was prepared to take back a former run says nothing of this one.
        if !act.chain.way_back {
            for item in self.plan.plan.way_back() {
                self.items.remove(&item.id);
            }
        }
        self.forget_looks();
    }

    /// Who looks while something acts sees neither what was nor what is.
    fn forget_looks(&mut self) {
        for item in self.plan.plan.items.iter().filter(|item| item.looks()) {
            let state = self.items.get(&item.id);
            if state.is_some_and(|state| state.status == ItemStatus::Running) {
                self.items.remove(&item.id);
            }
        }
    }

    /// Whoever runs it may be dead: from here on nobody knows, until they say.
    pub(super) fn run_stopped(&mut self, id: &ItemId) {
        let acts = self.plan.plan.item(id).is_some_and(ItemSpec::acts);
        let state = self.items.get_mut(id).filter(|_| acts);
        if let Some(state) = state.filter(|state| state.status == ItemStatus::Running) {
            state.status = ItemStatus::Unknown;
            self.begun.insert(id.clone());
        }
    }

    /// What is looked at after an act says what became of it. A look that did not end well has seen nothing.
    pub(super) fn run_ended(&mut self, id: &ItemId) {
        let Some(spec) = self.plan.plan.item(id).cloned() else {
            return;
        };
        let Some(state) = self.items.get(id) else {
            return;
        };
        let end = state.evidence.as_ref().map(|evidence| &evidence.end);
        if spec.acts() {
            if !matches!(end, Some(RunEnd::NotStarted { .. })) {
                self.begun.insert(id.clone());
            }
            self.forget_looks();
            return;
        }
        let found = match (state.status, end) {
            (ItemStatus::Done, _) if spec.looks() => true,
            (ItemStatus::Failed, Some(RunEnd::Exited { code: 0 })) if spec.looks() => false,
            _ => return,
        };
        for act in &spec.chain.after {
            let forth = |it: &ItemSpec| it.acts() && !it.chain.way_back;
            if self.plan.plan.item(act).is_some_and(forth) {
                self.looked(id, act, found);
            }
        }
    }

    fn looked(&mut self, by: &ItemId, act: &ItemId, found: bool) {
        let back = self.plan.plan.way_back().filter(|item| item.acts());
        let back: Vec<ItemId> = back.map(|item| item.id.clone()).collect();
        for back in &back {
            let (became, words) = if found {
                (ItemStatus::Failed, "still finds it")
            } else {
                (ItemStatus::Done, "does not find it any more")
            };
            if self.became(back, became, &format!("{back} was run; {by} {words}")) && !found {
                self.taken_back(back, by);
                return;
            }
        }
        let (became, words) = if found {
            (ItemStatus::Done, "found it done")
        } else {
            (ItemStatus::Failed, "did not find it as a whole")
        };
        self.became(
            act,
            became,
            &format!("nobody heard how it ended; {by} {words}"),
        );
    }

    /// Of what nobody knew. False: there was nothing to be told.
    fn became(&mut self, act: &ItemId, became: ItemStatus, note: &str) -> bool {
        let open = |it: ItemStatus| matches!(it, ItemStatus::Unknown | ItemStatus::Running);
        let state = self.items.get_mut(act);
        let Some(state) = state.filter(|state| open(state.status)) else {
            return false;
        };
        state.status = became;
        state.note = Some(note.to_owned());
        self.begun.insert(act.clone());
        true
    }

    fn taken_back(&mut self, by: &ItemId, looked: &ItemId) {
        let plan = &self.plan.plan;
        let undone: Vec<ItemId> = hang_on_acts(&plan.items)
            .into_iter()
            .filter_map(|id| plan.item(&id))
            .filter(|item| !item.chain.way_back && item.is_before_take_off())
            .filter(|item| item.acts() || item.before_it().next().is_some())
            .map(|item| item.id.clone())
            .collect();
        for id in undone {
            self.begun.remove(&id);
            if let Some(state) = self.items.get_mut(&id) {
                state.status = ItemStatus::Open;
                state.note = Some(format!(
                    "taken back by {by}; {looked} does not find it any more"
                ));
            }
        }
    }
}
