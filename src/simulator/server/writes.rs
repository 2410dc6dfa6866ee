//! POST, PUT, PATCH and DELETE: from the call to a request to the world.

use super::Shell;
use super::call::{Answer, Call, json};
use super::reads::{Form, form};
use super::route::Target;
use super::table::{self, Included};
use crate::simulator::json::Json;
use crate::simulator::patch::Patch;
use crate::simulator::refusal::Refusal;
use crate::simulator::selector::{Fields, Labels};
use crate::simulator::world::{Deletion, Request, Validation, Verb, Writer};
use hyper::header::{HeaderValue, WARNING};
use hyper::{Method, StatusCode};
use serde_json::{Value, json as object};

pub(super) fn answer(shell: &Shell, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let verb = match call.method {
        Method::POST if target.name.is_empty() => Verb::Create(call.object()?),
        Method::PUT if !target.name.is_empty() => Verb::Replace(call.object()?),
        Method::PATCH if !target.name.is_empty() && is_apply(call) => Verb::Apply {
            config: call.object()?,
            force: call.asks("force"),
        },
        Method::PATCH if !target.name.is_empty() => Verb::Patch(patch(call)?),
        Method::DELETE => {
            let deletion = deletion(call)?;
            if target.name.is_empty() {
                return delete_all(shell, call, target, &deletion);
            }
            Verb::Delete(deletion)
        }
        _ => return Err(Refusal::not_allowed()),
    };
    let request = Request {
        kind: target.kind,
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        subresource: target.subresource.clone(),
        verb,
        dry_run: dry_run(call),
        writer: writer(call)?,
    };
    let written = shell.with_world(|world, now| world.apply(now, &request))?;
    let status = if written.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let stored = written.object;
    let table = form(call) == Form::Table && stored.text("/kind") == target.kind.kind;
    let mut answer = if table {
        json(
            status,
            &table::of_one(target.kind, &stored, Included::of(call)),
        )
    } else {
        json(status, &stored)
    };
    for warning in &written.warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(WARNING, value);
        }
    }
    Ok(answer)
}

fn is_apply(call: &Call) -> bool {
    call.media_type() == "application/apply-patch+yaml"
}

/// Who says to write. A client that names no field manager is called by the first word of its user agent, as the real
/// server does.
fn writer(call: &Call) -> Result<Writer, Refusal> {
    let validation = match call.parameter("fieldValidation") {
        "" | "Warn" => Validation::Warn,
        "Ignore" => Validation::Ignore,
        "Strict" => Validation::Strict,
        other => {
            return Err(Refusal::bad_request(format!(
                "fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
            )));
        }
    };
    let manager = match call.parameter("fieldManager") {
        "" if is_apply(call) => String::new(),
        "" => {
            let agent = call.header("user-agent");
            agent.split('/').next().unwrap_or(agent).to_owned()
        }
        named => named.to_owned(),
    };
    Ok(Writer {
        manager,
        validation,
    })
}

fn dry_run(call: &Call) -> bool {
    call.query
        .iter()
        .any(|(key, value)| key == "dryRun" && value == "All")
        || call.method == Method::DELETE
            && call
                .json()
                .is_ok_and(|body| body.items("/dryRun").contains(&object!("All")))
}

fn patch(call: &Call) -> Result<Patch, Refusal> {
    let body = || {
        serde_json::from_slice::<Value>(&call.body)
            .map_err(|error| Refusal::bad_request(format!("unreadable JSON: {error}")))
    };
    match call.media_type() {
        "application/merge-patch+json" => Ok(Patch::Merge(body()?)),
        "application/json-patch+json" => Ok(Patch::Json(body()?)),
        "application/strategic-merge-patch+json" => Ok(Patch::Strategic(body()?)),
        _ => Err(Refusal::media_type(
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
             application/apply-patch+yaml",
        )),
    }
}

/// Deletion options, from the body or the query.
fn deletion(call: &Call) -> Result<Deletion, Refusal> {
    let body = if call.body.is_empty() {
        Value::Null
    } else {
        call.json()?
    };
    let grace = call.parameter("gracePeriodSeconds");
    Ok(Deletion {
        uid: body.text("/preconditions/uid").to_owned(),
        version: body.text("/preconditions/resourceVersion").to_owned(),
        at_once: body.int("/gracePeriodSeconds") == Some(0) || grace == "0",
    })
}

fn delete_all(
    shell: &Shell,
    call: &Call,
    target: &Target,
    deletion: &Deletion,
) -> Result<Answer, Refusal> {
    let labels = Labels::parse(call.parameter("labelSelector"));
    let fields = Fields::parse(call.parameter("fieldSelector"));
    let deleted = shell.with_world(|world, now| {
        let named: Vec<(String, String)> = world
            .store
            .list(target.kind, &target.namespace)
            .filter(|found| labels.take(found) && fields.take(found))
            .map(|found| (found.namespace().to_owned(), found.name().to_owned()))
            .collect();
        for (namespace, name) in named {
            let verb = Verb::Delete(deletion.clone());
            let request = Request {
                kind: target.kind,
                namespace,
                name,
                subresource: String::new(),
                verb,
                dry_run: dry_run(call),
                writer: Writer::default(),
            };
            world.apply(now, &request)?;
        }
        Ok(object!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}))
    })?;
    Ok(json(StatusCode::OK, &deleted))
}
