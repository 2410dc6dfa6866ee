//! List, then watch, of one collection. Our own rather than kube's watcher, whose streaming lists have no fallback and
//! which never lists again after a resumed watch met HTTP 410 (QUALITY, "kube-rs 5 watch traps").

use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use kube::client::Client;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Collection, LARGEST, PAGE, POINT,
    call::{self, Ask, Reply, Status},
    objects::Listed,
};
use crate::{
    adapters::backoff::Backoff,
    domain::fault::{Fault, FaultKind},
};

/// The server ends a watch after this; a little later we do, should it have died silently.
const WATCH: u64 = 55;
const GRACE: Duration = Duration::from_secs(5);
/// So many objects are asked for at once, and fewer where they are that large.
const PAGE_SIZES: [u32; 3] = [500, 50, 5];
/// An object is at most 1.5 MB in etcd; a line beyond this is none.
const LONGEST_LINE: usize = 16 << 20;

/// What becomes known of a collection.
#[derive(Debug)]
pub(super) enum Event<T> {
    /// This is all there is.
    All(Vec<T>),
    Put(T),
    /// By name.
    Gone(String),
    /// It could not be listed or watched; another try follows.
    Failed(Fault),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: serde::de::DeserializeOwned")]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// Every object of the collection through `keep`, and the resource version of the list.
pub(super) async fn list<T: Listed, Kept>(
    client: &Client,
    of: &Collection,
    doing: &str,
    mut keep: impl FnMut(T) -> Option<Kept> + Send,
) -> Result<(Vec<Kept>, String), Fault> {
    let mut kept = Vec::new();
    let mut next: Option<String> = None;
    let (mut restarts, mut size) = (0, 0);
    loop {
        let limit = PAGE_SIZES.get(size).copied().unwrap_or(1);
        let mut path = format!("{}?{}&limit={limit}", of.path, of.query);
        if let Some(next) = &next {
            path = format!("{path}&continue={}", super::encoded(next));
        }
        let ask = Ask::get(path, doing);
        let Some(reply) = call::send_sized(client, &ask, PAGE, LARGEST).await? else {
            size += 1;
            if size < PAGE_SIZES.len() {
                continue;
            }
            let detail = format!("{limit} objects are larger than {} MB", LARGEST >> 20);
            return Err(ask.fault(FaultKind::Malformed, &detail));
        };
        // The list this page belonged to is forgotten: begin again, a few times.
        if reply.status.as_u16() == 410 && next.is_some() && restarts < 3 {
            restarts += 1;
            kept.clear();
            next = None;
            continue;
        }
        let page: Page<T> = call::decode(&ask, &reply)?;
        kept.extend(page.items.into_iter().flatten().filter_map(&mut keep));
        next = page.metadata.next.filter(|next| !next.is_empty());
        if next.is_none() {
            return Ok((kept, page.metadata.resource_version));
        }
    }
}

#[derive(Deserialize)]
#[serde(
    tag = "type",
    content = "object",
    rename_all = "UPPERCASE",
    bound = "T: serde::de::DeserializeOwned"
)]
enum Line<T> {
    Added(T),
    Modified(T),
    Deleted(T),
    Bookmark(Bookmark),
    Error(Status),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bookmark {
    metadata: PageMeta,
}

/// Why a watch is over.
#[derive(Debug)]
enum End {
    /// By agreement, or with the connection: go on from where it was.
    Over,
    /// Its place is forgotten (410): list again.
    Forgotten,
    Failed(Fault),
}

/// Runs until dropped: watches from `from` on, or lists first when that is empty or no longer known.
pub(super) async fn follow<T: Listed>(
    client: &Client,
    of: &Collection,
    doing: &str,
    from: &str,
    mut on: impl FnMut(Event<T>) + Send,
) {
    let mut at = from.to_owned();
    let mut backoff = Backoff::of_feeds();
    loop {
        if at.is_empty() || at == "0" {
            match list(client, of, doing, Some).await {
                Ok((all, version)) => {
                    on(Event::All(all));
                    at = version;
                }
                Err(fault) => {
                    let wait = backoff.next(&fault);
                    on(Event::Failed(fault));
                    tokio::time::sleep(wait).await;
                    continue;
                }
            }
        }
        let began = Instant::now();
        match watch(client, of, doing, &mut at, &mut on).await {
            // A server that ends every watch at once is not asked without pause.
            End::Over if began.elapsed() < Duration::from_secs(1) => {
                let quiet = Fault::new(
                    call::SYSTEM,
                    FaultKind::Unreachable,
                    doing,
                    "the watch ended at once",
                );
                tokio::time::sleep(backoff.next(&quiet)).await;
            }
            End::Over => backoff.reset(),
            End::Forgotten => {
                at.clear();
                let fault = Fault::new(call::SYSTEM, FaultKind::Refused, doing, "410");
                tokio::time::sleep(backoff.next(&fault)).await;
            }
            End::Failed(fault) => {
                let wait = backoff.next(&fault);
                on(Event::Failed(fault));
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn watch<T: Listed>(
    client: &Client,
    of: &Collection,
    doing: &str,
    at: &mut String,
    on: &mut (impl FnMut(Event<T>) + Send),
) -> End {
    let path = format!(
        "{}?{}&watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH}&resourceVersion={}",
        of.path,
        of.query,
        super::encoded(at),
    );
    let ask = Ask::get(path, doing);
    let opened = tokio::time::timeout(POINT, call::open(client, &ask)).await;
    let (status, headers, mut chunks) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(fault)) => return End::Failed(fault),
        Err(_) => return End::Failed(call::late(&ask, POINT)),
    };
    if status.as_u16() == 410 {
        return End::Forgotten;
    }
    if !status.is_success() {
        let mut body = BytesMut::new();
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout(POINT, chunks.next()).await {
            body.extend_from_slice(&chunk);
            if body.len() > 1 << 20 {
                break;
            }
        }
        let reply = Reply {
            status,
            headers,
            body: body.freeze(),
        };
        return End::Failed(call::refusal(&ask, &reply));
    }
    let end = tokio::time::sleep(Duration::from_secs(WATCH) + GRACE);
    tokio::pin!(end);
    let mut pending = BytesMut::new();
    loop {
        let chunk = tokio::select! {
            chunk = chunks.next() => chunk,
            () = &mut end => return End::Over,
        };
        // A cut connection is no news: the next watch goes on from `at`, and says if it cannot.
        let Some(Ok(chunk)) = chunk else {
            return End::Over;
        };
        let mut searched = pending.len();
        pending.extend_from_slice(&chunk);
        while let Some(offset) = memchr::memchr(b'\n', pending.get(searched..).unwrap_or_default())
        {
            let line = pending.split_to(searched + offset + 1);
            searched = 0;
            if let Err(end) = take(&ask, &line, at, on) {
                return end;
            }
        }
        if pending.len() > LONGEST_LINE {
            return End::Failed(
                ask.fault(FaultKind::Malformed, "a line of the watch does not end"),
            );
        }
    }
}

fn take<T: Listed>(
    ask: &Ask<'_>,
    line: &[u8],
    at: &mut String,
    on: &mut (impl FnMut(Event<T>) + Send),
) -> Result<(), End> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let seen = |object: &T, at: &mut String| object.resource_version().clone_into(at);
    match serde_json::from_slice::<Line<T>>(line) {
        Ok(Line::Added(object) | Line::Modified(object)) => {
            seen(&object, at);
            on(Event::Put(object));
        }
        Ok(Line::Deleted(object)) => {
            seen(&object, at);
            on(Event::Gone(object.name().to_owned()));
        }
        Ok(Line::Bookmark(bookmark)) => *at = bookmark.metadata.resource_version,
        Ok(Line::Error(status)) if status.code == Some(410) => return Err(End::Forgotten),
        Ok(Line::Error(status)) => {
            // Whatever it was, the place in the stream is not to be trusted.
            at.clear();
            let kind = match status.code {
                Some(429 | 503) => FaultKind::Throttled,
                _ => FaultKind::Refused,
            };
            return Err(End::Failed(ask.fault(kind, &status.words())));
        }
        Err(_) => {
            at.clear();
            let detail = "the watch said something that is no event";
            return Err(End::Failed(ask.fault(FaultKind::Malformed, detail)));
        }
    }
    Ok(())
}
