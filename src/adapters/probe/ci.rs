//! What a CI says of the release's commit, over the REST API of GitHub or whoever speaks it: commit statuses, check runs,
//! and the reviews of the pull requests that brought it. What is still running has not passed, and neither has what was
//! skipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use reqwest::{Client, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Answer, answer, body, reason};
use crate::{
    adapters::secret,
    domain::{
        access::{CiSource, Secret},
        plan::CiProbe,
        release::Commit,
    },
};

const PER_PAGE: usize = 100;
/// More pages than this are not read, and then nothing has passed.
const PAGES: usize = 20;
/// So many are named in a sentence.
const SOME: usize = 3;

pub(super) async fn ask(
    probe: &CiProbe,
    source: Option<&CiSource>,
    commit: &Commit,
    patience: Duration,
) -> Answer {
    let Some(source) = source else {
        let said = "the configuration here names no [[ci]] for this project";
        return answer(false, said);
    };
    let asked = async {
        let api = Api::open(source, patience).await?;
        match probe {
            CiProbe::Checks { contexts } => api.checks(commit, contexts).await,
            CiProbe::Reviews { by } => api.reviews(commit, *by).await,
        }
    };
    asked.await.unwrap_or_else(|why| answer(false, why))
}

struct Api<'a> {
    client: Client,
    source: &'a CiSource,
    token: Option<Secret>,
}

#[derive(Deserialize)]
struct Combined {
    #[serde(default)]
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

#[derive(Deserialize)]
struct Runs {
    #[serde(default)]
    check_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    status: String,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    user: Option<User>,
    merged_at: Option<String>,
}

#[derive(Deserialize)]
struct Review {
    user: Option<User>,
    state: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

/// How one check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Passed,
    Pending,
    /// It says nothing for or against: neutral, or skipped.
    Nothing,
    Failed,
}

impl Status {
    fn stands(&self) -> Stands {
        match self.state.as_str() {
            "success" => Stands::Passed,
            "pending" => Stands::Pending,
            _ => Stands::Failed,
        }
    }
}

impl Run {
    fn stands(&self) -> Stands {
        match (self.status.as_str(), self.conclusion.as_deref()) {
            ("completed", Some("success")) => Stands::Passed,
            ("completed", Some("neutral" | "skipped")) => Stands::Nothing,
            ("completed", _) => Stands::Failed,
            _ => Stands::Pending,
        }
    }

    fn word(&self) -> &str {
        match &self.conclusion {
            Some(conclusion) if self.status == "completed" => conclusion,
            _ => &self.status,
        }
    }
}

impl<'a> Api<'a> {
    async fn open(source: &'a CiSource, patience: Duration) -> Result<Self, String> {
        let token = match &source.token {
            Some(place) => Some(
                secret::read(place)
                    .await
                    .map_err(|fault| fault.to_string())?,
            ),
            None => None,
        };
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(patience)
            .user_agent(concat!("gonogo/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            source,
            token,
        })
    }

    /// Every page of a list; `of` takes what is listed out of one.
    async fn all<P: DeserializeOwned, T>(
        &self,
        path: &str,
        of: impl Fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        for page in 1..=PAGES {
            let path = format!("{path}{joint}per_page={PER_PAGE}&page={page}");
            let (found, more) = self.page::<P>(&path).await?;
            all.extend(of(found));
            if !more {
                return Ok(all);
            }
        }
        Err(format!(
            "{} lists more than {} of them",
            self.source.address,
            PAGES * PER_PAGE
        ))
    }

    /// One page, and whether there is another. Always of the address that is configured: no link is followed.
    async fn page<P: DeserializeOwned>(&self, path: &str) -> Result<(P, bool), String> {
        let CiSource {
            address,
            repository,
            ..
        } = self.source;
        let url = format!("{address}/repos/{repository}/{path}");
        let mut request = self
            .client
            .get(&url)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let response = request
            .send()
            .await
            .map_err(|error| format!("{address} does not answer: {}", reason(&error)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(status, response.headers()));
        }
        let links = response.headers().get_all(header::LINK).iter();
        let more = links
            .filter_map(|link| link.to_str().ok())
            .any(|link| link.contains("rel=\"next\""));
        let bytes = body(response)
            .await
            .map_err(|why| format!("{address} {why}"))?;
        let page = serde_json::from_slice(&bytes).map_err(|error| {
            format!(
                "{address} answers something unexpected at line {}, column {}",
                error.line(),
                error.column()
            )
        })?;
        Ok((page, more))
    }

    fn refused(&self, status: StatusCode, headers: &header::HeaderMap) -> String {
        let CiSource {
            address,
            repository,
            ..
        } = self.source;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let code = status.as_u16();
        let wait = match (text("retry-after"), text("x-ratelimit-reset")) {
            (Some(seconds), _) => format!("ask again in {} s", seconds.trim()),
            (None, Some(reset)) => {
                let at = reset.trim().parse().ok();
                let at = at.and_then(|at| jiff::Timestamp::from_second(at).ok());
                at.map_or_else(
                    || "ask again later".to_owned(),
                    |at| format!("ask again after {at}"),
                )
            }
            (None, None) => "ask again later".to_owned(),
        };
        let used_up = text("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0");
        match code {
            401 => format!("{address} does not know the token of {repository} ({code})"),
            429 => format!("{address} is asked too often ({code}); {wait}"),
            403 if used_up || text("retry-after").is_some() => {
                format!("{address} is asked too often ({code}); {wait}")
            }
            403 => format!(
                "{address} refuses ({code}): the token may not read checks and statuses of {repository}"
            ),
            404 => format!("{address} has no {repository}, or the token may not see it ({code})"),
            422 => format!("{address} does not know this commit of {repository} ({code})"),
            _ => format!("{address} answers {code}"),
        }
    }

