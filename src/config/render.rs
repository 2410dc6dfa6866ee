//! A configuration written as the text that reads back as the same one, e.g. for the practice cluster.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use jiff::civil::DateTime;
use toml::Value;

use crate::domain::{
    access::{Access, Plugins},
    calendar::{Calendar, Day},
    environment::{ApprovalRule, Contact, Dashboard, Environment, Policy, Tightening},
    hotfix::Leg,
    plan::{CiProbe, CommandSpec, Find, GitProbe, ItemKind, ItemSpec, Probe},
    project::{CatalogueSource, Project, TagStrategy, Triggers},
    target::{Endpoint, Target},
    version_file::{Place, Preparing, VersionFile},
    workspace::{Person, Workspace},
};

use super::units::typed;

/// Paths are written as they are, so absolute ones stay what they were wherever the text is kept.
pub fn render(workspace: &Workspace) -> String {
    let mut page = Page(format!(
        "# Written by gonogo {}.\n",
        env!("CARGO_PKG_VERSION")
    ));
    page.pair("name", quoted(&workspace.name));
    page.pair("trust_names", workspace.trust_names);
    if let Some(rehearsal) = &workspace.rehearsal {
        page.heading("[rehearsal]");
        page.pair("scenario", quoted(&rehearsal.scenario));
        page.pair("speed", Value::Float(rehearsal.speed));
    }
    page.heading("[ledger]");
    page.pair("path", path(&workspace.ledger));
    page.access(&workspace.access);
    let timings = &workspace.timings;
    page.heading("[timings]");
    page.pair(
        "mutation_deadline",
        quoted(&typed(timings.mutation_deadline)),
    );
    page.pair("settling", quoted(&typed(timings.settling)));
    page.pair("stale", quoted(&typed(timings.stale)));
    page.pair("health_interval", quoted(&typed(timings.health_interval)));
    page.pair("health_answers", timings.health_answers);
    page.pair("scrape_interval", quoted(&typed(timings.scrape_interval)));
    page.pair("countersign", quoted(&typed(timings.countersign)));
    for leg in Leg::ALL {
        let key = format!("hotfix_{leg}");
        page.pair(&key, quoted(&typed(timings.hotfix.of(leg))));
    }
    page.pair("heartbeat", quoted(&typed(timings.heartbeat)));
    page.pair("absent", quoted(&typed(timings.absent)));
    for project in &workspace.projects {
        page.project(project, workspace.state_files.get(&project.id));
    }
    for environment in &workspace.environments {
        page.environment(environment);
    }
    for target in &workspace.targets {
        let place = workspace.environment(&target.id.environment);
        let own = place.and_then(|place| place.policy.projects.get(&target.id.project));
        page.target(target, own);
    }
    for person in &workspace.people {
        page.person(person);
    }
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(heading);
    }

    fn pair(&mut self, key: &str, value: impl Display) {
        self.line(&format!("{key} = {value}"));
    }

    fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.pair(key, value);
        }
    }

    fn access(&mut self, access: &Access) {
        let plugins = &access.plugins;
        if *plugins != Plugins::default() {
            self.heading("[plugins]");
            self.pair("policy", quoted(plugins.policy.word()));
            let paths: Vec<String> = plugins
                .allow
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            self.pair("allow", list(&paths));
        }
        for login in &access.registries {
            self.heading("[[registry]]");
            self.pair("address", quoted(&login.address));
            self.pair("user", quoted(&login.user));
            self.pair("password", quoted(&login.password.to_string()));
        }
        for (project, ci) in &access.ci {
            self.heading("[[ci]]");
            self.pair("project", quoted(project.as_str()));
            self.pair("api", quoted(&ci.address));
            self.pair("repository", quoted(&ci.repository));
            let token = ci.token.as_ref().map(|place| quoted(&place.to_string()));
            self.maybe("token", token);
            if !ci.checks.is_empty() {
                let checks = ci.checks.iter().map(|(item, contexts)| {
                    table(&[("item", quoted(item)), ("contexts", list(contexts))])
                });
                self.tables("checks", checks);
            }
        }
    }

    fn project(&mut self, project: &Project, state_files: Option<&PathBuf>) {
        self.heading("[[project]]");
        self.pair("id", quoted(project.id.as_str()));
        if !project.source.as_os_str().is_empty() {
            self.pair("source", path(&project.source));
        }
        self.pair(
            "tags",
            quoted(match project.tags {
                TagStrategy::Monorepo => "monorepo",
                TagStrategy::TagAll => "tag-all",
            }),
        );
        self.pair("branches", list(&project.branches));
        self.pair("branch_aliases", list(&project.branch_aliases));
        self.pair("enabled", project.triggers != Triggers::None);
        self.pair("tag_trigger", project.triggers != Triggers::Branches);
        self.pair("manifests", list(&project.manifests));
        self.preparing(&project.preparing);
        self.pair(
            "catalogue",
            quoted(match project.catalogue {
                CatalogueSource::Git => "git",
                CatalogueSource::Oci => "oci",
            }),
        );
        self.maybe("state_files", state_files.map(|folder| path(folder)));
        self.pair("image", quoted(&project.image.name));
        self.pair("registry", quoted(&project.image.endpoint));
        self.pair("registry_repository", quoted(&project.image.repository));
    }

    fn preparing(&mut self, preparing: &Preparing) {
        let pattern = |file: &VersionFile| match &file.place {
            Place::Pattern(pattern) => Some((file.path.clone(), pattern.clone())),
            Place::Whole | Place::Json(_) | Place::Toml(_) => None,
        };
        let files = preparing.version_files.iter();
        let plain = files.clone().filter(|file| pattern(file).is_none());
        self.pair("version_files", list(&plain.collect::<Vec<_>>()));
        let mut patterns = files.filter_map(pattern).peekable();
        if patterns.peek().is_some() {
            let row = |(path, pattern): (String, String)| {
                table(&[("path", quoted(&path)), ("pattern", quoted(&pattern))])
            };
            self.tables("version_patterns", patterns.map(row));
        }
        self.pair("changelog", quoted(&preparing.changelog));
    }

    fn environment(&mut self, environment: &Environment) {
        self.heading("[[environment]]");
        self.pair("name", quoted(environment.name.as_str()));
        self.pair("other_names", list(&environment.other_names));
        let purpose = Some(environment.purpose.as_str()).filter(|text| !text.is_empty());
        self.maybe("purpose", purpose.map(quoted));
        self.pair("protected", environment.protected);
        self.pair("customer_data", environment.customer_data);
        let data = Some(environment.data.as_str()).filter(|text| !text.is_empty());
        self.maybe("data", data.map(quoted));
        if !environment.contacts.is_empty() {
            let contact = |contact: &Contact| {
                table(&[
                    ("name", quoted(&contact.name)),
                    ("reach", quoted(&contact.reach)),
                ])
            };
            self.tables("contacts", environment.contacts.iter().map(contact));
        }
        if !environment.dashboards.is_empty() {
            let dashboard = |dashboard: &Dashboard| {
                table(&[
                    ("title", quoted(&dashboard.title)),
                    ("url", quoted(&dashboard.url)),
                ])
            };
            self.tables("dashboards", environment.dashboards.iter().map(dashboard));
        }
        let policy = &environment.policy;
        let calendar = &policy.calendar;
        self.pair("time_zone", quoted(calendar.zone.name()));
        self.line("[environment.policy]");
        self.pair("allowed_triggers", list(&policy.allowed_triggers));
        self.pair("allowed_branches", list(&policy.allowed_branches));
        self.pair("allowed_tags", list(&policy.allowed_tags));
        if let Some(after) = &policy.after {
            self.pair("after", quoted(after.as_str()));
        }
        // Without `after` a soak does nothing, and the reader says so.
        if policy.after.is_some() || policy.soak != Policy::default().soak {
            self.pair("soak", quoted(&typed(policy.soak)));
        }
        if policy.auto_deploy {
            self.pair("auto_deploy", true);
        }
        if !policy.auto_deploy_tags.is_empty() {
            self.pair("auto_deploy_tags", list(&policy.auto_deploy_tags));
        }
        self.calendar(calendar);
        match policy.approvals.as_slice() {
            [] => {}
            [rule] => self.pair("approvals", approvals(rule)),
            rules => self.tables("approvals", rules.iter().map(approvals)),
        }
        if !policy.veto.is_empty() {
            self.pair("veto", list(&policy.veto));
        }
        if !policy.auto_approve.is_empty() {
            let rules = policy.auto_approve.iter().map(|auto| {
                table(&[
                    ("rule", quoted(&auto.rule)),
                    ("role", quoted(&auto.role)),
                    ("gates", list(&auto.gates)),
                ])
            });
            self.tables("auto_approve", rules);
        }
        if let Some(hotfix) = &policy.hotfix {
            let items: Vec<String> = hotfix.validation.iter().map(item).collect();
            let fields = [
                ("branches", list(&hotfix.branches)),
                ("role", quoted(&hotfix.role)),
                ("expires_after", quoted(&typed(hotfix.expires_after))),
                ("onto", quoted(&hotfix.onto)),
                ("items", format!("[{}]", items.join(", "))),
            ];
            self.pair("hotfix", table(&fields));
        }
    }

    fn target(&mut self, target: &Target, own: Option<&Tightening>) {
        self.heading("[[target]]");
        self.pair("environment", quoted(target.id.environment.as_str()));
        self.pair("project", quoted(target.id.project.as_str()));
        self.maybe("kubeconfig", target.cluster.kubeconfig.as_deref().map(path));
        self.maybe("context", target.cluster.context.as_deref().map(quoted));
        let pin = target.cluster.pin.as_ref().map(|pin| {
            let fields = [
                ("server", &pin.server),
                ("ca_sha256", &pin.ca_sha256),
                ("uid", &pin.uid),
            ];
            let typed: Vec<_> = fields
                .into_iter()
                .filter_map(|(key, value)| Some((key, quoted(value.as_deref()?))))
                .collect();
            table(&typed)
        });
        self.maybe("pin", pin);
        self.pair("namespace", quoted(&target.workload.namespace));
        let workload = &target.workload;
        self.pair(
            "workload",
            quoted(&format!("{}/{}", workload.kind.resource(), workload.name)),
        );
        self.pair("container", quoted(&workload.container));
        self.maybe(
            "health",
            target.health.as_ref().map(|at| table(&endpoint(at))),
        );
        self.maybe(
            "metrics",
            target.metrics.as_ref().map(|source| {
                let mut fields = endpoint(&source.endpoint).to_vec();
                fields.push(("prefix", quoted(&source.prefix)));
                fields.push(("window", quoted(&typed(source.window))));
                fields.push(("min_requests", source.min_requests.to_string()));
                table(&fields)
            }),
        );
        let limits = target.limits.iter().map(|limit| {
            let mut fields = vec![
                ("metric", quoted(limit.metric.id())),
                ("hold", Value::Float(limit.hold).to_string()),
            ];
            fields.extend(
                limit
                    .roll_back
                    .map(|figure| ("roll_back", Value::Float(figure).to_string())),
            );
            fields.push(("intervals", limit.intervals.to_string()));
            table(&fields)
        });
        self.tables("limits", limits);
        let stages = target.stages.iter().map(|stage| {
            table(&[
                ("share", stage.share.to_string()),
                ("bake", quoted(&typed(stage.bake))),
            ])
        });
        self.tables("stages", stages);
        self.tables("items", target.items.iter().map(item));
        self.pair("monitoring", quoted(&typed(target.monitoring)));
        self.pair("rollout_deadline", quoted(&typed(target.rollout_deadline)));
        if let Some(own) = own {
            self.tightening(own);
        }
    }

    fn tightening(&mut self, own: &Tightening) {
        self.line("[target.policy]");
        self.maybe(
            "allowed_triggers",
            own.allowed_triggers.as_deref().map(list),
        );
        if !own.allowed_branches.is_empty() {
            self.pair("allowed_branches", list(&own.allowed_branches));
        }
        if !own.allowed_tags.is_empty() {
            self.pair("allowed_tags", list(&own.allowed_tags));
        }
        self.maybe("soak", own.soak.map(|soak| quoted(&typed(soak))));
        if !own.approvals.is_empty() {
            self.tables("approvals", own.approvals.iter().map(approvals));
        }
        if !own.veto.is_empty() {
            self.pair("veto", list(&own.veto));
        }
        if own.never_by_itself {
            self.pair("auto_deploy", false);
        }
        self.calendar(&own.calendar);
    }

    fn person(&mut self, person: &Person) {
        self.heading("[[person]]");
        self.pair("name", quoted(&person.name));
        self.pair("accounts", list(&person.accounts));
        self.maybe("email", person.email.as_deref().map(quoted));
        if !person.roles.is_empty() {
            self.line("[person.roles]");
            for (scope, words) in &person.roles {
                self.pair(&quoted(scope), list(words));
            }
        }
    }

    /// Times of day are written to the minute, as they are read.
    fn calendar(&mut self, calendar: &Calendar) {
        let days = |days: &[Day]| {
            let words: Vec<String> = days.iter().map(|day| quoted(day.word())).collect();
            format!("[{}]", words.join(", "))
        };
        if !calendar.windows.is_empty() {
            let windows = calendar.windows.iter().map(|window| {
                table(&[
                    ("days", days(&window.days)),
                    ("from", quoted(&window.from.strftime("%H:%M").to_string())),
                    ("for", quoted(&typed(window.lasts))),
                ])
            });
            self.tables("windows", windows);
        }
        if !calendar.freezes.is_empty() {
            let at = |moment: DateTime| quoted(&moment.strftime("%Y-%m-%d %H:%M:%S").to_string());
            let freezes = calendar.freezes.iter().map(|freeze| {
                table(&[
                    ("from", at(freeze.from)),
                    ("until", at(freeze.until)),
                    ("reason", quoted(&freeze.reason)),
                ])
            });
            self.tables("freezes", freezes);
        }
        if !calendar.no_deploys_on.is_empty() {
            self.pair("no_deploys_on", days(&calendar.no_deploys_on));
        }
    }

    fn tables(&mut self, key: &str, rows: impl Iterator<Item = String>) {
        self.line(&format!("{key} = ["));
        for row in rows {
            self.line(&format!("  {row},"));
        }
        self.line("]");
    }
}

