//! Durations as people write and read them: `90s`, `5m`, `1h`, and `3:12` on a screen.

use jiff::SignedDuration;

/// `3:12`, or `1:02:03` from an hour on. Negative durations count as zero.
pub fn clock(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// One unit, rounded down, as an age is read at a glance: `4 s`, `12 min`, `3 h`, `9 d`.
pub fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        6_000..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Exact and short, for limits and deadlines: `5 min`, `90 s`, `1 h`, `7.5 s`, `500 ms`.
pub fn exact(duration: SignedDuration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    if millis % 1000 != 0 {
        if seconds == 0 {
            format!("{millis} ms")
        } else {
            let text = format!("{:.3}", duration.as_secs_f64());
            format!("{} s", text.trim_end_matches('0'))
        }
    } else if seconds != 0 && seconds % 3600 == 0 {
        format!("{} h", seconds / 3600)
    } else if seconds != 0 && seconds % 60 == 0 {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let seconds = SignedDuration::from_secs;
        assert_eq!(clock(seconds(192)), "3:12");
        assert_eq!(clock(seconds(3723)), "1:02:03");
        assert_eq!(clock(seconds(-5)), "0:00");
        assert_eq!(age(seconds(4)), "4 s");
        assert_eq!(age(seconds(720)), "12 min");
        assert_eq!(age(seconds(10_800)), "3 h");
        assert_eq!(age(seconds(864_000)), "10 d");
        assert_eq!(exact(seconds(300)), "5 min");
        assert_eq!(exact(seconds(90)), "90 s");
        assert_eq!(exact(SignedDuration::from_millis(500)), "500 ms");
        assert_eq!(exact(SignedDuration::from_millis(7_500)), "7.5 s");
        assert_eq!(exact(SignedDuration::from_millis(12_250)), "12.25 s");
        assert_eq!(exact(seconds(0)), "0 s");
    }
}
