//! `[target.migration]`: what each tool calls its steps, and the items of a checklist that these become (SPEC C3).

use super::{
    super::{problem::Report, typed::Form},
    owned, values,
};
use crate::domain::{
    migration::{RollbackWord, id},
    plan::{Acts, Chain, CommandSpec, ItemId, ItemKind, ItemSpec, Phase, Probe},
};

/// What a tool calls its steps. Empty: the target has to say.
struct Preset {
    name: &'static str,
    preview: &'static [&'static str],
    apply: &'static [&'static str],
    verify: &'static [&'static str],
    /// What a line of `verify` has to say.
    expect: Option<&'static str>,
    revert_preview: &'static [&'static str],
    revert: &'static [&'static str],
    /// What whoever reads its own preview, or its own way back, has to know.
    beware: [&'static str; 2],
}

/// Without a range alembic makes no SQL of a downgrade, and all since the base of an upgrade. Prisma shows the difference of
/// two schemas, which is not what `migrate deploy` runs; and it has no way down: `migrate resolve` marks a migration and
/// reverses nothing.
const PRESETS: &[Preset] = &[
    Preset {
        name: "alembic",
        preview: &["alembic", "upgrade", "head", "--sql"],
        apply: &["alembic", "upgrade", "head"],
        verify: &["alembic", "current"],
        expect: Some(r"\(head\)"),
        revert_preview: &["alembic", "downgrade", "head:-1", "--sql"],
        revert: &["alembic", "downgrade", "-1"],
        beware: [
            ": all since the base, whatever the database has",
            ": its last revision alone",
        ],
    },
    Preset {
        name: "prisma",
        preview: &[],
        apply: &["npx", "prisma", "migrate", "deploy"],
        verify: &["npx", "prisma", "migrate", "status"],
        expect: Some("Database schema is up to date"),
        revert_preview: &[],
        revert: &[],
        beware: ["", ""],
    },
    Preset {
        name: "command",
        preview: &[],
        apply: &[],
        verify: &[],
        expect: None,
        revert_preview: &[],
        revert: &[],
        beware: ["", ""],
    },
];

/// The items of this target's migration, in the order in which they are done; none where it has none.
pub(super) fn items(target: &Form, protected: bool, report: &mut Report) -> Vec<ItemSpec> {
    let Some(form) = target.form("migration") else {
        return Vec::new();
    };
    let Some(preset) = form
        .text("preset")
        .and_then(|name| PRESETS.iter().find(|preset| preset.name == name))
    else {
        return Vec::new();
    };
    let made = Steps { form, preset };
    let rollback = form.text("rollback").and_then(RollbackWord::parse);
    let acts = Some(Acts { rollback });
    let mut items = Vec::new();
    let forth = [
        ("preview", preset.preview),
        ("apply", preset.apply),
        ("verify", preset.verify),
    ];
    if let Some((key, _)) = forth.iter().find(|(key, _)| made.words(key).is_empty()) {
        report.problem(
            form.at,
            format!("the preset {} says no `{key}` by itself", preset.name),
            if *key == "preview" && preset.name == "prisma" {
                "add preview = [\"PROGRAM\", …] that prints the files of prisma/migrations which are not applied yet: `migrate diff` shows another thing than `migrate deploy` runs".to_owned()
            } else {
                format!("add {key} = [\"PROGRAM\", …]")
            },
        );
        return Vec::new();
    }
    if made.expect().is_none() {
        report.problem(
            form.at,
            "nothing says which revision `verify` has to find",
            "add expect = \"…\", what a line of its output has to match",
        );
    }
    let back = ["revert_preview", "revert"].map(|key| !made.words(key).is_empty());
    if back[0] != back[1] {
        let (key, other) = if back[1] {
            ("revert_preview", "revert")
        } else {
            ("revert", "revert_preview")
        };
        report.problem(
            form.place(other),
            format!("there is `{other}` and no `{key}`: what takes a migration back is read before it is run"),
            format!("add {key} = [\"PROGRAM\", …]"),
        );
    }
    let way_back = |chain: Chain| Chain {
        way_back: true,
        ..chain
    };
    let chained = |after: &[&str]| Chain {
        after: after.iter().map(|id| ItemId((*id).to_owned())).collect(),
        ..Chain::default()
    };
    items.push(made.run(
        id::PREVIEW,
        &format!("The SQL of the migration{}", made.beware("preview")),
        "preview",
        chained(&[]),
    ));
    items.push(made.read(
        id::READ,
        "The SQL was read and may be applied",
        id::PREVIEW,
        chained(&[]),
    ));
    items.push(made.run(
        id::APPLY,
        "The migration is applied",
        "apply",
        Chain {
            acts: acts.clone(),
            ..chained(&[id::READ])
        },
    ));
    items.push(made.run(
        id::VERIFY,
        "The database is at the release's revision",
        "verify",
        chained(&[id::APPLY]),
    ));
    if back == [true, true] {
        items.push(made.run(
            id::REVERT_PREVIEW,
            &format!(
                "The SQL that takes the migration back{}",
                made.beware("revert")
            ),
            "revert_preview",
            way_back(chained(&[])),
        ));
        items.push(made.read(
            id::REVERT_READ,
            "The SQL of the way back was read",
            id::REVERT_PREVIEW,
            way_back(chained(&[])),
        ));
        items.push(made.run(
            id::REVERT,
            &format!("The migration is taken back{}", made.beware("revert")),
            "revert",
            way_back(Chain {
                acts,
                ..chained(&[id::REVERT_READ])
            }),
        ));
    }
    if protected {
        made.in_the_release(&items, report);
    }
    items
}

