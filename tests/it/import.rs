//! `gonogo import`: the YAML and the JSON that teams have, as our TOML; what does not map is listed, and what is wrong is
//! said with its place.

use gonogo::config::import::{Imported, import};
use gonogo::config::{Folders, Loaded, Trust, parse_with};
use gonogo::domain::release::TriggerKind;
use jiff::SignedDuration;
use std::path::Path;

use crate::support::gonogo;

/// As the document of the promotion policies has it.
const YAML: &str = r#"
environments:
  dev:
    promotion_policy:
      allowed_triggers: ["branch_push", "tag", "manual"]
      allowed_branches: ["*"]
      auto_deploy: true

  stage:
    promotion_policy:
      allowed_triggers: ["branch_push", "tag", "manual"]
      allowed_branches: ["main", "release/*"]
      auto_deploy: false
      requires_approval: false

  prod:
    promotion_policy:
      allowed_triggers: ["tag", "manual"]
      allowed_branches: ["main"]
      auto_deploy: false
      requires_approval: true
"#;

/// As the document of the release configuration has it.
const JSON: &str = r#"{
  "environments": {
    "staging": {
      "url": "https://staging.example.com",
      "deploy_command": "kubectl apply -f k8s/staging/"
    },
    "production": {
      "url": "https://example.com",
      "deploy_command": "kubectl apply -f k8s/production/",
      "strategy": "blue-green"
    }
  },
  "tests": {
    "smoke": "npm run test:smoke",
    "integration": "npm run test:integration",
    "performance": "npm run test:performance"
  },
  "rollback": {
    "auto_rollback": true,
    "error_threshold": 0.05,
    "response_time_threshold": 2000
  }
}"#;

