//! Who fills which seat: each rule asks for so many persons, and each person sits on one seat only, wherever that helps
//! most. So the same pair of eyes is never counted for two rules.

/// For each voice the rule that it counts for, so that as many seats as possible are taken. `seats` says how many each
/// rule has, `may[voice][rule]` who could sit where.
pub fn seated(seats: &[usize], may: &[Vec<bool>]) -> Vec<Option<usize>> {
    let mut places: Vec<Seat> = Vec::new();
    for (rule, count) in seats.iter().enumerate() {
        // More seats than voices are never taken.
        for _ in 0..(*count).min(may.len()) {
            places.push(Seat { rule, by: None });
        }
    }
    for voice in 0..may.len() {
        let mut tried = vec![false; places.len()];
        seat(voice, may, &mut places, &mut tried);
    }
    let mut seated = vec![None; may.len()];
    for place in &places {
        if let Some(chair) = place.by.and_then(|voice| seated.get_mut(voice)) {
            *chair = Some(place.rule);
        }
    }
    seated
}

struct Seat {
    rule: usize,
    by: Option<usize>,
}

/// Takes a free seat, or one whose holder can move to another.
fn seat(voice: usize, may: &[Vec<bool>], places: &mut [Seat], tried: &mut [bool]) -> bool {
    for place in 0..places.len() {
        let fits = may
            .get(voice)
            .is_some_and(|rules| rules.get(places[place].rule) == Some(&true));
        if !fits || tried[place] {
            continue;
        }
        tried[place] = true;
        let free = match places[place].by {
            None => true,
            Some(other) => seat(other, may, places, tried),
        };
        if free {
            places[place].by = Some(voice);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seats: &[usize], may: &[&[bool]], expect: &[Option<usize>]) {
        let may: Vec<Vec<bool>> = may.iter().map(|rules| rules.to_vec()).collect();
        assert_eq!(seated(seats, &may), expect, "{seats:?} {may:?}");
    }

    #[test]
    fn everybody_sits_on_one_seat_where_it_helps_most() {
        check(&[1], &[&[true], &[true]], &[Some(0), None]);
        check(
            &[2],
            &[&[true], &[false], &[true]],
            &[Some(0), None, Some(0)],
        );
        // The first could do both, the second only the first rule: they make room for each other.
        check(
            &[1, 1],
            &[&[true, true], &[true, false]],
            &[Some(1), Some(0)],
        );
        // One person never counts for two rules.
        check(&[1, 1], &[&[true, true]], &[Some(0)]);
        check(&[], &[&[]], &[None]);
        check(&[3], &[], &[]);
    }
}