struct Steps<'a> {
    form: &'a Form,
    preset: &'a Preset,
}

impl Steps<'_> {
    /// What was typed, else what the tool calls it.
    fn words(&self, key: &str) -> Vec<String> {
        let typed = values(self.form.texts(key));
        if !typed.is_empty() {
            return typed;
        }
        let words = match key {
            "preview" => self.preset.preview,
            "apply" => self.preset.apply,
            "verify" => self.preset.verify,
            "revert_preview" => self.preset.revert_preview,
            _ => self.preset.revert,
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Nothing where the words are somebody's own.
    fn beware(&self, key: &str) -> &'static str {
        let [preview, revert] = self.preset.beware;
        match key {
            _ if !values(self.form.texts(key)).is_empty() => "",
            "preview" => preview,
            _ => revert,
        }
    }

    fn expect(&self) -> Option<String> {
        owned(self.form, "expect").or_else(|| self.preset.expect.map(str::to_owned))
    }

    fn run(&self, id: &str, title: &str, key: &str, chain: Chain) -> ItemSpec {
        let mut argv = values(self.form.texts("run_in"));
        argv.extend(self.words(key));
        let command = CommandSpec {
            argv,
            env: values(self.form.texts("env")),
            folder: owned(self.form, "folder"),
            checkout: self.form.flag("checkout"),
            expect: self.expect().filter(|_| key == "verify"),
        };
        self.item(id, title, ItemKind::Command(command), chain)
    }

    fn read(&self, id: &str, title: &str, of: &str, chain: Chain) -> ItemSpec {
        self.item(id, title, ItemKind::Read(ItemId(of.to_owned())), chain)
    }

    fn item(&self, id: &str, title: &str, kind: ItemKind, chain: Chain) -> ItemSpec {
        let timeout = match kind {
            ItemKind::Command(_) => self.form.duration("timeout"),
            _ => None,
        };
        ItemSpec {
            id: ItemId(id.to_owned()),
            phase: Phase::Deploy,
            title: title.to_owned(),
            kind,
            required: !chain.way_back,
            owner: owned(self.form, "owner"),
            time_box: None,
            max_age: None,
            timeout,
            types: Vec::new(),
            auto: false,
            chain,
        }
    }

    /// What runs in the old pods has the old migrations: in a protected environment the new release's image runs it, or a
    /// fresh copy of its commit.
    fn in_the_release(&self, items: &[ItemSpec], report: &mut Report) {
        let stray = items.iter().find(|item| {
            item.command().is_some_and(|command| {
                !command.checkout && !command.argv.iter().any(|word| word.contains("{image}"))
            })
        });
        if let Some(item) = stray {
            let line = item.command().map(CommandSpec::line).unwrap_or_default();
            report.problem(
                self.form.at,
                format!("`{line}` is run neither in the new release's image nor in a copy of its commit, and this environment is protected"),
                "add run_in = [\"docker\", \"run\", \"--rm\", \"{image}\"] or the like, or checkout = true",
            );
        }
    }
}

/// What lists of the seeds have of it becomes what can be measured: reading the SQL is 001's review, and 004 looks at the
/// revision once more after the flight.
pub(super) fn join(items: &mut Vec<ItemSpec>, migration: Vec<ItemSpec>) {
    let verify = migration
        .iter()
        .find(|item| item.id.0 == id::VERIFY)
        .and_then(|item| item.command().cloned());
    let Some(verify) = verify else {
        return;
    };
    for item in items.iter_mut() {
        let by_hand = item.kind == ItemKind::Check;
        match item.id.0.as_str() {
            "migration.reviewed" if by_hand => {
                item.kind = ItemKind::Read(ItemId(id::PREVIEW.to_owned()));
                item.phase = Phase::Deploy;
            }
            "stage.migrations" if by_hand => {
                item.kind = ItemKind::Probe(Probe::Command(verify.clone()));
            }
            _ => {}
        }
    }
    let reviewed = items
        .iter()
        .position(|item| item.kind == ItemKind::Read(ItemId(id::PREVIEW.to_owned())));
    let mut migration = migration;
    let own: Vec<ItemId> = items.iter().map(|item| item.id.clone()).collect();
    if let Some(at) = reviewed {
        let read = items.remove(at);
        for item in &mut migration {
            if item.id.0 == id::READ {
                *item = read.clone();
            }
            for after in &mut item.chain.after {
                if after.0 == id::READ {
                    after.clone_from(&read.id);
                }
            }
        }
    }
    // One's own way to do a step takes the place of ours.
    migration.retain(|item| !own.contains(&item.id) || matches!(item.kind, ItemKind::Read(_)));
    let at = items
        .iter()
        .position(ItemSpec::is_verification)
        .unwrap_or(items.len());
    items.splice(at..at, migration);
}
