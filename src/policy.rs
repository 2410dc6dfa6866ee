//! The decisions: who may do what, what stands in the way, what exactly will be changed. Names the domain
//! only; asks nobody, knows no clock.

pub mod auto;
pub mod card;
pub mod confirm;
pub mod controls;
pub mod decide;
pub mod drift;
pub mod facts;
pub mod gate;
pub mod gates;
pub mod guard;
pub mod hotfix;
pub mod judge;
pub mod measure;
pub mod migration;
pub mod plan_difference;
pub mod planner;
pub mod poll;
pub mod refusal;
pub mod releasing;
pub mod resolve;
pub mod scorecard;
pub mod versions;
