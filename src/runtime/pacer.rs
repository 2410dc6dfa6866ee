//! When a frame is due: at once for a key, else at most thirty times a second, and never when nothing changed.

use std::time::{Duration, Instant};

const PACE: Duration = Duration::from_millis(33);

#[derive(Debug, Default)]
pub struct Pacer {
    drawn: Option<Instant>,
    due: Option<Instant>,
}

impl Pacer {
    /// Something changed that may wait for the next frame.
    pub fn changed(&mut self, now: Instant) {
        let earliest = self.drawn.map_or(now, |drawn| (drawn + PACE).max(now));
        self.due.get_or_insert(earliest);
    }

    /// A person waits for it.
    pub fn urgent(&mut self, now: Instant) {
        self.due = Some(now);
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    pub fn drawn(&mut self, now: Instant) {
        (self.drawn, self.due) = (Some(now), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_becomes_thirty_frames_and_silence_none() {
        let start = Instant::now();
        let (mut pacer, mut frames) = (Pacer::default(), 0);
        for micros in (0..1_000_000).step_by(100) {
            let now = start + Duration::from_micros(micros);
            pacer.changed(now);
            if pacer.due().is_some_and(|due| due <= now) {
                pacer.drawn(now);
                frames += 1;
            }
        }
        assert!((30..=31).contains(&frames), "{frames} frames");
        assert_eq!(pacer.due().map(|due| due > start), Some(true));
        pacer.drawn(start);
        assert_eq!(pacer.due(), None);
    }

    #[test]
    fn a_key_does_not_wait() {
        let now = Instant::now();
        let mut pacer = Pacer::default();
        pacer.drawn(now);
        pacer.changed(now);
        assert!(pacer.due().is_some_and(|due| due > now));
        pacer.urgent(now);
        assert_eq!(pacer.due(), Some(now));
    }
}
