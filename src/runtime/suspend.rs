//! ctrl-z: stopping so that the shell has the terminal, where there is a shell that can bring us back.

use std::io;

use rustix::process::{Pid, Signal};

/// Stops the whole job, as the terminal's own ctrl-z would: a wrapper that waits for us stops with us. Returns once the
/// signal is sent; [`SignalKind`](tokio::signal::unix::SignalKind) of SIGCONT tells when it goes on.
pub fn stop() -> io::Result<()> {
    // Not SIGTSTP: that one is ours to hear. SIGSTOP works whoever listens.
    rustix::process::kill_current_process_group(Signal::STOP).map_err(Into::into)
}

/// Whether somebody in this session, outside of our job, waits for it and can continue it. Else a stop would be for ever,
/// which is why the kernel ignores ctrl-z in such a job, too.
pub fn can_come_back() -> bool {
    let own = Process {
        parent: rustix::process::getppid(),
        job: Some(rustix::process::getpgrp()),
        session: rustix::process::getsid(None).ok(),
    };
    let mut at = own.parent;
    // A job is not nested deeper than this.
    for _ in 0..32 {
        let Some(above) = at.map(look) else {
            return false;
        };
        if above.session != own.session {
            return false;
        }
        if above.job != own.job {
            return true;
        }
        at = above.parent;
    }
    false
}

#[derive(Clone, Copy)]
struct Process {
    parent: Option<Pid>,
    job: Option<Pid>,
    session: Option<Pid>,
}

fn look(pid: Pid) -> Process {
    Process {
        parent: parent(pid),
        job: rustix::process::getpgid(Some(pid)).ok(),
        session: rustix::process::getsid(Some(pid)).ok(),
    }
}

/// `1234 (name) S 1 …`; the name may hold anything, a bracket too. Without /proc only our own parent is known.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
    Pid::from_raw(parent)
}
