//! How a sandbox starts, is bounded, and ends: nothing of it may be left, whatever happens to either side.

use super::place::{CANARY, Place, Ran, Who, root, run_as, shell, shell_within};
use crate::{
    child,
    process::{ends, find, found_during, wait_for},
};
use quantumlayer::report::Hint;
use quantumlayer::sandbox::toolbox::Toolbox;
use quantumlayer::sandbox::{Kind, Policy, SandboxError};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// A daemon that left its command, its session and its parent.
fn daemon(seconds: &str) -> String {
    format!(
        "(setsid setsid sleep {seconds} >/dev/null 2>&1 &) ; while ! grep -qs sleep /proc/[0-9]*/comm; do :; done"
    )
}

fn story(
    change: impl FnOnce(&Place, &mut Policy) + Send + 'static,
    tell: impl AsyncFnOnce(Toolbox, Place) + Send + 'static,
) {
    story_as(Who::Us, change, tell);
}

pub(super) fn story_as(
    who: Who,
    change: impl FnOnce(&Place, &mut Policy) + Send + 'static,
    tell: impl AsyncFnOnce(Toolbox, Place) + Send + 'static,
) {
    run_as(who, async move || {
        let place = Place::new(who);
        let mut policy = place.policy();
        change(&place, &mut policy);
        let toolbox = place.sandbox.start(&policy).await.unwrap();
        tell(toolbox, place).await;
    });
}

pub(super) fn ended(outcome: Result<Ran, SandboxError>, expected: &str) {
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, SandboxError::Ended(_)) && error.to_string().contains(expected),
        "{expected}: {error}"
    );
    assert!(!error.hint().is_empty());
}

#[test]
fn work_is_done_in_the_workspace() {
    story(
        |place, policy| {
            fs::create_dir(place.path("result")).unwrap();
            if let Some((uid, gid)) = place.sandbox.owner() {
                std::os::unix::fs::chown(place.path("result"), Some(uid), Some(gid)).unwrap();
            }
            policy.write.push((place.path("result"), "/deps/node".into()));
            policy.env.push(("ANSWER".into(), "42".into()));
        },
        async |mut toolbox, place| {
            assert_eq!(toolbox.workspace(), "/workspace");
            let ran = shell(
                &mut toolbox,
                "pwd; echo $ANSWER > a; echo $ANSWER > /deps/node/b; echo $CARGO_NET_OFFLINE $HOME; exit 3",
            )
            .await;
            assert_eq!(
                ran.unwrap(),
                Ran { code: Some(3), text: "/workspace\ntrue /home/quantum".to_owned() }
            );
            assert_eq!(fs::read_to_string(place.workspace().join("a")).unwrap(), "42\n");
            assert_eq!(fs::read_to_string(place.path("result/b")).unwrap(), "42\n");
            toolbox.end().await;
        },
    );
}

#[test]
fn a_daemon_is_gone_when_its_command_has_ended() {
    story(
        |_, _| {},
        async |mut toolbox, _| {
            shell(&mut toolbox, &daemon("86401")).await.unwrap();
            assert!(find("sleep 86401").is_none());
            toolbox.end().await;
        },
    );
}

/// A command with a daemon that runs until the toolbox is dropped in the middle of it; gives the daemon.
async fn daemon_in_flight(toolbox: &mut Toolbox, seconds: &str) -> OwnedFd {
    let command = format!("{}; sleep 1000", daemon(seconds));
    found_during(&format!("sleep {seconds}"), Box::pin(shell(toolbox, &command))).await
}

#[test]
fn a_dropped_sandbox_is_gone() {
    story(
        |_, _| {},
        async |mut toolbox, _| {
            let daemon = daemon_in_flight(&mut toolbox, "86402").await;
            drop(toolbox);
            assert!(ends(&daemon));
        },
    );
}

#[test]
fn an_answer_that_takes_too_long_ends_the_tree() {
    story(
        |_, _| {},
        async |mut toolbox, _| {
            let command = format!("{}; sleep 1000", daemon("86403"));
            ended(shell_within(&mut toolbox, &command, Duration::from_millis(500)).await, "no answer within");
            assert!(find("sleep 86403").is_none_or(|daemon| ends(&daemon)));
            ended(shell(&mut toolbox, "true").await, "no answer within");
        },
    );
}

