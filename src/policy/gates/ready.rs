//! Is everything there that the flight will need (SPEC E8): rights, secrets, room, disk. What nobody could tell is
//! unknown and lets nothing through; in open environments it is shown, and stops nothing ([`super::is_advisory`]).

use jiff::SignedDuration;

use crate::{
    domain::{
        deployment::FlightState,
        fault::Fault,
        plan::StoredPlan,
        readiness::{Capacity, Disk, Readiness, Reference, Right},
        text::counted,
        time,
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
    },
};

/// What was found counts for so long.
pub const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Less than this is too little for the ledger and the evidence of a flight.
pub const DISK_NEEDED: u64 = 100 << 20;

/// So many things are named in a sentence.
const SOME: usize = 4;

/// A take-off here may be judged soon: nothing flies.
pub fn is_asked(facts: &Facts<'_>) -> bool {
    facts
        .current()
        .is_none_or(|current| current.state == FlightState::Requested)
}

/// The newest word, or why there is none. None: an open environment that nobody asked about.
fn found<'a>(facts: &Facts<'a>) -> Option<Result<&'a Readiness, (Verdict, String)>> {
    let subject = facts.readiness;
    let Some(last) = &subject.last else {
        let unknown = (Verdict::Unknown, "it was not asked yet".to_owned());
        return facts.environment.protected.then_some(Err(unknown));
    };
    if last.is_stale(facts.now, KNOWN_FOR) {
        let age = time::age(last.age(facts.now));
        return Some(Err((
            Verdict::Unknown,
            format!("it was last asked {age} ago"),
        )));
    }
    Some(Ok(&last.value))
}

