//! Words five rows high, for a screen that a whole room reads: the calls of the poll.

/// One letter: five rows of pixels.
type Glyph = [&'static str; 5];

fn glyph(letter: char) -> Option<Glyph> {
    Some(match letter {
        'A' => [" ███ ", "█   █", "█████", "█   █", "█   █"],
        'D' => ["████ ", "█   █", "█   █", "█   █", "████ "],
        'G' => [" ████", "█    ", "█  ██", "█   █", " ████"],
        'H' => ["█   █", "█   █", "█████", "█   █", "█   █"],
        'I' => ["███", " █ ", " █ ", " █ ", "███"],
        'K' => ["█   █", "█  █ ", "███  ", "█  █ ", "█   █"],
        'L' => ["█    ", "█    ", "█    ", "█    ", "█████"],
        'N' => ["█   █", "██  █", "█ █ █", "█  ██", "█   █"],
        'O' => [" ███ ", "█   █", "█   █", "█   █", " ███ "],
        'T' => ["█████", "  █  ", "  █  ", "  █  ", "  █  "],
        'U' => ["█   █", "█   █", "█   █", "█   █", " ███ "],
        'V' => ["█   █", "█   █", "█   █", " █ █ ", "  █  "],
        'W' => ["█   █", "█   █", "█ █ █", "██ ██", "█   █"],
        '-' => ["    ", "    ", "████", "    ", "    "],
        _ => return None,
    })
}

/// The rows of a word; None where a letter has no picture.
pub fn rows(word: &str) -> Option<[String; 5]> {
    let mut rows: [String; 5] = Default::default();
    for (index, letter) in word.chars().enumerate() {
        for (row, pixels) in rows.iter_mut().zip(glyph(letter)?) {
            if index > 0 {
                row.push(' ');
            }
            row.push_str(pixels);
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::poll::Call;

    #[test]
    fn every_call_can_be_written_large() {
        for call in [
            Call::Go,
            Call::NoGo,
            Call::Hold,
            Call::Waiting,
            Call::Void,
            Call::Unknown,
        ] {
            let rows = rows(call.large()).expect("every letter has a picture");
            let width = rows[0].chars().count();
            assert!(rows.iter().all(|row| row.chars().count() == width));
            assert!(width <= 36, "{} is {width} wide", call.large());
        }
    }
}
