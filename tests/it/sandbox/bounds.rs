//! Bounds of the tree of processes: each is passed by somebody who means to, as whoever runs the tests and as an
//! ordinary user, whose limits the kernel keeps in other ways.

use super::life::{ended, story_as};
use super::place::{Place, Who, root, shell, shell_within};
use crate::process;
use quantumlayer::sandbox::Policy;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn both(story: impl Fn(Who)) {
    story(Who::Us);
    if root() {
        story(Who::Ordinary);
    }
}

/// What passes a bound ends the tree, with the bound's name.
fn ends_for(who: Who, bound: &'static str, change: fn(&mut Policy), command: &'static str) {
    story_as(
        who,
        move |_, policy| change(policy),
        async move |mut toolbox, _| {
            let by = toolbox.memory_bound();
            eprintln!("{bound} as {who:?}, memory by {by}");
            ended(shell(&mut toolbox, command).await, bound);
            ended(shell(&mut toolbox, "true").await, bound);
        },
    );
}

#[test]
fn memory_is_bounded() {
    let small = |policy: &mut Policy| policy.bounds.memory_bytes = 200 << 20;
    let segments = "perl -e 'use IPC::SysV qw(IPC_PRIVATE); for (1..8) { $i = shmget(IPC_PRIVATE, 40 << 20, 0600); shmwrite($i, \"x\" x (40 << 20), 0, 40 << 20) } sleep 50'";
    let semaphores =
        "perl -e 'use IPC::SysV qw(IPC_PRIVATE); semget(IPC_PRIVATE, 32000, 0600) for 1..500; sleep 50'";
    let many = "for i in 1 2 3 4 5 6 7 8; do perl -e '$x = \"x\" x (40 << 20); sleep 50' & done; wait";
    both(|who| {
        ends_for(who, "memory bound", small, "perl -e '$x = \"x\" x (400 << 20); sleep 50'");
        ends_for(who, "memory bound", small, many);
        ends_for(who, "memory bound", small, segments);
        ends_for(who, "memory bound", small, semaphores);
    });
}

#[test]
fn memory_that_processes_share_counts_once() {
    both(|who| {
        story_as(
            who,
            |_, policy| policy.bounds.memory_bytes = 500 << 20,
            async |mut toolbox, _| {
                let command = "perl -e '$x = \"x\"; $x x= 150 << 20; for (1..8) { fork or do { select(undef, undef, undef, 0.5); exit } }
                    1 while wait > 0; print \"shared\"'";
                assert_eq!(shell(&mut toolbox, command).await.unwrap().text, "shared");
                toolbox.end().await;
            },
        );
    });
}

#[test]
fn memory_that_no_process_shows_is_bounded_or_not_there() {
    story_as(
        Who::Ordinary,
        |_, _| {},
        async |mut toolbox, _| {
            let command = format!(
                "perl -e '$r = syscall({}, $n = \"n\", 0); print $r < 0 ? $!+0 : \"made\"'",
                libc::SYS_memfd_create
            );
            let expected = if toolbox.memory_bound() == "watchdog" { "38" } else { "made" };
            assert_eq!(shell(&mut toolbox, &command).await.unwrap().text, expected);
            toolbox.end().await;
        },
    );
}

#[test]
fn time_is_bounded() {
    both(|who| {
        ends_for(who, "time bound", |policy| policy.bounds.life = Duration::from_secs(1), "sleep 1000")
    });
}

#[test]
fn the_disk_is_bounded() {
    let small = |policy: &mut Policy| policy.bounds.disk_bytes = 48 << 20;
    let fill = "i=0; while head -c 4M /dev/zero > f$i; do i=$((i + 1)); done; sleep 50";
    both(|who| ends_for(who, "disk bound", small, fill));
}

#[test]
fn processes_are_bounded() {
    let few = |_: &Place, policy: &mut Policy| policy.bounds.processes = 40;
    both(|who| {
        story_as(who, few, async |mut toolbox, _| {
            let fork = "perl -e '$| = 1; $n = 1; while (defined($p = fork)) { unless ($p) { close STDOUT; close STDERR; sleep 50; exit } $n++ } print $n'";
            let count: u64 = shell(&mut toolbox, fork).await.unwrap().text.parse().unwrap();
            assert!((20..40).contains(&count), "{count}");
            // the command's own are gone with it, and there is room again
            assert_eq!(shell(&mut toolbox, "echo room").await.unwrap().text, "room");
            toolbox.end().await;
        });
        story_as(who, few, async |mut toolbox, _| {
            let bomb = shell_within(&mut toolbox, "perl -e 'fork while 1'", Duration::from_secs(1));
            ended(bomb.await, "no answer");
        });
    });
}

#[test]
fn files_are_bounded() {
    let small = |_: &Place, policy: &mut Policy| {
        policy.bounds.file_bytes = 1 << 20;
        policy.bounds.tmp_bytes = 2 << 20;
    };
    both(|who| {
        story_as(who, small, async |mut toolbox, place| {
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
        });
    });
}

#[test]
fn a_flood_of_output_is_cut() {
    both(|who| {
        story_as(
            who,
            |_, _| {},
            async |mut toolbox, _| {
                let ran = shell(&mut toolbox, "yes | head -c 40M; echo the end").await.unwrap();
                assert!(ran.text.len() <= 1 << 20 && ran.text.ends_with("the end"), "{}", ran.text.len());
                toolbox.end().await;
            },
        );
    });
}

/// The cgroup folders that these processes are in.
fn cgroups(pid: i32) -> Vec<PathBuf> {
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let inside =
        own.lines().filter_map(|line| line.splitn(3, ':').nth(2)).filter(|path| path.contains("/quantum-"));
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].map(Path::new);
    inside
        .flat_map(|path| mounts.map(|mount| mount.join(path.trim_start_matches('/'))))
        .filter(|path| path.is_dir())
        .collect()
}

#[test]
fn nothing_is_left_of_a_sandbox() {
    both(|who| {
        story_as(
            who,
            |_, _| {},
            async move |mut toolbox, place| {
                let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
                let before = mounts();
                let seconds = if who == Who::Us { "86411" } else { "86412" };
                let by = toolbox.memory_bound();
                let command =
                    format!("(setsid setsid sleep {seconds} >/dev/null 2>&1 &); mkfifo pipe; cat pipe");
                let mut asked = Box::pin(shell(&mut toolbox, &command));
                let daemon = process::found_during(&format!("sleep {seconds}"), &mut asked).await;
                let held = cgroups(process::pid_of(&daemon));
                assert_eq!(held.is_empty(), by == "watchdog", "{by}: {held:?}");
                drop(asked);
                toolbox.end().await;
                assert!(process::ends(&daemon));
                assert!(held.iter().all(|folder| !folder.exists()), "{held:?}");
                assert_eq!(mounts(), before);
                // the workspace is ours again: no mount holds it
                fs::remove_dir_all(place.workspace()).unwrap();
            },
        );
    });
}
