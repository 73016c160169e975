//! Places that can't be written: a read-only repository, a read-only data folder, a full disk; and branches of runs
//! that this data folder does not know.

use super::{Desk, Told, good};
use crate::child;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

/// As somebody whom permissions bind: root owns nothing here any more, and whoever else runs the tests is one already.
fn ordinary(desk: &Desk, args: &[&str]) -> Command {
    if !rustix::process::geteuid().is_root() {
        return desk.quantum(args);
    }
    let (nobody, program) = (65_534, desk.path().join("quantum"));
    // the build folder may be in a home that nobody else may enter
    fs::copy(env!("CARGO_BIN_EXE_quantum"), &program).unwrap();
    let mut todo = vec![desk.path().to_owned()];
    while let Some(path) = todo.pop() {
        if path.is_dir() && !path.is_symlink() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        std::os::unix::fs::lchown(&path, Some(nobody), Some(nobody)).unwrap();
    }
    let usual = desk.quantum(args);
    #[expect(clippy::disallowed_methods, reason = "the program is what this tests")]
    let mut command = Command::new(program);
    command.args(args).current_dir(desk.repo()).env_clear().stdin(std::process::Stdio::null());
    command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.uid(nobody).gid(nobody);
    command
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn error<'a>(document: &'a Value, told: &Told) -> &'a str {
    let error = &document["error"];
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}\n{}", told.stderr);
    error["code"].as_str().unwrap()
}

#[test]
fn a_repository_that_takes_no_branch_costs_nothing() {
    let desk = Desk::new();
    let (before, model) = (desk.standing(), desk.script(&good()));
    let args = ["run", "Make it good", "--json", "--model", &model];
    let mut command = ordinary(&desk, &args);
    let places = [".git/objects", ".git/refs/heads"].map(|name| desk.repo().join(name));
    for place in &places {
        mode(place, 0o555);
        let told = desk.told(&mut command);
        mode(place, 0o755);
        let document = told.document();
        assert_eq!((told.exit, error(&document, &told)), (1, "read_only_repository"), "{document:#}");
        assert!(document["error"]["message"].to_string().contains(place.to_str().unwrap()), "{document:#}");
        assert_eq!(document["cost"]["model_calls"], 0);
    }
    let told = desk.told(&mut command);
    assert_eq!(told.document()["outcome"], "proposed", "{}", told.stderr);
    chown(desk.repo(), Some(rustix::process::geteuid().as_raw()), None).unwrap();
    chown(desk.repo().join(".git"), Some(rustix::process::geteuid().as_raw()), None).unwrap();
    desk.git(&["update-ref", "-d", &format!("refs/heads/{}", told.document()["branch"].as_str().unwrap())]);
    assert_eq!(before, desk.standing());
}

#[test]
fn what_is_kept_is_its_owner_s_alone() {
    let desk = Desk::new();
    let seen = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = desk.path().join("data");
    assert_eq!(desk.run(&good(), &[]).exit, 0);
    // a root that may not mount lets its sandboxes' user pass, and no more
    assert!([0o700, 0o711].contains(&seen(&data)), "{:o}", seen(&data));
    assert_eq!(seen(&data.join("quantum.db")), 0o600);
    // one that is there stays as it is
    mode(&data, 0o755);
    assert_eq!(desk.run(&good(), &[]).exit, 0);
    assert_eq!(seen(&data), 0o755);
}

#[test]
fn a_data_folder_that_can_t_be_written_is_named() {
    let desk = Desk::new();
    let (before, model) = (desk.standing(), desk.script(&good()));
    let data = desk.path().join("data");
    fs::create_dir(&data).unwrap();
    let args = ["run", "Make it good", "--json", "--model", &model];
    let mut command = ordinary(&desk, &args);
    mode(&data, 0o555);
    let told = desk.told(&mut command);
    let document = told.document();
    assert_eq!((told.exit, document["outcome"].as_str()), (1, Some("failed")), "{document:#}");
    error(&document, &told);
    assert!(document["error"]["message"].to_string().contains(data.to_str().unwrap()), "{document:#}");
    assert!(document["error"]["hint"].to_string().contains("QUANTUM_DATA_DIR"), "{document:#}");
    // nowhere to keep anything, and nothing is made in the working folder
    for home in ["relative", "/nonexistent/home"] {
        let told = desk.told(command.env_remove("QUANTUM_DATA_DIR").env("HOME", home));
        assert_eq!(told.exit, 1, "{}", told.stderr);
        assert!(told.document()["error"]["hint"].to_string().contains("QUANTUM_DATA_DIR"), "{}", told.stdout);
    }
    mode(&data, 0o755);
    let us = Some(rustix::process::geteuid().as_raw());
    chown(desk.repo(), us, None).unwrap();
    chown(desk.repo().join(".git"), us, None).unwrap();
    assert_eq!(before, desk.standing());
}