fn approvals(rule: &ApprovalRule) -> String {
    table(&[
        ("quorum", rule.quorum.to_string()),
        ("role", quoted(&rule.role)),
        ("exclude_requester", rule.exclude_requester.to_string()),
        ("exclude_authors", rule.exclude_authors.to_string()),
        ("expires_after", quoted(&typed(rule.expires_after))),
    ])
}

fn item(item: &ItemSpec) -> String {
    let mut fields = vec![
        ("id", quoted(&item.id.0)),
        ("phase", quoted(item.phase.title())),
        ("title", quoted(&item.title)),
    ];
    match &item.kind {
        ItemKind::Check => fields.push(("kind", quoted("check"))),
        ItemKind::Probe(probe) => {
            fields.push(("kind", quoted("probe")));
            fields.push(("probe", quoted(probe.id())));
            self::probe(probe, &mut fields);
        }
        ItemKind::Command(spec) => {
            fields.push(("kind", quoted("command")));
            command(spec, &mut fields);
        }
        ItemKind::Action(action) => {
            fields.push(("kind", quoted("action")));
            fields.push(("action", quoted(action.id())));
        }
        ItemKind::Read(of) => {
            fields.push(("kind", quoted("read")));
            fields.push(("reads", quoted(&of.0)));
        }
    }
    if !item.chain.after.is_empty() {
        let after: Vec<String> = item.chain.after.iter().map(|id| quoted(&id.0)).collect();
        fields.push(("after", format!("[{}]", after.join(", "))));
    }
    if let Some(acts) = &item.chain.acts {
        fields.push(("acts", "true".to_owned()));
        fields.extend(acts.rollback.map(|word| ("rollback", quoted(word.word()))));
    }
    if item.chain.way_back {
        fields.push(("way_back", "true".to_owned()));
    }
    if !item.types.is_empty() {
        fields.push(("types", list(&item.types)));
    }
    fields.push(("required", item.required.to_string()));
    fields.extend(item.owner.as_deref().map(|owner| ("owner", quoted(owner))));
    if let Some(time_box) = item.time_box {
        fields.push(("from", quoted(&typed(time_box.from))));
        fields.push(("until", quoted(&typed(time_box.until))));
    }
    if item.auto {
        fields.push(("auto", "true".to_owned()));
    }
    let ages = [("timeout", item.timeout), ("max_age", item.max_age)];
    fields.extend(
        ages.into_iter()
            .filter_map(|(key, age)| Some((key, quoted(&typed(age?))))),
    );
    table(&fields)
}

