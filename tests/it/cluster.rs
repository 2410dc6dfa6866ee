//! The practice cluster as kubectl judges it: every kubectl that is found (the one on the path, those of other versions
//! beside it, and those that `GONOGO_TEST_KUBECTLS` names, separated by colons) runs the same errands.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Ran, Served, has_kubectl, run, until};

/// One kubectl, with a home of its own: it caches discovery by host and port.
struct Kubectl<'a> {
    program: PathBuf,
    /// Minor version: 20 for 1.20.
    minor: u32,
    served: &'a Served,
    home: tempfile::TempDir,
}

/// Every kubectl of this machine, oldest first; empty (and said) where there is none.
fn kubectls(served: &Served) -> Vec<Kubectl<'_>> {
    if !has_kubectl() {
        return Vec::new();
    }
    let mut programs: Vec<PathBuf> = std::env::var("GONOGO_TEST_KUBECTLS")
        .unwrap_or_default()
        .split(':')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect();
    programs.push(PathBuf::from("kubectl"));
    let on_path = std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .map(|folder| folder.join("kubectl"))
        .find_map(|program| program.canonicalize().ok());
    let beside = on_path.as_deref().and_then(Path::parent);
    for entry in beside
        .and_then(|folder| folder.read_dir().ok())
        .into_iter()
        .flatten()
        .flatten()
    {
        let versioned = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with("kubectl.1."));
        if versioned {
            programs.push(entry.path());
        }
    }
    let mut found: Vec<Kubectl<'_>> = Vec::new();
    for program in programs {
        let Ok(output) = Command::new(&program)
            .args(["version", "--client", "-o", "json"])
            .output()
        else {
            continue;
        };
        let version: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let minor = version["clientVersion"]["minor"]
            .as_str()
            .and_then(|minor| {
                let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().ok()
            });
        if let Some(minor) = minor
            && !found.iter().any(|kubectl| kubectl.minor == minor)
        {
            let home = tempfile::tempdir().unwrap();
            found.push(Kubectl {
                program,
                minor,
                served,
                home,
            });
        }
    }
    found.sort_by_key(|kubectl| kubectl.minor);
    assert!(
        !found.is_empty(),
        "kubectl is there and does not tell its version"
    );
    println!(
        "judged by kubectl 1.{:?}",
        found
            .iter()
            .map(|kubectl| kubectl.minor)
            .collect::<Vec<_>>()
    );
    found
}

impl Kubectl<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("HOME", self.home.path())
            .env_remove("KUBECONFIG")
            .arg("--kubeconfig")
            .arg(self.served.path().join("kubeconfig"))
            .args(args)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    /// Succeeds, or the test fails with what it said.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(
            ran.code,
            Some(0),
            "kubectl 1.{} {args:?}: {}{}",
            self.minor,
            ran.out,
            ran.err
        );
        ran.out
    }

    /// Fails, and says why.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_ne!(
            ran.code,
            Some(0),
            "kubectl 1.{} {args:?}: {}",
            self.minor,
            ran.out
        );
        ran.err
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["-o", "json"]].concat())).unwrap()
    }

    /// Writes a manifest and answers its path.
    fn file(&self, name: &str, manifest: &Value) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, manifest.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A namespace of this version's own.
    fn namespace(&self) -> String {
        let name = format!("v{}", self.minor);
        self.ok(&["create", "namespace", &name]);
        name
    }
}

