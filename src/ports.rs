//! The traits behind which the outside stands, one file per verb. They name the domain and nothing else, so
//! that the core can be driven by a test as well as by a cluster.

pub mod act;
pub mod ask;
pub mod keep;
pub mod now;
pub mod run;
pub mod watch;
