//! The branch of a hotfix, pushed at once; and its way to main, through a conflict too.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::shop::{Shop, commit, git};

const START: [&str; 7] = [
    "hotfix",
    "start",
    "auth-service",
    "--name",
    "leak",
    "--criterion",
    "security",
];

#[test]
fn a_branch_is_pushed_at_the_start_and_what_the_remote_refuses_is_told_and_kept_here() {
    let shop = Shop::start(str::to_owned);
    let source = shop.source();
    let push = |name: &str| {
        let mut words = START.to_vec();
        words[4] = name;
        // Another one burns already, and that is meant.
        words.extend(["--push", "--again"]);
        shop.verb(&words)
    };
    // There is nowhere to push to: the hotfix burns all the same, and its branch is here.
    let alone = push("alone");
    assert_eq!(alone.code, Some(1), "{}", alone.err);
    assert!(
        alone.err.contains("push it by hand: git -C"),
        "{}",
        alone.err
    );
    let live = shop.commit("auth-service/v1.2.3");
    assert_eq!(shop.commit("hotfix/alone"), live);
    let status = shop.verb(&["hotfix", "status", "auth-service"]).json();
    assert_eq!(status["hotfixes"][0]["name"], "alone");

    let bare = shop.served.path().join("remote.git");
    let name = bare.to_str().unwrap();
    git(
        shop.served.path(),
        &["clone", "-q", "--bare", "source", name],
    );
    git(&source, &["remote", "add", "origin", name]);
    // Pushing by hand, as it said.
    git(
        &source,
        &[
            "push",
            "-q",
            "origin",
            "refs/heads/hotfix/alone:refs/heads/hotfix/alone",
        ],
    );
    let started = push("leak").exits(0).json();
    assert_eq!(started["hotfix"]["branch"], "hotfix/leak");
    assert_eq!(git(&bare, &["rev-parse", "hotfix/leak"]), live);
    // The other side has another branch of that name: nothing there is moved.
    git(&bare, &["branch", "hotfix/theirs", "main"]);
    let theirs = git(&bare, &["rev-parse", "hotfix/theirs"]);
    let refused = push("theirs");
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert_eq!(git(&bare, &["rev-parse", "hotfix/theirs"]), theirs);
}

#[test]
fn a_fix_that_clashes_with_main_is_brought_there_by_a_merge_and_proved_by_it() {
    let shop = Shop::start(str::to_owned);
    let source = shop.source();
    shop.verb(&START).exits(0);
    git(&source, &["switch", "-q", "-f", "hotfix/leak"]);
    let file = "auth-service/src/session.rs";
    commit(
        &source,
        "fix(auth): a session outlived its user",
        &[(file, "ends with its user\n")],
    );
    git(&source, &["switch", "-q", "main"]);
    let backport = || shop.verb(&["hotfix", "backport", "auth-service"]);
    let clean = backport().exits(3);
    assert!(
        clean.err.contains("goes onto main without a conflict"),
        "{}",
        clean.err
    );
    // Main changes the same.
    commit(
        &source,
        "feat(auth): sessions last",
        &[(file, "lasts for ever\n")],
    );
    let before = git(&source, &["for-each-ref"]);
    let clash = backport().exits(3);
    for word in [file, "git merge hotfix/leak", "proves nothing"] {
        assert!(clash.err.contains(word), "{word}: {}", clash.err);
    }
    assert_eq!(git(&source, &["for-each-ref"]), before, "it was only tried");
    // A mended cherry-pick is another patch.
    git(&source, &["cherry-pick", "-X", "theirs", "hotfix/leak"]);
    backport().exits(3);
    git(
        &source,
        &["merge", "-q", "-m", "Merge hotfix/leak", "hotfix/leak"],
    );
    let proved = backport().exits(0).json();
    assert_eq!(proved["result"], "done");
}