#[test]
fn a_question_given_up_ends_the_tree() {
    story(
        |_, _| {},
        async |mut toolbox, _| {
            let asked = shell(&mut toolbox, "sleep 1000");
            assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
            ended(shell(&mut toolbox, "true").await, "given up");
        },
    );
}

#[test]
fn the_dead_are_collected() {
    story(
        |_, _| {},
        async |mut toolbox, _| {
            let command = "for i in 1 2 3 4 5 6 7 8 9; do (sh -c 'true &') ; done; sleep 0.9; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l";
            assert_eq!(shell(&mut toolbox, command).await.unwrap().text, "0");
            toolbox.end().await;
        },
    );
}

/// Not a story: the host of [`a_host_killed_leaves_nothing`], in a process of its own.
#[test]
fn a_host_to_be_killed() {
    if !child::is("sandbox::life::a_host_to_be_killed") {
        return;
    }
    let us = rustix::process::getppid().unwrap().as_raw_nonzero();
    story(
        |_, _| {},
        async move |mut toolbox, _| {
            let command = format!("{}; sleep 1000", daemon(&format!("77{us}")));
            let _ = shell(&mut toolbox, &command).await;
        },
    );
}

#[test]
fn a_host_killed_leaves_nothing() {
    let mut host = child::command("sandbox::life::a_host_to_be_killed")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let daemon = wait_for("the daemon", || {
        assert!(host.try_wait().unwrap().is_none(), "the host ended");
        find(&format!("sleep 77{}", std::process::id()))
    });
    kill_process(Pid::from_child(&host), Signal::KILL).unwrap();
    host.wait().unwrap();
    assert!(ends(&daemon));
}

#[test]
fn what_is_not_a_sandbox_is_noticed() {
    async fn check(script: &str, expected: &str) {
        let mut place = Place::new(Who::Us);
        place.sandbox.program = place.script("fake", &format!("#!/bin/sh\n{script}\n"));
        let error = place.sandbox.start(&place.policy()).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(expected), "{script}: {error}");
    }
    run_as(Who::Us, async || {
        // it stays until the host hangs up, so that its answer is read
        check("printf 'HTTP/1.1 200 OK' >&0; cat > /dev/null", "nonsense: a header of 1213486160 bytes")
            .await;
        check(
            "printf '\\0\\0\\0\\002\\0\\0\\0\\0{}' >&0; cat > /dev/null",
            "nonsense: a header that can't be read",
        )
        .await;
        check("exit 7", "exited with code 7 before it was ready").await;
        check("kill -9 $$", "killed by signal 9 before it was ready").await;
        let mut place = Place::new(Who::Us);
        place.sandbox.program = place.path("none");
        let error = place.sandbox.start(&place.policy()).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("none can't be started: No such file"), "{error}");
    });
}

/// What the launcher starts with: nothing of ours but the socket, which is its standard input.
#[test]
fn the_launcher_starts_from_nothing() {
    run_as(Who::Us, async || {
        let mut place = Place::new(Who::Us);
        // A descriptor that some library left open.
        let leak = fs::File::open(place.path("canary")).unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let seen = place.path("seen");
        let script = "#!/bin/sh\n{ env | cut -d= -f1 | sort | tr '\\n' ' '; ls -l /proc/$$/fd; } > SEEN\n";
        place.sandbox.program = place.script("fake", &script.replace("SEEN", &seen.display().to_string()));
        place.sandbox.start(&place.policy()).await.map(drop).unwrap_err();
        let seen = fs::read_to_string(seen).unwrap();
        // what a shell sets by itself
        let names = seen.lines().next().unwrap().split(" total").next().unwrap();
        let own = ["OLDPWD", "PATH", "PWD", "SHLVL", "_"];
        assert!(names.split_whitespace().all(|name| own.contains(&name)), "{names}");
        let targets: Vec<_> = seen.lines().filter_map(|line| line.split(" -> ").nth(1)).collect();
        let known = |target: &&&str| {
            ["socket:", "/dev/null", "/fake", "/seen"].iter().any(|known| target.contains(known))
        };
        assert_eq!(targets.iter().filter(known).count(), targets.len(), "{seen}");
        assert_eq!(targets.iter().filter(|target| target.starts_with("socket:")).count(), 1, "{seen}");
    });
}

