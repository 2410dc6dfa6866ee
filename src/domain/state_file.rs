//! The state files of seed 002: one a release, and one an environment that says which version serves there (SPEC D14).
//! Written for others to read. What others put beside our fields stays; what they change of ours is never believed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How far a release is, in all or in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Deploying,
    Deployed,
    Failed,
    RolledBack,
}

/// `.atlas/releases/<release_id>.json`. Field names and their order are 002's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseFile {
    pub release_id: String,
    /// `major`, `minor`, `patch` or `hotfix`; null where the names of the releases do not tell.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub status: Status,
    /// A [`Status`] each; what others put there is theirs.
    pub environments: Map<String, Value>,
    pub artifacts: Vec<String>,
    pub rollback_version: Option<String>,
    pub deployment_start: Option<Timestamp>,
    /// What is not ours.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// `.atlas/environments/<environment>.json`: what serves there, by the ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnvironmentFile {
    pub environment: String,
    pub version: Option<String>,
    pub number: Option<u64>,
    pub commit: Option<String>,
    pub image: Option<String>,
    pub since: Option<Timestamp>,
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StateFile {
    Release(ReleaseFile),
    Environment(EnvironmentFile),
}

impl StateFile {
    /// Its text, with everything of the `present` file that is not ours: other fields, and environments that none of
    /// ours is called. A present file that is no JSON object is replaced.
    pub fn merged(&self, present: Option<&str>) -> String {
        let mut whole = self.clone();
        let present: Option<Map<String, Value>> =
            present.and_then(|text| serde_json::from_str(text).ok());
        if let (Some(mut theirs), Value::Object(ours)) = (present, json!(self)) {
            if let Self::Release(file) = &mut whole
                && let Some(Value::Object(named)) = theirs.remove("environments")
            {
                for (name, status) in named {
                    file.environments.entry(name).or_insert(status);
                }
            }
            theirs.retain(|name, _| !ours.contains_key(name));
            match &mut whole {
                Self::Release(file) => file.others = theirs,
                Self::Environment(file) => file.others = theirs,
            }
        }
        let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Does the present file say what this one says? What is not ours may say anything.
    pub fn agrees(&self, present: &str) -> bool {
        serde_json::from_str::<Value>(present).is_ok_and(|present| holds(&present, &json!(self)))
    }
}

fn holds(present: &Value, ours: &Value) -> bool {
    match (present, ours) {
        (Value::Object(present), Value::Object(ours)) => ours
            .iter()
            .all(|(name, value)| present.get(name).is_some_and(|theirs| holds(theirs, value))),
        (present, ours) => present == ours,
    }
}

/// A release's name as a file name; None where it could lead elsewhere.
pub fn file_name(release_id: &str) -> Option<String> {
    let plain =
        |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '.' | '-' | '_' | '+');
    let fits = !release_id.is_empty()
        && release_id.len() <= 128
        && !release_id.starts_with('.')
        && release_id.chars().all(plain);
    fits.then(|| format!("{release_id}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_its_folder() {
        for bad in ["", "..", ".hidden", "a/b", "a\\b", "v1\0", "v 1"] {
            assert_eq!(file_name(bad), None, "{bad:?}");
        }
        assert_eq!(
            file_name("v1.3.0-rc.1"),
            Some("v1.3.0-rc.1.json".to_owned())
        );
    }
}