fn probe(probe: &Probe, fields: &mut Vec<(&'static str, String)>) {
    match probe {
        Probe::Pods | Probe::Health | Probe::Metrics => {}
        Probe::Metric(metric) => fields.push(("metric", quoted(metric.id()))),
        Probe::Gate(id) => fields.push(("gate", quoted(id))),
        Probe::Command(spec) => command(spec, fields),
        Probe::Http(http) => {
            fields.push(("url", quoted(&http.url)));
            fields.extend(http.status.map(|status| ("status", status.to_string())));
            fields.extend(
                http.expect
                    .as_deref()
                    .map(|expect| ("expect", quoted(expect))),
            );
        }
        Probe::Tcp(address) => fields.push(("address", quoted(address))),
        Probe::Dns(host) => fields.push(("host", quoted(host))),
        Probe::Ci(CiProbe::Checks { contexts }) if contexts.is_empty() => {}
        Probe::Ci(CiProbe::Checks { contexts }) => fields.push(("contexts", list(contexts))),
        Probe::Ci(CiProbe::Reviews { by }) => fields.push(("reviewers", by.to_string())),
        Probe::Kubernetes(object) => {
            fields.push(("object", quoted(&object.object)));
            if object.whole_cluster {
                fields.push(("whole_cluster", "true".to_owned()));
            }
            let texts = [
                ("namespace", &object.namespace),
                ("pointer", &object.pointer),
                ("equals", &object.equals),
                ("condition", &object.condition),
            ];
            let typed = texts.into_iter();
            fields.extend(typed.filter_map(|(key, text)| Some((key, quoted(text.as_deref()?)))));
        }
        Probe::Number(number) => {
            command(&number.command, fields);
            fields.push(match &number.find {
                Find::Pattern(pattern) => ("pattern", quoted(pattern)),
                Find::Pointer(pointer) => ("pointer", quoted(pointer)),
            });
            fields.push(("bound", quoted(&number.bound.to_string())));
        }
        Probe::Git(question) => {
            fields.push(("git", quoted(question.id())));
            match question {
                GitProbe::Merged { branch } => fields.push(("branch", quoted(branch))),
                GitProbe::Changed { paths } => fields.push(("paths", list(paths))),
                GitProbe::Reviewed { by } => fields.push(("reviewers", by.to_string())),
                GitProbe::Changelog { path } => fields.push(("file", quoted(path))),
                GitProbe::Tagged | GitProbe::NoNewTodo => {}
            }
        }
    }
}

fn command(spec: &CommandSpec, fields: &mut Vec<(&'static str, String)>) {
    fields.push(("command", list(&spec.argv)));
    if !spec.env.is_empty() {
        fields.push(("env", list(&spec.env)));
    }
    fields.extend(
        spec.folder
            .as_deref()
            .map(|folder| ("folder", quoted(folder))),
    );
    if spec.checkout {
        fields.push(("checkout", "true".to_owned()));
    }
    fields.extend(
        spec.expect
            .as_deref()
            .map(|expect| ("expect", quoted(expect))),
    );
}

fn endpoint(endpoint: &Endpoint) -> [(&'static str, String); 2] {
    [
        ("port", endpoint.port.to_string()),
        ("path", quoted(&endpoint.path)),
    ]
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A path that is not UTF-8 cannot stand in TOML; it is written with replacement characters.
fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn list(texts: &[impl ToString]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(&text.to_string())).collect();
    format!("[{}]", texts.join(", "))
}

fn table(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}
