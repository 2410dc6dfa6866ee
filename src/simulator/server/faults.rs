//! What a rehearsal asks of the server itself: faults on matching calls, the list of writes received, churn.

use super::Shell;
use super::call::{Answer, Call, json, ok};
use crate::simulator::json::Json;
use crate::simulator::refusal::Refusal;
use hyper::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json as object};

/// Writes remembered.
const REMEMBERED: usize = 10_000;

/// What a fault does to a matching call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Milliseconds before the call is carried out.
    HangBefore(u64),
    /// Milliseconds after it was carried out, before its answer.
    HangAfter(u64),
    Status {
        status: u16,
        retry_after: Option<u64>,
    },
    /// The connection is cut before the call is carried out.
    ResetBefore,
    /// The connection is cut after it was carried out.
    ResetAfter,
    /// Events of matching watches are dropped.
    DropEvents,
}

impl Action {
    fn parse(action: &Value) -> Option<Self> {
        let number = |member: &str| action.get(member).and_then(Value::as_u64);
        if let Some(name) = action.as_str() {
            return match name {
                "reset_before" => Some(Self::ResetBefore),
                "reset_after" => Some(Self::ResetAfter),
                "drop_events" => Some(Self::DropEvents),
                _ => None,
            };
        }
        if let Some(wait) = number("hang_before") {
            return Some(Self::HangBefore(wait));
        }
        if let Some(wait) = number("hang_after") {
            return Some(Self::HangAfter(wait));
        }
        let status = u16::try_from(number("status")?).ok()?;
        Some(Self::Status {
            status,
            retry_after: number("retry_after"),
        })
    }
}

#[derive(Clone, Debug)]
struct Fault {
    id: u64,
    asked: Value,
    action: Action,
    /// How often it still strikes; None for always.
    left: Option<u64>,
    struck: u64,
}

impl Fault {
    fn matches(&self, method: &str, path: &str, body: &str) -> bool {
        let wants = |member: &str| {
            self.asked
                .pointer(&format!("/match/{member}"))
                .and_then(Value::as_str)
        };
        self.left != Some(0)
            && wants("method").is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && wants("path_contains").is_none_or(|wanted| path.contains(wanted))
            && wants("body_contains").is_none_or(|wanted| body.contains(wanted))
    }

    fn strike(&mut self) -> Action {
        self.struck += 1;
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.action
    }
}

/// Faults in force and writes received.
#[derive(Debug, Default)]
pub(super) struct Rehearsal {
    faults: Vec<Fault>,
    asked: u64,
    writes: Vec<Value>,
}

impl Rehearsal {
    /// The action of the first fault that this call meets.
    pub fn hit(&mut self, call: &Call) -> Option<Action> {
        let body = String::from_utf8_lossy(&call.body);
        let fault = self.faults.iter_mut().find(|fault| {
            fault.action != Action::DropEvents
                && fault.matches(call.method.as_str(), &call.target, &body)
        })?;
        Some(fault.strike())
    }

    /// Whether an event of a watch on this path is to be dropped.
    pub fn drops_event(&mut self, target: &str) -> bool {
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| fault.action == Action::DropEvents && fault.matches("GET", target, ""));
        fault.map(Fault::strike).is_some()
    }

    pub fn note(&mut self, call: &Call, received: Timestamp, status: u16) {
        let text = String::from_utf8_lossy(&call.body);
        let body = serde_json::from_slice(&call.body).unwrap_or_else(|_| Value::from(text));
        self.writes.push(object!({"time": received.to_string(), "method": call.method.as_str(), "path": call.target,
            "body": body, "user_agent": call.header("user-agent"), "content_type": call.header("content-type"),
            "status": if status == 0 { Value::Null } else { Value::from(status) }}));
        if self.writes.len() > REMEMBERED {
            self.writes.remove(0);
        }
    }
}

/// Paths below `/rehearsal/`.
pub(super) fn rehearse(shell: &Shell, call: &Call) -> Result<Answer, Refusal> {
    let path = call
        .path
        .trim_start_matches("/rehearsal/")
        .trim_end_matches('/');
    match (call.method.clone(), path) {
        (Method::GET, "requests") => Ok(ok(&Value::from(shell.rehearsal().writes.clone()))),
        (Method::DELETE, "requests") => {
            shell.rehearsal().writes.clear();
            Ok(ok(&object!({})))
        }
        (Method::GET, "faults") => {
            let list: Vec<Value> = shell.rehearsal().faults.iter().map(describe).collect();
            Ok(ok(&Value::from(list)))
        }
        (Method::POST, "faults") => add_fault(shell, call),
        (Method::DELETE, "faults") => {
            shell.rehearsal().faults.clear();
            Ok(ok(&object!({})))
        }
        (Method::DELETE, one) if one.starts_with("faults/") => {
            let id = one.trim_start_matches("faults/").parse().unwrap_or(0);
            shell.rehearsal().faults.retain(|fault| fault.id != id);
            Ok(ok(&object!({})))
        }
        (Method::POST, "churn") => {
            let rate = call.json()?["writes_per_second"].as_f64().unwrap_or(0.0);
            let every = (rate > 0.0).then(|| SignedDuration::from_secs_f64(1.0 / rate.min(200.0)));
            shell.with_world(|world, _| world.set_churn(every));
            Ok(ok(&object!({"writes_per_second": rate})))
        }
        (Method::POST, "compact") => {
            shell.with_world(|world, _| world.store.compact());
            Ok(ok(&object!({})))
        }
        _ => Err(Refusal::unknown_path()),
    }
}

fn add_fault(shell: &Shell, call: &Call) -> Result<Answer, Refusal> {
    let asked = call.json()?;
    let action = asked.get("action").and_then(Action::parse).ok_or_else(|| {
        Refusal::bad_request(
            "action is one of {\"hang_before\":ms}, {\"hang_after\":ms}, {\"status\":503,\"retry_after\":1}, \
             \"reset_before\", \"reset_after\", \"drop_events\"",
        )
    })?;
    let left = asked
        .int("/times")
        .map(|times| u64::try_from(times).unwrap_or(0));
    let mut rehearsal = shell.rehearsal();
    rehearsal.asked += 1;
    let id = rehearsal.asked;
    rehearsal.faults.push(Fault {
        id,
        asked,
        action,
        left,
        struck: 0,
    });
    Ok(json(StatusCode::CREATED, &object!({"id": id})))
}

fn describe(fault: &Fault) -> Value {
    object!({"id": fault.id, "match": fault.asked["match"], "action": fault.asked["action"], "left": fault.left,
        "struck": fault.struck})
}
