//! `gonogo import FILE`: another tool's policy as our TOML. A preview, unless a file to write is named.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    path::Path,
};

use serde_json::json;

use crate::{
    config::import::{self, Imported, LONGEST},
    domain::text::Clean,
};

use super::{exit::Exit, output::Output};

pub fn run(file: &Path, write: Option<&Path>, output: Output) -> Exit {
    match imported(file, write) {
        Ok(imported) => {
            told(&imported, write, output);
            Exit::Done
        }
        Err(sentences) => {
            for sentence in sentences {
                output.say(&format!("gonogo: {}", Clean::new(&sentence)));
            }
            Exit::Usage
        }
    }
}

fn imported(file: &Path, write: Option<&Path>) -> Result<Imported, Vec<String>> {
    let text = text(file).map_err(|sentence| vec![sentence])?;
    let imported =
        import::import(&text, &file.display().to_string()).map_err(|unreadable| unreadable.0)?;
    if let Some(path) = write {
        written(path, &page(&imported, file)).map_err(|sentence| vec![sentence])?;
    }
    Ok(imported)
}

fn text(file: &Path) -> Result<String, String> {
    let name = file.display();
    let failed = |error: std::io::Error| format!("{name} cannot be read: {error}");
    // Asked before it is opened: a pipe that nobody writes to would not let us go on.
    let metadata = fs::metadata(file).map_err(failed)?;
    if metadata.is_dir() {
        return Err(format!("{name} is a folder; name the file in it"));
    }
    if !metadata.is_file() {
        return Err(format!("{name} is no file; name a text file"));
    }
    let opened = fs::File::open(file).map_err(failed)?;
    let mut bytes = Vec::new();
    opened
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!(
            "{name} is larger than a megabyte: that is no policy"
        ));
    }
    String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))
}

/// Never over a file that is there.
fn written(path: &Path, page: &str) -> Result<(), String> {
    let name = path.display();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                format!("{name} is there already, and is not written over; name another file")
            }
            _ => format!("{name} cannot be written: {error}"),
        })?;
    file.write_all(page.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| format!("{name} cannot be written: {error}"))
}

/// The TOML, with everything that a person has to do about it as comments.
fn page(imported: &Imported, file: &Path) -> String {
    let comments = |title: &str, lines: &[String]| {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("#   {}\n", Clean::new(line)))
            .collect();
        if lines.is_empty() {
            String::new()
        } else {
            format!("# {title}\n{}", lines.concat())
        }
    };
    let target: Vec<String> = imported.target.lines().map(str::to_owned).collect();
    let file = file.display().to_string();
    format!(
        "# Imported from {}. Put this into gonogo.toml, beside [[project]] and [[target]]; then: gonogo config check\n{}{}\n{}{}",
        Clean::new(&file),
        comments("Changed or added on the way:", &imported.notes),
        comments("Not imported:", &imported.unmapped),
        imported.toml,
        if target.is_empty() {
            String::new()
        } else {
            format!("\n{}", comments("For each [[target]]:", &target))
        },
    )
}

fn told(imported: &Imported, write: Option<&Path>, output: Output) {
    let written = write.map(|path| path.display().to_string());
    if output.json {
        let object = json!({
            "toml": imported.toml, "target": imported.target, "notes": imported.notes,
            "unmapped": imported.unmapped, "written": written,
        });
        output.data(false, object, Vec::new);
        return;
    }
    if !imported.toml.is_empty() {
        output.own(imported.toml.trim_end());
    }
    if !imported.target.is_empty() {
        output.own("\n# For each [[target]]:");
        let lines: Vec<String> = imported
            .target
            .lines()
            .map(|line| format!("# {line}"))
            .collect();
        output.own(&lines.join("\n"));
    }
    for note in &imported.notes {
        output.say(&format!("gonogo: {}", Clean::new(note)));
    }
    for unmapped in &imported.unmapped {
        output.say(&format!("gonogo: not imported: {}", Clean::new(unmapped)));
    }
    output.say(&match written {
        Some(path) => format!("gonogo: written to {}", Clean::new(&path)),
        None => "gonogo: a preview; --write PATH writes it".to_owned(),
    });
}
