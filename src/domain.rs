//! The nouns: what a release, a target, a plan, an entry is, and how state follows from entries.
//! Plain data over std, serde, jiff and sha2. No IO, no clock: whoever needs the time is given it.

pub mod access;
pub mod calendar;
pub mod catalogue;
pub mod change;
pub mod changelog;
pub mod deployment;
pub mod difference;
pub mod entry;
pub mod environment;
pub mod evidence;
pub mod fault;
pub mod health;
pub mod history;
pub mod hotfix;
pub mod item;
pub mod metric;
pub mod notes;
pub mod observation;
pub mod plan;
pub mod presence;
pub mod project;
pub mod quorum;
pub mod readiness;
pub mod reading;
pub mod release;
pub mod rollout;
pub mod standing;
pub mod state_file;
pub mod target;
pub mod text;
pub mod time;
pub mod version;
pub mod version_file;
pub mod workspace;
