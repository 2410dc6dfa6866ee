//! What a command needs, decides and does: shared by the screen and the headless verbs. Pure.

pub mod after;
pub mod announcement;
pub mod inbox;
pub mod known;
pub mod looking_back;
pub mod matrix;
pub mod needs;
pub mod process;
pub mod report;
pub mod state_files;
pub mod window;
