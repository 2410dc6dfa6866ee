//! Drawing.
use crate::{session::cockpit::Cockpit, ui::theme::Theme};
pub fn draw(cockpit: &Cockpit, _theme: &Theme, frame: &mut ratatui::Frame<'_>) {
    let text = format!("{:?}", cockpit.view.screen);
    frame.render_widget(ratatui::widgets::Paragraph::new(text), frame.area());
}
