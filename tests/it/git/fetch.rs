//! Fetching from the real git over HTTP: what comes, what comes again, what is refused.

mod hostile;
mod server;

use super::{World, git, listing};
use crate::world::git_http;
use quantumlayer::{
    git::{Caps, GitError, Source, Want},
    ids::Sha,
    report::{Class, Hint},
};
use server::{Net, TOKEN};
use std::{fs, path::Path, sync::Barrier};
use tokio_util::sync::CancellationToken;

/// Every file below, as text: nothing secret may be in any.
fn all_bytes(folder: &Path) -> String {
    let mut all = String::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false => all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap())),
            }
        }
    }
    all
}

#[test]
fn a_first_fetch_brings_the_default_branch_and_nothing_else() {
    let net = Net::new(&[("src/a.rs", "one"), ("b", "two")]);
    let old = net.world.rev("HEAD");
    net.world.git(&["tag", "-a", "v1", "-m", "a tag"]);
    net.world.write("b", "three");
    let head = net.world.commit_all("second");
    net.world.git(&["branch", "other", old.as_str()]);
    let mirror = net.mirror();
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), head);

    // the real git is content with what is there
    let ours = |arguments: &[&str]| git(mirror.folder(), arguments);
    ours(&["fsck", "--full", "--strict"]);
    assert_eq!(ours(&["rev-list", "--all"]), head.as_str());
    assert_eq!(ours(&["for-each-ref", "--format=%(refname)"]), format!("refs/quantum/pin/{head}"));
    let all = all_bytes(mirror.folder());
    for secret in [TOKEN, "x-access-token", "127.0.0.1", "acme"] {
        assert!(!all.contains(secret), "{secret} is in the mirror");
    }

    // and the rest of us works on it
    let source = Source::open(mirror.folder(), &net.world.at("data")).unwrap();
    let base = source.base(Some(head.as_str())).unwrap();
    let out = net.world.at("out");
    source.checkout(&base.tree, &out, None).unwrap();
    assert_eq!(listing(&out), ["b three", "src/", "src/a.rs one"]);
    fs::write(out.join("b"), "four").unwrap();
    let tree = source.tree_of(&out, &base.tree, &[]).unwrap();
    let commit = source.commit(&tree, &base.commit, "ours", &super::author(), 0).unwrap();
    assert_eq!(source.entries(&base.tree, &tree).unwrap().len(), 1);
    source.publish("quantum/x", &commit, None).unwrap();
    ours(&["fsck", "--full", "--strict"]);
}

#[test]
fn a_later_fetch_brings_what_is_new() {
    let files: Vec<(String, String)> =
        (0..300).map(|n| (format!("d{}/f{n}", n % 7), server::noise(n, 400))).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let net = Net::new(&files);
    let mirror = net.mirror();
    let first = net.fetch(&mirror, Want::Branch("main".to_owned())).unwrap();
    let all: usize = net.log.take().iter().map(git_http::Served::bytes).sum();
    assert!(all > 100_000, "{all}");

    net.world.write("d1/f1", "changed");
    let second = net.world.commit_all("second");
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), second);
    let new: usize = net.log.take().iter().map(git_http::Served::bytes).sum();
    assert!(new < all / 10, "{new} of {all} bytes");
    git(mirror.folder(), &["fsck", "--full", "--strict"]);

    // nothing new: the question only; nothing unknown: not even that
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), second);
    let asked: Vec<_> = net.log.take().into_iter().map(|served| served.what).collect();
    assert_eq!(asked, ["GET /acme/widgets.git/info/refs", "POST /acme/widgets.git/git-upload-pack"]);
    assert_eq!(net.fetch(&mirror, Want::Commit(first.clone())).unwrap(), first);
    assert!(net.log.take().is_empty());

    // what an older commit had and the newest has again still comes
    net.world.git(&["revert", "--no-edit", "HEAD"]);
    let third = net.world.rev("HEAD");
    net.world.git(&["checkout", "-q", "--orphan", "alone"]);
    let alone = net.world.commit_all("without a history");
    assert_eq!(net.fetch(&mirror, Want::Branch("alone".to_owned())).unwrap(), alone);
    assert_eq!(net.fetch(&mirror, Want::Commit(third.clone())).unwrap(), third);
    git(mirror.folder(), &["fsck", "--full", "--strict"]);
    let source = Source::open(mirror.folder(), &net.world.at("data")).unwrap();
    for commit in [first, second, third, alone] {
        let base = source.base(Some(commit.as_str())).unwrap();
        assert_eq!(source.paths(&base.tree).unwrap().len(), 300);
    }
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let net = Net::new(&[("a", "a")]);
    let mirror = net.mirror();
    let unknown = Sha::new("1234567890123456789012345678901234567890");
    for want in [
        Want::Branch("nobody".to_owned()),
        Want::Branch("mai".to_owned()),
        Want::Commit(unknown),
        Want::Commit(Sha::new("1234")),
        Want::Commit(Sha::new(net.world.tree().as_str())),
    ] {
        let error = net.fetch(&mirror, want.clone()).unwrap_err();
        assert!(matches!(error, GitError::NoSuchCommit(_)), "{want:?}: {error:?}");
    }
    for name in ["a b", "x\ny", "", "../x", &"x".repeat(300)] {
        let error = net.fetch(&mirror, Want::Branch(name.to_owned())).unwrap_err();
        assert!(matches!(error, GitError::BadBranch(_)), "{name:?}: {error:?}");
    }
    let empty = Net::of(World::empty());
    let error = empty.fetch(&empty.mirror(), Want::Head).unwrap_err();
    assert!(matches!(error, GitError::NoSuchCommit(_)), "{error:?}");
}

