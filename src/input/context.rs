//! Where a key is pressed: the screens, and the overlays that take keys before them.

use serde::{Deserialize, Serialize};

/// The place that has the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Every screen. An action listed here works on all of them, but not inside an overlay that takes text.
    Global,
    Fleet,
    Releases,
    Plan,
    Flight,
    Timeline,
    Poll,
    Inbox,
    History,
    Hotfix,
    Help,
    Dialog,
    Palette,
    Filter,
}

impl Context {
    pub const ALL: [Self; 14] = [
        Self::Global,
        Self::Fleet,
        Self::Releases,
        Self::Plan,
        Self::Flight,
        Self::Timeline,
        Self::Poll,
        Self::Inbox,
        Self::History,
        Self::Hotfix,
        Self::Help,
        Self::Dialog,
        Self::Palette,
        Self::Filter,
    ];

    /// As it is written in help and documentation.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Global => "everywhere",
            Self::Fleet => "fleet",
            Self::Releases => "releases",
            Self::Plan => "plan",
            Self::Flight => "flight",
            Self::Timeline => "timeline",
            Self::Poll => "poll",
            Self::Inbox => "inbox",
            Self::History => "history",
            Self::Hotfix => "hotfix",
            Self::Help => "help",
            Self::Dialog => "dialog",
            Self::Palette => "palette",
            Self::Filter => "filter",
        }
    }

    /// Whether printable keys are text here, so that only the others can be bound.
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Dialog | Self::Palette | Self::Filter)
    }

    /// Whether an action declared for `declared` works here.
    pub fn includes(self, declared: Self) -> bool {
        self == declared || (declared == Self::Global && !self.takes_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_that_take_text_do_not_inherit_the_keys_of_the_screens() {
        assert!(Context::Flight.includes(Context::Global));
        assert!(Context::Help.includes(Context::Global));
        assert!(!Context::Dialog.includes(Context::Global));
        assert!(!Context::Flight.includes(Context::Plan));
        assert!(!Context::Global.includes(Context::Plan));
    }
}