/// Judges one part; `what` begins the sentence where it is not known.
fn part<'a, T: 'a>(
    facts: &Facts<'a>,
    what: &str,
    of: impl Fn(&'a Readiness) -> &'a Result<T, Fault>,
    judge: impl Fn(&'a T) -> (Verdict, String),
) -> Judged {
    Some(match found(facts)? {
        Err((verdict, why)) => (verdict, format!("{what}: {why}")),
        Ok(readiness) => match of(readiness) {
            Ok(known) => judge(known),
            Err(fault) => (Verdict::Unknown, format!("{what}: {fault}")),
        },
    })
}

/// The first few, and how many more there are.
fn some(all: &[String]) -> String {
    let first: Vec<&str> = all.iter().take(SOME).map(String::as_str).collect();
    match all.len().saturating_sub(SOME) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

pub fn rights(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    let workload = &facts.target.workload;
    let judge = |rights: &Vec<Right>| {
        let missing: Vec<String> = rights
            .iter()
            .filter(|right| !right.allowed)
            .map(Right::words)
            .collect();
        if missing.is_empty() {
            let all = counted(rights.len(), "right");
            let said = format!("all {all} that flying and watching {workload} takes are given");
            return (Verdict::Pass, said);
        }
        let mut said = format!(
            "{} of {} rights for {workload} are missing: {}",
            missing.len(),
            rights.len(),
            some(&missing)
        );
        let reason = rights.iter().find(|right| !right.allowed);
        if let Some(reason) = reason.filter(|right| !right.reason.is_empty()) {
            said = format!("{said} ({})", reason.reason);
        }
        if let Some(first) = rights.iter().find(|right| !right.allowed) {
            let resource = first.resource.replace('/', " --subresource=");
            said = format!(
                "{said}; kubectl auth can-i {} {resource} -n {}",
                first.verb, workload.namespace
            );
        }
        (Verdict::Fail, said)
    };
    part(facts, "rights", |found| &found.platform.rights, judge)
}

pub fn references(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    let namespace = &facts.target.workload.namespace;
    let judge = |references: &Vec<Reference>| {
        let named = |wanted: &dyn Fn(&&Reference) -> bool| -> Vec<String> {
            let found = references.iter().filter(wanted);
            found.map(Reference::words).collect()
        };
        let missing = named(&|it| !it.optional && it.there == Ok(false));
        if !missing.is_empty() {
            let said = format!(
                "the pods name what is not in {namespace}: {}",
                some(&missing)
            );
            return (Verdict::Fail, said);
        }
        let mut unasked = references
            .iter()
            .filter(|it| !it.optional)
            .filter_map(|it| it.there.as_ref().err().map(|fault| (it, fault)));
        if let Some((first, fault)) = unasked.next() {
            let more = match unasked.count() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            let said = format!("whether {} is there: {fault}{more}", first.words());
            return (Verdict::Unknown, said);
        }
        if references.is_empty() {
            let said = "the pods name no secret and no config map".to_owned();
            return (Verdict::Pass, said);
        }
        let there = named(&|it| it.there == Ok(true));
        let absent = references.len() - there.len();
        let optional = match absent {
            0 => String::new(),
            n => format!("; {n} optional not"),
        };
        let said = if there.is_empty() {
            "what the pods name is optional, and not there".to_owned()
        } else {
            format!("there, by name: {}{optional}", some(&there))
        };
        (Verdict::Pass, said)
    };
    let what = "secrets and config maps";
    part(facts, what, |found| &found.platform.references, judge)
}

pub fn capacity(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    let judge = |capacity: &Capacity| {
        let Capacity { pod, surge, .. } = capacity;
        let each = format!("{} each", needs(pod.cpu, pod.memory));
        if let Some(quota) = &capacity.over_quota {
            return (Verdict::Fail, quota.to_string());
        }
        let more = counted(*surge as usize, "more pod");
        if *surge == 0 {
            let said = "the flight adds no pods".to_owned();
            return (Verdict::Pass, said);
        }
        let nodes = format!("{} of {} nodes", capacity.nodes, capacity.of_nodes);
        let room = capacity.room.saturating_sub(u64::from(capacity.waiting));
        let waiting = match capacity.waiting {
            0 => String::new(),
            n => format!(
                ", {} waiting for a node before them",
                counted(n as usize, "pod")
            ),
        };
        let said = format!(
            "room for {room} more pods ({each}) on {nodes}{waiting}; the flight adds {more} at a time"
        );
        if room >= u64::from(*surge) {
            (Verdict::Pass, said)
        } else {
            (Verdict::Fail, said)
        }
    };
    part(facts, "capacity", |found| &found.platform.capacity, judge)
}

pub fn disk(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    let judge = |disk: &Disk| {
        let said = format!(
            "{} free for ledger and evidence in {}, at least {} are wanted",
            bytes(disk.free),
            disk.folder,
            bytes(DISK_NEEDED)
        );
        if disk.free >= DISK_NEEDED {
            (Verdict::Pass, said)
        } else {
            (Verdict::Fail, said)
        }
    };
    part(facts, "disk", |found| &found.disk, judge)
}

/// `0.1 CPU and 256 MiB`
fn needs(cpu: u64, memory: u64) -> String {
    let cpu = match (cpu / 1000, cpu % 1000) {
        (0, 0) => None,
        (whole, 0) => Some(format!("{whole} CPU")),
        (whole, rest) => {
            let rest = format!("{rest:03}");
            Some(format!("{whole}.{} CPU", rest.trim_end_matches('0')))
        }
    };
    match (cpu, memory) {
        (None, 0) => "nothing requested".to_owned(),
        (None, memory) => bytes(memory),
        (Some(cpu), 0) => cpu,
        (Some(cpu), memory) => format!("{cpu} and {}", bytes(memory)),
    }
}

/// The largest unit of which there is at least one, with one decimal below ten.
fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut at = 0;
    while at + 1 < units.len() && bytes >> (10 * (at + 1)) > 0 {
        at += 1;
    }
    let unit = units.get(at).copied().unwrap_or_default();
    let whole = bytes >> (10 * at);
    let below = bytes - (whole << (10 * at));
    let tenths = if at == 0 {
        0
    } else {
        (below * 10) >> (10 * at)
    };
    if whole < 10 && tenths > 0 {
        format!("{whole}.{tenths} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(needs(100, 256 << 20), "0.1 CPU and 256 MiB");
        assert_eq!(needs(1500, 0), "1.5 CPU");
        assert_eq!(needs(0, 0), "nothing requested");
        assert_eq!(bytes(1536 << 20), "1.5 GiB");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(u64::MAX), "16383 PiB");
    }
}