/// The fragment in a file that has a project, a target and people around it.
fn whole(imported: &Imported) -> Loaded {
    let text = format!(
        r#"
name = "shop"
trust_names = true
[ledger]
path = "ledger.sqlite"
[[project]]
id = "acme/shop/web"
source = "/srv/git/shop"
image = "registry.acme.example/shop/web"
{}
[[target]]
environment = "production"
project = "web"
namespace = "shop"
workload = "deployment/web"
metrics = {{ port = 8080 }}
{}
[[person]]
name = "lee"
accounts = ["lee"]
roles = {{ "*" = ["approve"] }}
[[person]]
name = "dana"
accounts = ["dana"]
roles = {{ "*" = ["operate"] }}
"#,
        imported.toml, imported.target
    );
    let folders = Folders::within(Path::new("/own"), None);
    parse_with(
        &text,
        Path::new("/ws/gonogo.toml"),
        Trust::Own,
        Some(&folders),
    )
    .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[test]
fn the_yaml_of_promotion_policies_becomes_environments() {
    let imported = import(YAML, "policies.yaml").unwrap();
    let workspace = whole(&imported).workspace;
    let names: Vec<&str> = workspace
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["dev", "staging", "production"],
        "in the order of the file"
    );
    for (old, new) in [
        ("stage", "staging"),
        ("uat", "staging"),
        ("prod", "production"),
    ] {
        assert_eq!(workspace.find_environment(old).unwrap().name.as_str(), new);
    }
    let [dev, staging, production] = workspace.environments.as_slice() else {
        panic!("three of them");
    };
    assert_eq!(dev.policy.allowed_branches, ["*"]);
    assert!(dev.policy.auto_deploy && !staging.policy.auto_deploy);
    assert_eq!(staging.policy.allowed_branches, ["main", "release/*"]);
    assert_eq!(staging.policy.approvals, []);
    assert_eq!(
        production.policy.allowed_triggers,
        [TriggerKind::Tag, TriggerKind::Manual]
    );
    let rule = &production.policy.approvals[0];
    assert!(rule.quorum == 1 && rule.exclude_requester && rule.role == "approve");
    assert!(production.protected && !staging.protected && !dev.protected);
    assert_eq!(
        production.policy.after.as_ref().unwrap().as_str(),
        "staging"
    );
    assert_eq!(production.policy.soak, SignedDuration::from_hours(1));
    let notes = imported.notes.join("\n");
    for said in [
        "`stage` is staging here",
        "`prod` is production here",
        "is protected",
        "comes after staging",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[test]
fn every_key_of_the_json_is_imported_or_listed() {
    let imported = import(JSON, ".atlas/release.config.json").unwrap();
    let workspace = whole(&imported).workspace;
    let production = workspace.find_environment("prod").unwrap();
    assert_eq!(production.dashboards[0].url, "https://example.com");
    let target = workspace.find_target("production", "web").unwrap();
    let items: Vec<&str> = target.items.iter().map(|item| item.id.0.as_str()).collect();
    assert_eq!(
        items,
        ["tests.smoke", "tests.integration", "tests.performance"]
    );
    assert!(target.items[0].title.contains("npm run test:smoke"));
    let limits: Vec<(f64, Option<f64>)> = target
        .limits
        .iter()
        .map(|limit| (limit.hold, limit.roll_back))
        .collect();
    assert_eq!(limits, [(5.0, Some(5.0)), (2000.0, Some(2000.0))]);
    let places: Vec<&str> = imported
        .unmapped
        .iter()
        .filter_map(|line| line.split(": ").next())
        .collect();
    assert_eq!(
        places,
        [
            "environments.staging.deploy_command",
            "environments.production.deploy_command",
            "environments.production.strategy",
            "rollback.auto_rollback",
        ]
    );
}

#[test]
fn what_is_wrong_is_said_all_at_once_and_with_its_place() {
    let wrong = r#"
environments:
  dev:
    promotion_policy:
      allowed_triggers: ["branch_push", "cron"]
      allowed_branches: main
      requires_approval: "yes"
      auto_deploy: 1
  prod: {}
  production: {}
  "a b": {}
rollback:
  error_threshold: 5
  response_time_threshold: fast
extra: 1
"#;
    let told = import(wrong, "policies.yml").unwrap_err().to_string();
    for said in [
        "policies.yml: `environments.dev.promotion_policy.allowed_triggers` cannot be `cron`; there are: branch_push, tag, manual",
        "`environments.dev.promotion_policy.allowed_branches` takes a list of texts, this is a text",
        "`environments.dev.promotion_policy.requires_approval` takes true or false, this is a text",
        "`environments.dev.promotion_policy.auto_deploy` takes true or false, this is a number",
        "`environments.production` is production under another name, which is there already",
        "`environments.a b` is no name",
        "`rollback.error_threshold` is a share of all requests, from 0 to 1",
        "`rollback.response_time_threshold` takes a number, this is a text",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    assert_eq!(told.lines().count(), 8, "{told}");
    for (text, name, said) in [
        (
            "[1]",
            "a.json",
            "takes a table with `environments`, this is a list",
        ),
        (
            "{\"environments\": {}, \"environments\": {}}",
            "a.json",
            "twice",
        ),
        ("{\"environments\": ", "a.json", "line 1 column"),
        ("a: [", "a.yaml", "a.yaml: "),
        ("name: x", "a.yaml", "`environments` is missing"),
    ] {
        let told = import(text, name).unwrap_err().to_string();
        assert!(told.contains(said), "{text}: {told}");
    }
    let unknown = import("environments: {}\nextra: 1\n", "a.yaml").unwrap();
    assert_eq!(unknown.unmapped, ["extra: gonogo knows no such key"]);
}

#[test]
fn the_verb_shows_first_and_writes_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("policies.yaml");
    let out = folder.path().join("environments.toml");
    std::fs::write(&source, YAML).unwrap();
    let (source, out) = (source.to_str().unwrap(), out.to_str().unwrap());
    let run = |args: &[&str]| {
        let output = gonogo(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, shown, said) = run(&["import", source]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        shown.contains("[[environment]]\nname = \"production\""),
        "{shown}"
    );
    assert!(said.contains("a preview; --write PATH writes it"), "{said}");
    assert!(!Path::new(out).exists());
    let (code, _, said) = run(&["import", source, "--write", out]);
    assert_eq!(code, Some(0), "{said}");
    let written = std::fs::read_to_string(out).unwrap();
    assert!(
        written.contains(shown.trim()),
        "what was shown is what was written"
    );
    let (code, _, said) = run(&["import", source, "--write", out]);
    assert_eq!(code, Some(2));
    assert!(said.contains("is there already"), "{said}");
    let (code, json, _) = run(&["import", source, "--json"]);
    assert_eq!(code, Some(0));
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["schema"], 1);
    assert!(object["toml"].as_str().unwrap().contains("[[environment]]"));
    let (code, _, said) = run(&["import", folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(said.contains("is a folder"), "{said}");
}