    async fn checks(&self, commit: &Commit, contexts: &[String]) -> Result<Answer, String> {
        let statuses = format!("commits/{commit}/status");
        let runs = format!("commits/{commit}/check-runs?filter=latest");
        let (statuses, runs) = futures::try_join!(
            self.all(&statuses, |page: Combined| page.statuses),
            self.all(&runs, |page: Runs| page.check_runs),
        )?;
        let mut found: BTreeMap<&str, Vec<(Stands, &str)>> = BTreeMap::new();
        for status in &statuses {
            let stands = (status.stands(), status.state.as_str());
            found.entry(&status.context).or_default().push(stands);
        }
        for run in &runs {
            let stands = (run.stands(), run.word());
            found.entry(&run.name).or_default().push(stands);
        }
        let mut text = String::new();
        for (name, all) in &found {
            for (_, word) in all {
                let _ = writeln!(text, "{word} {name}");
            }
        }
        let (ok, said) = judged(&found, contexts, commit);
        Ok(Answer { ok, said, text })
    }

    /// Each pull request that brought the commit, by the last word of each reviewer that is not its author.
    async fn reviews(&self, commit: &Commit, by: u64) -> Result<Answer, String> {
        let path = format!("commits/{commit}/pulls");
        let pulls = self.all(&path, |page: Vec<Pull>| page).await?;
        let merged: Vec<&Pull> = pulls
            .iter()
            .filter(|pull| pull.merged_at.is_some())
            .collect();
        let short = commit.short();
        if merged.is_empty() {
            let said = format!("no merged pull request brought commit {short}");
            return Ok(answer(false, said));
        }
        let (mut text, mut lacking) = (String::new(), Vec::new());
        for pull in merged {
            let path = format!("pulls/{}/reviews", pull.number);
            let reviews = self.all(&path, |page: Vec<Review>| page).await?;
            let author = pull.user.as_ref().map(|user| user.login.as_str());
            let approving = approving(&reviews, author);
            let names: Vec<&str> = approving.iter().copied().collect();
            let _ = writeln!(text, "#{} approved by {}", pull.number, names.join(", "));
            if (approving.len() as u64) < by {
                lacking.push(format!("#{} by {}", pull.number, approving.len()));
            }
        }
        let ok = lacking.is_empty();
        let said = if ok {
            format!("commit {short} was reviewed by {by}")
        } else {
            format!("commit {short} wants {by} reviews: {}", lacking.join(", "))
        };
        Ok(Answer { ok, said, text })
    }
}

fn approving<'a>(reviews: &'a [Review], author: Option<&str>) -> BTreeSet<&'a str> {
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for review in reviews {
        let Some(user) = &review.user else { continue };
        // A comment takes nothing back.
        if ["APPROVED", "CHANGES_REQUESTED", "DISMISSED"].contains(&review.state.as_str()) {
            last.insert(&user.login, &review.state);
        }
    }
    last.into_iter()
        .filter(|(login, state)| *state == "APPROVED" && Some(*login) != author)
        .map(|(login, _)| login)
        .collect()
}

/// Where none are named, all that say something have to have passed, and one at least.
fn judged(
    found: &BTreeMap<&str, Vec<(Stands, &str)>>,
    contexts: &[String],
    commit: &Commit,
) -> (bool, String) {
    let short = commit.short();
    let stands = |name: &str| {
        let all = found.get(name).into_iter().flatten();
        let worst = all.clone().map(|(stands, _)| *stands);
        // In the order of how bad it is.
        let order = [
            Stands::Failed,
            Stands::Pending,
            Stands::Nothing,
            Stands::Passed,
        ];
        let worst = worst.min_by_key(|it| order.iter().position(|other| other == it));
        (
            worst,
            all.map(|(_, word)| *word).collect::<Vec<_>>().join("+"),
        )
    };
    let wanted: Vec<&str> = if contexts.is_empty() {
        let names = found.keys().copied();
        names
            .filter(|name| stands(name).0 != Some(Stands::Nothing))
            .collect()
    } else {
        contexts.iter().map(String::as_str).collect()
    };
    if wanted.is_empty() {
        return (false, format!("no check says anything of commit {short}"));
    }
    let bad: Vec<String> = wanted
        .iter()
        .filter_map(|name| match stands(name) {
            (Some(Stands::Passed), _) => None,
            (Some(_), word) => Some(format!("{name} {word}")),
            (None, _) => Some(format!("{name} not reported")),
        })
        .collect();
    if bad.is_empty() {
        let all = wanted.len();
        return (
            true,
            format!("{all} of {all} checks of commit {short} passed"),
        );
    }
    let first: Vec<&str> = bad.iter().take(SOME).map(String::as_str).collect();
    let more = match bad.len().saturating_sub(SOME) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (
        false,
        format!(
            "{} of {} checks of commit {short} have not passed: {}{more}",
            bad.len(),
            wanted.len(),
            first.join(", ")
        ),
    )
}
