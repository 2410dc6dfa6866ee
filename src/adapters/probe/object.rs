//! Whether an object of the target's cluster exists, and says what it should. Read, never changed.

use serde_json::Value;

use super::{Answer, answer};
use crate::{
    adapters::kubernetes,
    domain::{fault::FaultKind, plan::ObjectProbe},
    ports::run::Order,
};

pub(super) async fn ask(probe: &ObjectProbe, order: &Order) -> Answer {
    let cluster = match kubernetes::connect_with(&order.cluster, &order.access).await {
        Ok(cluster) => cluster,
        Err(fault) => return answer(false, fault.to_string()),
    };
    let what = probe.words();
    match cluster.object(probe, &order.namespace).await {
        Ok(object) => judged(probe, &what, &object),
        Err(fault) if fault.kind == FaultKind::NotFound => {
            answer(false, format!("there is no {what}"))
        }
        Err(fault) => answer(false, fault.to_string()),
    }
}

/// Of the object nothing is kept but what was asked about.
fn judged(probe: &ObjectProbe, what: &str, object: &Value) -> Answer {
    if let Some(wanted) = &probe.condition {
        let conditions = object.pointer("/status/conditions");
        let mut all = conditions.and_then(Value::as_array).into_iter().flatten();
        let found = all.find(|it| it["type"] == wanted.as_str());
        let status = found.and_then(|it| it["status"].as_str());
        let said = match status {
            Some(status) => format!("{what}: {wanted} is {status}"),
            None => format!("{what} has no condition {wanted}"),
        };
        let message = found.and_then(|it| it["message"].as_str());
        return Answer {
            ok: status == Some("True"),
            said,
            text: message.unwrap_or_default().to_owned(),
        };
    }
    let Some(pointer) = &probe.pointer else {
        return answer(true, format!("{what} is there"));
    };
    let found = object.pointer(pointer).filter(|value| !value.is_null());
    let Some(found) = found else {
        return answer(false, format!("{what} has nothing at {pointer}"));
    };
    let text = match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (ok, said) = match &probe.equals {
        Some(wanted) if *wanted == text => (true, format!("{what}: {pointer} is {text}")),
        Some(wanted) => (
            false,
            format!("{what}: {pointer} is {text}, wanted {wanted}"),
        ),
        None => (true, format!("{what}: {pointer} is {text}")),
    };
    Answer { ok, said, text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_no_pass() {
        let object = json!({"spec": {"replicas": 3, "on": null}, "status": {"conditions": [
            {"type": "Available", "status": "True"}, {"type": "Progressing", "status": "False", "message": "late"}]}});
        let asked = |pointer: Option<&str>, equals: Option<&str>, condition: Option<&str>| {
            let probe = ObjectProbe {
                object: "apps/v1/deployments/a".to_owned(),
                namespace: None,
                whole_cluster: false,
                pointer: pointer.map(str::to_owned),
                equals: equals.map(str::to_owned),
                condition: condition.map(str::to_owned),
            };
            let answer = judged(&probe, &probe.words(), &object);
            (answer.ok, answer.said)
        };
        let good = |asked: (bool, String)| asked.0;
        assert!(good(asked(None, None, None)));
        assert!(good(asked(Some("/spec/replicas"), Some("3"), None)));
        assert!(!good(asked(Some("/spec/replicas"), Some("4"), None)));
        assert!(!good(asked(Some("/spec/on"), None, None)));
        assert!(!good(asked(Some("/spec/other"), None, None)));
        assert!(good(asked(None, None, Some("Available"))));
        let late = asked(None, None, Some("Progressing"));
        assert_eq!(
            late,
            (false, "deployments/a: Progressing is False".to_owned())
        );
        assert!(!good(asked(None, None, Some("Ready"))));
    }
}
