//! From the terminal's key events to our chords. The only file that knows the terminal library's keys.

use crossterm::event::{
    Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton,
    MouseEventKind,
};

use crate::{
    input::{Chord, Key},
    session::{event::Event, pointer::Pointing},
    ui::Spots,
};

/// None for what means nothing to us: releases, focus, keys without a name here. The mouse points at what the last frame
/// showed.
pub fn event(raw: &TerminalEvent, spots: &Spots) -> Option<Event> {
    match raw {
        TerminalEvent::Mouse(mouse) if mouse.modifiers.is_empty() => {
            let how = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Pointing::Click,
                MouseEventKind::ScrollUp => Pointing::WheelUp,
                MouseEventKind::ScrollDown => Pointing::WheelDown,
                _ => return None,
            };
            let spot = spots.at(mouse.column, mouse.row);
            Some(Event::Pointed { spot, how })
        }
        TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => chord(key).map(Event::Key),
        TerminalEvent::Paste(text) => Some(Event::Paste(text.clone())),
        TerminalEvent::Resize(columns, rows) => Some(Event::Resize {
            columns: *columns,
            rows: *rows,
        }),
        _ => None,
    }
}

fn chord(event: &KeyEvent) -> Option<Chord> {
    let shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let (key, shift) = match event.code {
        KeyCode::Char(character) => (Key::Char(character), false),
        KeyCode::Enter => (Key::Enter, shift),
        KeyCode::Esc => (Key::Esc, shift),
        KeyCode::Tab => (Key::Tab, shift),
        KeyCode::BackTab => (Key::Tab, true),
        KeyCode::Backspace => (Key::Backspace, shift),
        KeyCode::Delete => (Key::Delete, shift),
        KeyCode::Insert => (Key::Insert, shift),
        KeyCode::Up => (Key::Up, shift),
        KeyCode::Down => (Key::Down, shift),
        KeyCode::Left => (Key::Left, shift),
        KeyCode::Right => (Key::Right, shift),
        KeyCode::Home => (Key::Home, shift),
        KeyCode::End => (Key::End, shift),
        KeyCode::PageUp => (Key::PageUp, shift),
        KeyCode::PageDown => (Key::PageDown, shift),
        KeyCode::F(number) => (Key::F(number), shift),
        _ => return None,
    };
    let mut chord = Chord::new(key);
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        chord = chord.with_ctrl();
    }
    if event.modifiers.contains(KeyModifiers::ALT) {
        chord = chord.with_alt();
    }
    if shift {
        chord = chord.with_shift();
    }
    Some(chord)
}
