//! Runs the items of a checklist that something outside answers: commands, HTTP, TCP, DNS and questions to git. Nothing of
//! it is changed by asking; what a command changes is its own.

mod ci;
pub mod git;
mod number;
mod object;

use std::{fmt::Write as _, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use regex::Regex;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        evidence::RunEnd,
        plan::{CommandSpec, HttpProbe, ItemKind, Probe},
        release::Digest,
        text::{Clean, clean_lines},
    },
    ports::run::{Listen, Order, Report, Runner, Spoken},
};

use super::command;

/// Of an answer; what is longer is not read.
const LARGEST: usize = 1 << 20;

/// What was found out.
struct Answer {
    ok: bool,
    said: String,
    /// What the other side wrote, as it came.
    text: String,
}

fn answer(ok: bool, said: impl Into<String>) -> Answer {
    Answer {
        ok,
        said: said.into(),
        text: String::new(),
    }
}

/// Runs on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here;

impl Runner for Here {
    fn run<'a>(
        &'a self,
        order: &'a Order,
        listen: Listen,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Report> {
        async move {
            if let ItemKind::Probe(Probe::Number(probe)) = &order.item.kind {
                return number::run(probe, order, listen, cancel).await;
            }
            if let Some(spec) = order.item.command() {
                return commanded(spec, order, listen, cancel).await.0;
            }
            let ItemKind::Probe(probe) = &order.item.kind else {
                return command::not_started("there is nothing to run for this item");
            };
            let patience = Duration::try_from(order.item.patience()).unwrap_or(Duration::MAX);
            tokio::select! {
                biased;
                () = cancel.cancelled() => ended(RunEnd::Cancelled),
                () = tokio::time::sleep(patience) => ended(RunEnd::TimedOut),
                answer = ask(probe, order, patience) => told(&answer, &listen),
            }
        }
        .boxed()
    }
}

/// In the source as it lies there, or in a copy of the release's commit that is gone afterwards. With its standard output,
/// as far as it is kept.
async fn commanded(
    spec: &CommandSpec,
    order: &Order,
    listen: Listen,
    cancel: CancellationToken,
) -> (Report, Vec<u8>) {
    let not_started = |why: &str| (command::not_started(why), Vec::new());
    if !spec.checkout {
        return command::run(spec, order, &order.source, listen, cancel).await;
    }
    let copy = match tempfile::Builder::new().prefix("gonogo-").tempdir() {
        Ok(copy) => copy,
        Err(error) => return not_started(&format!("no folder for the copy: {error}")),
    };
    let (source, commit, into) = (
        order.source.clone(),
        order.release.commit.clone(),
        copy.path().to_owned(),
    );
    let copied = tokio::task::spawn_blocking(move || git::check_out(&source, &commit, &into));
    match copied.await {
        Ok(Ok(())) => command::run(spec, order, copy.path(), listen, cancel).await,
        Ok(Err(why)) => not_started(&why),
        Err(error) => not_started(&error.to_string()),
    }
}

fn ended(end: RunEnd) -> Report {
    Report {
        end,
        ..command::not_started("")
    }
}

fn told(answer: &Answer, listen: &Listen) -> Report {
    let mut text = String::new();
    for line in clean_lines(&answer.text) {
        let _ = writeln!(text, "  {line}");
        listen(Spoken { error: false, line });
    }
    let said = Clean::new(&answer.said);
    listen(Spoken {
        error: !answer.ok,
        line: said.clone(),
    });
    let _ = writeln!(text, "  {said}");
    Report {
        end: RunEnd::Answered,
        ok: answer.ok,
        output: Digest::of(answer.text.as_bytes()),
        bytes: answer.text.len() as u64,
        text,
        left_out: 0,
        said,
    }
}

async fn ask(probe: &Probe, order: &Order, patience: Duration) -> Answer {
    match probe {
        Probe::Http(probe) => http(probe, patience).await,
        Probe::Tcp(address) => match tokio::net::TcpStream::connect(address.as_str()).await {
            Ok(_) => answer(true, format!("{address} takes connections")),
            Err(error) => answer(false, format!("{address}: {error}")),
        },
        Probe::Dns(name) => dns(name).await,
        Probe::Ci(probe) => {
            let source = order.access.ci.get(&order.target.project);
            ci::ask(probe, source, &order.release.commit, patience).await
        }
        Probe::Kubernetes(probe) => object::ask(probe, order).await,
        Probe::Git(question) => {
            let (question, order) = (question.clone(), order.clone());
            let asked = tokio::task::spawn_blocking(move || git::ask(&question, &order)).await;
            match asked {
                Ok(Ok((ok, said))) => answer(ok, said),
                Ok(Err(why)) => answer(false, why),
                Err(error) => answer(false, error.to_string()),
            }
        }
        other => answer(
            false,
            format!("a probe of the kind {} is not asked", other.id()),
        ),
    }
}

async fn dns(name: &str) -> Answer {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(found) => {
            let mut addresses: Vec<String> = found.map(|at| at.ip().to_string()).collect();
            addresses.sort();
            addresses.dedup();
            if addresses.is_empty() {
                answer(false, format!("{name} has no address"))
            } else {
                answer(true, format!("{name} is {}", addresses.join(", ")))
            }
        }
        Err(error) => answer(false, format!("{name}: {error}")),
    }
}

async fn http(probe: &HttpProbe, patience: Duration) -> Answer {
    let url = &probe.url;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(patience)
        .user_agent(concat!("gonogo/", env!("CARGO_PKG_VERSION")))
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return answer(false, error.to_string()),
    };
    let response = match client.get(url).send().await {
        Ok(response) => response,
        Err(error) => {
            return answer(false, format!("{url} does not answer: {}", reason(&error)));
        }
    };
    let status = response.status().as_u16();
    let body = match body(response).await {
        Ok(body) => body,
        Err(why) => return answer(false, format!("{url} {why}")),
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let wanted = probe
        .status
        .map_or_else(|| (200..300).contains(&status), |wanted| wanted == status);
    let (ok, said) = if wanted {
        expected(probe.expect.as_deref(), &text)
            .unwrap_or_else(|| (true, format!("{url} answers {status}")))
    } else {
        let wanted = probe
            .status
            .map_or_else(|| "200 to 299".to_owned(), |status| status.to_string());
        (false, format!("{url} answers {status}, wanted {wanted}"))
    };
    Answer { ok, said, text }
}

/// All of it, or what came instead.
async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err("answers more than 1 MB".to_owned()),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("broke off: {}", reason(&error))),
        }
    }
}

/// None: nothing is expected of the body.
fn expected(pattern: Option<&str>, text: &str) -> Option<(bool, String)> {
    let pattern = pattern?;
    Some(match Regex::new(pattern) {
        Ok(regex) if regex.is_match(text) => (true, format!("the answer matches `{pattern}`")),
        Ok(_) => (false, format!("the answer does not match `{pattern}`")),
        Err(error) => (false, format!("`expect` is no regular expression: {error}")),
    })
}

/// The innermost cause says what a person can do something about.
fn reason(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
