//! gonogo, the go/no-go cockpit for live releases: a terminal UI and headless verbs over one code path.
//!
//! This page is the architecture. `tests/it/architecture.rs` walks `src/` and reports every breach of it; change both
//! together.
//!
//! ```text
//!  signals ───┐
//!  keys ──────┤                                   ┌─ Execute(Confirmed<Act>) ─► executor ─► Platform
//!  outcomes ──┼─► Stamped { at, Event } ─► update ┼─ Record(Command) ─────────► decide ──► Ledger
//!  board ─────┤                            │ pure ├─ Attend(bodies) ──────────► Ledger
//!  heartbeat ─┘                            ▼      └─ Resolve, Copy, Bell, Quit
//!                                   Cockpit (all state)
//!                                          │ paced
//!                                          ▼
//!                       ui::draw(&Cockpit, &Theme, &mut Frame), or lines of what is new (session::lines)
//! ```
//!
//! # Seven rules
//!
//! 1. Only [`session::update`] changes the cockpit.
//! 2. Only [`runtime`] reads a clock, spawns a task or touches the terminal (`cli` drives verbs with it; the practice
//!    cluster is a world of its own).
//! 3. What the outside says is a [`domain::reading::Reading`] with time and source; silence is visible, and a gate that
//!    cannot know, holds.
//! 4. Nothing irreversible without an act that a person saw and confirmed: [`policy::confirm::Confirmed`] has three
//!    makers, all in that file, and the guard's makes holds only.
//! 5. What people and the program decided is in the ledger; all state is a fold over it:
//!    [`policy::decide::decide`] makes entries, [`domain::deployment::TargetState::evolve`] folds them. What platforms show is
//!    observed, never stored as truth.
//! 6. Each list of things lives in one table: actions in [`input::Action`], gates in [`policy::gates`], configuration
//!    keys in `config/schema.rs`, roles in [`ui::theme`].
//! 7. Every rule above is a test.
//!
//! # Layers
//!
//! | folder | owns | may name |
//! |---|---|---|
//! | [`domain`] | nouns: release, version, target, environment, plan, item, entry, deployment, hotfix, workload, metric | nothing of ours |
//! | [`policy`] | decisions: gates, `decide`, planner, poll, controls, judge, guard, scorecard, confirm, resolve | domain |
//! | [`flight`] | what a command needs, the process manager, what became of a change, inbox and report | domain, policy |
//! | [`input`] | keys to actions: the one table, keymap, help | nothing of ours |
//! | [`session`] | the cockpit's state, `update`, and what the screens show | domain, policy, flight, input |
//! | [`ports`] | traits: watch, ask, act, run, keep, now | domain |
//! | [`adapters`] | the outside: Kubernetes and Argo Rollouts, health, metrics, git, registry, programs, `SQLite` | domain, ports, config |
//! | [`config`] | TOML as typed to a workspace as meant | domain, input |
//! | [`simulator`] | the practice cluster: a pure world behind loopback servers | domain |
//! | [`ui`] | state to cells | domain, policy, input, session |
//! | [`runtime`] | the loop, the executor, the terminal, the rehearsal | everything |
//! | [`cli`] | the verbs | everything |
//!
//! # How an act happens
//!
//! A key or a verb names a command. `decide` reads [`policy::facts::Facts`] and answers with entries, with an
//! [`domain::change::Act`], or with a [`policy::refusal::Refusal`] that has one sentence. An act is one to four concrete
//! changes, each with the preconditions that were read seconds before. Its fingerprint is confirmed. The
//! [`runtime::executor`] then reads the platform afresh and decides once more (hold, abort and rollback do not wait for
//! that), appends the intent at the position the decision saw, sends once with a deadline, and appends the outcome:
//! applied, refused, or unknown. What is unknown is looked at, never sent again blindly ([`flight::after`]).
//! Between acts, [`flight::process`] says what a deployment waits for, and any attending process writes down what was
//! reached: at the stream's expected position, so once.
//!
//! While a canary flies, whoever attends is its guard too: [`policy::guard`] counts how long a figure has been over its
//! limit or lost, and where the platform would go on by itself it holds the flight, as an act like any other.
//!
//! # What changes data
//!
//! An item may *act* ([`domain::item::Chain`]): it changes what is outside before the flight does. It is begun only as a person
//! confirmed it, after a [`domain::item::ItemKind::Read`] of exactly the output that its preview prints once more right before
//! ([`runtime::running`]), and where every gate of release, people and time lets it ([`policy::gates::before_acts`]). What
//! failed, or nobody heard the end of, is *unknown* until an item that says what it has to find has looked
//! ([`domain::deployment`]); before that no other act is begun, and none is waived. What takes back is run only where that item
//! has found something right before, and believed when it finds nothing right after. A migration that stands, or may, outlives
//! its deployment in [`domain::deployment::TargetState::migrated`]: it can be taken back, and by the word of its
//! release it may forbid a rollback ([`policy::migration`]).
//!
//! # What is kept where
//!
//! One ledger, one hash chain, ordered per stream ([`domain::entry::StreamId`]): `target:` for deployments, locks and
//! controls, `releases:` for numbers and tags of a project, `environment:` for its recorded policy and its locks, `hotfix:` for
//! what burns. Heartbeats are a table beside the entries, never entries. Beside the ledger lie files that it only names or
//! that can be made again from it: the output of items that were run (`evidence/`, by digest), dead-man cards (`cards/`), the
//! journal of what was done while it could not be written. State files of a project are a projection, written and never
//! believed.
//!
//! In a protected environment the policy that counts is the recorded one ([`policy::facts::Facts::environment`]), what a project
//! tightens for itself included ([`domain::environment::Policy::for_project`]); a program of a checklist is run only where this
//! machine's own configuration says the same as the plan.
//!
//! What a take-off needs beside the platform's state ([`domain::readiness`]: rights, secrets by name, room, disk) is asked where a
//! plan is looked at or requested, once a minute, and judged in [`policy::gates::ready`]; a fleet at rest costs no question.
//!
//! # Where to start
//!
//! | to add | touch |
//! |---|---|
//! | a gate | a judge in `policy/gates/`, its row in [`policy::gates`] |
//! | an action | a row in `input/action.rs`; an arm in `session/wanted.rs` if it acts, in `session/update/keys.rs` if it only looks; its verb in `cli/args.rs` and `cli/acting.rs` |
//! | a screen | [`session::view::Screen`] and its `ALL`, its keys in `input/context.rs`, its action; `session/show/` for what it says, `ui/panes/` and `ui/draw.rs` for how it looks, its tab in `ui/panes/header.rs`, `session/lines/pages.rs` for the same as lines |
//! | a configuration key | a row in `config/schema.rs`, what it means in `config/meant/`, its line in `config.example.toml` |
//! | a kind of probe | [`domain::item`], its key in `config/`, its arm in `adapters/probe.rs` |
//! | a tool that migrates | its row in `config/meant/migration.rs`, its name in `config/schema.rs` |
//! | a measure of the scorecard | a row in `policy/scorecard.rs`, with its formula |
//! | a theme | a file in `themes/`, its line in `ui/theme/builtin.rs`, its name where `cli/args.rs`, `config/schema.rs` and `config.example.toml` list them |
//! | a platform | [`domain::target::WorkloadKind`]; `adapters/`, behind [`ports::act::Site`] and [`ports::watch::Feed`]; the key in `config/`; and its arm in `adapters/platforms.rs`, the one list of them |
//!
//! What the compiler and which test says on the way stands in the README under *Contributing*.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod domain;
pub mod flight;
pub mod input;
pub mod policy;
pub mod ports;
pub mod runtime;
pub mod session;
pub mod simulator;
pub mod ui;