/// A container's root may become somebody else, but not mount.
#[test]
fn root_without_the_right_to_mount() {
    if !root() {
        eprintln!("skipped: only root can try");
        return;
    }
    run_as(Who::Us, async || {
        let mut place = Place::new(Who::Us);
        let program = place.sandbox.program.display().to_string();
        let script = format!(
            "#!/bin/sh\nexec setpriv --bounding-set -sys_admin --inh-caps -sys_admin {program} \"$@\"\n"
        );
        let mut policy = place.policy();
        let closed = place.path("closed");
        fs::create_dir_all(closed.join("tool")).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        policy.read.push(closed.join("tool"));
        place.sandbox.program = place.script("wrapper", &script);
        let mut toolbox = place.sandbox.start(&policy).await.unwrap();
        let ran =
            shell(&mut toolbox, "id -u; touch x; root=$(ls -d /tmp/*/closed 2>&1); echo $?").await.unwrap();
        assert_eq!(ran.text, "1000\n2");
        toolbox.end().await;
        policy.workspace = closed.join("tool");
        let error = place.sandbox.start(&policy).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("the sandbox's user may not enter a folder above it"), "{error}");
    });
}

#[test]
fn a_policy_that_cannot_be_shown_is_refused() {
    async fn check(change: impl FnOnce(&Place, &mut Policy), expected: &str) {
        let place = Place::new(Who::Us);
        let mut policy = place.policy();
        change(&place, &mut policy);
        let error = place.sandbox.start(&policy).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(matches!(error, SandboxError::Host(_)));
    }
    run_as(Who::Us, async || {
        check(|place, policy| policy.workspace = place.path("none"), "none can't be opened: No such file")
            .await;
        check(|place, policy| policy.read.push(place.path("none")), "none can't be opened: No such file")
            .await;
        check(|_, policy| policy.read.push("/".into()), "the path must be absolute").await;
        check(|_, policy| policy.read.push("/usr/../root".into()), "the path must be absolute").await;
        check(|_, policy| policy.read.push("relative".into()), "the path must be absolute").await;
        check(
            |place, policy| policy.write.push((place.path("root"), "/".into())),
            "the path must be absolute",
        )
        .await;
    });
}

#[test]
fn the_egress_socket_is_reached_through_loopback() {
    story(
        |place, policy| {
            let path = place.path("egress");
            let listener = UnixListener::bind(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
            policy.egress = Some(path);
            std::thread::spawn(move || {
                let (mut proxy, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                proxy.read_to_end(&mut request).unwrap();
                proxy.write_all(&[b"answer to ", request.as_slice()].concat()).unwrap();
            });
        },
        async |mut toolbox, _| {
            let command = "echo $https_proxy $PIP_NO_INDEX; perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(\"127.0.0.1:3128\") or die $!;
                print $s \"CONNECT\"; shutdown($s, 1); print <$s>'";
            let ran = shell(&mut toolbox, command).await.unwrap();
            assert_eq!(ran.text, "http://127.0.0.1:3128\nanswer to CONNECT");
            toolbox.end().await;
        },
    );
}

#[test]
fn without_walls_only_when_asked() {
    run_as(Who::Us, async || {
        let mut place = Place::new(Who::Us);
        place.sandbox.kind = Kind::DangerHost;
        assert_eq!(place.sandbox.owner(), None);
        let mut toolbox = place.sandbox.start(&place.policy()).await.unwrap();
        let folder = place.workspace().display().to_string();
        assert_eq!(toolbox.workspace(), folder);
        let ran = shell(&mut toolbox, "pwd; cat ../canary; env | grep -c CARGO_MANIFEST_DIR").await.unwrap();
        assert_eq!(ran.text, format!("{folder}\n{CANARY}0"));
        let hint = place.sandbox.probe().await.remove(0).hint.unwrap();
        assert!(hint.contains("no walls"));
        shell(&mut toolbox, &daemon("86404")).await.unwrap();
        assert!(find("sleep 86404").is_none());
        let left = daemon_in_flight(&mut toolbox, "86405").await;
        drop(toolbox);
        assert!(ends(&left));
    });
}