#[test]
fn a_server_that_knows_protocol_0_only_is_understood() {
    let net = Net::new(&[("a", "a")]);
    net.server.old();
    let head = net.world.rev("HEAD");
    net.world.git(&["branch", "main-2"]);
    net.world.write("a", "b");
    let newer = net.world.commit_all("newer");
    let mirror = net.mirror();
    assert_eq!(net.fetch(&mirror, Want::Branch("main-2".to_owned())).unwrap(), head);
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), newer);
    assert_eq!(net.fetch(&net.mirror_at("other"), Want::Commit(head.clone())).unwrap(), head);
    let error = net.fetch(&mirror, Want::Branch("no".to_owned())).unwrap_err();
    assert!(matches!(error, GitError::NoSuchCommit(_)), "{error:?}");
}

#[test]
fn the_token_opens_and_nothing_repeats_it() {
    let net = Net::new(&[("a", "a")]);
    let mirror = net.mirror();
    let check = |token: Option<&str>, repo: &str, code: &str, class: Class| {
        let remote = net.remote(repo, token, Want::Head);
        let error = mirror.fetch(&remote, &Caps::default(), &CancellationToken::new()).unwrap_err();
        let report = error.report();
        assert_eq!((report.code.as_str(), report.class), (code, class), "{error:?}");
        let said = format!("{error:?} {report:?} {remote:?}");
        assert!(token.is_none_or(|token| !said.contains(token)), "{said}");
    };
    check(None, "acme/widgets", "token_refused", Class::Refused);
    check(Some("ghs_wrong"), "acme/widgets", "token_refused", Class::Refused);
    check(Some("with\nline"), "acme/widgets", "token_refused", Class::Refused);
    check(Some(TOKEN), "acme/suspended", "token_refused", Class::Refused);
    check(Some(TOKEN), "acme/nothing", "remote_not_found", Class::Refused);
    check(Some(TOKEN), "acme/busy", "unreachable", Class::Transient);
    assert!(net.fetch(&mirror, Want::Head).is_ok());
}

#[test]
fn addresses_that_are_none_are_refused_before_anything_is_sent() {
    let net = Net::new(&[("a", "a")]);
    let mirror = net.mirror();
    for url in [
        "git://127.0.0.1/a/b.git",
        "file:///etc",
        "/etc",
        "ext::sh -c true",
        "https://",
        "https://name:hunter2@localhost/a/b.git",
        "https://name@localhost/a/b.git",
        "https://localhost/a/b.git?x=1",
        "https://localhost/a/b.git#x",
        "quantum://0",
    ] {
        let mut remote = net.remote("a/b", Some(TOKEN), Want::Head);
        remote.url = url.to_owned();
        let error = mirror.fetch(&remote, &Caps::default(), &CancellationToken::new()).unwrap_err();
        assert!(matches!(error, GitError::BadRemote(_)), "{url}: {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn fetches_of_one_mirror_take_turns() {
    let net = Net::new(&[("a", &server::noise(1, 100_000))]);
    let head = net.world.rev("HEAD");
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // handles of their own: the turn is the folder's
                let mirror = net.mirror();
                barrier.wait();
                assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), head);
            });
        }
    });
    let packs = net.log.take().into_iter().filter(|served| served.bytes() > 50_000).count();
    assert_eq!(packs, 1, "the others found it there");
}

#[test]
fn what_a_killed_fetch_left_is_no_hindrance() {
    let net = Net::new(&[("a", "a")]);
    // killed while the folder was made
    fs::create_dir_all(net.world.at("mirror")).unwrap();
    let mirror = net.mirror();
    let half = mirror.folder().join("objects/pack/pack_git2_0123");
    fs::write(&half, "PACK").unwrap();
    fs::write(mirror.folder().join("shallow.lock"), "").unwrap();
    let first = net.fetch(&mirror, Want::Head).unwrap();
    assert!(!half.exists());
    // killed between the pack and its pin
    fs::remove_file(mirror.folder().join(format!("refs/quantum/pin/{first}"))).unwrap();
    net.world.write("a", "b");
    let second = net.world.commit_all("second");
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), second);
    assert_eq!(net.fetch(&mirror, Want::Commit(first.clone())).unwrap(), first);
    git(mirror.folder(), &["fsck", "--full", "--strict"]);
    // somebody cleans up, or breaks it
    git(mirror.folder(), &["gc", "-q", "--prune=now"]);
    assert_eq!(net.fetch(&mirror, Want::Commit(first.clone())).unwrap(), first);
    fs::remove_file(mirror.folder().join("HEAD")).unwrap();
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), second);
    fs::remove_dir_all(mirror.folder()).unwrap();
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), second);
}

#[test]
fn two_processes_do_not_fetch_at_once() {
    let net = Net::new(&[("a", "a")]);
    let mirror = net.mirror();
    let other = fs::File::create(mirror.folder().join("quantum.lock")).unwrap();
    other.lock().unwrap();
    let error = net.fetch(&mirror, Want::Head).unwrap_err();
    assert_eq!((error.code(), error.class()), ("mirror_busy", Class::Transient));
    other.unlock().unwrap();
    net.fetch(&mirror, Want::Head).unwrap();
}
