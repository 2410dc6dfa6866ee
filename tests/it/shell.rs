//! The manual page and the completions, as a shell and `man` see them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Ran, Served, gonogo, run};

fn has(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: needs {program}");
    }
    found
}

/// A name in front of every leaf of the grammar, as `--help` shows them.
fn verbs() -> Vec<String> {
    fn below(path: &[&str], found: &mut Vec<String>) {
        let help = run(gonogo(path).arg("--help")).exits(0).out;
        let commands: Vec<String> = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .filter(|name| name != "help")
            .collect();
        if commands.is_empty() {
            found.push(path.join(" "));
        }
        for command in &commands {
            below(&[path, &[command.as_str()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    below(&[], &mut found);
    found
}

#[test]
fn the_manual_names_every_verb_exit_code_file_and_variable() {
    let page = run(&mut gonogo(&["man"])).exits(0).out;
    let plain = page
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fR", "");
    let verbs = verbs();
    assert!(verbs.len() > 25, "{verbs:?}");
    for verb in verbs {
        assert!(
            plain.contains(&format!("gonogo {verb}")),
            "{verb} is not on the page"
        );
    }
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "130"] {
        assert!(
            plain.contains(&format!(".TP\n{code}\n")),
            "exit code {code}"
        );
    }
    for name in [
        "GONOGO_CONFIG_DIR",
        "GONOGO_LOG",
        "KUBECONFIG",
        "NO_COLOR",
        "gonogo.toml",
        "ledger.sqlite",
    ] {
        assert!(plain.contains(name), "{name}");
    }
}

#[test]
fn man_renders_the_manual_without_a_warning() {
    if !has("man") {
        return;
    }
    let page = run(&mut gonogo(&["man"])).exits(0).out;
    let mut child = Command::new("man")
        .args(["--warnings", "-l", "-"])
        .env("MANWIDTH", "100")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // Bold is a letter struck twice.
    let mut shown = String::new();
    for letter in String::from_utf8_lossy(&output.stdout).chars() {
        if letter == '\u{8}' {
            shown.pop();
        } else {
            shown.push(letter);
        }
    }
    for words in [
        "NAME",
        "EXIT STATUS",
        "gonogo rollback ENV PROJECT [RELEASE]",
        "--staged: ",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
}

/// What bash offers after this line, with the script that gonogo printed for it.
fn bash(config: &Path, line: &str, home: &Path) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_gonogo"));
    let script = run(&mut gonogo(&["completions", "bash"])).exits(0).out;
    let words: Vec<&str> = line.split(' ').collect();
    let current = words.last().unwrap();
    let file = config.display();
    let asked = format!(
        "{script}\n\
         COMP_WORDS=(gonogo --config '{file}' {line}''); COMP_CWORD=$(({} + 2)); COMP_TYPE=9\n\
         complete -p gonogo >/dev/null || exit 9\n\
         _clap_complete_gonogo gonogo '{current}' ''\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        words.len()
    );
    let ran: Ran = run(Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &asked])
        .env("PATH", path_with(program))
        .env("GONOGO_CONFIG_DIR", home)
        .current_dir(std::env::temp_dir()));
    assert_eq!(ran.err, "", "{line}");
    ran.out
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.trim().to_owned())
        .collect()
}

fn path_with(program: &Path) -> std::ffi::OsString {
    let mut folders = vec![program.parent().unwrap().to_owned()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    std::env::join_paths(folders).unwrap()
}

#[test]
fn bash_completes_environments_projects_releases_and_items() {
    if !has("bash") {
        return;
    }
    let served = Served::start("good", 60);
    let config = served.path().join("gonogo.toml");
    let home = served.path().join("home");
    let offered = |line: &str| bash(&config, line, &home);
    // A tag that would do something at the next enter.
    let repository = git2::Repository::open(served.path().join("source")).unwrap();
    let head = repository.head().unwrap().peel_to_commit().unwrap();
    for name in ["auth-service/v0.0.1;id", "auth-service/v0.0.1$(id)"] {
        repository
            .tag_lightweight(name, head.as_object(), false)
            .unwrap();
    }
    let entries = served.entries();
    for (line, expect) in [
        ("sta", vec!["status"]),
        ("status pr", vec!["production", "prod"]),
        ("deploy st", vec!["staging", "stage"]),
        ("deploy production auth", vec!["auth-service"]),
        (
            "rollback production auth-service 4",
            vec!["43", "42", "41", "40", "4"],
        ),
        ("resolve auth-service v1.3.0-r", vec!["v1.3.0-rc.1"]),
        ("resolve auth-service v0.0.1", vec![]),
        (
            "check production auth-service onc",
            vec!["oncall.confirmed"],
        ),
        ("--as le", vec!["lee"]),
        ("rollback nowhere nothing 4", vec![]),
    ] {
        let found = offered(line);
        assert_eq!(found, expect, "{line}");
    }
    assert_eq!(served.entries(), entries, "completing writes nothing");
    // Silent, whatever is wrong.
    let nowhere = served.path().join("nowhere.toml");
    assert_eq!(bash(&nowhere, "status pr", &home), Vec::<String>::new());
    let broken = served.path().join("broken.toml");
    std::fs::write(&broken, "[[[").unwrap();
    assert_eq!(bash(&broken, "status pr", &home), Vec::<String>::new());
    assert_eq!(bash(&broken, "sta", &home), ["status"]);
}

#[test]
fn every_shell_gets_a_script_that_asks_gonogo() {
    for (shell, words) in [
        ("bash", "complete -"),
        ("zsh", "#compdef gonogo"),
        ("fish", "complete --"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = run(&mut gonogo(&["completions", shell])).exits(0).out;
        assert!(
            script.contains(words) && script.contains("GONOGO_COMPLETE"),
            "{shell}: {script}"
        );
    }
    run(&mut gonogo(&["completions", "tcsh"])).exits(2);
}