/// An image that the practice registry has: what runs in dev.
fn image(served: &Served) -> String {
    let deployment = served.api(
        "GET",
        "/apis/apps/v1/namespaces/dev/deployments/web-front",
        &Value::Null,
    );
    deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn deployment(image: &str, replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "labels": {"app": "shop"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "shop"}},
            "template": {"metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}]}}}})
}

#[test]
fn objects_live_from_create_to_delete() {
    let served = Served::start("good", 20);
    let image = image(&served);
    for kubectl in kubectls(&served) {
        let space = kubectl.namespace();
        let at = |args: &[&str]| {
            [args, &["-n", &space]]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let ok = |args: &[&str]| {
            let args = at(args);
            kubectl.ok(&args.iter().map(String::as_str).collect::<Vec<_>>())
        };
        // Typed creates: protobuf from 1.32 on.
        ok(&[
            "create",
            "deployment",
            "web",
            &format!("--image={image}"),
            "--replicas=2",
        ]);
        ok(&["create", "configmap", "limits", "--from-literal=errors=0.1"]);
        ok(&[
            "create",
            "secret",
            "generic",
            "token",
            "--from-literal=token=sesame",
        ]);
        ok(&["create", "serviceaccount", "robot"]);
        ok(&[
            "expose",
            "deployment",
            "web",
            "--port=80",
            "--target-port=8080",
        ]);
        ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        let secret = kubectl.json(&["get", "secret", "token", "-n", &space]);
        assert_eq!(secret["data"]["token"], "c2VzYW1l");
        let service = kubectl.json(&["get", "service", "web", "-n", &space]);
        assert_eq!(
            service["spec"]["ports"][0],
            json!({"port": 80, "protocol": "TCP", "targetPort": 8080})
        );
        assert_eq!(
            kubectl.ok(&["auth", "can-i", "delete", "pods", "-n", &space]),
            "yes\n"
        );

        // The verbs that patch.
        ok(&["scale", "deployment/web", "--replicas=3"]);
        ok(&["label", "deployment/web", "tier=front"]);
        ok(&["annotate", "deployment/web", "why=practice"]);
        ok(&["set", "env", "deployment/web", "MODE=practice"]);
        ok(&["set", "resources", "deployment/web", "--limits=memory=64Mi"]);
        ok(&["rollout", "restart", "deployment/web"]);
        ok(&["rollout", "status", "deployment/web", "--timeout=60s"]);
        let web = kubectl.json(&["get", "deployment", "web", "-n", &space]);
        let container = &web["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            (&web["spec"]["replicas"], &web["metadata"]["labels"]["tier"]),
            (&json!(3), &json!("front"))
        );
        assert_eq!(
            container["env"],
            json!([{"name": "MODE", "value": "practice"}])
        );
        assert_eq!(
            container["image"],
            json!(image),
            "a strategic merge keeps what it does not name"
        );
        assert_eq!(container["resources"]["limits"]["memory"], "64Mi");

        // An editor that changes one line.
        let editor = kubectl.home.path().join("editor.sh");
        std::fs::write(
            &editor,
            "#!/bin/sh\nsed -i 's/tier: front/tier: edited/' \"$1\"\n",
        )
        .unwrap();
        let script = format!("sh {}", editor.to_str().unwrap());
        let edited = run(kubectl
            .command(&["edit", "deployment", "web", "-n", &space])
            .env("KUBE_EDITOR", script));
        assert_eq!(edited.code, Some(0), "{}", edited.err);
        let web = kubectl.json(&["get", "deployment", "web", "-n", &space]);
        assert_eq!(web["metadata"]["labels"]["tier"], "edited");

        // What describe reads together: pods, sets and events.
        let told = kubectl.ok(&["describe", "deployment", "web", "-n", &space]);
        assert!(
            told.contains("ScalingReplicaSet") && told.contains("deployment-controller"),
            "{told}"
        );
        let events = kubectl.ok(&["get", "events", "-n", &space]);
        for reason in [
            "Scheduled",
            "Pulled",
            "Created",
            "Started",
            "SuccessfulCreate",
            "ScalingReplicaSet",
            "Killing",
        ] {
            assert!(events.contains(reason), "no {reason}: {events}");
        }

        ok(&[
            "delete",
            "deployment/web",
            "service/web",
            "configmap/limits",
            "secret/token",
            "serviceaccount/robot",
        ]);
        until("everything to be gone", || {
            let left = kubectl.json(&["get", "all", "-n", &space]);
            left["items"].as_array().unwrap().is_empty().then_some(())
        });
    }
}

#[test]
fn apply_replace_diff_and_dry_runs() {
    let served = Served::start("good", 20);
    let image = image(&served);
    for kubectl in kubectls(&served) {
        let space = kubectl.namespace();
        let two = kubectl.file("two.json", &deployment(&image, 2));
        let three = kubectl.file("three.json", &deployment(&image, 3));
        let on = |verb: &[&str], file: &str| {
            let args = [verb, &["-n", &space, "-f", file]].concat();
            kubectl.run(&args)
        };
        // Dry runs write nothing.
        for way in ["client", "server"] {
            let ran = on(&["apply", &format!("--dry-run={way}")], &two).exits(0);
            assert!(ran.out.contains("created"), "{}", ran.out);
            on(&["create", &format!("--dry-run={way}")], &two).exits(0);
        }
        assert!(
            kubectl
                .refused(&["get", "deployment", "shop", "-n", &space])
                .contains("NotFound")
        );
        assert_eq!(on(&["diff"], &two).code, Some(1), "there is a difference");

        assert!(on(&["apply"], &two).exits(0).out.contains("created"));
        assert!(on(&["apply"], &two).exits(0).out.contains("unchanged"));
        assert_eq!(on(&["diff"], &two).code, Some(0));
        assert!(on(&["create"], &two).err.contains("AlreadyExists"));
        let differs = on(&["diff"], &three);
        assert_eq!(differs.code, Some(1));
        assert!(differs.out.contains("+  replicas: 3"), "{}", differs.out);
        assert!(on(&["apply"], &three).exits(0).out.contains("configured"));
        let shop = kubectl.json(&["get", "deployment", "shop", "-n", &space]);
        assert_eq!(shop["spec"]["replicas"], 3);

        // What a manifest no longer says goes, what others added stays.
        kubectl.ok(&[
            "set",
            "env",
            "deployment/shop",
            "MODE=practice",
            "-n",
            &space,
        ]);
        let mut without = deployment(&image, 2);
        without["metadata"]["labels"] = json!({});
        without["spec"]["template"]["spec"]["containers"][0]
            .as_object_mut()
            .unwrap()
            .remove("ports");
        let without = kubectl.file("without.json", &without);
        on(&["apply"], &without).exits(0);
        let shop = kubectl.json(&["get", "deployment", "shop", "-n", &space]);
        let container = &shop["spec"]["template"]["spec"]["containers"][0];
        assert!(shop["metadata"]["labels"]["app"].is_null(), "{shop:#}");
        assert!(
            container["ports"].as_array().is_none_or(Vec::is_empty),
            "{container:#}"
        );
        assert_eq!(container["env"][0]["name"], "MODE");

        // Replace takes the whole object; a stale one is refused.
        kubectl.ok(&[
            "rollout",
            "status",
            "deployment/shop",
            "--timeout=60s",
            "-n",
            &space,
        ]);
        let shop = kubectl.json(&["get", "deployment", "shop", "-n", &space]);
        let mut stale = shop.clone();
        stale["spec"]["replicas"] = json!(1);
        let stale = kubectl.file("stale.json", &stale);
        on(&["replace"], &stale).exits(0);
        let refused = on(&["replace"], &stale);
        assert!(
            refused.err.contains("the object has been modified"),
            "{}",
            refused.err
        );
        on(&["replace", "--force"], &two).exits(0);
        on(&["delete"], &two).exits(0);
    }
}

#[test]
fn server_side_apply_keeps_managers_apart() {
    let served = Served::start("good", 20);
    let image = image(&served);
    for kubectl in kubectls(&served) {
        let space = kubectl.namespace();
        let two = kubectl.file("two.json", &deployment(&image, 2));
        let four = kubectl.file("four.json", &deployment(&image, 4));
        let apply = |file: &str, more: &[&str]| {
            let args = [&["apply", "--server-side", "-n", &space, "-f", file], more].concat();
            kubectl.run(&args)
        };
        let get = || {
            kubectl.served.api(
                "GET",
                &format!("/apis/apps/v1/namespaces/{space}/deployments/shop"),
                &Value::Null,
            )
        };
        apply(&two, &["--dry-run=server"]).exits(0);
        apply(&two, &[]).exits(0);
        let first = get();
        let managers = first["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!(
            (&managers[0]["manager"], &managers[0]["operation"]),
            (&json!("kubectl"), &json!("Apply"))
        );
        assert_eq!(managers[0]["fieldsV1"]["f:spec"]["f:replicas"], json!({}));
        apply(&two, &[]).exits(0);
        assert_eq!(
            get()["metadata"]["managedFields"],
            first["metadata"]["managedFields"],
            "nothing to do"
        );

        // Somebody else scales; the next apply meets a conflict that names them.
        kubectl.ok(&["scale", "deployment/shop", "--replicas=5", "-n", &space]);
        kubectl.ok(&[
            "set",
            "image",
            "deployment/shop",
            "app=registry.practice/other:1",
            "-n",
            &space,
        ]);
        let refused = apply(&four, &[]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.err.contains("conflict"), "{}", refused.err);
        assert!(
            refused
                .err
                .contains(".spec.template.spec.containers[name=\"app\"].image"),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("kubectl-set"), "{}", refused.err);
        assert_eq!(get()["spec"]["replicas"], 5, "nothing was applied");
        apply(&four, &["--force-conflicts"]).exits(0);
        assert_eq!(get()["spec"]["replicas"], 4);
        apply(&four, &[]).exits(0);

        // Two who agree share a member; it goes when the last one drops it.
        let label = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "labels": {"team": "blue"}}});
        let labelled = kubectl.file("label.json", &label);
        let bare = kubectl.file(
            "bare.json",
            &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}}),
        );
        for who in ["one", "two"] {
            apply(&labelled, &["--field-manager", who]).exits(0);
        }
        apply(&bare, &["--field-manager", "one"]).exits(0);
        assert_eq!(get()["metadata"]["labels"]["team"], "blue");
        apply(&bare, &["--field-manager", "two"]).exits(0);
        let last = get();
        assert!(
            last["metadata"]["labels"]["team"].is_null(),
            "{:#}",
            last["metadata"]
        );
        assert_eq!(last["spec"]["replicas"], 4);
        kubectl.ok(&["delete", "namespace", &space, "--wait=false"]);
    }
}

