//! How a sandbox starts, is bounded, and ends: nothing of it may be left, whatever happens to either side.

use super::place::{CANARY, Place, Ran, Who, run_as, shell, shell_within};
use quantumlayer::report::Hint;
use quantumlayer::sandbox::toolbox::Toolbox;
use quantumlayer::sandbox::{Kind, Policy, SandboxError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

/// The host's process with this command line.
fn find(command_line: &str) -> Option<OwnedFd> {
    let wanted = command_line.replace(' ', "\0") + "\0";
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        (line == wanted.as_bytes()).then(|| pidfd_open(pid, PidfdFlags::empty()).ok()).flatten()
    })
}

/// Whether it ends within five seconds.
fn ends(process: &OwnedFd) -> bool {
    let limit = Timespec::try_from(Duration::from_secs(5)).unwrap();
    let wait = || poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit));
    rustix::io::retry_on_intr(wait).unwrap() == 1
}

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
    run_as(Who::Us, async move || {
        let place = Place::new(Who::Us);
        let mut policy = place.policy();
        change(&place, &mut policy);
        let toolbox = place.sandbox.start(&policy).await.unwrap();
        tell(toolbox, place).await;
    });
}

fn ended(outcome: Result<Ran, SandboxError>, expected: &str) {
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, SandboxError::Ended(_)) && error.to_string().contains(expected),
        "{expected}: {error}"
    );
    assert!(!error.hint().is_empty());
}

#[test]
fn twenty_starts() {
    let mut millis = run_as(Who::Us, async || {
        let place = Place::new(Who::Us);
        let mut millis = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            let toolbox = place.sandbox.start(&place.policy()).await.unwrap();
            millis.push(start.elapsed().as_secs_f64() * 1000.0);
            toolbox.end().await;
        }
        millis
    });
    millis.sort_by(f64::total_cmp);
    eprintln!(
        "start of a sandbox: min {:.1} ms, median {:.1} ms, max {:.1} ms",
        millis[0], millis[10], millis[19]
    );
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
    let mut asked = Box::pin(shell(toolbox, &command));
    loop {
        // the answer never comes; each round gives the child some time
        if tokio::time::timeout(Duration::from_millis(5), &mut asked).await.is_ok() {
            panic!("the command ended");
        }
        if let Some(found) = find(&format!("sleep {seconds}")) {
            return found;
        }
    }
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
fn every_bound_holds() {
    story(
        |_, policy| policy.bounds.memory_bytes = 200 << 20,
        async |mut toolbox, _| {
            ended(shell(&mut toolbox, "perl -e '$x = \"x\" x (400 << 20); sleep 50'").await, "memory bound");
        },
    );
    story(
        |_, policy| policy.bounds.memory_bytes = 200 << 20,
        async |mut toolbox, _| {
            // Many small ones, none of which is too big.
            let command =
                "for i in 1 2 3 4 5 6 7 8; do perl -e '$x = \"x\" x (40 << 20); sleep 50' & done; wait";
            ended(shell(&mut toolbox, command).await, "memory bound");
        },
    );
    story(
        |_, policy| policy.bounds.life = Duration::from_secs(1),
        async |mut toolbox, _| {
            ended(shell(&mut toolbox, "sleep 1000").await, "time bound");
        },
    );
    story(
        |_, policy| policy.bounds.processes = 40,
        async |mut toolbox, _| {
            let fork = "perl -e '$| = 1; $n = 1; while (defined($p = fork)) { unless ($p) { close STDOUT; close STDERR; sleep 50; exit } $n++ } print $n'";
            let ran = shell(&mut toolbox, fork).await.unwrap();
            let count: u64 = ran.text.parse().unwrap();
            assert!((20..40).contains(&count), "{count}");
            toolbox.end().await;
        },
    );
    story(
        |_, policy| policy.bounds.processes = 40,
        async |mut toolbox, _| {
            ended(
                shell_within(&mut toolbox, "perl -e 'fork while 1'", Duration::from_secs(1)).await,
                "no answer",
            );
        },
    );
    story(
        |_, policy| {
            policy.bounds.file_bytes = 1 << 20;
            policy.bounds.tmp_bytes = 2 << 20;
        },
        async |mut toolbox, place| {
            let ran = shell(&mut toolbox, "head -c 9M /dev/zero > big && echo REACHED").await.unwrap();
            assert!(ran.code != Some(0) && ran.text.contains("File too large"), "{ran:?}");
            assert_eq!(fs::metadata(place.workspace().join("big")).unwrap().len(), 1 << 20);
            for folder in ["/tmp", "$HOME", "/dev/shm"] {
                let command =
                    format!("for i in 1 2 3 4; do head -c 900K /dev/zero > {folder}/$i || exit 1; done");
                let ran = shell(&mut toolbox, &command).await.unwrap();
                assert!(ran.code == Some(1) && ran.text.contains("No space left"), "{folder}: {ran:?}");
                shell(&mut toolbox, &format!("rm {folder}/[1-4]")).await.unwrap();
            }
            assert_eq!(shell(&mut toolbox, "ulimit -n; ulimit -v").await.unwrap().text, "16384\nunlimited");
            toolbox.end().await;
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
#[ignore = "runs until it is killed"]
fn a_host_to_be_killed() {
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
#[expect(clippy::disallowed_methods, reason = "a host that can be killed must be a process of its own")]
fn a_host_killed_leaves_nothing() {
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::life::a_host_to_be_killed", "--ignored"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let daemon = loop {
        assert!(host.try_wait().unwrap().is_none(), "the host ended");
        if let Some(found) = find(&format!("sleep 77{}", std::process::id())) {
            break found;
        }
        std::thread::yield_now();
    };
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
