//! ctrl-z: stopping so that the shell has the terminal, where there is a shell that can bring us back.

use std::io;

use rustix::process::Signal;

/// Stops the whole job, as the terminal's own ctrl-z would: a wrapper that waits for us stops with us. Returns once the
/// signal is sent; [`SignalKind`](tokio::signal::unix::SignalKind) of SIGCONT tells when it goes on.
pub fn stop() -> io::Result<()> {
    // Not SIGTSTP: that one is ours to hear. SIGSTOP works whoever listens.
    rustix::process::kill_current_process_group(Signal::STOP).map_err(Into::into)
}

/// Whether somebody in this session, outside of our job, waits for it and can continue it. Else a stop would be for ever,
/// which is why the kernel ignores ctrl-z in such a job, too.
pub fn can_come_back() -> bool {
    own().is_some_and(|own| waited_for(own, look))
}

fn waited_for(own: Process, look: impl Fn(i32) -> Option<Process>) -> bool {
    let mut at = own;
    // A job is not nested deeper than this.
    for _ in 0..32 {
        // Who stands outside of a container is no process here; its number is 0.
        let above = match at.parent {
            0 => None,
            parent => look(parent),
        };
        let Some(above) = above else {
            return false;
        };
        if above.session != own.session {
            return false;
        }
        if above.job != own.job {
            return true;
        }
        at = above;
    }
    false
}

/// Numbers of processes; 0 where the process is outside of our PID namespace, which a shell's own is when a container's
/// command was started from there. rustix has no such number (it takes 0 for impossible), so they are read from `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    job: i32,
    session: i32,
}

#[cfg(target_os = "linux")]
fn own() -> Option<Process> {
    read(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

#[cfg(target_os = "linux")]
fn look(pid: i32) -> Option<Process> {
    read(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `1234 (name) S 1 1234 1234 …` (`proc_pid_stat(5)`); the name may hold anything, a bracket too.
#[cfg(target_os = "linux")]
fn read(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut numbers = rest
        .split_whitespace()
        .skip(1)
        .map(|number| number.parse().ok());
    Some(Process {
        parent: numbers.next()??,
        job: numbers.next()??,
        session: numbers.next()??,
    })
}

/// Where there are no PID namespaces every number is one.
#[cfg(not(target_os = "linux"))]
fn own() -> Option<Process> {
    Some(Process {
        parent: rustix::process::Pid::as_raw(rustix::process::getppid()),
        job: rustix::process::getpgrp().as_raw_nonzero().get(),
        session: rustix::process::getsid(None).ok()?.as_raw_nonzero().get(),
    })
}

/// Without `/proc` nobody tells a parent's parent.
#[cfg(not(target_os = "linux"))]
fn look(pid: i32) -> Option<Process> {
    let id = rustix::process::Pid::from_raw(pid);
    Some(Process {
        parent: 0,
        job: rustix::process::getpgid(id).ok()?.as_raw_nonzero().get(),
        session: rustix::process::getsid(id).ok()?.as_raw_nonzero().get(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(parent: i32, job: i32, session: i32) -> Process {
        Process {
            parent,
            job,
            session,
        }
    }

    #[test]
    fn a_shell_of_the_same_session_brings_it_back() {
        let above = |pid: i32| (pid == 10).then(|| process(9, 10, 10));
        assert!(waited_for(process(10, 20, 10), above));
        // A wrapper of the same job lies between.
        let wrapped = |pid: i32| match pid {
            20 => Some(process(10, 20, 10)),
            10 => Some(process(9, 10, 10)),
            _ => None,
        };
        assert!(waited_for(process(20, 20, 10), wrapped));
    }

    #[test]
    fn nobody_of_another_session_or_outside_of_the_container_does() {
        let above = |pid: i32| (pid == 9).then(|| process(1, 9, 9));
        assert!(!waited_for(process(9, 10, 10), above));
        // Started in a container from outside: the starter's session and parent are 0 here.
        let outside = |pid: i32| (pid == 9).then(|| process(0, 0, 0));
        assert!(!waited_for(process(9, 10, 10), outside));
        assert!(!waited_for(process(9, 0, 0), outside));
        assert!(!waited_for(process(0, 1, 1), |_| None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_brackets_and_numbers_of_nobody_are_read() {
        assert_eq!(
            read("7 (a) b (c) S 0 0 0 34816 7 4194304"),
            Some(process(0, 0, 0))
        );
        assert_eq!(read("7 (a) S 5 6"), None);
        assert!(own().is_some());
    }
}
