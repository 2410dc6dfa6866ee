//! The terminal, borrowed: raw mode, alternate screen, bracketed paste. Given back whole after quit, panic or signal;
//! each mode is undone even if undoing another fails.

use std::{
    io::{self, Stdout, Write as _},
    mem::ManuallyDrop,
    sync::atomic::{AtomicBool, Ordering},
    thread::ThreadId,
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue, terminal,
};
use ratatui::{Terminal, backend::CrosstermBackend, layout::Rect};

/// True while the modes are on, so that they are undone once.
static BORROWED: AtomicBool = AtomicBool::new(false);

pub struct Screen {
    /// Never dropped: on a terminal that is gone its drop would complain on it, and panic over that.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    /// Takes the terminal. The thread that calls this is the one whose panic gives it back; other tasks' panics are
    /// reported, and the session goes on.
    pub fn take() -> io::Result<Self> {
        // Our themes decide about colour; crossterm's own NO_COLOR loses reverse and bold.
        crossterm::style::force_color_output(true);
        install_hook(std::thread::current().id());
        terminal::enable_raw_mode()?;
        BORROWED.store(true, Ordering::SeqCst);
        // From here on a failure gives back what was taken.
        let taken = Self::modes();
        if taken.is_err() {
            give_back();
        }
        taken
    }

    fn modes() -> io::Result<Self> {
        let mut out = io::stdout();
        execute!(
            out,
            terminal::EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out))?);
        let mut screen = Self { terminal };
        screen.redraw()?;
        Ok(screen)
    }

    /// One frame inside a synchronised update.
    pub fn draw(&mut self, paint: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        queue!(io::stdout(), terminal::BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(paint).map(drop);
        execute!(io::stdout(), terminal::EndSynchronizedUpdate)?;
        drawn
    }

    /// Blank, and drawn anew by the next frame. `Terminal::clear` would do the same after asking the terminal where its
    /// cursor is: two seconds of nothing on one that does not answer, and an answer that the key reader takes away.
    pub fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal
            .resize(Rect::new(0, 0, size.width, size.height))
    }

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

fn give_back() {
    if !BORROWED.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(out, terminal::EndSynchronizedUpdate);
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
        if std::thread::current().id() == ui {
            give_back();
            former(panic);
        } else {
            // The screen is not ours here; the task's end becomes a failure on it.
            tracing::error!("a task panicked: {panic}");
        }
    }));
}
