//! Text from outside.
use serde::{Deserialize, Serialize};
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Clean(String);
impl Clean {
    pub fn new(raw: &str) -> Self {
        Self(raw.chars().filter(|c| !c.is_control()).collect())
    }
}
impl AsRef<str> for Clean {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
impl std::fmt::Display for Clean {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<&str> for Clean {
    fn from(s: &str) -> Self {
        Self::new(s)
    }
}
impl From<String> for Clean {
    fn from(s: String) -> Self {
        Self::new(&s)
    }
}
