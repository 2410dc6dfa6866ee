//! Items that change what is outside: what a run of one leaves, and what the items that hang on it make of that.

use super::{Deployment, ItemStatus};
use crate::domain::{
    evidence::{Evidence, RunEnd},
    item::hang_on_acts,
    plan::{ItemId, ItemSpec},
};

impl Deployment {
    /// What an act was doing when it was ended from outside nobody knows.
    pub(super) fn verdict(&self, id: &ItemId, ok: bool, evidence: &Evidence) -> ItemStatus {
        let acts = self.plan.plan.item(id).is_some_and(ItemSpec::acts);
        match &evidence.end {
            _ if ok => ItemStatus::Done,
            RunEnd::TimedOut | RunEnd::Cancelled | RunEnd::Signalled { .. } if acts => {
                ItemStatus::Unknown
            }
            _ => ItemStatus::Failed,
        }
    }

    /// What was prepared to take back a former run says nothing of this one.
    pub(super) fn run_began(&mut self, id: &ItemId) {
        let forth = |item: &ItemSpec| item.acts() && !item.chain.way_back;
        if self.plan.plan.item(id).is_some_and(forth) {
            for item in self.plan.plan.way_back() {
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
        }
    }

    /// What is looked at after an act says what became of it; what took it back, that it is not there any more.
    pub(super) fn run_ended(&mut self, id: &ItemId) {
        let Some(spec) = self.plan.plan.item(id).cloned() else {
            return;
        };
        let (status, exited) = match self.items.get(id) {
            Some(state) => {
                let end = state.evidence.as_ref().map(|evidence| &evidence.end);
                (state.status, matches!(end, Some(RunEnd::Exited { .. })))
            }
            None => return,
        };
        if spec.acts() {
            if spec.chain.way_back && status == ItemStatus::Done {
                self.taken_back(id);
            }
            return;
        }
        let became = match status {
            ItemStatus::Done => ItemStatus::Done,
            // It looked, and did not find it.
            ItemStatus::Failed if exited => ItemStatus::Failed,
            _ => return,
        };
        for earlier in &spec.chain.after {
            let acts = self.plan.plan.item(earlier).is_some_and(ItemSpec::acts);
            let open = |it: ItemStatus| matches!(it, ItemStatus::Unknown | ItemStatus::Running);
            if let Some(state) = self
                .items
                .get_mut(earlier)
                .filter(|state| acts && open(state.status))
            {
                state.status = became;
                state.note = Some(match became {
                    ItemStatus::Done => format!("nobody heard how it ended; {id} found it done"),
                    _ => format!("nobody heard how it ended; {id} did not find it"),
                });
            }
        }
    }

    fn taken_back(&mut self, by: &ItemId) {
        let plan = &self.plan.plan;
        let undone: Vec<ItemId> = hang_on_acts(&plan.items)
            .into_iter()
            .filter_map(|id| plan.item(&id))
            .filter(|item| !item.chain.way_back && item.is_before_take_off())
            .filter(|item| item.acts() || item.before_it().next().is_some())
            .map(|item| item.id.clone())
            .collect();
        for id in undone {
            if let Some(state) = self.items.get_mut(&id) {
                state.status = ItemStatus::Open;
                state.note = Some(format!("taken back by {by}"));
            }
        }
    }
}
