//! The one list of what a colour can mean.

use ratatui::style::Modifier;

/// What a role is used for, which says how well it must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is read: contrast 4.5 at least.
    Text,
    /// It is seen: contrast 3 at least.
    Shape,
    /// It only divides.
    Line,
}

macro_rules! roles {
    ($( $name:ident = $id:literal, $kind:ident, $weight:expr; )+) => {
        /// A meaning that a theme gives a look to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Role { $( $name, )+ }

        impl Role {
            pub const ALL: [Self; [$( $id ),+].len()] = [$( Self::$name ),+];

            /// As it is written in a theme file.
            pub const fn id(self) -> &'static str {
                match self { $( Self::$name => $id, )+ }
            }

            pub const fn kind(self) -> Kind {
                match self { $( Self::$name => Kind::$kind, )+ }
            }

            /// What marks it on a terminal without colours, where its ground does not already.
            pub const fn weight(self) -> Modifier {
                match self { $( Self::$name => $weight, )+ }
            }
        }
    };
}

const PLAIN: Modifier = Modifier::empty();
const FAINT: Modifier = Modifier::DIM;
const BOLD: Modifier = Modifier::BOLD;
const LINED: Modifier = Modifier::UNDERLINED;

roles! {
    Text = "text", Text, PLAIN;
    TextDim = "text.dim", Text, FAINT;
    TextStrong = "text.strong", Text, BOLD;
    Stale = "text.stale", Text, FAINT;
    Match = "text.match", Text, LINED;
    Border = "border", Line, FAINT;
    BorderFocus = "border.focus", Shape, BOLD;
    Title = "title", Text, BOLD;
    Header = "header", Text, BOLD;
    Selection = "selection", Text, PLAIN;
    Healthy = "status.healthy", Text, PLAIN;
    Progressing = "status.progressing", Text, PLAIN;
    Degraded = "status.degraded", Text, BOLD;
    Unknown = "status.unknown", Text, FAINT;
    Paused = "status.paused", Text, PLAIN;
    GatePass = "gate.pass", Text, PLAIN;
    GateFail = "gate.fail", Text, BOLD;
    GateUnknown = "gate.unknown", Text, PLAIN;
    GateWaived = "gate.waived", Text, LINED;
    Production = "production", Text, BOLD;
    Rehearsal = "rehearsal", Text, BOLD;
    Danger = "danger", Text, BOLD;
    Warning = "warning", Text, BOLD;
    HintKey = "hint.key", Text, BOLD;
    HintText = "hint.text", Text, PLAIN;
    Canary = "canary", Text, PLAIN;
    Stable = "stable", Text, PLAIN;
    SparkCanary = "spark.canary", Shape, PLAIN;
    SparkStable = "spark.stable", Shape, PLAIN;
    Limit = "limit", Text, LINED;
    TrackDone = "track.done", Shape, PLAIN;
    TrackCurrent = "track.current", Text, BOLD;
    TrackNext = "track.next", Text, FAINT;
    Dialog = "dialog", Text, PLAIN;
    DialogBorder = "dialog.border", Shape, PLAIN;
    DialogDanger = "dialog.danger", Text, BOLD;
    Input = "input", Text, LINED;
}

impl Role {
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }
}