/// The program with a small disk mounted at `at`, whose end is kept beside it; None where this machine allows no mount namespace.
fn on_a_small_disk(desk: &Desk, (at, size): (&Path, &str), fill: &str, args: &[&str]) -> Option<Told> {
    let script = format!(
        r#"at="$1"; shift
        cp -a "$at" "$at.kept" && mount -t tmpfs -o size={size} none "$at" && cp -a "$at.kept/." "$at" || exit 77
        {fill} "$@"; end=$?; rm -rf "$at/filler" "$at.kept"; cp -a "$at" "$at.kept"; exit $end"#
    );
    let usual = desk.quantum(args);
    let mut command = child::shell_that_mounts(&script);
    command.arg(at).arg(usual.get_program()).args(args).current_dir(desk.path()).env_clear();
    command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // the walls are not what this is about, and root of a namespace can't become somebody else
    let told = desk.told(command.env("QUANTUM_SANDBOX", "danger-host"));
    (!child::is_refused(Some(told.exit), &told.stderr)).then_some(told)
}

#[test]
fn a_full_disk_is_told_and_the_same_command_goes_on_later() {
    let desk = Desk::new();
    let (before, model, repo) = (desk.standing(), desk.script(&good()), desk.repo());
    let folder = repo.display().to_string();
    let args = ["run", "Make it good", "--json", "--model", &model, "--repo", &folder];
    let fill = r#"{ dd if=/dev/zero of="$at/filler" bs=4k 2>/dev/null; true; } &&"#;
    let Some(told) = on_a_small_disk(&desk, (&repo, "1m"), fill, &args) else { return };
    let first = told.document();
    assert_eq!((told.exit, error(&first, &told)), (1, "disk"), "{first:#}");
    assert_eq!((&first["branch"], &first["verified"]), (&Value::Null, &json!(false)));
    let kept = desk.path().join("repo.kept").display().to_string();
    assert_eq!(desk.git(&["-C", &kept, "for-each-ref"]) + "\n", before[..=before.find('\n').unwrap()]);
    desk.git(&["-C", &kept, "fsck", "--strict"]);
    assert_eq!(desk.git(&["-C", &kept, "status", "--porcelain"]), "");
    // there is room now: nothing is asked for a second time
    let told = desk.run(&[], &["--repo", &folder]);
    let second = told.document();
    assert_eq!((&second["outcome"], &second["run"]), (&json!("proposed"), &first["run"]), "{}", told.stderr);
    assert_eq!(second["cost"], first["cost"]);
}

#[test]
fn a_full_data_folder_is_told() {
    let desk = Desk::new();
    let (before, model, data) = (desk.standing(), desk.script(&good()), desk.path().join("data"));
    fs::create_dir(&data).unwrap();
    let folder = desk.repo().display().to_string();
    for size in ["64k", "200k", "320k"] {
        let args = ["run", "Make it good", "--json", "--model", &model, "--repo", &folder];
        let Some(told) = on_a_small_disk(&desk, (&data, size), "", &args) else { return };
        let _ = fs::remove_dir_all(desk.path().join("data.kept"));
        let document = told.document();
        assert_eq!((told.exit, document["outcome"].as_str()), (1, Some("failed")), "{size}: {document:#}");
        error(&document, &told);
        assert_eq!(before, desk.standing(), "{size}");
    }
}

#[test]
fn a_branch_of_a_run_that_is_not_known_here_is_no_obstacle() {
    let desk = Desk::new();
    let first = desk.run(&good(), &[]).document();
    let model = desk.script(&good());
    let args = ["run", "Make it good", "--json", "--model", &model];
    let told = desk.told(desk.quantum(&args).env("QUANTUM_DATA_DIR", desk.path().join("other")));
    let second = told.document();
    assert_eq!((&second["outcome"], told.exit), (&json!("proposed"), 0), "{}", told.stderr);
    assert_ne!(first["branch"], second["branch"]);
}

#[test]
fn a_branch_that_can_t_be_made_is_told_before_anything_is_spent() {
    let desk = Desk::new();
    desk.git(&["branch", "quantum"]);
    let before = desk.standing();
    let told = desk.run(&good(), &[]);
    let document = told.document();
    assert_eq!((told.exit, error(&document, &told)), (1, "branch_exists"), "{document:#}");
    assert!(document["error"]["hint"].to_string().contains("--branch"), "{document:#}");
    assert_eq!((document["cost"]["model_calls"].as_u64(), before), (Some(0), desk.standing()));
    assert_eq!(desk.run(&good(), &["--branch", "mine"]).exit, 0);
}
