//! What of a change is published: every kind of file as it is, and nothing of what is too much or leads out.

use super::{Town, good};
use serde_json::json;

/// A conversation in which this is done by the shell before the proposal.
fn by_shell(commands: &str) -> Vec<serde_json::Value> {
    let mut lines = good();
    lines.insert(
        2,
        json!({"role": "coder", "tool_calls": [{"name": "shell", "arguments": {"command": commands}}]}),
    );
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_file_is_published_as_it_is() {
    let commands = "rm gone; ln -s value link; chmod +x tool; printf '\\377\\376' > binary; seq 400000 > large; \
         rm -r folder file; ln -s value folder; mkdir file; echo in it > file/inner; \
         seq 200000 > text; seq 200001 > text2";
    let town = Town::new(&by_shell(commands)).await;
    let before = [("gone", Some("x\n")), ("tool", Some("#!/bin/sh\n")), ("stays", Some("as it is\n"))];
    let places =
        [("folder/deep/inner", Some("1\n")), ("folder.txt", Some("no folder\n")), ("file", Some("2\n"))];
    let before = [&before[..], &places].concat();
    town.hub.push(town.usual.repo, town.usual.ada, "main", &before);
    let number = town.issue();
    town.say(number, town.usual.ada, "/quantum build").await;
    let (hub, repo) = (&town.hub, town.usual.repo);
    let branch = hub.branches(repo).into_iter().find(|name| name != "main").expect("it was published");
    let file = |path: &str| hub.file(repo, &branch, path);
    assert_eq!((file("gone"), file("stays").as_deref()), (None, Some("as it is\n")));
    assert_eq!((file("link").as_deref(), file("value").as_deref()), (Some("value"), Some("good\n")));
    assert!(file("large").is_some_and(|text| text.len() > 2 << 20 && text.ends_with("\n400000\n")));
    // what stood where a folder or a file is now
    assert_eq!((file("folder").as_deref(), file("folder/deep/inner")), (Some("value"), None));
    assert_eq!(
        (file("file/inner").as_deref(), file("folder.txt").as_deref()),
        (Some("in it\n"), Some("no folder\n"))
    );
    // text that is too much for one request goes in two
    assert!(file("text").is_some() && file("text2").is_some_and(|text| text.ends_with("\n200001\n")));
    assert_eq!(hub.count("POST", "/git/trees"), 2);
    let modes = ["link", "tool", "value", "binary"].map(|path| hub.mode(repo, &branch, path));
    assert_eq!(modes.map(Option::unwrap), ["120000", "100755", "100644", "100644"]);
    assert!(town.thread(number).contains("check quantum: success"), "{}", town.thread(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_or_leads_out_is_not_published_and_the_thread_says_why() {
    for (commands, said) in [
        ("mkdir many; cd many; seq 1100 | xargs touch", "1101 files"),
        ("head -c 11534336 /dev/zero > huge", "11 MiB"),
        ("for n in 1 2 3 4 5 6; do head -c 9437184 /dev/zero > part$n; done", "54 MiB"),
        (
            "ln -s ../../etc/passwd out",
            "refused, and nothing of it was kept: the change can't leave: out is a link",
        ),
        ("ln -s .. a; ln -s a/../../etc/passwd b", "b is a link that leads out"),
        (
            "mkdir d; ln -s .. d/a; ln -s a/../../etc/passwd d/b",
            "d/b is a link that leads out of the repository, or may",
        ),
        (
            "echo '* -diff' > .gitattributes",
            "refused, and nothing of it was kept: the change touches a path that is",
        ),
    ] {
        let mut lines = by_shell(commands);
        // what can be mended is said to the model, which begins afresh
        lines.extend([lines[3].clone(), lines[3].clone()]);
        let town = Town::new(&lines).await;
        let number = town.issue();
        town.say(number, town.usual.ada, "/quantum build").await;
        let thread = town.thread(number);
        assert!(thread.contains(said), "{commands}: {thread}");
        assert_eq!(town.hub.branches(town.usual.repo), ["main"], "{commands}");
        assert_eq!(
            (thread.matches("slot=result").count(), town.hub.count("POST", "/pulls")),
            (1, 0),
            "{thread}"
        );
    }
}