#[test]
fn what_is_wrong_with_a_manifest_is_said() {
    let served = Served::start("good", 20);
    let image = image(&served);
    for kubectl in kubectls(&served) {
        let space = kubectl.namespace();
        let wrong = |name: &str, pointer: &str, member: &str, value: Value| {
            let mut manifest = deployment(&image, 1);
            manifest.pointer_mut(pointer).unwrap()[member] = value;
            kubectl.file(name, &manifest)
        };
        // Before 1.25 kubectl validates by itself, and says what it found; asked not to, it leaves that to the server.
        let validates_itself = kubectl.minor < 25;
        let create = |file: &str| {
            let mut args = vec!["create", "-n", &space, "-f", file];
            args.extend(validates_itself.then_some("--validate=false"));
            kubectl.refused(&args)
        };
        let file = wrong(
            "unknown.json",
            "/spec/template/spec/containers/0",
            "imag",
            json!("x"),
        );
        let said = kubectl.refused(&["create", "-n", &space, "-f", &file]);
        if validates_itself {
            assert!(
                said.contains("unknown field \"imag\" in io.k8s.api.core.v1.Container"),
                "{said}"
            );
        } else {
            assert!(
                said.contains("unknown field \"spec.template.spec.containers[0].imag\""),
                "{said}"
            );
            let warned = kubectl
                .run(&[
                    "apply",
                    "--validate=warn",
                    "--dry-run=server",
                    "-n",
                    &space,
                    "-f",
                    &file,
                ])
                .exits(0);
            assert!(
                warned.err.contains("Warning: unknown field"),
                "{}",
                warned.err
            );
        }
        let said = create(&wrong("type.json", "/spec", "replicas", json!("three")));
        assert!(said.contains("cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"), "{said}");
        let said = create(&wrong(
            "labels.json",
            "/spec/template/metadata",
            "labels",
            json!({"app": "other"}),
        ));
        assert!(
            said.contains("`selector` does not match template `labels`"),
            "{said}"
        );
        let said = create(&wrong(
            "empty.json",
            "/spec/template/spec",
            "containers",
            json!([]),
        ));
        assert!(
            said.contains("spec.template.spec.containers") && said.contains("Required value"),
            "{said}"
        );
        let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"},
            "spec": {"replicas": "three", "strategy": {"canary": {}}}});
        let said = create(&kubectl.file("rollout.json", &rollout));
        assert!(
            said.contains("spec.replicas") && said.contains("must be of type integer"),
            "{said}"
        );
        let said = kubectl.refused(&[
            "create",
            "-n",
            "nowhere",
            "-f",
            &kubectl.file("good.json", &deployment(&image, 1)),
        ]);
        assert!(said.contains("namespaces \"nowhere\" not found"), "{said}");
    }
}

#[test]
fn kinds_are_explained() {
    let served = Served::start("good", 20);
    for kubectl in kubectls(&served) {
        let resources = kubectl.ok(&["api-resources"]);
        for plural in [
            "deployments",
            "rollouts",
            "analysistemplates",
            "analysisruns",
            "endpointslices",
        ] {
            assert!(resources.contains(plural), "{resources}");
        }
        for (path, words) in [
            ("deployment.spec.strategy", "rollingUpdate"),
            ("pod.spec.containers.ports", "containerPort"),
            ("rollout.spec.strategy.canary.steps", "setWeight"),
            ("rollout.spec.strategy.blueGreen", "activeService"),
            ("analysistemplate.spec.metrics", "successCondition"),
        ] {
            let explained = kubectl.ok(&["explain", path]);
            assert!(
                explained.contains(words),
                "1.{} {path}: {explained}",
                kubectl.minor
            );
        }
    }
}
