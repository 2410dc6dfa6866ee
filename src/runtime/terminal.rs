//! The terminal, borrowed: raw mode, alternate screen, bracketed paste, mouse. Given back whole after quit, panic or
//! signal, and while the shell has it; each mode is undone even if undoing another fails.

use std::{
    fmt,
    io::{self, Stdout, Write as _},
    mem::ManuallyDrop,
    sync::atomic::{AtomicBool, Ordering},
    thread::ThreadId,
};

use crossterm::{
    Command,
    clipboard::CopyToClipboard,
    cursor,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste},
    execute, queue, terminal,
};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    buffer::Buffer,
    layout::{Position, Rect},
};

use crate::ui::guard;

use super::painting::Painting;

/// True while the modes are on, so that they are undone once.
static BORROWED: AtomicBool = AtomicBool::new(false);

/// Presses and the wheel, with coordinates of any size. Not every movement, as the terminal library would ask for: nobody
/// here follows the pointer.
struct ReportMouse;

impl Command for ReportMouse {
    fn write_ansi(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str("\x1b[?1000h\x1b[?1006h")
    }
}

pub struct Screen {
    /// Not dropped: it would show the cursor once more, and where the terminal is gone, panic over not being able to say
    /// that it could not. What is to be undone, [`give_back`] undoes.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    painting: Painting,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal. The thread that calls this is the one whose panic gives it back; other tasks' panics are
    /// reported, and the session goes on. Without `mouse`, clicks and the wheel stay the terminal's own.
    pub fn take(mouse: bool) -> io::Result<Self> {
        // Our themes decide about colour; crossterm's own NO_COLOR loses reverse and bold.
        crossterm::style::force_color_output(true);
        install_hook(std::thread::current().id());
        let made = modes(mouse).and_then(|()| {
            let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(io::stdout()))?);
            let mut screen = Self {
                terminal,
                painting: Painting::default(),
                mouse,
            };
            screen.redraw()?;
            Ok(screen)
        });
        // A failure gives back what was taken.
        if made.is_err() {
            give_back();
        }
        made
    }

    /// For somebody else to write on, until [`Screen::take_again`].
    pub fn lend(&mut self) {
        give_back();
    }

    /// Whatever the terminal was set to meanwhile, it is set up anew; the next frame draws all of it.
    pub fn take_again(&mut self) -> io::Result<()> {
        give_back();
        modes(self.mouse)?;
        self.redraw()
    }

    /// One frame inside a synchronised update: a terminal that knows them shows all of it at once. One that changes nothing
    /// writes nothing.
    pub fn draw<T>(&mut self, paint: impl FnOnce(Rect, &mut Buffer) -> T) -> io::Result<T> {
        let area = Rect::from((Position::ORIGIN, self.terminal.size()?));
        let (told, changed) = self.painting.paint(area, paint);
        if !changed {
            return Ok(told);
        }
        queue!(io::stdout(), terminal::BeginSynchronizedUpdate)?;
        let painting = &mut self.painting;
        let drawn = self.terminal.draw(|frame| {
            painting.put(frame.buffer_mut());
        });
        execute!(io::stdout(), terminal::EndSynchronizedUpdate)?;
        drawn.map(|_| told)
    }

    /// Blank, and drawn anew by the next frame. `Terminal::clear` would do the same after asking the terminal where its
    /// cursor is: two seconds of nothing on one that does not answer, and an answer that the key reader takes away.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.painting.forget();
        let size = self.terminal.size()?;
        self.terminal
            .resize(Rect::new(0, 0, size.width, size.height))
    }

    /// OSC 52. Nothing is ever asked back: what is in the clipboard is not ours to read.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    pub fn bell(&mut self) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(b"\x07")?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn modes(mouse: bool) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    BORROWED.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(
        out,
        terminal::EnterAlternateScreen,
        EnableBracketedPaste,
        cursor::Hide
    )?;
    if mouse {
        execute!(out, ReportMouse)?;
    }
    Ok(())
}

fn give_back() {
    if !BORROWED.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(out, terminal::EndSynchronizedUpdate);
    let _ = execute!(out, DisableMouseCapture);
    let _ = execute!(out, DisableBracketedPaste);
    let _ = execute!(out, terminal::LeaveAlternateScreen);
    let _ = execute!(out, cursor::Show);
    let _ = terminal::disable_raw_mode();
}

/// Forgets what was typed before a question was on the terminal, and for a moment after, so that type-ahead answers
/// nothing. For verbs that ask a line.
pub fn forget_typed_ahead() {
    let until = std::time::Instant::now() + std::time::Duration::from_millis(250);
    if terminal::enable_raw_mode().is_err() {
        return;
    }
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match crossterm::event::poll(left) {
            Ok(true) => drop(crossterm::event::read()),
            Ok(false) | Err(_) => break,
        }
    }
    let _ = terminal::disable_raw_mode();
}

fn install_hook(ui: ThreadId) {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    let former = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == ui && guard::is_containing() {
            // A part of the screen says so in its place; what is left of the terminal stays ours.
            tracing::error!("drawing panicked: {panic}");
        } else if std::thread::current().id() == ui {
            give_back();
            former(panic);
        } else {
            // The screen is not ours here; the task's end becomes a failure on it.
            tracing::error!("a task panicked: {panic}");
        }
    }));
}
