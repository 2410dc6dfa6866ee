//! The signals that the cockpit hears, and what they mean to it.

use std::io;

use futures::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
    stop: Signal,
    resume: Signal,
}

/// What a signal means here.
#[derive(Clone, Copy)]
pub enum Heard {
    Terminate,
    Suspend,
    /// We go on after a stop that we did not ask for: the terminal may be set up for somebody else.
    Resumed,
}

impl Signals {
    pub fn listen() -> io::Result<Self> {
        let raw = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: signal(raw(rustix::process::Signal::TSTP))?,
            resume: signal(raw(rustix::process::Signal::CONT))?,
        })
    }

    pub async fn next(&mut self) -> Heard {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Heard::Terminate,
            _ = self.hangup.recv() => Heard::Terminate,
            _ = self.interrupt.recv() => Heard::Terminate,
            _ = self.resume.recv() => Heard::Resumed,
            _ = self.stop.recv() => Heard::Suspend,
        }
    }

    /// Stops until somebody continues us. Only that is waited for: the stop itself may come a moment after it was asked
    /// for, and the terminal is not to be touched in between.
    pub async fn stop_and_wait(&mut self) -> io::Result<()> {
        // One of an earlier stop says nothing about this one.
        while self.resume.recv().now_or_never().flatten().is_some() {}
        super::suspend::stop()?;
        self.resume.recv().await;
        Ok(())
    }
}
